"""The search for secrets finds every planted one: a search that finds nothing proves something only then."""

import gzip
import io
import json
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.leaks import Secret, in_content, in_files, in_texts

PASSWORD = 'pa"ss/wörd+7\\?'
SECRET = Secret("the password", PASSWORD)


def _zip_of(body: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", body)
    return sink.getvalue()


SPELT: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: f"password={text};".encode(),
    "in a log": lambda text: f"2026-11-20 INFO postgresql://sluice:{quote(text, safe='')}@127.0.0.1".encode(),
    "json": lambda text: json.dumps({"password": text}).encode(),
    "json unescaped": lambda text: json.dumps({"password": text}, ensure_ascii=False).encode(),
    "json in json": lambda text: json.dumps({"input": json.dumps({"password": text})}).encode(),
    "utf-16": lambda text: f"<{text}>".encode("utf-16-le"),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "base64": lambda text: b64encode(text.encode()),
    "base64 after one": lambda text: b64encode(b":" + text.encode() + b"@host"),
    "base64 after two": lambda text: b64encode(b"u:" + text.encode() + b"@h"),
    "base64 for urls": lambda text: urlsafe_b64encode(b"u:" + text.encode()),
    "gzip": lambda text: gzip.compress(text.encode()),
    "zip": lambda text: _zip_of(b"x" * 1000 + text.encode()),
    "zip in zip": lambda text: _zip_of(_zip_of(b"x" * 1000 + text.encode())),
}


@pytest.mark.parametrize("spelt", SPELT)
def test_a_planted_secret_is_found(spelt: str, tmp_path: Path) -> None:
    content = SPELT[spelt](PASSWORD)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_bytes(content)
    (tmp_path / "clean").write_bytes(SPELT[spelt]("another-password"))
    found, seen = in_files([SECRET], tmp_path, lambda _: False)
    assert seen == 2
    assert len(found) == 1
    assert found[0].startswith("the password in deep/er/file")
    assert PASSWORD not in found[0]
    assert in_content([SECRET], "it", content) != []


def test_a_name_of_a_file_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "a-plain-password").touch()
    assert in_files([Secret("it", "plain-password")], tmp_path, lambda _: False) == (
        ["it in the name a-plain-password"],
        1,
    )


def test_only_what_is_allowed_may_keep_it(tmp_path: Path) -> None:
    for name in ("kept", "leaked"):
        (tmp_path / name).write_text(PASSWORD)
    found, seen = in_files([SECRET], tmp_path, lambda path: path == Path("kept"))
    assert (found, seen) == (["the password in leaked"], 1)


def test_several_secrets_are_told_apart() -> None:
    texts = {"one": "first-secret", "both": {"a": ["second-secret"], "b": "first-secret"}, "none": "third-secret"}
    found = in_texts([Secret("A", "first-secret"), Secret("B", "second-secret")], texts)
    assert found == ["A in one", "A in both", "B in both"]


def test_a_broken_archive_is_no_end_of_the_search() -> None:
    for body in (SPELT["gzip"](PASSWORD)[:-3], SPELT["zip"]("x" * 50)[:-30]):
        assert in_content([SECRET], "it", body) == []


def test_a_folder_that_cannot_be_read_does_not_pass_for_clean(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Not a directory"):
        in_files([SECRET], _file(tmp_path), lambda _: False)


def _file(folder: Path) -> Path:
    path = folder / "file"
    path.touch()
    return path


def test_a_secret_too_short_to_look_for_is_refused() -> None:
    with pytest.raises(ValueError, match="less than 8 characters"):
        Secret("it", "short")


@given(st.text(min_size=8, max_size=40).filter(lambda text: text.isprintable()), st.binary(), st.binary())
def test_it_is_found_in_base64_of_anything_around_it(text: str, before: bytes, after: bytes) -> None:
    content = b64encode(before + text.encode() + after)
    assert in_content([Secret("it", text)], "here", content) == ["it in here"]
