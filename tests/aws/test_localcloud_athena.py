"""Athena on the published kind of Parquet: timestamps as Athena shows them, wherever this machine is."""

import io
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from localcloud_tests.aws.cloud import Aws
from sluice.aws.athena import Athena

MOMENTS = [datetime(2026, 7, 1, 23, 30, 0, 250_000, tzinfo=UTC), None]


def put_table(aws: Aws, bucket: str, moments: list[datetime | None]) -> None:
    """A catalog table `moments` with one file, in which a timestamp is adjusted to UTC as Spark writes it."""
    at = pa.array(moments, pa.timestamp("us", tz="UTC"))
    body = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array([1, 2], pa.int64()), "at": at}), body)
    aws.client("s3").put_object(Bucket=bucket, Key="moments/year=2026/a.parquet", Body=body.getvalue())
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": bucket})
    serde = {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"}
    columns = [{"Name": "id", "Type": "bigint"}, {"Name": "at", "Type": "timestamp"}]
    storage = {"Location": f"s3://{bucket}/moments/", "Columns": columns, "SerdeInfo": serde}
    keys = [{"Name": "year", "Type": "string"}]
    glue.create_table(
        DatabaseName=bucket, TableInput={"Name": "moments", "StorageDescriptor": storage, "PartitionKeys": keys}
    )
    storage |= {"Location": f"s3://{bucket}/moments/year=2026/"}
    glue.create_partition(
        DatabaseName=bucket, TableName="moments", PartitionInput={"Values": ["2026"], "StorageDescriptor": storage}
    )


@pytest.mark.parametrize("table", ["moments", "moments m"])
def test_timestamps_are_in_utc_and_without_zone(aws: Aws, bucket: str, table: str) -> None:
    put_table(aws, bucket, MOMENTS)
    athena = Athena(aws.client("athena"), bucket, f"s3://{bucket}/_results/")

    found = athena.execute(f"select * from {table} order by id")

    assert [column.name for column in found.columns] == ["id", "at", "year"]
    assert found.columns[1].type == "timestamp"
    assert found.rows == (("1", "2026-07-01 23:30:00.250", "2026"), ("2", None, "2026"))
