"""Tables of a contract from what records showed: columns with their types, keys, and a word on each guess."""

from array import array as Numbers  # noqa: N812 - an array of the source is another thing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sluice.contract import Column, SqlType, Table
from sluice.contract.model import ROOT_PREFIX
from sluice.infer.draft import TableNotes
from sluice.infer.keys import ROW_LABEL, Candidate, Key, Rows, order_column
from sluice.infer.naming import column_name, table_name
from sluice.infer.observed import NULL, ROWS_FOR_KEYS, UNNAMED, ColumnSample, Observed, TableSample
from sluice.infer.values import ABSENCES, Guess

SURE_ROWS: Final = 100
"""Rows without a null that are enough to require a value."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A table and what is said about it."""

    table: Table
    notes: TableNotes


@dataclass(frozen=True, slots=True)
class _Built:
    """A column before the key is known.

    Attributes:
        column: The column, not required yet.
        sample: What was seen of it.
        guess: Its type.
        rows: Rows of its table.
    """

    column: Column
    sample: ColumnSample
    guess: Guess
    rows: int

    @property
    def nulls(self) -> int:
        doubtful = sum(self.sample.values.doubtful.values()) if self.guess.null_values else 0
        return self.rows - self.sample.values.filled + doubtful

    @property
    def candidate(self) -> Candidate:
        is_filled = self.nulls == 0 and not self.sample.as_json
        return Candidate(self.column.name, self.column.sql_type, self.sample.hashes, is_filled)

    def finished(self, *, in_key: bool) -> Column:
        is_required = not in_key and self.nulls == 0 and self.rows >= SURE_ROWS and not self.sample.as_json
        words = self.guess.null_values if in_key else self.column.null_values
        return replace(self.column, required=is_required, null_values=words)

    def notes(self, *, in_key: bool) -> Iterator[str]:
        values = self.sample.values
        words = [self.guess.why]
        if self.sample.as_json:
            yield words[0]
            return
        if self.guess.null_values:
            words.append(f"{', '.join(map(repr, self.guess.null_values))} taken for null")
        if self.nulls:
            words.append(f"null in {self.nulls} of {self.rows} rows")
        if self.column.may_be_absent:
            words.append("not in every record, so that a whole file may lack it")
        elif not self.nulls and not in_key:
            seen = f"{self.rows} row{'' if self.rows == 1 else 's'}"
            is_sure = self.rows >= SURE_ROWS
            words.append(
                f"never null in {seen}"
                if is_sure
                else f"never null, but {seen} {'is' if self.rows == 1 else 'are'} too few to require it"
            )
        yield "; ".join(words)
        allowed = values.enumeration() if self.column.sql_type.is_text else None
        if allowed is not None:
            yield f"if these are all values there are, say so with allowed: {', '.join(map(repr, allowed))}"


