"""Where the rows of external tables lie in PostgreSQL, and how they follow catalog and bucket.

Each external table is a table with the rows of its files in a schema beside the external one, and a view on it in the
external schema. Both belong to the administrator, so that nobody else can write them. A table follows in a transaction
of its own, never in a user's: what was read stays when the user's transaction is rolled back.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import psycopg
from botocore.exceptions import ClientError
from psycopg import errors, sql

from localcloud.errors import CloudError
from localcloud.redshift.database import Connection, Database
from localcloud.redshift.errors import SqlError
from localcloud.redshift.loading.parquet import ExternalParquet, TargetColumn
from localcloud.redshift.spectrum.catalog import ExternalColumn, ExternalTable
from localcloud.redshift.spectrum.objects import ExternalObject
from localcloud.redshift.spectrum.stored import (
    PATH,
    SIZE,
    WHOLE,
    ExternalSchema,
    Listing,
    Stored,
    StoredObject,
    identity,
    read_stored,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_OBJECT = "$object"
_LOCK_SECONDS = 10
_ADD_OBJECT = """
    INSERT INTO pg_catalog.redshift_external_objects (schema_id, table_name, partition_values, url, etag, size_bytes)
    VALUES (%s, %s, %s, %s, %s, %s) RETURNING object_id
"""
_NOTE_OBJECT = """
    UPDATE pg_catalog.redshift_external_objects SET row_count = %s, column_bytes = %s, errors = %s WHERE object_id = %s
"""
_FORGET_OBJECTS = "DELETE FROM pg_catalog.redshift_external_objects WHERE schema_id = %s AND table_name = %s"
_FORGET_DEFINITION = "DELETE FROM pg_catalog.redshift_external_storage WHERE schema_id = %s AND table_name = %s"


class FileGoneError(CloudError):
    """A file was deleted or replaced between listing and reading."""


@dataclass(frozen=True)
class Read:
    """One reading of a table's files.

    Attributes:
        s3: gives the files.
        table: the table as the catalog has it now.
        check: called before every file; raises when the statement was cancelled.
    """

    s3: S3Client
    schema: ExternalSchema
    table: ExternalTable
    check: Callable[[], None]


class Storage:
    """Writes the rows of external tables.

    Args:
        database: gives connections of the administrator.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def follow(self, read: Read, listing: Listing) -> None:
        """Store the rows of the listed objects, and no others of their partitions or of unregistered ones.

        A file that does not fit is noted with its error, which belongs to the statements that read it.

        Args:
            read: what is read.
            listing: the visible files.

        Raises:
            SqlError: S3 refuses, or an open transaction holds the table while its columns change.
            FileGoneError: a file is not there any more; nothing was changed.
        """
        wanted = listing.wanted
        with self._writing() as connection:
            stored = read_stored(connection, read.schema, read.table.name)
            if stored.definition != read.table.definition:
                _build(connection, read)
                stored = Stored(read.table.definition, {})
            _delete(connection, read, [stored.objects[key].number for key in listing.outdated(stored)])
            for key in sorted(wanted.keys() - stored.objects.keys()):
                read.check()
                _load(connection, read, wanted[key])

    def drop(self, schema: ExternalSchema, name: str) -> None:
        """Remove a table that the catalog does not have any more."""
        with self._writing() as connection:
            _remove(connection, schema, name)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._database.administer() as connection, connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'".encode())
            yield connection


def _load(connection: Connection, read: Read, item: ExternalObject) -> None:
    number = _add(connection, read, item)
    with tempfile.TemporaryFile() as local:
        _fetch(read.s3, item, local)
        try:
            with connection.transaction():
                facts = _copy(connection, read, item, local, number)
        except SqlError as error:
            facts = StoredObject(number, errors={WHOLE: (error.message, error.detail)})
        except psycopg.DataError as error:
            facts = StoredObject(number, errors={WHOLE: (error.diag.message_primary or "", item.file.url)})
    documents = (json.dumps(dict(facts.column_bytes)), json.dumps(dict(facts.errors)))
    connection.execute(_NOTE_OBJECT, (facts.rows, *documents, number))


