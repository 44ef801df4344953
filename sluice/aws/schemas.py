"""Tables of the Glue Data Catalog and what crawlers crawl, for those who compare and change columns.

Source: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-tables.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from sluice.aws.failures import aws_errors, code_of
from sluice.aws.looking import look_for
from sluice.drift.ports import CatalogTable
from sluice.errors import AwsError, LayoutError
from sluice.lake.layout import PARTITION_KEYS, Partition

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import TableInputTypeDef, TableTypeDef

_INPUT_FIELDS = (
    "Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "StorageDescriptor",
    "PartitionKeys", "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters", "TargetTable",
)  # fmt: skip
"""Fields of a table that UpdateTable takes; it replaces all of them, so all are given again.

Source: https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html
"""

Columns = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CatalogSchemas:
    """Looks at tables and changes their columns.

    Every method raises `AwsBusyError` when the catalog could not answer now and `AwsError` when it refused.
    """

    glue: "GlueClient"

    def table(self, database: str, name: str) -> CatalogTable | None:
        """Columns and partition keys of a table; None when there is none."""
        found = self._table(database, name)
        if found is None:
            return None
        return CatalogTable(found.get("StorageDescriptor", {}).get("Columns", ()), found.get("PartitionKeys", ()))

    def change_columns(self, database: str, name: str, change: Callable[[Columns], Columns]) -> None:
        """Give a table other columns; all else that it says stays, and so do its partitions.

        Args:
            database: Catalog database.
            name: The table.
            change: Makes the new columns of those that the table has at this moment. Nothing is written when they are
                the same.

        Raises:
            AwsError: There is no such table, or it has no storage descriptor, as a table that a person made.
        """
        found = self._table(database, name)
        if found is None:
            raise AwsError(f"change table {database}.{name}: there is no such table")
        descriptor = found.get("StorageDescriptor")
        if not descriptor:
            raise AwsError(f"change table {database}.{name}: it says nothing of where and how it is stored")
        old = list(descriptor.get("Columns", ()))
        new = list(change(old))
        if new == old:
            return
        # An answer may show the empty text for what a table does not say, and a request must not have it.
        kept: dict[str, Any] = {name: value for name, value in found.items() if name in _INPUT_FIELDS and value != ""}
        definition = {**kept, "StorageDescriptor": {**descriptor, "Columns": new}}
        with aws_errors(f"change table {database}.{name}"):
            self.glue.update_table(DatabaseName=database, TableInput=cast("TableInputTypeDef", definition))

    def newest(self, database: str, name: str, count: int, since: Partition) -> dict[Partition, str]:
        """The newest partitions, the newest first, each with its folder.

        The catalog gives partitions in no order, so those since a moment are asked for first, and all of them only
        when these are too few.

        Args:
            database: Catalog database.
            name: The table.
            count: How many.
            since: A moment after which there probably are so many.

        Returns:
            None of them for a table that does not exist. Partitions whose values are no date and hour are left
            out, and those that have no folder.
        """
        found = self._partitions(database, name, _since(since))
        if len(found) < count:
            found = self._partitions(database, name, "")
        ordered = sorted(found.items(), key=lambda item: item[0], reverse=True)
        return dict(ordered[:count])

    def crawled(self, crawler: str) -> tuple[tuple[str, str], ...]:
        """Database and name of every table of the catalog that a crawler has as a target; none when there is none."""
        answer = look_for(f"crawler {crawler}", self.glue.get_crawler, Name=crawler)
        targets = {} if answer is None else answer["Crawler"].get("Targets", {})
        return tuple(
            (target["DatabaseName"], table)
            for target in targets.get("CatalogTargets", ())
            for table in target.get("Tables", ())
        )

    def _table(self, database: str, name: str) -> "TableTypeDef | None":
        answer = look_for(f"table {database}.{name}", self.glue.get_table, DatabaseName=database, Name=name)
        return None if answer is None else answer["Table"]

    def _partitions(self, database: str, name: str, expression: str) -> dict[Partition, str]:
        found: dict[Partition, str] = {}
        with aws_errors(f"look up partitions of {database}.{name}"):
            pages = self.glue.get_paginator("get_partitions").paginate(
                DatabaseName=database, TableName=name, Expression=expression, ExcludeColumnSchema=True
            )
            try:
                for page in pages:
                    for item in page["Partitions"]:
                        partition = _partition(item["Values"])
                        folder = item.get("StorageDescriptor", {}).get("Location", "")
                        if partition is not None and folder:
                            found[partition] = folder
            except ClientError as exc:
                if code_of(exc) != "EntityNotFoundException":
                    raise
        return found


def _since(partition: Partition) -> str:
    """The condition; keys are texts of a fixed width, which sort as the moments do."""
    year, month, *_ = partition.values
    return f"(year > '{year}' or (year = '{year}' and month >= '{month}'))"


def _partition(values: Sequence[str]) -> Partition | None:
    forms = {len(PARTITION_KEYS): "{}-{}-{}T{}", len(PARTITION_KEYS) - 1: "{}-{}-{}"}
    form = forms.get(len(values))
    try:
        return None if form is None else Partition.parse(form.format(*values))
    except LayoutError:
        return None
