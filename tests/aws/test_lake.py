"""Athena's queries of the quarantine, on Parquet files as they are published."""

import io
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from localcloud_tests.aws.cloud import Aws
from sluice.analysis.quarantine import Span, quarantine_share
from sluice.aws.athena import Athena
from sluice.cli.quarantined import QuarantinedRecord, ReasonCount, read_reasons, read_records
from sluice.contract import Contract, parse_contract
from sluice.lake.catalog_tables import processed_table, quarantine_table
from sluice.lake.layout import Partition, ProcessedLayout
from tests.unit.contract_data import plain_contract

HOUR = Partition(datetime(2026, 11, 20, 13, tzinfo=UTC))
DAY = Partition(datetime(2026, 11, 20, tzinfo=UTC), is_hourly=False)
HOURLY = parse_contract(plain_contract(), "parcels.yaml")
DAILY = parse_contract(
    plain_contract(source={"format": "csv", "layout": "parcels/year=%Y/month=%m/day=%d"}), "parcels.yaml"
)
ALL = Span()
_SCHEMA = pa.schema(
    [
        ("batch_id", pa.string()),
        ("source_file", pa.string()),
        ("kind", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("raw_text", pa.string()),
        ("record", pa.string()),
        ("quarantined_at", pa.timestamp("us", tz="UTC")),
    ]
)
Row = tuple[str, str, str, list[str], str | None, str | None, None]
TWICE_BAD: Row = ("p.13.2", "s3://a.csv", "record", ["weight: no number", "parcel_id: null"], ",x", "{}", None)
ONCE_BAD: Row = ("p.13.2", "s3://a.csv", "record", ["weight: no number"], "1,[y]", None, None)
FILE: Row = ("p.14.1", "s3://b.csv", "file", ["not UTF-8"], None, None, None)


class Lake:
    """The published tables of one contract in a bucket and a database of their own."""

    def __init__(self, aws: Aws, bucket: str, contract: Contract) -> None:
        self._aws, self._bucket = aws, aws.make_bucket(bucket)
        self._layout = ProcessedLayout(bucket)
        glue = aws.client("glue")
        glue.create_database(DatabaseInput={"Name": bucket})
        for table in (
            processed_table(contract, contract.tables[0], self._layout),
            quarantine_table(contract, self._layout),
        ):
            glue.create_table(DatabaseName=bucket, TableInput=table)
        self.athena = Athena(aws.client("athena"), bucket, f"s3://{bucket}/_results/")

    def put(self, table: str, partition: Partition, name: str, content: pa.Table) -> None:
        """A file of a partition, registered."""
        body = io.BytesIO()
        pq.write_table(content, body)
        folder = self._layout.partition(table, partition, "run")
        key = f"{folder}/{name}.parquet".removeprefix(f"s3://{self._bucket}/")
        self._aws.client("s3").put_object(Bucket=self._bucket, Key=key, Body=body.getvalue())
        glue = self._aws.client("glue")
        storage = glue.get_table(DatabaseName=self._bucket, Name=table)["Table"]["StorageDescriptor"]
        request: dict[str, Any] = {
            "Values": list(partition.values),
            "StorageDescriptor": storage | {"Location": folder},
        }
        glue.batch_create_partition(DatabaseName=self._bucket, TableName=table, PartitionInputList=[request])

    def quarantine(self, partition: Partition, *rows: Row) -> None:
        """Quarantined rows of a partition, in a file of their batch."""
        columns = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)]
        self.put("parcels_quarantine", partition, rows[0][0], pa.table(columns, schema=_SCHEMA))

    def publish(self, partition: Partition) -> None:
        """One published row."""
        self.put("parcels", partition, "rows", pa.table({"parcel_id": pa.array(["p"], pa.string())}))


@pytest.fixture(scope="module")
def hourly(aws: Aws) -> Lake:
    """Two hours; the second has a whole file."""
    lake = Lake(aws, "lake-hourly", HOURLY)
    lake.quarantine(HOUR, TWICE_BAD, ONCE_BAD)
    lake.quarantine(HOUR.next(), FILE)
    lake.publish(HOUR)
    lake.publish(HOUR.next())
    return lake


def test_reasons_of_each_partition(hourly: Lake) -> None:
    assert read_reasons(hourly.athena, HOURLY, ALL) == [
        ReasonCount(2, 1, "record", "weight: no number"),
        ReasonCount(1, 1, "file", "not UTF-8"),
        ReasonCount(1, 1, "record", "parcel_id: null"),
    ]


def test_records_have_all_their_reasons(hourly: Lake) -> None:
    label = "2026-11-20T13"
    twice = QuarantinedRecord(
        label, "p.13.2", "s3://a.csv", "record", ("parcel_id: null", "weight: no number"), ",x", "{}"
    )
    once = QuarantinedRecord(label, "p.13.2", "s3://a.csv", "record", ("weight: no number",), "1,[y]", None)
    file = QuarantinedRecord("2026-11-20T14", "p.14.1", "s3://b.csv", "file", ("not UTF-8",), None, None)
    assert read_records(hourly.athena, HOURLY, ALL) == [twice, once, file]
    # The limit counts records, not rows.
    assert read_records(hourly.athena, HOURLY, ALL, 1) == [twice]


@pytest.mark.parametrize(
    ("span", "counted"),
    [
        (ALL, ("3", "2")),
        (Span(HOUR, HOUR), ("2", "1")),
        (Span(HOUR.next(), None), ("1", "1")),
        (Span(None, HOUR), ("2", "1")),
        (Span(DAY, DAY), ("3", "2")),
        (Span(DAY.next(), None), ("0", "0")),
    ],
)
def test_spans_and_the_share(hourly: Lake, span: Span, counted: tuple[str, str]) -> None:
    assert hourly.athena.execute(quarantine_share(HOURLY, span)).rows == (("parcels", *counted),)


def test_a_daily_dataset_has_no_hour(aws: Aws) -> None:
    lake = Lake(aws, "lake-daily", DAILY)
    lake.quarantine(DAY, FILE)
    lake.publish(DAY)
    for last in (HOUR, DAY):
        [record] = read_records(lake.athena, DAILY, Span(last, last))
        assert record.partition == "2026-11-20"
        assert lake.athena.execute(quarantine_share(DAILY, Span(last, last))).rows == (("parcels", "1", "1"),)