def _copy(connection: Connection, read: Read, item: ExternalObject, local: IO[bytes], number: int) -> StoredObject:
    table = read.table
    columns = table.readable
    constants = (*item.values, item.file.url, str(item.file.size_bytes), str(number))
    names = (*(column.name for column in (*columns, *table.keys)), PATH, SIZE, _OBJECT)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(read.schema.storage, table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    source = ExternalParquet(local, item.file.url, table.targets(columns), constants)
    with connection.cursor() as cursor, cursor.copy(statement) as stream:
        for piece in source.csv():
            stream.write(piece)
    errors = {name: (error.message, error.detail) for name, error in source.misfits.items()}
    return StoredObject(number, source.rows, source.column_bytes, errors)


def _fetch(s3: S3Client, item: ExternalObject, local: IO[bytes]) -> None:
    try:
        # The version that was listed: another one would stand under the wrong ETag.
        answer = s3.get_object(Bucket=item.file.bucket, Key=item.file.key, IfMatch=item.etag)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in {404, 412}:
            raise FileGoneError(item.file.url) from error
        message = error.response.get("Error", {}).get("Message", "")
        raise SqlError(f"S3ServiceException: {message}: {item.file.url}") from error
    shutil.copyfileobj(answer["Body"], local)
    local.seek(0)


def _add(connection: Connection, read: Read, item: ExternalObject) -> int:
    values = (read.schema.id, read.table.name, *identity(item), item.file.size_bytes)
    ((number,),) = connection.execute(_ADD_OBJECT, values).fetchall()
    return int(number)


def _delete(connection: Connection, read: Read, numbers: Sequence[int]) -> None:
    if not numbers:
        return
    place = sql.Identifier(read.schema.storage, read.table.name)
    statement = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(place, sql.Identifier(_OBJECT))
    connection.execute(statement, (list(numbers),))
    connection.execute("DELETE FROM pg_catalog.redshift_external_objects WHERE object_id = ANY(%s)", (list(numbers),))


def _build(connection: Connection, read: Read) -> None:
    schema, table = read.schema, read.table
    columns = (*table.columns, *table.keys)
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise SqlError(f'column "{name}" of external table "{table.name}" is both a column and a partition key')
    _remove(connection, schema, table.name)
    for statement in _definitions(schema, table.name, [_place_for(table, column) for column in columns]):
        connection.execute(statement)
    connection.execute(
        "INSERT INTO pg_catalog.redshift_external_storage VALUES (%s, %s, %s)",
        (schema.id, table.name, table.definition),
    )


def _place_for(table: ExternalTable, column: ExternalColumn) -> TargetColumn:
    if column.name in table.unread:
        # Nobody gets to see it: the statements that name it are refused.
        return TargetColumn(column.name, "text", is_nullable=True)
    return table.targets((column,))[0]


def _definitions(schema: ExternalSchema, name: str, columns: Sequence[TargetColumn]) -> tuple[sql.Composed, ...]:
    place = sql.Identifier(schema.storage, name)
    view = sql.Identifier(schema.name, name)
    parts = [sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(declared(column))) for column in columns]
    hidden = [(PATH, "text"), (SIZE, "bigint"), (_OBJECT, "bigint")]
    parts += [sql.SQL("{} {}").format(sql.Identifier(each), sql.SQL(kind)) for each, kind in hidden]
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    return (
        sql.SQL("CREATE TABLE {} ({})").format(place, sql.SQL(", ").join(parts)),
        sql.SQL("CREATE INDEX ON {} ({})").format(place, sql.Identifier(_OBJECT)),
        sql.SQL("CREATE VIEW {} AS SELECT {} FROM {}").format(view, names, place),
        sql.SQL("GRANT SELECT ON {}, {} TO PUBLIC").format(place, view),
    )


def declared(column: TargetColumn) -> str:
    """Give the type of a column as PostgreSQL writes it."""
    arguments = [str(part) for part in (column.length, column.precision, column.scale) if part is not None]
    return f"{column.type}({', '.join(arguments)})" if arguments else column.type


def _remove(connection: Connection, schema: ExternalSchema, name: str) -> None:
    view, place = sql.Identifier(schema.name, name), sql.Identifier(schema.storage, name)
    try:
        connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(place))
    except errors.LockNotAvailable as error:
        raise SqlError(
            f"the columns of external table {schema.name}.{name} changed while a transaction that reads it is open"
        ) from error
    connection.execute(_FORGET_OBJECTS, (schema.id, name))
    connection.execute(_FORGET_DEFINITION, (schema.id, name))
