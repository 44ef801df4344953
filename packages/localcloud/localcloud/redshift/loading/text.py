"""One text file of a COPY, and its records as rows that PostgreSQL reads."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from localcloud.redshift.dialect.prepared import CopyCommand, TextFormat, TextKind
from localcloud.redshift.loading.convert import converters
from localcloud.redshift.loading.parquet import TargetColumn
from localcloud.redshift.loading.problems import LoadError, LoadProblem, Problem
from localcloud.redshift.loading.records import Path, Record, decoded, decompressed, records

_ROWS_AT_ONCE = 16_384
_NULL = "\\N"


@dataclass
class Tally:
    """The errors of a COPY so far.

    Attributes:
        most: how many may be there before the command fails.
    """

    most: int
    errors: list[LoadError] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether there are more than the command allows."""
        return len(self.errors) > self.most


class TextSource:
    """One file that is not columnar.

    Args:
        stream: the file.
        url: its address.
        command: says how to read it.
        form: likewise.
        columns: that are loaded.
        paths: of the values in JSON, when there is a JSONPaths file.
        tally: gets the errors.
    """

    def __init__(
        self,
        stream: IO[bytes],
        url: str,
        command: CopyCommand,
        form: TextFormat,
        columns: Sequence[TargetColumn],
        paths: Sequence[Path],
        tally: Tally,
    ) -> None:
        self.columns = tuple(columns)
        self._url = url
        self._fills = command.fills_record
        self._form = form
        self._paths = paths
        self._tally = tally
        self._converters = converters(columns, form)
        self._text = decoded(decompressed(stream, form.compression), form.encoding)

    def csv(self) -> Iterator[tuple[bytes, int]]:
        """Give the rows in pieces of PostgreSQL's CSV, with their numbers of rows, until there are too many errors."""
        rows: list[list[str | None]] = []
        names = [column.name for column in self.columns]
        for record in records(self._text, self._form, names, self._paths):
            row = self._row(record)
            if self._tally.is_over:
                return
            if row is not None:
                rows.append(row)
            if len(rows) >= _ROWS_AT_ONCE:
                yield _to_csv(rows), len(rows)
                rows = []
        if rows:
            yield _to_csv(rows), len(rows)

    def _row(self, record: Record) -> list[str | None] | None:
        fields, problem = self._fitting(record)
        if problem is not None:
            self._note(record, problem)
            return None
        row: list[str | None] = []
        for place, (text, convert) in enumerate(zip(fields, self._converters, strict=True)):
            try:
                row.append(convert(text))
            except LoadProblem as found:
                self._note(record, found.problem, place, text)
                return None
        return row

    def _fitting(self, record: Record) -> tuple[Sequence[str | None], Problem | None]:
        """Give as many fields as there are columns, or what is wrong."""
        if record.problem is not None:
            return (), record.problem
        if "\0" in record.raw and self._form.null != "\0":
            return (), _unexpected(record.raw)
        fields, count = list(record.fields), len(self.columns)
        if len(fields) == count + 1 and not fields[-1] and self._form.kind is TextKind.DELIMITED:
            # A delimiter at the end of a line ends its last field.
            del fields[-1]
        if len(fields) > count:
            return (), Problem(1202, "Extra column(s) found")
        if len(fields) < count and not self._fills:
            return (), Problem(1214, "Delimiter not found")
        return [*fields, *[None] * (count - len(fields))], None

    def _note(self, record: Record, problem: Problem, place: int | None = None, text: str | None = None) -> None:
        column = self.columns[place] if place is not None else None
        position = sum(len(one or "") + 1 for one in record.fields[:place]) if place else 0
        self._tally.errors.append(
            LoadError(
                self._url,
                record.line,
                problem,
                column.name if column is not None else "",
                column.type if column is not None else "",
                _length(column),
                position,
                _shown(record.raw),
                _shown(text or ""),
            )
        )


def _unexpected(raw: str) -> Problem:
    """A NUL ends the record, where it does not stand for null.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/tutorial-loading-run-copy.html
    """
    place = raw.index("\0") + 1
    found = ord(raw[place]) if place < len(raw) else 0
    return Problem(1216, f"Missing newline: Unexpected character 0x{found:x} found at location {place}")


def _length(column: TargetColumn | None) -> str:
    if column is None:
        return ""
    parts = [part for part in (column.length, column.precision, column.scale) if part is not None]
    return ", ".join(map(str, parts)) or "0"


def _shown(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace").replace("\0", "")[:1024]


def _to_csv(rows: Sequence[Sequence[str | None]]) -> bytes:
    text = io.StringIO()
    for row in rows:
        text.write(",".join(_NULL if value is None else _quoted(value) for value in row))
        text.write("\n")
    return text.getvalue().encode()


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
