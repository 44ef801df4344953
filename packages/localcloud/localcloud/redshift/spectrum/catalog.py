"""The Data Catalog as Spectrum sees it: tables with their columns, and the partitions that are registered.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_TABLE.html (types) and
https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-external-tables.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localcloud.redshift.dialect.differences import MAX_VARCHAR_BYTES
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.loading.parquet import TargetColumn

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import PartitionTypeDef, StorageDescriptorOutputTypeDef, TableTypeDef

_ABSENT = "EntityNotFoundException"
_PARQUET = "parquet"
#: How rows are kept: another number has the files read again that an older version of the stand-in has read.
_LAYOUT = 2
_TYPE = re.compile(r"(\w+)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?")
#: The catalog's names of types, and PostgreSQL's.
_PLAIN = {
    "smallint": "int2",
    "int": "int4",
    "integer": "int4",
    "bigint": "int8",
    "float": "float4",
    "real": "float4",
    "double": "float8",
    "boolean": "bool",
    "date": "date",
    "timestamp": "timestamp",
}
_TEXT = {"varchar": "varchar", "char": "bpchar"}
#: Hive's name of a partition whose value is null.
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def no_catalog(_: str) -> GlueClient:
    """Refuse to give a client of the Data Catalog.

    Raises:
        SqlError: always.
    """
    raise SqlError("External Catalog Error", "this warehouse was started without a Data Catalog")


@dataclass(frozen=True)
class ExternalColumn:
    """A column of a catalog table.

    Attributes:
        name: in lower case.
        type: the catalog's name of the type.
    """

    name: str
    type: str


@dataclass(frozen=True)
class Partition:
    """A registered partition, or all of a table that has none.

    Attributes:
        values: one for each partition key, None for null.
        location: where its files lie, with a slash at the end.
        document: what the system view shows.
    """

    values: tuple[str | None, ...]
    location: str
    document: str = ""


@dataclass(frozen=True)
class ExternalTable:
    """A table of the catalog.

    Attributes:
        columns: those in the files.
        keys: the partition keys, which are columns too.
        location: where its files lie, with a slash at the end.
        input_format: the class that reads it.
        document: what the system views show.
    """

    database: str
    name: str
    columns: tuple[ExternalColumn, ...]
    keys: tuple[ExternalColumn, ...]
    location: str
    input_format: str
    document: str = ""

    @property
    def definition(self) -> str:
        """What the stored rows depend on: another text means that they are to be read again."""
        columns = [[(column.name, column.type) for column in part] for part in (self.columns, self.keys)]
        return json.dumps({"layout": _LAYOUT, "columns": columns})

    @property
    def unread(self) -> dict[str, NotInStandInError]:
        """Columns with types that the stand-in does not read, with the refusal of each."""
        found = ((column.name, _refusal(column, self.name)) for column in self.columns)
        return {name: error for name, error in found if error is not None}

    @property
    def readable(self) -> tuple[ExternalColumn, ...]:
        """The columns in the files without those that are not read."""
        unread = self.unread
        return tuple(column for column in self.columns if column.name not in unread)

    def targets(self, columns: tuple[ExternalColumn, ...]) -> tuple[TargetColumn, ...]:
        """Give columns of this table with the types that they have in the warehouse.

        Raises:
            NotInStandInError: a type that the stand-in does not read.
        """
        return tuple(_target(column, self.name) for column in columns)

    def require_parquet(self) -> None:
        """Make sure that the files are Parquet.

        Raises:
            NotInStandInError: they are not.
        """
        if _PARQUET not in self.input_format.lower():
            raise NotInStandInError(f"External table {self.name}: a file format other than PARQUET")


class Catalog:
    """Reads the Data Catalog.

    Args:
        glue: gives the client.
    """

    def __init__(self, glue: Callable[[], GlueClient]) -> None:
        self._glue = glue

    def require_database(self, name: str, *, is_created: bool) -> None:
        """Make sure that a database exists.

        Args:
            name: of the database.
            is_created: whether it is made when it is missing.

        Raises:
            SqlError: it does not exist, or the catalog refuses.
        """
        glue = self._glue()
        try:
            glue.get_database(Name=name)
        except ClientError as error:
            if not is_created or _code(error) != _ABSENT:
                raise catalog_error(error) from error
            self._create_database(name)

    def _create_database(self, name: str) -> None:
        try:
            self._glue().create_database(DatabaseInput={"Name": name})
        except ClientError as error:
            raise catalog_error(error) from error

    def tables(self, database: str) -> tuple[ExternalTable, ...]:
        """Give the tables of a database.

        Raises:
            SqlError: the database does not exist, or the catalog refuses.
        """
        pages = self._glue().get_paginator("get_tables").paginate(DatabaseName=database)
        try:
            return tuple(_table(database, item) for page in pages for item in page["TableList"])
        except ClientError as error:
            raise catalog_error(error) from error

    def table(self, database: str, name: str) -> ExternalTable | None:
        """Give a table, None when there is none.

        Raises:
            SqlError: the database does not exist, or the catalog refuses.
        """
        try:
            return _table(database, self._glue().get_table(DatabaseName=database, Name=name)["Table"])
        except ClientError as error:
            if _code(error) != _ABSENT:
                raise catalog_error(error) from error
        self.require_database(database, is_created=False)
        return None

    def partitions(self, table: ExternalTable) -> tuple[Partition, ...]:
        """Give what is read of a table: its registered partitions, or its own location when it has no partition keys.

        Raises:
            SqlError: the catalog refuses.
        """
        if not table.keys:
            return (Partition((), table.location),)
        pages = self._glue().get_paginator("get_partitions").paginate(DatabaseName=table.database, TableName=table.name)
        try:
            return tuple(_partition(item) for page in pages for item in page["Partitions"])
        except ClientError as error:
            raise catalog_error(error) from error


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def catalog_error(error: ClientError) -> SqlError:
    """Give an error of the Data Catalog in the shape in which Redshift reports it."""
    message = error.response.get("Error", {}).get("Message", "")
    line = "-" * 47
    context = f"{_code(error)} from glue - {message}"
    detail = f"\n  {line}\n  error:  External Catalog Error.\n  code:      16000\n  context:   {context}\n  {line}"
    return SqlError("External Catalog Error.", detail)


def _table(database: str, item: TableTypeDef) -> ExternalTable:
    storage = item.get("StorageDescriptor", {})
    columns = tuple(_columns(storage.get("Columns", ())))
    keys = tuple(_columns(item.get("PartitionKeys", ())))
    shown = [
        {
            "columnname": column.name,
            "external_type": column.type,
            "columnnum": place,
            "part_key": max(0, place - len(columns)),
        }
        for place, column in enumerate((*columns, *keys), start=1)
    ]
    document = {**_shown(storage), "parameters": _text(item.get("Parameters", {})), "columns": shown}
    return ExternalTable(
        database=database,
        name=item["Name"].lower(),
        columns=columns,
        keys=keys,
        location=_folder(storage.get("Location", "")),
        input_format=storage.get("InputFormat", ""),
        document=json.dumps(document),
    )


def _columns(items: object) -> Iterator[ExternalColumn]:
    if isinstance(items, (list, tuple)):
        for item in items:
            yield ExternalColumn(str(item["Name"]).lower(), str(item.get("Type", "")).lower())


def _partition(item: PartitionTypeDef) -> Partition:
    storage = item.get("StorageDescriptor", {})
    values = item.get("Values", [])
    document = {
        "values": json.dumps(values, separators=(",", ":")),
        **_shown(storage),
        "parameters": _text(item.get("Parameters", {})),
    }
    return Partition(
        tuple(None if value == _NULL_PARTITION else value for value in values),
        _folder(storage.get("Location", "")),
        json.dumps(document),
    )


def _shown(storage: StorageDescriptorOutputTypeDef) -> dict[str, object]:
    serde = storage.get("SerdeInfo", {})
    return {
        "location": storage.get("Location", ""),
        "input_format": storage.get("InputFormat", ""),
        "output_format": storage.get("OutputFormat", ""),
        "serialization_lib": serde.get("SerializationLibrary", ""),
        "serde_parameters": _text(serde.get("Parameters", {})),
        "compressed": int(storage.get("Compressed", False)),
    }


def _text(parameters: object) -> str:
    return json.dumps(parameters, separators=(",", ":"))


def _folder(location: str) -> str:
    return location if location.endswith("/") else f"{location}/"


def _refusal(column: ExternalColumn, table: str) -> NotInStandInError | None:
    try:
        _target(column, table)
    except NotInStandInError as error:
        return error
    return None


def _target(column: ExternalColumn, table: str) -> TargetColumn:
    found = _TYPE.fullmatch(column.type)
    name, first, second = found.groups() if found is not None else ("", None, None)
    if name == "string":
        return TargetColumn(column.name, "varchar", is_nullable=True, length=MAX_VARCHAR_BYTES)
    if name in _TEXT and first is not None:
        return TargetColumn(column.name, _TEXT[name], is_nullable=True, length=int(first))
    if name == "decimal":
        precision, scale = int(first or 10), int(second or 0)
        return TargetColumn(column.name, "numeric", is_nullable=True, precision=precision, scale=scale)
    if name in _PLAIN and first is None:
        return TargetColumn(column.name, _PLAIN[name], is_nullable=True)
    raise NotInStandInError(f"The type {column.type} of column {column.name} of external table {table}")
