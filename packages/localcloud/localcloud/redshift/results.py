"""Result sets: the typed union of GetStatementResult, the CSV of GetStatementResultV2, and the column metadata.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_GetStatementResult.html
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import islice

from psycopg.pq.abc import PGresult

from localcloud.redshift.database import Connection
from localcloud.redshift.errors import SqlError

MAX_ROW_BYTES = 64 * 1024
MAX_RESULT_BYTES = 500 * 1024 * 1024
_ROWS_PER_PAGE = 1000
_PAGE_BYTES = 1024 * 1024

Row = tuple[bytes | None, ...]
Json = dict[str, object]


@dataclass(frozen=True)
class TypeFacts:
    """What the API says about a type, where a column's type modifier says nothing else."""

    name: str
    precision: int = 0
    is_signed: bool = False
    is_text: bool = False


_TYPES = {
    16: TypeFacts("bool", 1),
    20: TypeFacts("int8", 19, is_signed=True),
    21: TypeFacts("int2", 5, is_signed=True),
    23: TypeFacts("int4", 10, is_signed=True),
    26: TypeFacts("oid", 10),
    700: TypeFacts("float4", 8, is_signed=True),
    701: TypeFacts("float8", 17, is_signed=True),
    1700: TypeFacts("numeric", is_signed=True),
    18: TypeFacts("char", 1, is_text=True),
    19: TypeFacts("name", 63, is_text=True),
    25: TypeFacts("varchar", 65535, is_text=True),
    705: TypeFacts("varchar", 65535, is_text=True),
    1042: TypeFacts("bpchar", is_text=True),
    1043: TypeFacts("varchar", is_text=True),
    1082: TypeFacts("date", 13),
    1083: TypeFacts("time", 15),
    1114: TypeFacts("timestamp", 29),
    1184: TypeFacts("timestamptz", 35),
    1266: TypeFacts("timetz", 21),
    1186: TypeFacts("interval", 49),
}
_UNKNOWN = TypeFacts("varchar", 65535, is_text=True)
_LONGS = frozenset({"int2", "int4", "int8", "oid"})
_DOUBLES = frozenset({"float4", "float8"})
_NUMERIC = 1700
_TIMETZ = 1266


@dataclass(frozen=True)
class ResultColumn:
    """One column of a result set."""

    label: str
    type: TypeFacts
    precision: int
    scale: int
    schema: str = ""
    table: str = ""
    #: 0: never null, 1: nullable, 2: unknown
    nullable: int = 2

    @property
    def json(self) -> Json:
        """The column as ColumnMetadata."""
        return {
            "isCaseSensitive": self.type.is_text,
            "isCurrency": False,
            "isSigned": self.type.is_signed,
            "label": self.label,
            "length": 0,
            "name": self.label,
            "nullable": self.nullable,
            "precision": self.precision,
            "scale": self.scale,
            "schemaName": self.schema,
            "tableName": self.table,
            "typeName": self.type.name,
        }


