"""Cuts the text files of a COPY into records: delimited, CSV, fixed width, JSON.

Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html,
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa

from localcloud.redshift.dialect.prepared import TextFormat, TextKind
from localcloud.redshift.errors import SqlError
from localcloud.redshift.loading.problems import LoadProblem, Problem

_MOST_FIELD_CHARACTERS = 4 * 1024 * 1024
_STEP = re.compile(
    r"""\.([A-Za-z_][\w]*)|\[\s*'((?:[^'\\]|\\.)*)'\s*\]|\[\s*"((?:[^"\\]|\\.)*)"\s*\]|\[\s*(\d+)\s*\]"""
)
_SPACE = re.compile(r"\s*")
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Record:
    """One record of a file.

    Attributes:
        line: where it begins, from 1 on.
        raw: its text.
        fields: its values by place; None is what is not there.
        problem: why it is no record.
    """

    line: int
    raw: str
    fields: Sequence[str | None] = ()
    problem: Problem | None = None


class Number(str):
    """A number of JSON with the digits that it was written with."""

    __slots__ = ()


def decompressed(stream: IO[bytes], compression: str) -> bytes:
    """Read a file.

    Raises:
        SqlError: it is not compressed as the command says.
    """
    content = stream.read()
    try:
        if compression == "gzip":
            return gzip.decompress(content)
        if compression == "bzip2":
            return bz2.decompress(content)
        if compression == "zstd":
            found: bytes = pa.input_stream(io.BytesIO(content), compression="zstd").read()
            return found
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException) as error:
        raise SqlError(f"The file is not {compression.upper()}: {error}") from error
    return content


def decoded(content: bytes, encoding: str) -> str:
    """Give the text of a file; bytes that are no UTF-8 are kept as lone surrogates."""
    if encoding not in {"utf8", "utf-8"}:
        return content.decode(encoding, errors="replace").removeprefix("\ufeff")
    return content.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")


def records(text: str, form: TextFormat, columns: Sequence[str], paths: Sequence[Path]) -> Iterator[Record]:
    """Give the records of a file.

    Args:
        text: the file.
        form: how it is written.
        columns: the names of the columns that are loaded.
        paths: of the values in JSON, when there is a JSONPaths file.
    """
    if form.kind is TextKind.JSON:
        yield from _of_json(text, form, columns, paths)
    elif form.kind is TextKind.CSV:
        yield from _of_csv(text, form)
    else:
        cut = _widths(form.widths) if form.kind is TextKind.FIXED else _delimited(form)
        for line, raw in _lines(text, form):
            try:
                yield Record(line, raw, cut(raw))
            except LoadProblem as problem:
                yield Record(line, raw, problem=problem.problem)


def _lines(text: str, form: TextFormat) -> Iterator[tuple[int, str]]:
    """Give the lines behind the header; an escaped line break belongs to its line."""
    kept: list[str] = []
    start = 1
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        raw = line[:-1] if line.endswith("\n") else line
        raw = raw.removesuffix("\r")
        kept.append(raw)
        if "escape" in form.flags and (len(raw) - len(raw.rstrip("\\"))) % 2 and line.endswith("\n"):
            continue
        whole, first = "\n".join(kept), start
        kept, start = [], number + 1
        if first > form.skipped and not ("ignoreblanklines" in form.flags and not whole):
            yield first, whole
    if kept and start > form.skipped:
        yield start, "\n".join(kept)


def _delimited(form: TextFormat) -> Callable[[str], Sequence[str | None]]:
    if "escape" not in form.flags and "removequotes" not in form.flags:
        return lambda raw: [None if field == form.null else field for field in raw.split(form.delimiter)]
    return lambda raw: _escaped(raw, form)


def _escaped(raw: str, form: TextFormat) -> list[str | None]:
    """Cut a line in which a backslash takes a character's meaning away, or quotes stand around values."""
    fields: list[str | None] = []
    place = 0
    while True:
        value, written, place = _next(raw, place, form)
        fields.append(None if written == form.null else value)
        if place >= len(raw):
            return fields
        place += 1
        if place == len(raw):
            return [*fields, None if form.null == "" else ""]


def _next(raw: str, place: int, form: TextFormat) -> tuple[str, str, int]:
    start = place
    quote = raw[place : place + 1] if "removequotes" in form.flags and raw[place : place + 1] in {'"', "'"} else ""
    place += len(quote)
    value: list[str] = []
    while place < len(raw):
        letter = raw[place]
        if letter == "\\" and "escape" in form.flags and place + 1 < len(raw):
            value.append(raw[place + 1])
            place += 2
            continue
        if quote and letter == quote and raw[place + 1 : place + 2] in {"", form.delimiter}:
            place += 1
            return "".join(value), raw[start:place], place
        if not quote and letter == form.delimiter:
            break
        value.append(letter)
        place += 1
    if quote:
        raise LoadProblem(Problem(1214, "Delimiter not found"))
    return "".join(value), raw[start:place], place