def tables_of(dataset: str, observed: Observed, *, has_names: bool) -> list[Drafted]:
    """The tables: one of the records, and one of each array of objects.

    Args:
        dataset: Name of the dataset and of its first table.
        observed: What was seen.
        has_names: Whether the source names its values; without names a column's place tells it.
    """
    records = _columns(observed.records, set(), has_names=has_names, prefix="", is_flat=observed.is_flat)
    order = order_column(built.candidate for built in records)
    count = min(observed.records.rows, ROWS_FOR_KEYS)
    rows = Rows([built.candidate for built in records], count, order)
    key = rows.key(dataset)
    tables = [_drafted(Table(dataset, ()), records, key, order, _left_out(observed.records))] if records else []
    taken = {dataset, f"{dataset}_quarantine"}
    for array in observed.arrays.values():
        name = table_name(dataset, ".".join(array.path), taken)
        taken.add(name)
        kept = _Kept([built for built in records if built.column.name in key.names], order, records, rows.kept)
        is_optional = observed.records.present[array.path] < observed.records.rows
        tables.append(_array(name, array, kept, is_optional=is_optional))
    return tables


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a table of an array takes from its records.

    Attributes:
        key: Columns of the records' key.
        order: The column that tells which version of a record is newer.
        records: All columns of the records.
        rows: Records without exact copies.
    """

    key: list[_Built]
    order: Candidate | None
    records: list[_Built]
    rows: list[int]


def _array(name: str, array: TableSample, kept: _Kept, *, is_optional: bool) -> Drafted:
    inherited = [_inherited(built) for built in kept.key]
    ordered = [
        _inherited(built)
        for built in kept.records
        if kept.order is not None and built.column.name == kept.order.name and built not in kept.key
    ]
    taken = {built.column.name for built in (*inherited, *ordered)}
    own = _columns(array, taken, has_names=True, prefix=array.path[-1])
    of_record = [_spread(built.candidate, array) for built in (*inherited, *ordered)]
    order = next((c for c in of_record if kept.order is not None and c.name == kept.order.name), None)
    order = order or order_column(built.candidate for built in own)
    # Copies of a record repeat its elements; without a key nobody knows which records are copies.
    known = set(kept.rows if kept.key else array.parents)
    rows = [row for row, parent in enumerate(array.parents) if parent in known]
    found = Rows([built.candidate for built in own], len(array.parents), order, of_record[: len(inherited)], rows).key(
        array.path[-1]
    )
    table = Table(name, (), explode=".".join(array.path), may_be_absent=is_optional)
    return _drafted(table, [*inherited, *own, *ordered], found, order, _left_out(array))


def _inherited(built: _Built) -> _Built:
    """A column of the record in a table of its array."""
    return replace(built, column=replace(built.column, source=f"{ROOT_PREFIX}{built.column.path}"))


def _spread(column: Candidate, array: TableSample) -> Candidate:
    """A column of the record by the rows of an array."""
    hashes = column.hashes
    return replace(column, hashes=Numbers("q", (hashes[row] if row < len(hashes) else NULL for row in array.parents)))


def _drafted(
    table: Table, columns: Sequence[_Built], key: Key, order: Candidate | None, left_out: tuple[str, ...]
) -> Drafted:
    order_by = () if not key.names else (key.names[0] if order is None else order.name,)
    in_key = {*key.names, *order_by}
    finished = replace(
        table,
        columns=tuple(built.finished(in_key=built.column.name in in_key) for built in columns),
        primary_key=key.names,
        order_by=order_by,
        load="upsert" if key.names else "append",
    )
    notes = {built.column.name: tuple(built.notes(in_key=built.column.name in in_key)) for built in columns}
    return Drafted(finished, TableNotes(left_out, _why_key(key), _why_order(key, order), notes))


def _why_key(key: Key) -> tuple[str, ...]:
    if key.names:
        return (f"Key: {key.why}.",)
    return (
        f"No key: {key.why}. So every row is kept; with a primary_key and order_by, load: upsert keeps the newest.",
    )


def _why_order(key: Key, order: Candidate | None) -> tuple[str, ...]:
    if not key.names:
        return ()
    if order is None:
        return ("Order: no column is named for a change or version, so of two versions the newer batch wins.",)
    return (f"Order: {order.name} is named for it and never null; the newest version of a row wins.",)


def _left_out(table: TableSample) -> tuple[str, ...]:
    return tuple(f"Left out: {'.'.join(path)!r}, {reason}." for path, reason in table.left_out.items() if path)


def _columns(
    table: TableSample, taken: set[str], *, has_names: bool, prefix: str, is_flat: bool = False
) -> list[_Built]:
    names = set(taken)
    found = []
    for position, sample in enumerate(table.columns.values(), start=1):
        built = _column(table, sample, names, position, prefix)
        if is_flat and (built.column.sql_type.is_temporal or _is_number(built.column.sql_type)):
            words = dict.fromkeys((*built.guess.null_values, *ABSENCES))
            built = replace(built, column=replace(built.column, null_values=tuple(words)))
        names.add(built.column.name)
        found.append(built if has_names else replace(built, column=replace(built.column, source=None)))
    return found


def _is_number(sql_type: SqlType) -> bool:
    return sql_type.is_integer or sql_type.name in ("decimal", "real", "double precision")


def _unnamed(source: str, taken: set[str]) -> str | None:
    """A name for a column to which the header gives none."""
    if not UNNAMED.fullmatch(source):
        return None
    name = ROW_LABEL if source == "#1" else f"column_{source[1:]}"
    return name if name not in taken else None


def _column(table: TableSample, sample: ColumnSample, taken: set[str], position: int, prefix: str) -> _Built:
    source = ".".join(sample.path)
    name = _unnamed(source, taken) or column_name(source, taken, position, prefix)
    guess = sample.guess(name)
    column = Column(
        name,
        guess.sql_type.redshift,
        source=None if source == name else source,
        format=guess.form,
        trim=sample.values.has_space,
        null_values=guess.null_values,
        **guess.options,  # type: ignore[arg-type]  # fields of a column by name
        may_be_absent=table.present[sample.path] < table.rows,
    )
    return _Built(column, sample, guess, table.rows)
