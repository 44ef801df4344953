"""Runs a COPY: every file is fetched, checked and streamed into the table; more errors than it allows fail it."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import psycopg
from botocore.exceptions import ClientError
from psycopg import sql

from localcloud.redshift.clock import Clock
from localcloud.redshift.database import Connection, session_user
from localcloud.redshift.dialect.prepared import CopyCommand, TextFormat
from localcloud.redshift.errors import SqlError
from localcloud.redshift.loading.history import Load, LoadHistory
from localcloud.redshift.loading.parquet import ParquetSource, TargetColumn
from localcloud.redshift.loading.records import Path, read_paths
from localcloud.redshift.loading.source import S3Object, files, parse_url, s3_error
from localcloud.redshift.loading.text import Tally, TextSource
from localcloud.redshift.roles import OfRole

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_COLUMNS = """
    SELECT a.attname, t.typname, a.attnotnull, a.attidentity <> '',
           format_type(a.atttypid, a.atttypmod)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_ARGUMENTS = re.compile(r"\((\d+)(?:,(\d+))?\)")


@dataclass(frozen=True)
class Loaded:
    """What a COPY did.

    Attributes:
        rows: that it loaded.
        left_out: records with errors.
    """

    rows: int
    left_out: int = 0


class Loader:
    """Loads files into tables.

    Args:
        s3: gives the client that reads the files, for the role of a COPY.
        history: where every COPY is recorded.
        clock: gives the current time.
    """

    def __init__(self, s3: OfRole[S3Client], history: LoadHistory, clock: Clock) -> None:
        self._s3 = s3
        self._history = history
        self._clock = clock

    def load(self, connection: Connection, command: CopyCommand, query_id: int) -> Loaded:
        """Run a COPY inside the connection's transaction and give the numbers of rows.

        Args:
            connection: in a transaction.
            command: what to load where.
            query_id: the number under which the system views show it.

        Raises:
            SqlError: the files, the manifest or the table do not fit; nothing of the command stays after a rollback.
        """
        started_at = self._clock()
        found: list[S3Object] = []
        tally = Tally(command.text.most_errors if command.text is not None else 0)
        rows, failure = 0, ""
        try:
            rows = self._load(connection, command, found, tally)
        except (SqlError, psycopg.Error) as error:
            failure = str(error)
            raise
        finally:
            who = session_user(connection)
            load = Load(
                query_id,
                command,
                found,
                rows,
                started_at,
                self._clock(),
                who,
                connection.info.backend_pid,
                failure,
                tally.errors,
            )
            self._history.add(load)
        return Loaded(rows, len(tally.errors))

    def _load(self, connection: Connection, command: CopyCommand, found: list[S3Object], tally: Tally) -> int:
        columns = _columns(connection, command)
        s3 = self._s3(command.role)
        text = command.text
        paths = _paths(s3, text, len(columns)) if text is not None else ()
        found.extend(files(s3, command.source, is_manifest=command.is_manifest, is_columnar=text is None))
        total = 0
        for item in found:
            with tempfile.TemporaryFile() as local:
                _fetch(s3, item, local)
                source: ParquetSource | TextSource = (
                    ParquetSource(local, item.url, columns, fills_record=command.fills_record)
                    if text is None
                    else TextSource(local, item.url, command, text, columns, paths, tally)
                )
                total += _stream(connection, command, source)
            if tally.is_over:
                raise SqlError(
                    f"Load into table '{command.table.name}' failed.  Check 'stl_load_errors' system table for details."
                )
        return total


def _paths(s3: S3Client, text: TextFormat, count: int) -> tuple[Path, ...]:
    """Read the JSONPaths file that a COPY names."""
    if not text.paths.startswith("s3://"):
        return ()
    bucket, key = parse_url(text.paths)
    with tempfile.TemporaryFile() as local:
        _fetch(s3, S3Object(bucket, key, 0), local)
        return read_paths(local.read(), count, text.paths)


def _columns(connection: Connection, command: CopyCommand) -> tuple[TargetColumn, ...]:
    rows = connection.execute(_COLUMNS, (command.table.sql,)).fetchall()
    known = {name: _column(name, kind, not_null, declared) for name, kind, not_null, _, declared in rows}
    generated = {name for name, _, _, is_identity, _ in rows if is_identity}
    for name in command.columns:
        if name not in known:
            raise SqlError(f'column "{name}" of relation "{command.table}" does not exist')
    _refuse_doubles(command.columns)
    names: Sequence[str] = command.columns or [name for name in known if name not in generated]
    return tuple(known[name] for name in names)


def _refuse_doubles(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise SqlError(f'column "{name}" specified more than once')


def _column(name: str, kind: str, not_null: bool, declared: str) -> TargetColumn:
    found = _ARGUMENTS.search(declared)
    first, second = (int(found[1]), int(found[2] or 0)) if found else (None, None)
    if kind in {"varchar", "bpchar"}:
        return TargetColumn(name, kind, not not_null, length=first)
    if kind == "numeric":
        return TargetColumn(name, kind, not not_null, precision=first, scale=second)
    return TargetColumn(name, kind, not not_null)


def _fetch(s3: S3Client, item: S3Object, local: IO[bytes]) -> None:
    try:
        answer = s3.get_object(Bucket=item.bucket, Key=item.key)
    except ClientError as error:
        raise s3_error(error, item.url) from error
    shutil.copyfileobj(answer["Body"], local)
    local.seek(0)


def _stream(connection: Connection, command: CopyCommand, source: ParquetSource | TextSource) -> int:
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in source.columns)
    null = "" if command.text is None else ", NULL '\\\\N'"
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv" + null + ")").format(sql.SQL(command.table.sql), names)
    total = 0
    if command.text is not None and "noload" in command.text.flags:
        # The files are looked at, and that is all.
        return sum(0 for _ in source.csv())
    with connection.cursor() as cursor, cursor.copy(statement) as stream:
        for piece, count in source.csv():
            stream.write(piece)
            total += count
    return total