def _widths(widths: Sequence[int]) -> Callable[[str], Sequence[str | None]]:
    def cut(raw: str) -> Sequence[str | None]:
        content = raw.encode(errors="surrogateescape")
        if len(content) < sum(widths[:-1]):
            raise LoadProblem(Problem(1203, "Input line is shorter than the fixed-width specification"))
        fields: list[str | None] = []
        start = 0
        for width in widths:
            fields.append(content[start : start + width].decode(errors="surrogateescape").rstrip(" "))
            start += width
        return fields

    return cut


def _of_csv(text: str, form: TextFormat) -> Iterator[Record]:
    before = csv.field_size_limit(_MOST_FIELD_CHARACTERS)
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline="\n"):
            taken.append(line)
            yield line

    source = lines()
    for _ in range(form.skipped):
        next(source, None)
    start = min(form.skipped, len(taken)) + 1
    taken.clear()
    reader = csv.reader(source, delimiter=form.delimiter, quotechar=form.quote, doublequote=True, strict=True)
    try:
        while True:
            problem: Problem | None = None
            try:
                row = next(reader, None)
            except csv.Error as error:
                problem, row = Problem(1214, f"Invalid quote formatting for CSV. {error}"[:100]), []
            if row is None:
                return
            raw = "".join(taken).rstrip("\r\n")
            if problem is not None or row or "ignoreblanklines" not in form.flags:
                fields = [None if field == form.null else field for field in row or [""]]
                yield Record(start, raw, fields, problem)
            start += len(taken)
            taken.clear()
    finally:
        csv.field_size_limit(before)


# -- JSON


def read_paths(content: bytes, count: int, url: str) -> tuple[Path, ...]:
    """Read a JSONPaths file.

    Args:
        content: of the file.
        count: how many columns are loaded.
        url: its address, for error messages.

    Raises:
        SqlError: it is none, or has another number of paths.
    """
    try:
        document = json.loads(content)
    except ValueError as error:
        raise SqlError(f"JSONPaths file {url} is not valid JSON: {error}") from error
    written = document.get("jsonpaths") if isinstance(document, Mapping) else None
    if not isinstance(written, list) or not all(isinstance(path, str) for path in written):
        raise SqlError(f"Invalid JSONPaths file {url}: it has one array called jsonpaths")
    if len(written) != count:
        raise SqlError(f"Number of jsonpaths and the number of columns should match. JSONPath size: {len(written)}, "
                       f"Number of columns in table or column list: {count}")  # fmt: skip
    return tuple(_path(path) for path in written)


def _path(text: str) -> Path:
    steps: list[str | int] = []
    place = 1
    while place < len(text):
        found = _STEP.match(text, place)
        if found is None:
            break
        name = next((group for group in found.groups()[:3] if group is not None), None)
        steps.append(int(found[4]) if name is None else re.sub(r"\\(.)", r"\1", name))
        place = found.end()
    if not text.startswith("$") or place < len(text):
        raise SqlError(
            f"Invalid JSONPath format. Supported notations are 'dot-notation' and 'bracket-notation': {text}"
        )
    return tuple(steps)


def _of_json(text: str, form: TextFormat, columns: Sequence[str], paths: Sequence[Path]) -> Iterator[Record]:
    decoder = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Number)
    place = _SPACE.match(text, 0).end()  # type: ignore[union-attr]  # it matches nothing as well
    line, counted = 1, 0
    while place < len(text):
        line += text.count("\n", counted, place)
        counted = place
        try:
            value, end = decoder.raw_decode(text, place)
        except ValueError as error:
            yield Record(line, text[place:].partition("\n")[0], problem=Problem(1216, f"Invalid JSON: {error}"[:100]))
            return
        raw = text[place:end]
        if not isinstance(value, dict | list) or (isinstance(value, list) and not paths):
            yield Record(line, raw, problem=Problem(1216, "Invalid value. Expected a JSON object"))
        else:
            found = [_at(value, path) for path in paths] if paths else _by_name(value, form, columns)
            yield Record(line, raw, [_text_of(one, form.null) for one in found])
        place = _SPACE.match(text, end).end()  # type: ignore[union-attr]  # it matches nothing as well


def _by_name(value: Any, form: TextFormat, columns: Sequence[str]) -> list[Any]:  # noqa: ANN401 - any JSON
    if form.paths == "auto ignorecase":
        value = {key.lower(): one for key, one in value.items()}
    return [value.get(name) for name in columns]


def _at(value: Any, path: Path) -> Any:  # noqa: ANN401 - any JSON
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _text_of(value: Any, null: str) -> str | None:  # noqa: ANN401 - any JSON
    if value is None or value == null:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else _written(value)


def _written(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Write JSON with the digits that its numbers came with."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key, ensure_ascii=False)}:{_written(one)}" for key, one in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return value if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)
