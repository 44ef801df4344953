"""The Data Catalog as a crawl reads and writes it, through the API that everybody uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from localcloud.errors import LocalCloudError

_BATCH = 100
_EXISTS = "AlreadyExistsException"
INDEX_NAME = "crawler_partition_index"
Item = dict[str, Any]


class Catalog:
    """Tables and partitions of one account and region."""

    def __init__(self, glue: Any) -> None:  # noqa: ANN401 - a boto3 client, whose inputs are as the crawl makes them
        """Read and write through a client."""
        self._glue = glue

    def table(self, database: str, name: str) -> Item:
        """Give a table.

        Raises:
            ClientError: EntityNotFoundException, there is none.
        """
        found: Item = self._glue.get_table(DatabaseName=database, Name=name)["Table"]
        return found

    def tables(self, database: str) -> list[Item]:
        """Give the tables of a database.

        Raises:
            ClientError: EntityNotFoundException, there is no such database.
        """
        self._glue.get_database(Name=database)
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=database)
        return [table for page in pages for table in page["TableList"]]

    def require_database(self, name: str) -> None:
        """Make a database that is missing, as crawlers do."""
        try:
            self._glue.create_database(DatabaseInput={"Name": name})
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != _EXISTS:
                raise

    def create_table(self, database: str, table: Item, *, has_index: bool) -> Item:
        """Make a table, with an index over its partition keys if wanted, and give it."""
        self._glue.create_table(DatabaseName=database, TableInput=table)
        keys = [key["Name"] for key in table["PartitionKeys"]]
        if has_index and keys:
            index = {"IndexName": INDEX_NAME, "Keys": keys}
            self._glue.create_partition_index(DatabaseName=database, TableName=table["Name"], PartitionIndex=index)
        return self.table(database, table["Name"])

    def update_table(self, database: str, table: Item) -> None:
        """Replace a table's definition."""
        self._glue.update_table(DatabaseName=database, TableInput=table)

    def delete_table(self, database: str, name: str) -> None:
        """Delete a table and its partitions."""
        self._glue.delete_table(DatabaseName=database, Name=name)

    def partitions(self, table: Mapping[str, Any]) -> dict[tuple[str, ...], Item]:
        """Give a table's partitions by their values."""
        names = {"DatabaseName": table["DatabaseName"], "TableName": table["Name"]}
        pages = self._glue.get_paginator("get_partitions").paginate(**names)
        return {tuple(item["Values"]): item for page in pages for item in page["Partitions"]}

    def create_partitions(self, table: Mapping[str, Any], inputs: Sequence[Item]) -> Iterator[Item]:
        """Make partitions and give those that were made; one that another made meanwhile is left as it is.

        Raises:
            ClientError: the catalog refuses the request.
            LocalCloudError: it refuses a partition for another reason than that it exists.
        """
        names = {"DatabaseName": table["DatabaseName"], "TableName": table["Name"]}
        rest = iter(inputs)
        while batch := list(islice(rest, _BATCH)):
            answer = self._glue.batch_create_partition(**names, PartitionInputList=batch)
            errors = {tuple(error["PartitionValues"]): error["ErrorDetail"] for error in answer.get("Errors", [])}
            for detail in errors.values():
                if detail["ErrorCode"] != _EXISTS:
                    raise LocalCloudError(f"BatchCreatePartition: {detail['ErrorCode']}: {detail['ErrorMessage']}")
            yield from (made for made in batch if tuple(made["Values"]) not in errors)

    def update_partition(self, table: Mapping[str, Any], partition: Item) -> None:
        """Replace a partition's definition."""
        names = {"DatabaseName": table["DatabaseName"], "TableName": table["Name"]}
        self._glue.update_partition(**names, PartitionValueList=partition["Values"], PartitionInput=partition)

    def delete_partition(self, table: Mapping[str, Any], values: Sequence[str]) -> None:
        """Delete a partition."""
        names = {"DatabaseName": table["DatabaseName"], "TableName": table["Name"]}
        self._glue.delete_partition(**names, PartitionValues=list(values))
