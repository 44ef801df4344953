"""Looks for a secret where none may be: in files, in archives, in what APIs and processes show, however it is spelt."""

import gzip
import io
import json
import os
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""Characters of a secret that is worth looking for: a shorter one is found everywhere."""
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Secret:
    """What is looked for.

    Attributes:
        name: What a finding calls it; a finding never shows the secret itself.
        text: The secret.
    """

    name: str
    text: str

    def __post_init__(self) -> None:
        if len(self.text) < SHORTEST:
            raise ValueError(f"{self.name} has less than {SHORTEST} characters: it would be found by chance")

    @property
    def spellings(self) -> frozenset[bytes]:
        """The ways in which it may be written: plain, in JSON, in a URL, in base64, in hexadecimal digits."""
        plain = self.text.encode()
        escaped = json.dumps(self.text)[1:-1]
        texts = {
            self.text,
            escaped,
            json.dumps(escaped)[1:-1],  # JSON in JSON, as states and histories have it
            json.dumps(self.text, ensure_ascii=False)[1:-1],
            quote(self.text, safe=""),
            quote(self.text),
            quote_plus(self.text),
            plain.hex(),
            plain.hex().upper(),
            *_base64_cores(plain),
        }
        return frozenset({text.encode() for text in texts} | {self.text.encode("utf-16-le")})


def in_content(secrets: Iterable[Secret], place: str, content: bytes) -> list[str]:
    """Findings in a content, and in the archives that it holds.

    Args:
        secrets: What to look for.
        place: What findings call the content.
        content: Where to look.
    """
    wanted = [(secret.name, secret.spellings) for secret in secrets]
    return [
        f"{name} in {inner}"
        for inner, body in _unpacked(place, content)
        for name, spellings in wanted
        if any(spelling in body for spelling in spellings)
    ]


def in_files(secrets: Iterable[Secret], folder: Path, is_allowed: Callable[[Path], bool]) -> tuple[list[str], int]:
    """Findings in every file of a folder, its name included.

    Args:
        secrets: What to look for.
        folder: Where to look.
        is_allowed: Whether a file, by its path within the folder, is one that keeps the secret.

    Returns:
        The findings, and how many files were looked at.
    """
    known = list(secrets)
    found: list[str] = []
    seen = 0
    for path in _files(folder):
        place = path.relative_to(folder)
        if is_allowed(place):
            continue
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # something runs, and removes what it needs no more
        seen += 1
        found += in_content(known, f"the name {place}", os.fsencode(place)) + in_content(known, str(place), content)
    return found, seen


def in_texts(secrets: Iterable[Secret], texts: Mapping[str, object]) -> list[str]:
    """Findings in texts, or in whatever else can be shown as JSON, by their names."""
    known = list(secrets)
    return [
        finding
        for place, value in texts.items()
        for finding in in_content(
            known, place, value if isinstance(value, bytes) else json.dumps(value, default=str).encode()
        )
    ]


def _files(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error  # a folder that cannot be looked into must not pass for a clean one

    for parent, _, names in os.walk(folder, onerror=refuse):
        for name in names:
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _unpacked(place: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield place, content
    if content[:2] == _GZIP:
        try:
            body = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return  # it only begins like one
        yield from _unpacked(f"{place} (unpacked)", body)
    elif content[:4] == _ZIP:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                bodies = {name: archive.read(name) for name in archive.namelist()}
        except zipfile.BadZipFile:
            return
        for name, body in bodies.items():
            yield from _unpacked(f"{place}/{name}", body)


def _base64_cores(plain: bytes) -> Iterator[str]:
    """What all base64 texts have in common that hold the secret after 0, 1 or 2 other bytes, and before others."""
    for shift in range(3):
        whole = (shift + len(plain)) // 3 * 3 - shift
        text = b64encode(b"\0" * shift + plain[:whole]).decode()
        core = text[4 if shift else 0 :]
        yield core
        yield core.replace("+", "-").replace("/", "_")
