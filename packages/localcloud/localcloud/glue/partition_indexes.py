"""Partition indexes: made, shown and deleted; nothing is quicker for them here."""

from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError, invalid_input, not_found
from localcloud.routing import ActionRouter

# Source: https://docs.aws.amazon.com/glue/latest/dg/partition-indexes.html
MAX_INDEXES = 3


class PartitionIndexApi:
    """The actions of partition indexes where MiniStack does less than Glue."""

    def __init__(self, glue: ActionRouter) -> None:
        """Answer over a catalog.

        Args:
            glue: keeps the tables.
        """
        self._glue = glue

    def install(self) -> None:
        """Take over the actions."""
        self._glue.add("CreatePartitionIndex", self.create_partition_index)
        self._glue.add("DeletePartitionIndex", self.delete_partition_index)

    def create_partition_index(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreatePartitionIndex over keys that the table has; at most three, each with a name of its own."""
        index = request.get("PartitionIndex") or {}
        name, keys = index.get("IndexName"), index.get("Keys") or []
        known = [key["Name"] for key in self._table(request).get("PartitionKeys") or []]
        if not name or not keys or not set(keys) <= set(known):
            raise invalid_input(f"An index has a name, and keys out of {known}")
        existing = registry.glue_partition_indexes(str(request["DatabaseName"]), str(request["TableName"]))
        if any(other["IndexName"] == name for other in existing):
            raise AwsApiError("AlreadyExistsException", f"Index {name} already exists")
        if len(existing) >= MAX_INDEXES:
            raise AwsApiError("ResourceNumberLimitExceededException", f"A table has at most {MAX_INDEXES} indexes")
        return self._glue.call_inner("AWSGlue.CreatePartitionIndex", request)

    def delete_partition_index(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeletePartitionIndex, which MiniStack lacks."""
        self._table(request)
        existing = registry.glue_partition_indexes(str(request["DatabaseName"]), str(request["TableName"]))
        kept = [index for index in existing if index["IndexName"] != request.get("IndexName")]
        if len(kept) == len(existing):
            raise not_found(f"Index {request.get('IndexName')} not found")
        existing[:] = kept
        return {}

    def _table(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = {"DatabaseName": request.get("DatabaseName"), "Name": request.get("TableName")}
        table: dict[str, Any] = self._glue.call_inner("AWSGlue.GetTable", wanted)["Table"]
        return table
