"""Partitions in the Glue Data Catalog."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sluice.aws.failures import aws_errors, is_busy_code
from sluice.errors import AwsBusyError, AwsError, SluiceError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import (
        BatchUpdatePartitionRequestEntryTypeDef,
        PartitionInputTypeDef,
        PartitionTypeDef,
        PartitionValueListTypeDef,
        TableTypeDef,
    )

logger = logging.getLogger(__name__)

MAX_PARTITIONS_PER_CALL = 100
"""Source: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-partitions.html (BatchCreatePartition)."""

_EXISTS = "AlreadyExistsException"
_DESCRIBES_FILES = ("Location", "Columns", "InputFormat", "OutputFormat", "SerdeInfo")

Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Existing:
    """Partitions that could not be created because they exist already, and what else went wrong."""

    inputs: "list[PartitionInputTypeDef]"
    errors: "dict[Values, SluiceError]"


@dataclass(frozen=True, slots=True)
class GlueCatalog:
    """Looks partitions up and keeps them registered.

    Every method raises `AwsBusyError` when the catalog could not answer now and `AwsError` when it refused.
    """

    glue: "GlueClient"

    def locations(self, database: str, table: str, expression: str) -> dict[Values, str]:
        """Location of every partition that satisfies an expression; the catalog filters, not the caller.

        Args:
            database: Catalog database.
            table: Catalog table.
            expression: Condition over the partition keys, at most 2048 characters; empty for all partitions.

        Returns:
            ``s3://`` folders with a slash at the end, by the values of the partition keys in the table's order.
        """
        with aws_errors(f"look up partitions of {database}.{table}"):
            pages = self.glue.get_paginator("get_partitions").paginate(
                DatabaseName=database, TableName=table, Expression=expression, ExcludeColumnSchema=True
            )
            return {
                tuple(partition["Values"]): _folder(partition["StorageDescriptor"]["Location"])
                for page in pages
                for partition in page["Partitions"]
            }

    def register(self, database: str, table: str, partitions: Mapping[Values, str], *, only_new: bool = False) -> None:
        """Make sure that the partitions exist with these locations and with the table's columns and format.

        Doing it again changes nothing.

        Args:
            database: Catalog database.
            table: Catalog table.
            partitions: ``s3://`` folder of each partition by the values of its keys, in the table's order.
            only_new: Whether a partition that exists by now stays as it is.
        """
        if not partitions:
            return
        definition = self._definition(database, table, partitions)
        inputs = [_partition(definition, values, location) for values, location in sorted(partitions.items())]
        for chunk in _chunks(inputs):
            existing = self._create(database, table, chunk)
            for error in existing.errors.values():
                raise error
            if existing.inputs and not only_new:
                self._update_differing(database, table, existing.inputs)
        logger.info("registered %d partitions of %s.%s", len(inputs), database, table)

    def switch(self, database: str, wanted: Mapping[str, Mapping[Values, str]]) -> dict[Values, SluiceError]:
        """Give partitions of several tables another location, each at once: a reader sees the old one or the new one.

        A partition that does not exist yet is created. What fails for one table is left as it is in the tables that
        come after it.

        Args:
            database: Catalog database.
            wanted: For each table the ``s3://`` folders of its partitions, by the values of their keys.

        Returns:
            What went wrong, by the values of the partition.
        """
        failed: dict[Values, SluiceError] = {}
        definitions: dict[str, TableTypeDef] = {}
        for table, partitions in wanted.items():
            try:
                definitions[table] = self._definition(database, table, partitions)
            except SluiceError as exc:
                failed |= dict.fromkeys(partitions, exc)
        for table, partitions in wanted.items():
            inputs = [
                _partition(definitions[table], values, location)
                for values, location in sorted(partitions.items())
                if values not in failed
            ]
            for chunk in _chunks(inputs):
                failed |= self._switched(database, table, chunk)
        return failed

    def _switched(
        self, database: str, table: str, inputs: "Sequence[PartitionInputTypeDef]"
    ) -> dict[Values, SluiceError]:
        """Switch as many partitions as one call takes; returns what went wrong."""
        try:
            existing = self._create(database, table, inputs)
            failed = existing.errors
            if existing.inputs:
                failed = failed | self._update(database, table, existing.inputs)
        except SluiceError as exc:
            return {tuple(item["Values"]): exc for item in inputs}
        return failed

    def _definition(self, database: str, table: str, partitions: Mapping[Values, str]) -> "TableTypeDef":
        with aws_errors(f"look up table {database}.{table}"):
            definition = self.glue.get_table(DatabaseName=database, Name=table)["Table"]
        _check_values(f"{database}.{table}", definition, partitions)
        return definition

    def _create(self, database: str, table: str, inputs: "Sequence[PartitionInputTypeDef]") -> "_Existing":
        """Create partitions; returns those that exist already, and what went wrong."""
        with aws_errors(f"register partitions of {database}.{table}"):
            answer = self.glue.batch_create_partition(
                DatabaseName=database, TableName=table, PartitionInputList=list(inputs)
            )
        errors = {tuple(error["PartitionValues"]): error["ErrorDetail"] for error in answer.get("Errors", ())}
        exist = {values for values, error in errors.items() if error.get("ErrorCode") == _EXISTS}
        return _Existing(
            [item for item in inputs if tuple(item["Values"]) in exist],
            {
                values: _partition_error(f"{database}.{table}", values, error)
                for values, error in errors.items()
                if values not in exist
            },
        )

    def _update_differing(self, database: str, table: str, wanted: "Sequence[PartitionInputTypeDef]") -> None:
        """Bring existing partitions up to date where they differ."""
        found = self._get(database, table, wanted)
        differing = [item for item in wanted if _differs(found.get(tuple(item["Values"])), item)]
        if differing:
            for error in self._update(database, table, differing).values():
                raise error

    def _update(
        self, database: str, table: str, wanted: "Sequence[PartitionInputTypeDef]"
    ) -> dict[Values, SluiceError]:
        """Update existing partitions; returns what went wrong."""
        entries: list[BatchUpdatePartitionRequestEntryTypeDef] = [
            {"PartitionValueList": item["Values"], "PartitionInput": item} for item in wanted
        ]
        with aws_errors(f"update partitions of {database}.{table}"):
            answer = self.glue.batch_update_partition(DatabaseName=database, TableName=table, Entries=entries)
        return {
            tuple(error["PartitionValueList"]): _partition_error(
                f"{database}.{table}", error["PartitionValueList"], error["ErrorDetail"]
            )
            for error in answer.get("Errors", ())
        }

    def _get(
        self, database: str, table: str, wanted: "Sequence[PartitionInputTypeDef]"
    ) -> "dict[Values, PartitionTypeDef]":
        keys: list[PartitionValueListTypeDef] = [{"Values": item["Values"]} for item in wanted]
        with aws_errors(f"read partitions of {database}.{table}"):
            answer = self.glue.batch_get_partition(DatabaseName=database, TableName=table, PartitionsToGet=keys)
        # What the catalog leaves unprocessed, or what somebody deleted meanwhile, counts as different: the update that
        # follows either fixes it or says what is wrong.
        return {tuple(partition["Values"]): partition for partition in answer["Partitions"]}


def _partition(table: "TableTypeDef", values: Values, location: str) -> "PartitionInputTypeDef":
    descriptor = {**table["StorageDescriptor"], "Location": _folder(location)}
    return cast("PartitionInputTypeDef", {"Values": list(values), "StorageDescriptor": descriptor})


def _check_values(name: str, table: "TableTypeDef", partitions: Mapping[Values, str]) -> None:
    """The catalog assigns values to keys by position and does not count them."""
    keys = [key["Name"] for key in table.get("PartitionKeys", ())]
    for values in partitions:
        if len(values) != len(keys):
            raise AwsError(f"{name}: partition {values} does not fit the partition keys {keys}")


def _differs(found: "PartitionTypeDef | None", wanted: "PartitionInputTypeDef") -> bool:
    if found is None:
        return True
    old = cast("Mapping[str, Any]", found.get("StorageDescriptor", {}))
    new = cast("Mapping[str, Any]", wanted["StorageDescriptor"])
    return any(old.get(field) != new.get(field) for field in _DESCRIBES_FILES)


def _partition_error(table: str, values: Sequence[str], error: Mapping[str, Any]) -> AwsError | AwsBusyError:
    code = error.get("ErrorCode", "")
    message = f"{table}: partition {tuple(values)}: {code}: {error.get('ErrorMessage', '')}"
    # A partition that exists now was made, or is just being made, by somebody else.
    is_busy = code == _EXISTS or is_busy_code(code)
    return AwsBusyError(message) if is_busy else AwsError(message)


def _folder(location: str) -> str:
    return location if location.endswith("/") else f"{location}/"


def _chunks(items: "Sequence[PartitionInputTypeDef]") -> "Iterator[Sequence[PartitionInputTypeDef]]":
    for start in range(0, len(items), MAX_PARTITIONS_PER_CALL):
        yield items[start : start + MAX_PARTITIONS_PER_CALL]
