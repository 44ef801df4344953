"""The Data Catalog as Athena sees it: tables with their columns, and the partitions that are registered.

Only registered partitions are read, each from its own location.

Source: https://docs.aws.amazon.com/athena/latest/ug/partitions.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.types import Type, parse_type

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""Hive's name of a partition whose value is null."""
_ABSENT = "EntityNotFoundException"
_VIEW = "VIRTUAL_VIEW"


@dataclass(frozen=True)
class Column:
    """A column of a catalog table; its name is in lower case."""

    name: str
    type: Type
    comment: str = ""


@dataclass(frozen=True)
class Partition:
    """A registered partition, or all of a table that has none.

    Attributes:
        values: one for each partition key, None for null.
        location: where its files lie.
    """

    values: tuple[str | None, ...]
    location: str


@dataclass(frozen=True)
class TableDefinition:
    """A table of the catalog.

    Attributes:
        columns: those in the files.
        keys: the partition keys, which are columns too.
        location: where its files lie.
        serde: the class that reads a record.
        serde_parameters: its settings.
        parameters: of the table.
        view_text: of a view, None of a table.
        formats: the classes that read and write its files.
    """

    database: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[Column, ...]
    location: str
    serde: str
    serde_parameters: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    view_text: str | None = None
    formats: tuple[str, str] = ("", "")

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Columns and partition keys, in the order in which `*` has them."""
        return (*self.columns, *self.keys)

    def __str__(self) -> str:
        return f"awsdatacatalog.{self.database}.{self.name}"


class Catalog:
    """Reads the Data Catalog.

    Args:
        glue: gives the client.
    """

    def __init__(self, glue: "Callable[[], GlueClient]") -> None:
        self._glue = glue

    def table(self, database: str, name: str) -> TableDefinition | None:
        """A table, None when there is none."""
        try:
            item = self._glue().get_table(DatabaseName=database, Name=name)["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] == _ABSENT:
                return None
            raise _refused(error) from error
        return _table(database, item)

    def databases(self) -> list[str]:
        """The names of all databases, sorted."""
        pages = self._glue().get_paginator("get_databases").paginate()
        return sorted(item["Name"] for page in pages for item in page["DatabaseList"])

    def tables(self, database: str) -> list[dict[str, Any]]:
        """The catalog's records of a database's tables, by name.

        Raises:
            QueryError: the database does not exist.
        """
        pages = self._glue().get_paginator("get_tables").paginate(DatabaseName=database)
        try:
            found: list[Any] = [item for page in pages for item in page["TableList"]]
        except ClientError as error:
            raise _refused(error) from error
        return sorted(found, key=lambda item: str(item["Name"]))

    def definitions(self, database: str) -> list[TableDefinition]:
        """All tables of a database, by name."""
        return [_table(database, item) for item in self.tables(database)]

    def partitions(self, table: TableDefinition) -> tuple[Partition, ...]:
        """What is read of a table: its registered partitions, or its own location when it has no partition keys."""
        if not table.keys:
            return (Partition((), table.location),)
        if table.parameters.get("projection.enabled", "").lower() == "true":
            raise not_here("partition projection")
        pages = self._glue().get_paginator("get_partitions").paginate(DatabaseName=table.database, TableName=table.name)
        try:
            return tuple(_partition(item) for page in pages for item in page["Partitions"])
        except ClientError as error:
            raise _refused(error) from error


def is_view(item: Mapping[str, Any]) -> bool:
    """Whether the catalog's record of a table is that of a view."""
    return item.get("TableType") == _VIEW


def _refused(error: ClientError) -> QueryError:
    detail = error.response["Error"]
    return QueryError("HIVE_METASTORE_ERROR", f"{detail.get('Message', '')} ({detail.get('Code', '')})")


def _table(database: str, item: Mapping[str, Any]) -> TableDefinition:
    storage = item.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    return TableDefinition(
        database=database,
        name=item["Name"],
        columns=_columns(storage.get("Columns") or ()),
        keys=_columns(item.get("PartitionKeys") or ()),
        location=storage.get("Location") or "",
        serde=serde.get("SerializationLibrary") or "",
        serde_parameters=serde.get("Parameters") or {},
        parameters=item.get("Parameters") or {},
        view_text=(item.get("ViewOriginalText") or "") if is_view(item) else None,
        formats=(storage.get("InputFormat") or "", storage.get("OutputFormat") or ""),
    )


def _columns(items: Any) -> tuple[Column, ...]:  # noqa: ANN401 - as the client has it
    return tuple(
        Column(str(item["Name"]).lower(), parse_type(item.get("Type") or "string"), item.get("Comment") or "")
        for item in items
    )


def _partition(item: Mapping[str, Any]) -> Partition:
    values = tuple(None if value == NULL_PARTITION else value for value in item.get("Values") or ())
    return Partition(values, (item.get("StorageDescriptor") or {}).get("Location") or "")
