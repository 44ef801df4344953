"""The catalog's partition actions where MiniStack does less than Glue: filter, pages, limits, errors."""

import base64
import json
import threading
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.errors import AwsApiError, invalid_input, not_found
from localcloud.glue.expression import PartitionKey, compile_expression
from localcloud.routing import Action, ActionRouter

MAX_PAGE = 1000
MAX_CREATED = 100
MAX_UPDATED = 100
MAX_DELETED = 25
MAX_SEGMENTS = 10

Partition = Mapping[str, Any]


class PartitionApi:
    """The partition actions that are ours, over MiniStack's catalog."""

    def __init__(self, glue: ActionRouter) -> None:
        """Answer over a catalog.

        Args:
            glue: keeps databases, tables and partitions.
        """
        self._glue = glue
        self._writing = threading.Lock()  # MiniStack looks for a duplicate, then adds: two at once would both add

    def install(self) -> None:
        """Take over the actions."""
        self._glue.add("GetPartitions", self.get_partitions)
        for name, write in (
            ("CreatePartition", self.create_partition),
            ("BatchCreatePartition", self.batch_create_partition),
            ("UpdatePartition", self.update_partition),
            ("BatchUpdatePartition", self.batch_update_partition),
            ("DeletePartition", self.delete_partition),
            ("BatchDeletePartition", self.batch_delete_partition),
        ):
            self._glue.add(name, self._alone(write))

    def get_partitions(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetPartitions, filtered and in pages; ordered by values."""
        keys = self._keys(request)
        limit = _page_size(request.get("MaxResults"))
        matches = compile_expression(request["Expression"], keys) if request.get("Expression") else None
        in_segment = _segment(request.get("Segment"))
        after = _values_of_token(request.get("NextToken"))
        stored = self._glue.call_inner("AWSGlue.GetPartitions", _table_of(request))["Partitions"]
        found = [
            partition
            for partition in sorted(stored, key=lambda partition: partition["Values"])
            if (after is None or partition["Values"] > after)
            and in_segment(partition["Values"])
            and (matches is None or matches(partition["Values"]))
        ]
        page = found[:limit]
        answer: dict[str, Any] = {"Partitions": [_shown(partition, request) for partition in page]}
        return answer if len(found) <= limit else answer | {"NextToken": _token(page[-1]["Values"])}

    def create_partition(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreatePartition of an existing table, with as many values as the table has keys."""
        _check_values(self._keys(request), [request.get("PartitionInput") or {}])
        return self._glue.call_inner("AWSGlue.CreatePartition", request)

    def batch_create_partition(self, request: dict[str, Any]) -> dict[str, Any]:
        """BatchCreatePartition: at most 100, and an error for each that exists."""
        inputs = request.get("PartitionInputList") or []
        _check_length("PartitionInputList", inputs, 0, MAX_CREATED)
        _check_values(self._keys(request), inputs)
        return self._glue.call_inner("AWSGlue.BatchCreatePartition", request)

    def update_partition(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdatePartition, which MiniStack lacks."""
        _check_values(self._keys(request), [request.get("PartitionInput") or {}])
        entry = {name: request.get(name) for name in ("PartitionValueList", "PartitionInput")}
        batch = _table_of(request) | {"Entries": [entry]}
        for error in self._glue.call_inner("AWSGlue.BatchUpdatePartition", batch)["Errors"]:
            raise AwsApiError(error["ErrorDetail"]["ErrorCode"], error["ErrorDetail"]["ErrorMessage"])
        return {}

    def batch_update_partition(self, request: dict[str, Any]) -> dict[str, Any]:
        """BatchUpdatePartition: 1 to 100 entries."""
        entries = request.get("Entries") or []
        _check_length("Entries", entries, 1, MAX_UPDATED)
        _check_values(self._keys(request), [entry.get("PartitionInput") or {} for entry in entries])
        return self._glue.call_inner("AWSGlue.BatchUpdatePartition", request)

    def delete_partition(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeletePartition of an existing partition."""
        self._glue.call_inner("AWSGlue.GetPartition", request)
        return self._glue.call_inner("AWSGlue.DeletePartition", request)

    def batch_delete_partition(self, request: dict[str, Any]) -> dict[str, Any]:
        """BatchDeletePartition, which MiniStack lacks: at most 25, and an error for each that does not exist."""
        self._keys(request)
        wanted = request.get("PartitionsToDelete") or []
        _check_length("PartitionsToDelete", wanted, 0, MAX_DELETED)
        errors = []
        for values in (entry.get("Values", []) for entry in wanted):
            try:
                self.delete_partition(_table_of(request) | {"PartitionValues": values})
            except AwsApiError as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
                errors.append({"PartitionValues": values, "ErrorDetail": detail})
        return {"Errors": errors}

    def _alone(self, write: Action) -> Action:
        def alone(request: dict[str, Any]) -> dict[str, Any]:
            with self._writing:
                return write(request)

        return alone

    def _keys(self, request: Mapping[str, Any]) -> list[PartitionKey]:
        table = {"DatabaseName": request.get("DatabaseName"), "Name": request.get("TableName")}
        try:
            found = self._glue.call_inner("AWSGlue.GetTable", table)["Table"]
        except AwsApiError as error:
            raise not_found(error.message) from error
        columns = found.get("PartitionKeys") or []
        return [PartitionKey(c["Name"], c.get("Type", "string"), number) for number, c in enumerate(columns)]


def _table_of(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: request.get(name) for name in ("DatabaseName", "TableName")}


def _check_length(name: str, entries: list[Any], low: int, high: int) -> None:
    if not low <= len(entries) <= high:
        raise invalid_input(f"{name} must have {low} to {high} entries, not {len(entries)}")


def _check_values(keys: list[PartitionKey], inputs: list[Partition]) -> None:
    for partition in inputs:
        values = partition.get("Values") or []
        if len(values) != len(keys):
            raise invalid_input(
                f"The number of partition keys ({len(keys)}) do not match the number of partition values {values}"
            )


def _page_size(given: object) -> int:
    if given is None:
        return MAX_PAGE
    if not isinstance(given, int) or not 1 <= given <= MAX_PAGE:
        raise invalid_input(f"MaxResults must be 1 to {MAX_PAGE}, not {given}")
    return given


def _segment(given: Mapping[str, Any] | None) -> Callable[[list[str]], bool]:
    if given is None:
        return lambda _: True
    number, total = int(given.get("SegmentNumber", -1)), int(given.get("TotalSegments", 0))
    if not 1 <= total <= MAX_SEGMENTS or not 0 <= number < total:
        raise invalid_input(f"Segment {dict(given)} is not one of 1 to {MAX_SEGMENTS} segments")
    return lambda values: zlib.crc32(json.dumps(values).encode()) % total == number


def _shown(partition: Partition, request: Mapping[str, Any]) -> Partition:
    if not request.get("ExcludeColumnSchema") or "StorageDescriptor" not in partition:
        return partition
    storage = {name: value for name, value in partition["StorageDescriptor"].items() if name != "Columns"}
    return {**partition, "StorageDescriptor": storage}


def _token(values: list[str]) -> str:
    """A page ends at a partition, not at a number: partitions that come or go between two pages move nothing."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _values_of_token(token: object) -> list[str] | None:
    if token is None:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(str(token)))
    except ValueError as exc:
        raise invalid_input("NextToken is none that this API gave") from exc
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise invalid_input("NextToken is none that this API gave")
    return values
