"""Short ways to run SQL through the Data API and to put Parquet files where COPY finds them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from localcloud.runtimes.oldest_sdk import Newest

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client

TARGET = {"WorkgroupName": "sluice", "Database": "warehouse"}
_WAIT_SECONDS = 30


class StatementFailedError(AssertionError):
    """A statement that was to succeed failed."""


class Sql:
    """Runs SQL and waits for it."""

    def __init__(self, client: RedshiftDataAPIServiceClient) -> None:
        self.client: Any = Newest(client)

    def run(self, sql: str, **options: Any) -> dict[str, Any]:
        """Run one statement; give its description, whatever became of it."""
        where = {} if "SessionId" in options else TARGET
        return self.wait(self.client.execute_statement(Sql=sql, **where, **options)["Id"])

    def run_batch(self, *sqls: str, **options: Any) -> dict[str, Any]:
        """Run a batch; give its description, whatever became of it."""
        where = {} if "SessionId" in options else TARGET
        return self.wait(self.client.batch_execute_statement(Sqls=list(sqls), **where, **options)["Id"])

    def wait(self, statement_id: str) -> dict[str, Any]:
        """Wait until a statement is through."""
        while True:
            found: dict[str, Any] = self.client.describe_statement(Id=statement_id, WaitTimeSeconds=_WAIT_SECONDS)
            if found["Status"] in {"FINISHED", "FAILED", "ABORTED"}:
                return found

    def ok(self, sql: str, **options: Any) -> dict[str, Any]:
        """Run one statement that must succeed."""
        return _succeeded(self.run(sql, **options))

    def batch(self, *sqls: str, **options: Any) -> dict[str, Any]:
        """Run a batch that must succeed."""
        return _succeeded(self.run_batch(*sqls, **options))

    def error(self, sql: str, **options: Any) -> str:
        """Run one statement that must fail; give its error."""
        found = self.run(sql, **options)
        assert found["Status"] == "FAILED", f"{sql} ended as {found['Status']}"
        return str(found["Error"])

    def batch_error(self, *sqls: str, **options: Any) -> str:
        """Run a batch that must fail; give its error."""
        found = self.run_batch(*sqls, **options)
        assert found["Status"] == "FAILED", f"the batch ended as {found['Status']}"
        return str(found["Error"])

    def rows(self, sql: str, **options: Any) -> list[tuple[Any, ...]]:
        """Run a query; give all its rows as plain values."""
        return self.result(str(self.ok(sql, **options)["Id"]))

    def result(self, statement_id: str) -> list[tuple[Any, ...]]:
        """Give all rows of a statement that is through."""
        pages = self.client.get_paginator("get_statement_result").paginate(Id=statement_id)
        return [tuple(plain(field) for field in record) for page in pages for record in page["Records"]]


def plain(field: dict[str, Any]) -> Any:
    """Give the value of a typed field."""
    ((kind, value),) = field.items()
    return None if kind == "isNull" else value


def _succeeded(found: dict[str, Any]) -> dict[str, Any]:
    if found["Status"] != "FINISHED":
        message = f"{found.get('QueryString') or found.get('SubStatements')}: {found.get('Error')}"
        raise StatementFailedError(message)
    return found


def parquet(table: pa.Table, **options: Any) -> bytes:
    """Give a table as the bytes of a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def put(s3: S3Client, bucket: str, key: str, body: bytes | pa.Table) -> dict[str, Any]:
    """Store an object; give its manifest entry."""
    content = parquet(body) if isinstance(body, pa.Table) else body
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    return {"url": f"s3://{bucket}/{key}", "mandatory": True, "meta": {"content_length": len(content)}}


def put_manifest(s3: S3Client, bucket: str, entries: Sequence[dict[str, Any]], key: str = "load.manifest") -> str:
    """Store a manifest; give its address."""
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({"entries": list(entries)}).encode())
    return f"s3://{bucket}/{key}"
