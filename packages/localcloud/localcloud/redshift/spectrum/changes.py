"""Writes into the Data Catalog what Redshift's SQL says of external tables.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_TABLE.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localcloud.redshift.dialect.external_table import (
    Change,
    Columns,
    DroppedPartition,
    DroppedTable,
    MovedPartition,
    MovedTable,
    NewPartitions,
    NewTable,
)
from localcloud.redshift.errors import SqlError
from localcloud.redshift.spectrum.catalog import catalog_error

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_FORMAT: Mapping[str, Any] = {
    "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
    "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
#: What of a table's definition may be given back to the catalog when it is changed.
_KEPT = ("Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters")


def write(glue: GlueClient, database: str, change: Change) -> None:
    """Write one change.

    Args:
        glue: the Data Catalog.
        database: of the external schema.
        change: what the statement says.

    Raises:
        SqlError: the table or partition is missing, or there already, or the catalog refuses.
    """
    name = change.table.name
    if isinstance(change, NewTable):
        _create(glue, database, change)
    elif isinstance(change, DroppedTable):
        _drop(glue, database, change)
    elif isinstance(change, MovedTable):
        table = _table(glue, database, name)
        table["StorageDescriptor"]["Location"] = _location(change.location)
        with _refusals():
            changed: Any = {key: table[key] for key in _KEPT if table.get(key) not in (None, "")}
            glue.update_table(DatabaseName=database, TableInput=changed)
    elif isinstance(change, NewPartitions):
        _add_partitions(glue, database, change)
    else:
        _change_partition(glue, database, change)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise catalog_error(error) from error


def _is(error: ClientError, code: str) -> bool:
    return bool(error.response.get("Error", {}).get("Code") == code)


def _location(text: str) -> str:
    if not text.startswith("s3://"):
        raise SqlError(f"Invalid S3 location: {text}")
    return text


def _create(glue: GlueClient, database: str, change: NewTable) -> None:
    twice = {name for name, _ in change.columns} & {name for name, _ in change.keys}
    if twice:
        raise SqlError(f'column "{min(twice)}" is both a column and a partition key')
    storage: Any = {"Columns": _columns(change.columns), "Location": _location(change.location), **_FORMAT}
    table: Any = {
        "Name": change.table.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **change.properties},
        "PartitionKeys": _columns(change.keys),
        "StorageDescriptor": storage,
    }
    try:
        glue.create_table(DatabaseName=database, TableInput=table)
    except ClientError as error:
        if _is(error, "AlreadyExistsException"):
            raise SqlError(f'Relation "{change.table.name}" already exists in the external database.') from error
        raise catalog_error(error) from error


def _columns(columns: Columns) -> list[dict[str, str]]:
    return [{"Name": name, "Type": kind} for name, kind in columns]


def _drop(glue: GlueClient, database: str, change: DroppedTable) -> None:
    try:
        glue.delete_table(DatabaseName=database, Name=change.table.name)
    except ClientError as error:
        if not _is(error, "EntityNotFoundException"):
            raise catalog_error(error) from error
        if not change.if_exists:
            raise SqlError(f'Table "{change.table}" does not exist') from error


def _table(glue: GlueClient, database: str, name: str) -> Any:  # noqa: ANN401 - the catalog's own document
    with _refusals():
        return glue.get_table(DatabaseName=database, Name=name)["Table"]


def _ordered(table: Any, values: Mapping[str, str]) -> list[str]:  # noqa: ANN401 - the catalog's own document
    keys = [str(key["Name"]).lower() for key in table.get("PartitionKeys", ())]
    if set(keys) != set(values):
        raise SqlError(f"The partition columns of the table are {', '.join(keys) or 'none'}, not {', '.join(values)}")
    return [values[key] for key in keys]


def _add_partitions(glue: GlueClient, database: str, change: NewPartitions) -> None:
    table = _table(glue, database, change.table.name)
    # All are checked before the first is written.
    ready = [(_ordered(table, values), _location(location)) for values, location in change.partitions]
    for values, location in ready:
        storage: Any = {**table["StorageDescriptor"], "Location": location}
        try:
            glue.create_partition(
                DatabaseName=database,
                TableName=change.table.name,
                PartitionInput={"Values": values, "StorageDescriptor": storage},
            )
        except ClientError as error:
            if not (change.if_missing and _is(error, "AlreadyExistsException")):
                raise catalog_error(error) from error


def _change_partition(glue: GlueClient, database: str, change: MovedPartition | DroppedPartition) -> None:
    name = change.table.name
    values = _ordered(_table(glue, database, name), change.values)
    with _refusals():
        partition: Any = glue.get_partition(DatabaseName=database, TableName=name, PartitionValues=values)["Partition"]
        if isinstance(change, DroppedPartition):
            glue.delete_partition(DatabaseName=database, TableName=name, PartitionValues=values)
            return
        storage: Any = {**partition["StorageDescriptor"], "Location": _location(change.location)}
        changed: Any = {"Values": values, "StorageDescriptor": storage, "Parameters": partition.get("Parameters", {})}
        entry: Any = {"PartitionValueList": values, "PartitionInput": changed}
        answer = glue.batch_update_partition(DatabaseName=database, TableName=name, Entries=[entry])
    for error in answer.get("Errors", ()):
        raise SqlError("External Catalog Error.", str(error.get("ErrorDetail", {}).get("ErrorMessage", "")))
