"""Runs an UNLOAD: the rows of its query go to S3 as files, and a manifest lists them.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from botocore.exceptions import ClientError
from psycopg.pq.abc import PGresult

from localcloud.redshift.clock import Clock
from localcloud.redshift.database import Connection, session_user
from localcloud.redshift.dialect.unload import Form, UnloadCommand
from localcloud.redshift.errors import SqlError
from localcloud.redshift.loading.source import s3_error
from localcloud.redshift.roles import OfRole
from localcloud.redshift.unloading.formats import Row, UnloadedColumn, pieces
from localcloud.redshift.unloading.history import Unload, UnloadedFile, UnloadHistory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TYPES = """
    SELECT n, format_type(t::oid, m) FROM unnest(%s::bigint[], %s::integer[]) WITH ORDINALITY AS u (t, m, n) ORDER BY n
"""
_TYPE = re.compile(r"([a-z ]+?)(?:\((\d+)(?:,(\d+))?\))?( with(?:out)? time zone)?")
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_KEY_TYPES = frozenset(
    {
        "smallint", "integer", "bigint", "numeric", "real", "boolean", "character", "character varying", "date",
        "timestamp without time zone", "text",
    }
)  # fmt: skip
#: What Hive escapes in the value of a folder.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\"#%'*/:=?\\\[\]^{}]")


@dataclass(frozen=True)
class _Target:
    bucket: str
    prefix: str

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


class Unloader:
    """Writes the rows of queries to S3.

    Args:
        s3: gives the client that writes the files, for the role of an UNLOAD.
        history: where every UNLOAD is recorded.
        clock: gives the current time.
    """

    def __init__(self, s3: OfRole[S3Client], history: UnloadHistory, clock: Clock) -> None:
        self._s3 = s3
        self._history = history
        self._clock = clock

    def unload(self, connection: Connection, query: str, command: UnloadCommand, query_id: int) -> int:
        """Run an UNLOAD inside the connection's transaction and give the number of rows.

        Args:
            connection: in a transaction.
            query: as PostgreSQL runs it.
            command: where the rows go, and how.
            query_id: the number under which the system views show it.

        Raises:
            SqlError: S3 refuses, files are there already, or the columns do not fit the command. Files that were
                written before stay.
        """
        started_at = self._clock()
        written: list[UnloadedFile] = []
        rows, error = 0, ""
        try:
            rows = self._unload(connection, query, command, written)
        except (SqlError, psycopg.Error) as problem:
            error = str(problem)
            raise
        finally:
            facts = (query_id, session_user(connection), connection.info.backend_pid, command)
            self._history.add(Unload(*facts, written, rows, started_at, self._clock(), error))
        return rows

    def _unload(self, connection: Connection, query: str, command: UnloadCommand, written: list[UnloadedFile]) -> int:
        target = _parse(command.target)
        s3 = self._s3(command.role)
        columns, rows = _read(connection, query)
        _check(command, columns)
        try:
            if not command.cleans and not command.overwrites:
                _require_empty(s3, target)
            for folder, kept, part in _partitions(command, columns, rows):
                if command.cleans:
                    _clean(s3, target, folder)
                names = _names(command, target.prefix + folder)
                for piece in pieces(command, kept, part):
                    key = next(names)
                    s3.put_object(Bucket=target.bucket, Key=key, Body=piece.content)
                    written.append(UnloadedFile(target.url(key), piece.lines, len(piece.content)))
            if command.is_manifest:
                document = _manifest(command, columns, written)
                s3.put_object(
                    Bucket=target.bucket, Key=f"{target.prefix}manifest", Body=json.dumps(document, indent=2).encode()
                )
        except ClientError as error:
            raise s3_error(error, command.target) from error
        return len(rows)


def _parse(url: str) -> _Target:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise SqlError(f"Invalid S3 path: {url}")
    return _Target(bucket, prefix)


def _read(connection: Connection, query: str) -> tuple[tuple[UnloadedColumn, ...], list[Row]]:
    with connection.cursor() as cursor:
        cursor.execute(query.encode())
        result = cursor.pgresult
        if result is None or cursor.description is None:
            raise SqlError("UNLOAD takes a query")
        columns = _columns(connection, result)
        return columns, [_row(result, place) for place in range(result.ntuples)]


def _row(result: PGresult, place: int) -> Row:
    values = (result.get_value(place, column) for column in range(result.nfields))
    return [None if value is None else bytes(value).decode() for value in values]


def _columns(connection: Connection, result: PGresult) -> tuple[UnloadedColumn, ...]:
    places = range(result.nfields)
    types = [result.ftype(place) for place in places]
    modifiers = [result.fmod(place) for place in places]
    names = [(result.fname(place) or b"").decode() for place in places]
    found = connection.execute(_TYPES, (types, modifiers)).fetchall()
    return tuple(_column(name, str(declared)) for name, (_, declared) in zip(names, found, strict=True))


def _column(name: str, declared: str) -> UnloadedColumn:
    found = _TYPE.fullmatch(declared)
    if found is None:
        return UnloadedColumn(name, declared)
    digits = tuple(int(each) for each in (found[2], found[3]) if each is not None)
    return UnloadedColumn(name, found[1] + (found[4] or ""), digits)


def _check(command: UnloadCommand, columns: Sequence[UnloadedColumn]) -> None:
    names = [column.name for column in columns]
    doubles = {name for name in names if names.count(name) > 1}
    if doubles and (command.form in {Form.JSON, Form.PARQUET} or command.keys):
        raise SqlError(f'column "{min(doubles)}" specified more than once', "every column needs a name of its own")
    for key in command.keys:
        if key not in names:
            raise SqlError(f'column "{key}" does not exist', "a column of PARTITION BY is one of the query")
        kind = columns[names.index(key)].type
        if kind not in _KEY_TYPES:
            raise SqlError(f'column "{key}" of type {kind} cannot be a partition column')
    if not command.includes_keys and not set(names) - set(command.keys):
        raise SqlError("at least one column must not be a partition column")


def _partitions(
    command: UnloadCommand, columns: Sequence[UnloadedColumn], rows: Sequence[Row]
) -> Iterator[tuple[str, Sequence[UnloadedColumn], Sequence[Row]]]:
    """Give each folder, behind the prefix, with the columns and rows of its files."""
    if not command.keys:
        yield "", columns, rows
        return
    names = [column.name for column in columns]
    keys = [names.index(key) for key in command.keys]
    kept = [place for place in range(len(columns)) if command.includes_keys or place not in keys]
    found: dict[str, list[Row]] = {}
    for row in rows:
        folder = "".join(f"{names[place]}={_folder(row[place])}/" for place in keys)
        found.setdefault(folder, []).append([row[place] for place in kept])
    for folder in sorted(found):
        yield folder, [columns[place] for place in kept], found[folder]


def _folder(value: str | None) -> str:
    if value is None:
        return _NO_PARTITION
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", value)


def _names(command: UnloadCommand, prefix: str) -> Iterator[str]:
    """The keys of the files of a folder: a slice of its own writes all of them."""
    ending = ".parquet" if command.form is Form.PARQUET else ""
    if command.extension is not None:
        ending = f".{command.extension.removeprefix('.')}"
    ending += command.compression if command.extension is None else ""
    number = 0
    while True:
        middle = f"0000_part_{number:02}" if command.is_parallel else f"{number:03}"
        yield f"{prefix}{middle}{ending}"
        number += 1


def _keys(s3: S3Client, target: _Target, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=target.bucket, Prefix=prefix):
        yield from (item["Key"] for item in page.get("Contents", ()))


def _require_empty(s3: S3Client, target: _Target) -> None:
    if next(_keys(s3, target, target.prefix), None) is not None:
        raise SqlError(
            "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually"
            " removing the target files in S3, or using the ALLOWOVERWRITE option."
        )


def _clean(s3: S3Client, target: _Target, folder: str) -> None:
    for key in list(_keys(s3, target, target.prefix + folder)):
        s3.delete_object(Bucket=target.bucket, Key=key)


def _manifest(
    command: UnloadCommand, columns: Sequence[UnloadedColumn], written: Sequence[UnloadedFile]
) -> Mapping[str, object]:
    if not command.is_verbose:
        # COPY from columnar files asks for the length.
        has_length = command.form is Form.PARQUET
        entries = [
            {"url": one.url, **({"meta": {"content_length": one.size_bytes}} if has_length else {})} for one in written
        ]
        return {"entries": entries}
    return {
        "entries": [
            {"url": one.url, "meta": {"content_length": one.size_bytes, "record_count": one.lines}} for one in written
        ],
        "schema": {"elements": [{"name": column.name, "type": _type(column)} for column in columns]},
        "meta": {
            "content_length": sum(one.size_bytes for one in written),
            "record_count": sum(one.lines for one in written),
        },
        "author": {"name": "Amazon Redshift", "version": "1.0.0"},
    }


def _type(column: UnloadedColumn) -> Mapping[str, object]:
    names = ("precision", "scale") if column.type == "numeric" else ("max_length",)
    return {"base": column.type, **dict(zip(names, column.digits, strict=False))}
