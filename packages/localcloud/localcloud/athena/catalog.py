"""The Data Catalog as Athena sees it: databases, tables with their columns, and the partitions that are registered.

Only registered partitions are read, each from its own location.

Source: https://docs.aws.amazon.com/athena/latest/ug/partitions.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.types import Type, parse_type

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""Hive's name of a partition whose value is null."""
VIEW = "VIRTUAL_VIEW"
_ABSENT = "EntityNotFoundException"
_PER_CALL = 100
#: What GetTable gives and UpdateTable takes.
_INPUT = (
    "Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "ViewOriginalText",
    "ViewExpandedText", "TableType", "Parameters",
)  # fmt: skip


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
        buckets: columns that its files are bucketed by.
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
    buckets: tuple[str, ...] = ()

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Columns and partition keys, in the order in which `*` has them."""
        return (*self.columns, *self.keys)

    def __str__(self) -> str:
        return f"awsdatacatalog.{self.database}.{self.name}"


class Catalog:
    """Reads and changes the Data Catalog.

    Args:
        glue: gives the client.
    """

    def __init__(self, glue: "Callable[[], GlueClient]") -> None:
        self._glue = glue

    def table(self, database: str, name: str) -> TableDefinition | None:
        """A table, None when there is none."""
        item = self.item(database, name)
        return None if item is None else _table(database, item)

    def existing(self, database: str, name: str) -> TableDefinition:
        """A table that has to be there.

        Raises:
            QueryError: it is not.
        """
        found = self.table(database, name)
        if found is None:
            raise QueryError("TABLE_NOT_FOUND", f"Table '{database}.{name}' does not exist")
        return found

    def item(self, database: str, name: str) -> dict[str, Any] | None:
        """The catalog's record of a table, None when there is none."""
        try:
            found: Any = self._glue().get_table(DatabaseName=database, Name=name)["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] == _ABSENT:
                return None
            raise _refused(error) from error
        item: dict[str, Any] = found
        return item

    def create(self, database: str, item: Mapping[str, Any]) -> None:
        """Register a table or a view.

        Args:
            database: where.
            item: its TableInput.

        Raises:
            QueryError: the database does not exist, or the name is taken.
        """
        given: Any = item
        with _refusals():
            self._glue().create_table(DatabaseName=database, TableInput=given)

    def replace(self, database: str, item: Mapping[str, Any]) -> None:
        """Change a table or a view.

        Args:
            database: where.
            item: its record with what is to be changed.
        """
        given: Any = {name: item[name] for name in _INPUT if item.get(name) not in (None, "")}
        with _refusals():
            self._glue().update_table(DatabaseName=database, TableInput=given)

    def drop(self, database: str, name: str) -> None:
        """Remove a table or a view; its files stay."""
        with _refusals():
            self._glue().delete_table(DatabaseName=database, Name=name)

    def database(self, name: str) -> dict[str, Any] | None:
        """The catalog's record of a database, None when there is none."""
        try:
            found: Any = self._glue().get_database(Name=name)["Database"]
        except ClientError as error:
            if error.response["Error"]["Code"] == _ABSENT:
                return None
            raise _refused(error) from error
        database: dict[str, Any] = found
        return database

    def create_database(self, item: Mapping[str, Any]) -> None:
        """Make a database from its DatabaseInput."""
        given: Any = item
        with _refusals():
            self._glue().create_database(DatabaseInput=given)

    def replace_database(self, item: Mapping[str, Any]) -> None:
        """Change a database to its DatabaseInput."""
        given: Any = item
        with _refusals():
            self._glue().update_database(Name=item["Name"], DatabaseInput=given)

    def drop_database(self, name: str) -> None:
        """Remove a database."""
        with _refusals():
            self._glue().delete_database(Name=name)

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

    def create_partitions(self, table: TableDefinition, wanted: Sequence[Partition]) -> None:
        """Register partitions, which get the table's columns and format."""
        if not wanted:
            return
        item = self.item(table.database, table.name) or {}
        storage: Any = item.get("StorageDescriptor") or {}
        inputs: list[Any] = [
            {"Values": catalog_values(one.values), "StorageDescriptor": storage | {"Location": one.location}}
            for one in wanted
        ]
        for start in range(0, len(inputs), _PER_CALL):
            with _refusals():
                self._glue().batch_create_partition(
                    DatabaseName=table.database,
                    TableName=table.name,
                    PartitionInputList=inputs[start : start + _PER_CALL],
                )

    def drop_partition(self, table: TableDefinition, values: Sequence[str | None]) -> None:
        """Remove a partition; its files stay."""
        with _refusals():
            self._glue().delete_partition(
                DatabaseName=table.database, TableName=table.name, PartitionValues=catalog_values(values)
            )

    def partition(self, table: TableDefinition, values: Sequence[str | None]) -> dict[str, Any]:
        """The catalog's record of a partition.

        Raises:
            QueryError: there is no such partition.
        """
        with _refusals():
            found: Any = self._glue().get_partition(
                DatabaseName=table.database, TableName=table.name, PartitionValues=catalog_values(values)
            )["Partition"]
        record: dict[str, Any] = found
        return record

    def change_partition(
        self,
        table: TableDefinition,
        values: Sequence[str | None],
        new_values: Sequence[str | None],
        storage: Mapping[str, Any],
    ) -> None:
        """Give a partition other values, or change parts of its StorageDescriptor.

        Args:
            table: whose partition it is.
            values: of the partition.
            new_values: that it gets.
            storage: parts of its StorageDescriptor that change.

        Raises:
            QueryError: there is no such partition.
        """
        found = self.partition(table, values)
        at: Any = {"DatabaseName": table.database, "TableName": table.name}
        with _refusals():
            changed: Any = {
                "Values": catalog_values(new_values),
                "StorageDescriptor": {**found.get("StorageDescriptor", {}), **storage},
                "Parameters": found.get("Parameters", {}),
            }
            self._glue().update_partition(**at, PartitionValueList=catalog_values(values), PartitionInput=changed)


def catalog_values(values: Sequence[str | None]) -> list[str]:
    """The values of a partition as the catalog has them."""
    return [NULL_PARTITION if value is None else value for value in values]


def is_view(item: Mapping[str, Any]) -> bool:
    """Whether the catalog's record of a table is that of a view."""
    return item.get("TableType") == VIEW


@contextmanager
def _refusals() -> Iterator[None]:
    """Tell what the catalog refuses as the failure of a query."""
    try:
        yield
    except ClientError as error:
        raise _refused(error) from error


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
        buckets=tuple(storage.get("BucketColumns") or ()),
    )


def _columns(items: Any) -> tuple[Column, ...]:  # noqa: ANN401 - as the client has it
    return tuple(
        Column(str(item["Name"]).lower(), parse_type(item.get("Type") or "string"), item.get("Comment") or "")
        for item in items
    )


def _partition(item: Mapping[str, Any]) -> Partition:
    values = tuple(None if value == NULL_PARTITION else value for value in item.get("Values") or ())
    return Partition(values, (item.get("StorageDescriptor") or {}).get("Location") or "")
