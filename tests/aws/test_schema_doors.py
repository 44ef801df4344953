"""The schema sync's doors on the local cloud: tables of the catalog, crawlers, and parts of files."""

import itertools
from typing import Any

import pytest

from localcloud_tests.aws.cloud import Aws
from sluice.aws.samples import Samples
from sluice.aws.schemas import CatalogSchemas
from sluice.drift.ports import CatalogTable
from sluice.errors import AwsError, InputChangedError, MissingObjectError
from sluice.lake.layout import Partition
from sluice.lake.stored import ListedFile

_numbers = itertools.count(1)
KEYS = [{"Name": name, "Type": "string"} for name in ("year", "month", "day", "hour")]
COLUMNS = [{"Name": "id", "Type": "int", "Comment": "its number"}, {"Name": "name", "Type": "varchar(9)"}]
TABLE: dict[str, Any] = {
    "Name": "orders",
    "Description": "Orders",
    "Retention": 3,
    "TableType": "EXTERNAL_TABLE",
    "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", "somebody": "else"},
    "PartitionKeys": KEYS,
    "StorageDescriptor": {
        "Columns": COLUMNS,
        "Location": "s3://processed/orders/",
        "InputFormat": "in",
        "OutputFormat": "out",
        "SerdeInfo": {"SerializationLibrary": "serde", "Parameters": {"a": "b"}},
    },
}
SHOWN = {"UpdateTime", "VersionId"}


@pytest.fixture
def database(aws: Aws) -> str:
    name = f"schemas{next(_numbers)}"
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": name})
    glue.create_table(DatabaseName=name, TableInput=TABLE)
    return name


@pytest.fixture
def schemas(aws: Aws) -> CatalogSchemas:
    return CatalogSchemas(aws.client("glue"))


def shown(aws: Aws, database: str) -> dict[str, Any]:
    table: dict[str, Any] = aws.client("glue").get_table(DatabaseName=database, Name="orders")["Table"]
    return {name: value for name, value in table.items() if name not in SHOWN}


def add(aws: Aws, database: str, *labels: str) -> None:
    inputs = [
        {
            "Values": list(Partition.parse(label).values) if "/" not in label else label.split("/"),
            "StorageDescriptor": {"Location": f"s3://processed/{label}/"},
        }
        for label in labels
    ]
    glue = aws.client("glue")
    assert (
        glue.batch_create_partition(DatabaseName=database, TableName="orders", PartitionInputList=inputs)["Errors"]
        == []
    )


def test_a_table_and_one_that_is_not_there(schemas: CatalogSchemas, database: str) -> None:
    assert schemas.table(database, "orders") == CatalogTable(COLUMNS, KEYS)
    assert schemas.table(database, "none") is None


def test_only_the_columns_change(aws: Aws, schemas: CatalogSchemas, database: str) -> None:
    add(aws, database, "2026-11-20T13")
    before = shown(aws, database)
    new = [*COLUMNS, {"Name": "color", "Type": "varchar(5)"}]
    seen: list[Any] = []

    def change(columns: Any) -> Any:
        seen.append(columns)
        return new

    schemas.change_columns(database, "orders", change)
    assert seen == [COLUMNS]
    before["StorageDescriptor"]["Columns"] = new
    assert shown(aws, database) == before
    assert len(schemas.newest(database, "orders", 9, Partition.parse("2026-11-01"))) == 1


def test_the_same_columns_are_not_written(aws: Aws, schemas: CatalogSchemas, database: str) -> None:
    glue = aws.client("glue")
    before = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    schemas.change_columns(database, "orders", list)
    assert glue.get_table(DatabaseName=database, Name="orders")["Table"] == before


def test_a_table_that_is_gone_cannot_be_changed(schemas: CatalogSchemas, database: str) -> None:
    with pytest.raises(AwsError, match=f"^change table {database}.none: there is no such table$"):
        schemas.change_columns(database, "none", list)


def test_the_newest_partitions(aws: Aws, schemas: CatalogSchemas, database: str) -> None:
    old, recent = ["2024-12-31T23", "2025-01-01T00"], ["2026-10-31T07", "2026-11-01T00", "2026-11-20T13"]
    add(aws, database, *recent, *old, "2026/__HIVE_DEFAULT_PARTITION__/20/13")
    since = Partition.parse("2026-10-25T00")

    def labels(count: int) -> list[str]:
        found = schemas.newest(database, "orders", count, since)
        assert all(folder == f"s3://processed/{partition.label}/" for partition, folder in found.items())
        return [partition.label for partition in found]

    assert labels(2) == ["2026-11-20T13", "2026-11-01T00"]
    # Fewer than asked for since then, so all are looked at.
    assert labels(4) == [*reversed(recent), "2025-01-01T00"]
    assert labels(99) == [*reversed(recent), *reversed(old)]
    assert schemas.newest(database, "none", 3, since) == {}


def test_what_a_crawler_crawls(aws: Aws, schemas: CatalogSchemas, database: str) -> None:
    name = f"sluice-{database}"
    targets = {
        "CatalogTargets": [
            {"DatabaseName": database, "Tables": ["orders", "items"]},
            {"DatabaseName": "other", "Tables": ["x"]},
        ]
    }
    aws.client("glue").create_crawler(
        Name=name, Role="role", Targets=targets, SchemaChangePolicy={"DeleteBehavior": "LOG"}
    )
    assert schemas.crawled(name) == ((database, "orders"), (database, "items"), ("other", "x"))
    assert schemas.crawled("no-such-crawler") == ()


@pytest.fixture
def samples(aws: Aws) -> Samples:
    return Samples(aws.client("s3"))


def put(aws: Aws, bucket: str, key: str, body: bytes = b"0123456789") -> ListedFile:
    etag = aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)["ETag"].strip('"')
    return ListedFile(f"s3://{bucket}/{key}", len(body), etag)


def test_files_of_a_folder(aws: Aws, samples: Samples, bucket: str) -> None:
    shown_files = [put(aws, bucket, f"t/{name}") for name in ("a.parquet", "b c+d.parquet", "sub/e.parquet")]
    for key in ("t/_SUCCESS", "t/.crc", "t/_temporary/x", "tt/x", "other"):
        put(aws, bucket, key)
    put(aws, bucket, "t/empty", b"")
    assert samples.listed(f"s3://{bucket}/t/", 1000) == tuple(shown_files)
    assert samples.listed(f"s3://{bucket}/t", 1000) == tuple(shown_files)
    assert samples.listed(f"s3://{bucket}/none", 1000) == ()
    # The hidden ones come first, and count.
    assert samples.listed(f"s3://{bucket}/t/", 4) == (shown_files[0],)


def test_ends_of_a_file(aws: Aws, samples: Samples, bucket: str) -> None:
    file = put(aws, bucket, "f")
    assert (samples.head(file, 3), samples.head(file, 99)) == (b"012", b"0123456789")
    assert (samples.tail(file, 3), samples.tail(file, 99)) == (b"789", b"0123456789")
    assert (samples.head(file, 0), samples.tail(file, 0)) == (b"", b"")


def test_a_file_that_was_replaced_or_is_gone(aws: Aws, samples: Samples, bucket: str) -> None:
    file = put(aws, bucket, "f")
    put(aws, bucket, "f", b"other")
    with pytest.raises(InputChangedError, match="f: changed while it was looked at"):
        samples.tail(file, 3)
    aws.client("s3").delete_object(Bucket=bucket, Key="f")
    with pytest.raises(MissingObjectError, match="f: there is no such object any more"):
        samples.head(file, 3)
