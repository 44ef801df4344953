"""What tests do with Athena: tables over files, and queries with what the API says of them."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localcloud_tests.aws.cloud import Aws, eventually

PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
ENDLESS = """
    SELECT count(*) FROM UNNEST(sequence(1, 100000)) AS a (x) CROSS JOIN UNNEST(sequence(1, 100000)) AS b (y)
    WHERE (x * y) % 7 = sqrt(x + y)
"""
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass(frozen=True)
class Ended:
    """A query that has ended.

    Attributes:
        execution: its QueryExecution.
        columns: name and type of its columns.
        rows: without the row of names.
    """

    execution: Mapping[str, Any]
    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()

    @property
    def state(self) -> str:
        """How it ended, with the reason."""
        status = self.execution["Status"]
        return f"{status['State']} {status.get('StateChangeReason', '')}".strip()

    @property
    def scanned(self) -> int:
        """Bytes that it read."""
        return int(self.execution["Statistics"]["DataScannedInBytes"])


@dataclass(frozen=True)
class Queries:
    """Tables and queries in a database that is named as its bucket."""

    aws: Aws
    bucket: str

    def create_database(self) -> None:
        """The database."""
        self.aws.client("glue").create_database(DatabaseInput={"Name": self.bucket})

    def put(self, key: str, content: pa.Table | bytes, **options: Any) -> int:
        """A file, Parquet or as it is; its size."""
        if isinstance(content, pa.Table):
            body = io.BytesIO()
            pq.write_table(content, body, **options)
            content = body.getvalue()
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=content)
        return len(content)

    def create_table(
        self,
        name: str,
        columns: Mapping[str, str],
        keys: Mapping[str, str] | None = None,
        serde: str = PARQUET,
        **serde_parameters: str,
    ) -> None:
        """A table over the folder of its name."""
        self.aws.client("glue").create_table(
            DatabaseName=self.bucket,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": _columns(keys or {}),
                "StorageDescriptor": {
                    "Location": f"s3://{self.bucket}/{name}/",
                    "Columns": _columns(columns),
                    "SerdeInfo": {"SerializationLibrary": serde, "Parameters": serde_parameters},
                },
            },
        )

    def set_parameters(self, name: str, **parameters: str) -> None:
        """Properties of a table, in place of those that it has."""
        glue = self.aws.client("glue")
        table = glue.get_table(DatabaseName=self.bucket, Name=name)["Table"]
        kept = {part: table[part] for part in ("Name", "TableType", "PartitionKeys", "StorageDescriptor")}
        glue.update_table(DatabaseName=self.bucket, TableInput=kept | {"Parameters": parameters})

    def add_partition(self, table: str, values: Sequence[str], folder: str) -> None:
        """Register a folder of the bucket as a partition."""
        glue = self.aws.client("glue")
        storage = glue.get_table(DatabaseName=self.bucket, Name=table)["Table"]["StorageDescriptor"]
        glue.create_partition(
            DatabaseName=self.bucket,
            TableName=table,
            PartitionInput={
                "Values": list(values),
                "StorageDescriptor": storage | {"Location": f"s3://{self.bucket}/{folder}"},
            },
        )

    def start(self, sql: str, **request: Any) -> str:
        """Submit a statement; its id."""
        defaults: dict[str, Any] = {
            "QueryExecutionContext": {"Database": self.bucket},
            "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/_results/"},
        }
        answer = self.aws.client("athena").start_query_execution(QueryString=sql, **(defaults | request))
        return str(answer["QueryExecutionId"])

    def get(self, query_id: str) -> Mapping[str, Any]:
        """A query's record."""
        found: Mapping[str, Any] = self.aws.client("athena").get_query_execution(QueryExecutionId=query_id)
        execution: Mapping[str, Any] = found["QueryExecution"]
        return execution

    def wait(self, query_id: str) -> Mapping[str, Any]:
        """A query's record when it has ended."""

        def look() -> Mapping[str, Any] | None:
            execution = self.get(query_id)
            return execution if execution["Status"]["State"] in ENDED else None

        found = eventually(look, 60)
        assert found is not None
        return found

    def run(self, sql: str, **request: Any) -> Ended:
        """Run a statement to its end."""
        execution = self.wait(self.start(sql, **request))
        if execution["Status"]["State"] != "SUCCEEDED":
            return Ended(execution)
        pages = self.aws.client("athena").get_paginator("get_query_results")
        columns: tuple[tuple[str, str], ...] = ()
        rows: list[tuple[str | None, ...]] = []
        for page in pages.paginate(QueryExecutionId=execution["QueryExecutionId"]):
            result = page["ResultSet"]
            columns = tuple((info["Name"], info["Type"]) for info in result["ResultSetMetadata"]["ColumnInfo"])
            rows += [tuple(value.get("VarCharValue") for value in row["Data"]) for row in result["Rows"]]
        if execution["StatementType"] == "DML" and columns != (("rows", "bigint"),):
            assert rows.pop(0) == tuple(name for name, _ in columns)
        return Ended(execution, columns, tuple(rows))

    def rows(self, sql: str, **request: Any) -> list[tuple[str | None, ...]]:
        """The rows of a statement that succeeds."""
        ended = self.run(sql, **request)
        assert ended.state == "SUCCEEDED", ended.state
        return list(ended.rows)


def _columns(types: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Type": kind} for name, kind in types.items()]
