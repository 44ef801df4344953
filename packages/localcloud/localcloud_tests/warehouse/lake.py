"""A database of the Data Catalog with Parquet files in a bucket, and an external schema over it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from localcloud_tests.warehouse.client import Sql, put

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


@dataclass(frozen=True)
class Lake:
    """A catalog database of the test's own, and a bucket."""

    glue: GlueClient
    s3: S3Client
    bucket: str
    database: str

    @classmethod
    def make(cls, glue: GlueClient, s3: S3Client, bucket: str) -> Lake:
        """Make the database."""
        database = f"lake_{uuid.uuid4().hex[:12]}"
        glue.create_database(DatabaseInput={"Name": database})
        return cls(glue, s3, bucket, database)

    def attach(self, sql: Sql, schema: str = "spectrum") -> None:
        """Make an external schema over the database."""
        sql.ok(f"CREATE EXTERNAL SCHEMA {schema} FROM DATA CATALOG DATABASE '{self.database}' IAM_ROLE default")

    def location(self, table: str, *values: str) -> str:
        """Give where a table or a partition lies."""
        return f"s3://{self.bucket}/" + self._folder(table, *values)

    def _folder(self, table: str, *values: str) -> str:
        return "".join(f"{part}/" for part in (table, *values))

    def _storage(self, location: str, columns: Mapping[str, str], input_format: str = _INPUT) -> dict[str, Any]:
        return {
            "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
            "Location": location,
            "InputFormat": input_format,
            "OutputFormat": _OUTPUT,
            "SerdeInfo": {"SerializationLibrary": _SERDE, "Parameters": {"serialization.format": "1"}},
        }

    def _input(self, name: str, columns: Mapping[str, str], keys: Mapping[str, str], input_format: str) -> Any:
        return {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": "parquet"},
            "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys.items()],
            "StorageDescriptor": self._storage(self.location(name), columns, input_format),
        }

    def table(
        self,
        name: str,
        columns: Mapping[str, str],
        keys: Mapping[str, str] | Sequence[str] = (),
        *,
        input_format: str = _INPUT,
    ) -> None:
        """Make a table; keys without a type are strings."""
        typed = keys if isinstance(keys, Mapping) else dict.fromkeys(keys, "string")
        self.glue.create_table(DatabaseName=self.database, TableInput=self._input(name, columns, typed, input_format))

    def change(self, name: str, columns: Mapping[str, str], keys: Sequence[str] = ()) -> None:
        """Give a table other columns."""
        self.glue.update_table(
            DatabaseName=self.database, TableInput=self._input(name, columns, dict.fromkeys(keys, "string"), _INPUT)
        )

    def register(self, table: str, *values: str, location: str | None = None) -> None:
        """Register a partition."""
        storage: Any = self._storage(location or self.location(table, *values), {})
        self.glue.create_partition(
            DatabaseName=self.database,
            TableName=table,
            PartitionInput={"Values": list(values), "StorageDescriptor": storage},
        )

    def forget(self, table: str, *values: str) -> None:
        """Take a partition out of the catalog."""
        self.glue.delete_partition(DatabaseName=self.database, TableName=table, PartitionValues=list(values))

    def put(self, table: str, *values: str, rows: pa.Table | bytes, name: str = "part-0.parquet") -> str:
        """Store a file of a partition; give its address."""
        return str(put(self.s3, self.bucket, self._folder(table, *values) + name, rows)["url"])

    def remove(self, url: str) -> None:
        """Delete a file."""
        self.s3.delete_object(Bucket=self.bucket, Key=url.removeprefix(f"s3://{self.bucket}/"))
