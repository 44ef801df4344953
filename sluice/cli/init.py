"""`sluice init`: a project of one's own."""

import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Final

import typer

from sluice import __version__
from sluice.errors import CommandError
from sluice.project import PROJECT_FILE, Project
from sluice.root import ROOT
from sluice.terminal import out, say

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{1,15}")
_RENAMED: Final = {"github": ".github", "vscode": ".vscode", "gitignore": ".gitignore"}
_SCHEMA: Final = "contract.schema.json"
_PINNED: Final = "requirements.txt"


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the project; its name becomes the project's.")],
    *,
    name: Annotated[
        str, typer.Option(help="Name of the project. (default: that of the folder)", show_default=False)
    ] = "",
    region: Annotated[str, typer.Option(help="AWS region.")] = "eu-central-1",
) -> None:
    """Make a project: a commented first contract, aggregates, queries, samples, Terraform, CI, editor settings.

    In a project that is there, what belongs to Sluice is renewed (the contracts' schema, the pinned version); no other
    file that exists is touched.
    """
    known = Project.find(folder)
    if known is None and folder.exists() and any(folder.iterdir()):
        raise CommandError(f"{folder}: is not a project of Sluice ({PROJECT_FILE}) and has files; name another folder")
    chosen = name or (folder.resolve().name if known is None else known.name)
    if not _NAME.fullmatch(chosen):
        rule = "2 to 16 lower case letters, digits and hyphens, a letter first"
        raise CommandError(f"{chosen!r} cannot be the name of a project ({rule}); give one with --name")
    written = list(_write(folder, {"NAME": chosen, "REGION": region, "VERSION": __version__}, is_new=known is None))
    for path in written:
        out().print(str(path), markup=False, soft_wrap=True)
    if known is not None:
        say(f"{folder}: {len(written)} files renewed")
        return
    say(f"next: cd {folder} && sluice try payments samples/payments, then sluice up")


def _write(folder: Path, values: dict[str, str], *, is_new: bool) -> Iterator[Path]:
    """Write what is missing, and renew what is Sluice's own; in a project that is there nothing else is added."""
    for place, text in _files(values):
        path = folder / place
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if is_new or path.name in (_SCHEMA, _PINNED):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            yield path


def _files(values: dict[str, str]) -> Iterator[tuple[Path, str]]:
    for source, place in _walk(resources.files("sluice.cli").joinpath("skeleton"), Path()):
        text = source.read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        yield place, text
    yield Path("contracts") / _SCHEMA, (ROOT / "contracts" / _SCHEMA).read_text(encoding="utf-8")


def _walk(folder: Traversable, place: Path) -> Iterator[tuple[Traversable, Path]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        there = place / _RENAMED.get(item.name, item.name)
        if item.is_dir():
            yield from _walk(item, there)
        else:
            yield item, there