@dataclass(frozen=True)
class ResultSet:
    """The rows of a statement, as PostgreSQL's text."""

    columns: tuple[ResultColumn, ...]
    rows: tuple[Row, ...]
    size_bytes: int

    def page(self, start: int) -> tuple[tuple[Row, ...], int | None]:
        """Give the rows from a place on, and the place of the next page, None after the last."""
        found: list[Row] = []
        size = 0
        for row in islice(self.rows, start, start + _ROWS_PER_PAGE):
            size += _row_bytes(row)
            if found and size > _PAGE_BYTES:
                break
            found.append(row)
        following = start + len(found)
        return tuple(found), following if following < len(self.rows) else None

    def records(self, rows: Sequence[Row]) -> list[list[Json]]:
        """Give rows as lists of typed fields."""
        return [[_field(value, column) for value, column in zip(row, self.columns, strict=True)] for row in rows]

    def csv(self, rows: Sequence[Row], *, has_header: bool) -> str:
        """Give rows as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        if has_header:
            writer.writerow([column.label for column in self.columns])
        writer.writerows([["" if value is None else value.decode() for value in row] for row in rows])
        return text.getvalue()


def _field(value: bytes | None, column: ResultColumn) -> Json:
    if value is None:
        return {"isNull": True}
    text = value.decode()
    if column.type.name in _LONGS:
        return {"longValue": int(text)}
    if column.type.name in _DOUBLES:
        return {"doubleValue": float(text)}
    if column.type.name == "bool":
        return {"booleanValue": text == "t"}
    return {"stringValue": text}


def read_result(connection: Connection, result: PGresult) -> ResultSet:
    """Take a result over from the driver.

    Raises:
        SqlError: a row or the whole is larger than the Data API hands out.
    """
    refuse_whole_rows(connection, result)
    rows = tuple(rows_of(result))
    size = 0
    for row in rows:
        row_bytes = _row_bytes(row)
        if row_bytes > MAX_ROW_BYTES:
            raise SqlError(f"The result contains a row of {row_bytes} bytes, more than the maximum of {MAX_ROW_BYTES}")
        size += row_bytes
    if size > MAX_RESULT_BYTES:
        raise SqlError(f"The result has {size} bytes, more than the maximum of {MAX_RESULT_BYTES}")
    return ResultSet(_columns(connection, result), rows, size)


def refuse_whole_rows(connection: Connection, result: PGresult) -> None:
    """Refuse a row as a value: ``SELECT t FROM t``, ``SELECT (1, 2)``.

    Raises:
        SqlError: a column is a row.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html
    """
    unknown = {result.ftype(place): place for place in range(result.nfields) if result.ftype(place) not in _TYPES}
    if not unknown:
        return
    found = connection.execute(
        "SELECT oid FROM pg_type WHERE oid = ANY(%s::oid[]) AND (typtype = 'c' OR typname = 'record') LIMIT 1",
        (list(unknown),),
    ).fetchone()
    if found is not None:
        label = (result.fname(unknown[int(str(found[0]))]) or b"").decode()
        raise SqlError(f'column "{label}" is a row, which is not a value in Redshift')


def rows_of(result: PGresult) -> Iterator[Row]:
    """Give the rows of a result as text, one by one, times with a zone in UTC."""
    zoned = {column for column in range(result.nfields) if result.ftype(column) == _TIMETZ}
    for row in range(result.ntuples):
        values = (result.get_value(row, column) for column in range(result.nfields))
        yield tuple(_in_utc(value) if column in zoned else value for column, value in enumerate(values))


def _in_utc(value: bytes | None) -> bytes | None:
    """Give a time with a zone as Redshift shows it: in UTC.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Datetime_types.html
    """
    if value is None:
        return None
    moment = datetime.combine(date(2000, 1, 2), time.fromisoformat(value.decode()))
    return f"{moment.astimezone(UTC).time()}+00".encode()


def _row_bytes(row: Row) -> int:
    return sum(len(value) for value in row if value is not None)


def _columns(connection: Connection, result: PGresult) -> tuple[ResultColumn, ...]:
    origins = _origins(connection, result)
    return tuple(_column(result, place, origins) for place in range(result.nfields))


def _column(result: PGresult, place: int, origins: dict[tuple[int, int], tuple[str, str, bool]]) -> ResultColumn:
    facts = _TYPES.get(result.ftype(place), _UNKNOWN)
    precision, scale = _precision(facts, result.ftype(place), result.fmod(place))
    schema, table, not_null = origins.get((result.ftable(place), result.ftablecol(place)), ("", "", None))
    nullable = 2 if not_null is None else int(not not_null)
    label = (result.fname(place) or b"").decode()
    return ResultColumn(label, facts, precision, scale, schema, table, nullable)


def _precision(facts: TypeFacts, oid: int, modifier: int) -> tuple[int, int]:
    if modifier < 4:
        return facts.precision, 0
    if oid == _NUMERIC:
        return (modifier - 4) >> 16, (modifier - 4) & 0x7FF
    return (modifier - 4 if facts.is_text else facts.precision), 0


def _origins(connection: Connection, result: PGresult) -> dict[tuple[int, int], tuple[str, str, bool]]:
    """Look up the tables that the columns come from."""
    tables = list({result.ftable(place) for place in range(result.nfields)} - {0})
    if not tables:
        return {}
    found = connection.execute(
        "SELECT c.oid, a.attnum, n.nspname, c.relname, a.attnotnull FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.oid = ANY(%s::oid[]) AND a.attnum > 0",
        (tables,),
    ).fetchall()
    return {(oid, number): (schema, table, not_null) for oid, number, schema, table, not_null in found}
