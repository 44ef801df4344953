"""What Spark's workers run. Nothing here needs Spark, so that a worker starts quickly."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Protocol, TypeVar

from sluice.kernel.parse.csv_text import CsvRecords
from sluice.kernel.parse.json_text import JsonRecords
from sluice.kernel.parse.parsed import Parsed
from sluice.kernel.parse.reader import ReadFile

_Value_co = TypeVar("_Value_co", covariant=True)


class Shared(Protocol[_Value_co]):
    """A value that every worker has: Spark's broadcast variable."""

    @property
    def value(self) -> _Value_co:
        """The value."""


Origins = Mapping[str, tuple[str, str]]
"""Batch id and URL of each file, by the name that Spark gives the file."""
Parse = Callable[[Iterable[Any]], Iterator[tuple[str, Parsed]]]


class JsonLine:
    """A line of JSON to record and error, as Spark's workers call it."""

    def __init__(self, records: JsonRecords) -> None:
        self._records = records
        self.__name__ = "json_line"

    def __call__(self, line: str) -> tuple[tuple[Any, ...] | None, str | None]:
        """The record of a line, and why there is none."""
        parsed = self._records.line(line)
        return parsed.record, parsed.error


def with_origin(
    parse: Parse,
    origins: Shared[Origins],
    opened: Iterable[Any],
) -> Iterator[tuple[Any, ...]]:
    """Records with batch and URL of the file that they came from."""
    known = origins.value
    for path, parsed in parse(opened):
        yield (*known[path], *parsed)


def whole_files(parse: ReadFile, files: Iterable[Any]) -> Iterator[tuple[str, Parsed]]:
    """The records of files that are read whole."""
    for path, content in files:
        for parsed in parse(io.BytesIO(bytes(content)), None):
            yield path, parsed


def csv_lines(
    records: CsvRecords, encoding: str, headers: Shared[Mapping[str, str]], lines: Iterable[Any]
) -> Iterator[tuple[str, Parsed]]:
    """Lines of parts of files; those of one part follow each other."""
    for (path, start), part in groupby(lines, key=lambda line: (line[0], line[2])):
        texts = (bytes(line[1]).decode(encoding, errors="replace") for line in part)
        header = None if start == 0 else headers.value.get(path)
        for parsed in records.lines(texts, header):
            yield path, parsed
