"""Crawls of the local cloud through boto3: what they make, change, leave alone, find and tell."""

import io
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from localcloud.child import LocalCloudProcess
from localcloud_tests.aws.cloud import Aws, eventually, let_s3_send
from localcloud_tests.aws.conftest import cloud_config

ROLE = "arn:aws:iam::000000000000:role/crawler"
LOG = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
UPDATE = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DELETE_FROM_DATABASE"}
INHERIT = {
    "Version": 1.0,
    "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
    "CreatePartitionIndex": False,
    "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"},
}
ID, PRICE = pa.field("id", pa.int64()), pa.field("price", pa.decimal128(10, 2))
NO_COUNTS = dict.fromkeys(
    ("tablesCreated", "tablesUpdated", "tablesDeleted", "partitionsCreated", "partitionsUpdated", "partitionsDeleted"),
    "0",
)
_numbers = itertools.count(1)


def parquet(*fields: "pa.Field[Any]") -> bytes:
    body = io.BytesIO()
    pq.write_table(pa.schema(fields).empty_table(), body)
    return body.getvalue()


@dataclass
class Crawls:
    """A database, a bucket of the same name, and crawlers over them."""

    aws: Aws
    name: str

    def __post_init__(self) -> None:
        self.glue = self.aws.client("glue")
        self.glue.create_database(DatabaseInput={"Name": self.name})

    def put(self, key: str, body: bytes) -> None:
        self.aws.client("s3").put_object(Bucket=self.name, Key=key, Body=body)

    def delete(self, key: str) -> None:
        self.aws.client("s3").delete_object(Bucket=self.name, Key=key)

    def table(self, name: str, columns: Mapping[str, str], keys: Sequence[str], **parameters: str) -> None:
        library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
        storage = {
            "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
            "Location": f"s3://{self.name}/{name}/",
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": {"serialization.format": "1"}},
        }
        self.glue.create_table(
            DatabaseName=self.name,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": {"classification": "parquet", **parameters},
                "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
                "StorageDescriptor": storage,
            },
        )

    def crawler(self, targets: dict[str, Any], policy: dict[str, str] = LOG, **more: Any) -> str:
        name = f"crawler-{next(_numbers)}"
        more = {"Configuration": json.dumps(INHERIT), "DatabaseName": self.name} | more
        self.glue.create_crawler(Name=name, Role=ROLE, Targets=targets, SchemaChangePolicy=policy, **more)
        return name

    def over_tables(self, *tables: str, queue: str | None = None, **more: Any) -> str:
        target = {"DatabaseName": self.name, "Tables": list(tables)} | ({"EventQueueArn": queue} if queue else {})
        return self.crawler({"CatalogTargets": [target]}, **more)

    def over_folder(self, path: str, policy: dict[str, str], **more: Any) -> str:
        target = {"Path": f"s3://{self.name}/{path}"} | more.pop("target", {})
        return self.crawler({"S3Targets": [target]}, policy, Configuration="", **more)

    def run(self, crawler: str, status: str = "SUCCEEDED") -> dict[str, Any]:
        self.glue.start_crawler(Name=crawler)
        return self.wait(crawler, status)

    def wait(self, crawler: str, status: str) -> dict[str, Any]:
        shown = eventually(lambda: self.ready(crawler))
        assert shown is not None
        assert shown["LastCrawl"]["Status"] == status, shown["LastCrawl"]
        return shown

    def ready(self, crawler: str) -> dict[str, Any] | None:
        shown: dict[str, Any] = self.glue.get_crawler(Name=crawler)["Crawler"]
        return shown if shown["State"] == "READY" else None

    def columns(self, table: str) -> dict[str, str]:
        storage = self.glue.get_table(DatabaseName=self.name, Name=table)["Table"]["StorageDescriptor"]
        return {column["Name"]: column["Type"] for column in storage["Columns"]}

    def partitions(self, table: str) -> dict[tuple[str, ...], str]:
        found = self.glue.get_partitions(DatabaseName=self.name, TableName=table)["Partitions"]
        return {tuple(item["Values"]): item["StorageDescriptor"]["Location"] for item in found}

    def tables(self) -> list[str]:
        return sorted(table["Name"] for table in self.glue.get_tables(DatabaseName=self.name)["TableList"])

    def lines(self, crawler: str) -> list[str]:
        """The log of the last crawl, without the prefix."""
        last = self.glue.get_crawler(Name=crawler)["Crawler"]["LastCrawl"]
        request = {"logGroupName": last["LogGroup"], "logStreamName": last["LogStream"], "startFromHead": True}
        events = self.aws.client("logs").get_log_events(**request)["events"]
        prefix = f"[{last['MessagePrefix']}] "
        return [event["message"].removeprefix(prefix) for event in events if event["message"].startswith(prefix)]

    def warnings(self, crawler: str) -> list[str]:
        return [line.removeprefix("WARN : ") for line in self.lines(crawler) if line.startswith("WARN")]

    def queue(self, pattern: dict[str, Any] | None = None, prefix: str | None = None) -> tuple[str, str]:
        """URL and ARN of a queue that hears of events of the bus, or of objects."""
        sqs, name = self.aws.client("sqs"), f"{self.name}-{next(_numbers)}"
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = let_s3_send(sqs, url, self.name)
        if pattern is not None:
            self.aws.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
            self.aws.client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        if prefix is not None:
            rules = [{"Name": "prefix", "Value": prefix}]
            events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
            wanted = {"QueueArn": arn, "Events": events, "Filter": {"Key": {"FilterRules": rules}}}
            self.aws.client("s3").put_bucket_notification_configuration(
                Bucket=self.name, NotificationConfiguration={"QueueConfigurations": [wanted]}
            )
        return url, arn

    def taken(self, url: str) -> list[str]:
        """Bodies of the messages that wait, which are gone then."""
        sqs, bodies = self.aws.client("sqs"), []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def waiting(self, url: str) -> int:
        """How many messages a queue has, hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@pytest.fixture(scope="module", autouse=True)
def every_minute(aws: Aws) -> str:
    """A crawler that crawls every minute; made first, so that the last test hardly waits for it."""
    crawls = Crawls(aws, aws.make_bucket("every-minute-crawled"))
    crawls.table("t", {"id": "bigint"}, [])
    return crawls.over_tables("t", Schedule="cron(* * * * ? *)")


@pytest.fixture
def crawls(aws: Aws, bucket: str) -> Crawls:
    return Crawls(aws, bucket)


def test_a_catalog_crawl_registers_missing_partitions_with_the_table_s_schema(crawls: Crawls) -> None:
    crawls.table("orders", {"id": "bigint", "price": "decimal(10,2)"}, ["year", "month"], exclusions='["**.json"]')
    for key in (
        "year=2026/month=01/a.parquet",
        "year=2026/month=02/a.parquet",
        "_staging/run/year=1/month=1/a.parquet",
    ):
        crawls.put(f"orders/{key}", parquet(ID, PRICE))
    crawls.put("orders/year=2026/month=03/manifest.json", b"{}")
    elsewhere = f"s3://{crawls.name}/archive/orders/1/"
    table = crawls.glue.get_table(DatabaseName=crawls.name, Name="orders")["Table"]
    registered = {"Values": ["2026", "01"], "StorageDescriptor": table["StorageDescriptor"] | {"Location": elsewhere}}
    crawls.glue.create_partition(DatabaseName=crawls.name, TableName="orders", PartitionInput=registered)
    crawler = crawls.over_tables("orders")

    crawls.run(crawler)

    new = f"s3://{crawls.name}/orders/year=2026/month=02/"
    assert crawls.partitions("orders") == {("2026", "01"): elsewhere, ("2026", "02"): new}
    names = {"DatabaseName": crawls.name, "TableName": "orders"}
    made = crawls.glue.get_partition(**names, PartitionValues=["2026", "02"])["Partition"]
    assert made["StorageDescriptor"] == table["StorageDescriptor"] | {"Location": new}
    assert made["Parameters"]["classification"] == "parquet"
    assert crawls.warnings(crawler) == []
    assert f"INFO : Created partition {crawls.name}.orders ['2026', '02']" in crawls.lines(crawler)
    assert crawls.tables() == ["orders"]


def test_a_second_crawl_changes_nothing(crawls: Crawls) -> None:
    crawls.table("orders", {"id": "bigint"}, ["year"])
    crawls.put("orders/year=2026/a.parquet", parquet(ID))
    crawler = crawls.over_tables("orders")
    crawls.run(crawler)
    before = crawls.glue.get_table(DatabaseName=crawls.name, Name="orders")["Table"]

    crawls.run(crawler)

    assert crawls.glue.get_table(DatabaseName=crawls.name, Name="orders")["Table"] == before
    summaries = [json.loads(crawl["Summary"]) for crawl in crawls.glue.list_crawls(CrawlerName=crawler)["Crawls"]]
    added = {"PARTITION": {"Details": {"ADD": {"count": 1, "names": [f"{crawls.name}.orders ['2026']"]}}}}
    assert summaries == [{}, added]


def test_drift_is_found_and_logged_and_nothing_is_changed(crawls: Crawls) -> None:
    crawls.table("orders", {"id": "int", "price": "decimal(10,2)", "note": "string"}, ["year"])
    crawls.put("orders/year=2026/a.parquet", parquet(ID, PRICE, pa.field("extra", pa.string())))
    crawls.put("orders/month=1/a.parquet", parquet(ID))
    crawls.put("orders/year=2026/b.csv", b"a,b\n1,2\n")
    crawls.put("orders/year=2026/c.bin", b"\0\0")
    crawler = crawls.over_tables("orders")
    before = crawls.glue.get_table(DatabaseName=crawls.name, Name="orders")["Table"]

    crawls.run(crawler)

    table, folder = f"{crawls.name}.orders", f"s3://{crawls.name}/orders"
    assert sorted(crawls.warnings(crawler)) == [
        f"Folder {folder}/month=1/ does not fit the partition keys year of table orders",
        f"No classifier knows {folder}/year=2026/c.bin; it is skipped",
        f"Table {table} differs: column extra (string) is not in the catalog; file {folder}/year=2026/a.parquet",
        f"Table {table} differs: column id is bigint, in the catalog int; file {folder}/year=2026/a.parquet",
        f"Table {table} differs: column note (string) is in no file",
        f"Table {table} has parquet files, but {folder}/year=2026/b.csv is csv",
    ]
    assert crawls.glue.get_table(DatabaseName=crawls.name, Name="orders")["Table"] == before


def test_a_hive_dataset_becomes_a_table_with_an_index(crawls: Crawls) -> None:
    crawls.put("lake/sales/year=2026/month=01/a.parquet", parquet(ID, PRICE))
    crawls.put("lake/sales/year=2026/month=02/a.parquet", parquet(ID, PRICE))
    crawler = crawls.over_folder("lake/sales/", UPDATE, TablePrefix="raw_", target={"Exclusions": ["**.tmp"]})

    crawls.run(crawler)

    root = f"s3://{crawls.name}/lake/sales/"
    assert crawls.tables() == ["raw_sales"]
    table = crawls.glue.get_table(DatabaseName=crawls.name, Name="raw_sales")["Table"]
    assert table["PartitionKeys"] == [{"Name": "year", "Type": "string"}, {"Name": "month", "Type": "string"}]
    assert (table["StorageDescriptor"]["Location"], crawls.columns("raw_sales")) == (
        root,
        {"id": "bigint", "price": "decimal(10,2)"},
    )
    assert {name: table["Parameters"][name] for name in ("classification", "exclusions", "UPDATED_BY_CRAWLER")} == {
        "classification": "parquet",
        "exclusions": '["**.tmp"]',
        "UPDATED_BY_CRAWLER": crawler,
    }
    assert crawls.partitions("raw_sales") == {
        ("2026", "01"): f"{root}year=2026/month=01/",
        ("2026", "02"): f"{root}year=2026/month=02/",
    }
    names = {"DatabaseName": crawls.name, "TableName": "raw_sales"}
    [index] = crawls.glue.get_partition_indexes(**names)["PartitionIndexDescriptorList"]
    assert [key["Name"] for key in index["Keys"]] == ["year", "month"]
    made = crawls.glue.get_partition(**names, PartitionValues=["2026", "01"])["Partition"]["StorageDescriptor"]
    assert made["Columns"] == table["StorageDescriptor"]["Columns"]
    assert made["SerdeInfo"] == table["StorageDescriptor"]["SerdeInfo"]


def test_plain_folders_of_csv_are_partitions_and_other_schemas_other_tables(crawls: Crawls) -> None:
    for day in ("01", "02"):
        crawls.put(f"in/orders/2026/{day}/a.csv", b"id,city\n1,Bern\n2,Graz\n")
    crawls.put("in/people/a.json", b'{"name": "Ada", "age": 36, "tags": ["x"], "at": {"zip": "1010"}}\n')
    crawler = crawls.over_folder("in/", UPDATE)

    crawls.run(crawler)

    assert crawls.tables() == ["orders", "people"]
    root = f"s3://{crawls.name}/in/orders/"
    table = crawls.glue.get_table(DatabaseName=crawls.name, Name="orders")["Table"]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["partition_0", "partition_1"]
    assert crawls.partitions("orders") == {("2026", "01"): f"{root}2026/01/", ("2026", "02"): f"{root}2026/02/"}
    assert crawls.columns("orders") == {"id": "bigint", "city": "string"}
    assert {name: table["Parameters"][name] for name in ("delimiter", "skip.header.line.count")} == {
        "delimiter": ",",
        "skip.header.line.count": "1",
    }
    assert crawls.columns("people") == {
        "name": "string",
        "age": "int",
        "tags": "array<string>",
        "at": "struct<zip:string>",
    }
    [metrics] = crawls.glue.get_crawler_metrics(CrawlerNameList=[crawler])["CrawlerMetricsList"]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"], metrics["TablesDeleted"]) == (2, 0, 0)


@pytest.mark.parametrize("merges", [False, True])
def test_update_in_database_brings_columns_in_step(crawls: Crawls, merges: bool) -> None:
    crawls.table("t", {"id": "int", "gone": "string"}, ["year"])
    crawls.put("t/year=2026/a.parquet", parquet(ID, PRICE))
    tables = {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}} if merges else {}
    output = INHERIT["CrawlerOutput"] | tables  # type: ignore[operator]
    policy = UPDATE | {"DeleteBehavior": "LOG"}
    crawler = crawls.over_tables("t", policy=policy, Configuration=json.dumps(INHERIT | {"CrawlerOutput": output}))

    crawls.run(crawler)

    merged = {"id": "int", "gone": "string", "price": "decimal(10,2)"}
    assert crawls.columns("t") == (merged if merges else {"id": "bigint", "price": "decimal(10,2)"})
    made = crawls.glue.get_partition(DatabaseName=crawls.name, TableName="t", PartitionValues=["2026"])["Partition"]
    assert {column["Name"]: column["Type"] for column in made["StorageDescriptor"]["Columns"]} == crawls.columns("t")


@pytest.mark.parametrize("delete", ["DELETE_FROM_DATABASE", "DEPRECATE_IN_DATABASE", "LOG"])
def test_what_has_no_files_any_more_follows_the_delete_policy(crawls: Crawls, delete: str) -> None:
    for key in ("in/a/p=1/f.parquet", "in/a/p=2/f.parquet"):
        crawls.put(key, parquet(ID))
    crawls.put("in/b/f.json", b'{"x": "y"}')
    crawler = crawls.over_folder("in/", UPDATE | {"DeleteBehavior": delete})
    crawls.run(crawler)
    assert crawls.tables() == ["a", "b"]
    crawls.delete("in/a/p=2/f.parquet")
    crawls.delete("in/b/f.json")

    crawls.run(crawler)

    is_deleted = delete == "DELETE_FROM_DATABASE"
    assert crawls.tables() == (["a"] if is_deleted else ["a", "b"])
    assert list(crawls.partitions("a")) == ([("1",)] if is_deleted else [("1",), ("2",)])
    parts = crawls.glue.get_partitions(DatabaseName=crawls.name, TableName="a")["Partitions"]
    marked = [part["Values"] for part in parts if "DEPRECATED_BY_CRAWLER" in part["Parameters"]]
    assert marked == ([["2"]] if delete == "DEPRECATE_IN_DATABASE" else [])
    expected = [f"Partition {crawls.name}.a ['2'] has no files any more; it stays"]
    expected.append(f"Table {crawls.name}.b has no files any more; it stays")
    assert sorted(crawls.warnings(crawler)) == (expected if delete == "LOG" else [])


def test_event_mode_lists_all_once_and_then_only_folders_of_events(crawls: Crawls) -> None:
    crawls.table("orders", {"id": "bigint"}, ["year"])
    crawls.put("orders/year=2025/a.parquet", parquet(ID))
    url, arn = crawls.queue(prefix="orders/")
    crawls.put("orders/year=2026/a b.parquet", parquet(ID))
    eventually(lambda: crawls.waiting(url))
    dead_letters, dead_letters_arn = crawls.queue()
    target = {"DatabaseName": crawls.name, "Tables": ["orders"], "EventQueueArn": arn}
    crawler = crawls.crawler(
        {"CatalogTargets": [target | {"DlqEventQueueArn": dead_letters_arn}]},
        RecrawlPolicy={"RecrawlBehavior": "CRAWL_EVENT_MODE"},
    )

    crawls.run(crawler)
    assert list(crawls.partitions("orders")) == [("2025",), ("2026",)]
    assert crawls.waiting(url) == 0

    names = {"DatabaseName": crawls.name, "TableName": "orders"}
    crawls.glue.delete_partition(**names, PartitionValues=["2025"])
    crawls.put("orders/year=2027/a.parquet", parquet(ID))
    event = json.loads(eventually(lambda: crawls.taken(url))[0])
    wrapped = {"Type": "Notification", "Message": json.dumps(event)}
    for body in (json.dumps(wrapped), json.dumps({"Event": "s3:TestEvent"}), "no event"):
        crawls.aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)

    crawls.run(crawler)

    assert list(crawls.partitions("orders")) == [("2026",), ("2027",)]  # no event named the folder of 2025
    assert crawls.waiting(url) == 0
    assert crawls.warnings(crawler) == ["A message is not an event of S3: no event"]
    assert crawls.taken(dead_letters) == ["no event"]
    crawls.glue.update_crawler(Name=crawler, Description="changed")
    crawls.run(crawler)
    assert list(crawls.partitions("orders")) == [("2025",), ("2026",), ("2027",)]


def test_a_crawl_by_events_that_fails_leaves_the_messages(crawls: Crawls) -> None:
    crawls.table("orders", {"id": "bigint"}, ["year"])
    url, arn = crawls.queue(prefix="orders/")
    crawler = crawls.over_tables("orders", queue=arn, RecrawlPolicy={"RecrawlBehavior": "CRAWL_EVENT_MODE"})
    crawls.run(crawler)
    crawls.taken(url)
    crawls.put("orders/year=2027/a.parquet", parquet(ID))
    eventually(lambda: crawls.waiting(url))
    table = crawls.glue.get_table(DatabaseName=crawls.name, Name="orders")["Table"]
    crawls.glue.delete_table(DatabaseName=crawls.name, Name="orders")

    failed = crawls.run(crawler, "FAILED")

    assert failed["LastCrawl"]["ErrorMessage"].startswith("EntityNotFoundException: ")
    assert len(crawls.taken(url)) == 1
    assert table["Name"] not in crawls.tables()


def test_new_folders_only_sees_no_change_in_folders_that_it_knows(crawls: Crawls) -> None:
    crawls.put("in/t/p=1/a.parquet", parquet(ID))
    crawler = crawls.over_folder("in/t/", LOG, RecrawlPolicy={"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"})
    crawls.run(crawler)
    crawls.put("in/t/p=1/b.parquet", parquet(ID, PRICE))
    crawls.put("in/t/p=2/a.parquet", parquet(ID))

    crawls.run(crawler)

    assert list(crawls.partitions("t")) == [("1",), ("2",)]
    assert (crawls.columns("t"), crawls.warnings(crawler)) == ({"id": "bigint"}, [])
    with pytest.raises(ClientError, match="cannot be changed while the crawler crawls new folders only"):
        crawls.glue.update_crawler(Name=crawler, Targets={"S3Targets": [{"Path": "s3://other/"}]})


def test_event_mode_over_a_folder_makes_and_deletes_what_events_name(crawls: Crawls) -> None:
    url, arn = crawls.queue(prefix="in/")
    for key in ("in/a/p=1/f.parquet", "in/a/p=2/f.parquet"):
        crawls.put(key, parquet(ID))
    crawls.put("in/b/f.json", b'{"x": "y"}')
    mode = {"RecrawlBehavior": "CRAWL_EVENT_MODE"}
    crawler = crawls.over_folder("in/", UPDATE, target={"EventQueueArn": arn}, RecrawlPolicy=mode)
    crawls.run(crawler)
    assert crawls.tables() == ["a", "b"]
    crawls.taken(url)
    crawls.delete("in/a/p=1/f.parquet")
    crawls.put("in/a/p=3/f.parquet", parquet(PRICE))
    crawls.put("in/c/g=1/f.parquet", parquet(ID))
    eventually(lambda: crawls.waiting(url) == 3)

    crawls.run(crawler)

    assert (crawls.tables(), list(crawls.partitions("a"))) == (["a", "b", "c"], [("2",), ("3",)])
    assert crawls.columns("a") == {"id": "bigint", "price": "decimal(10,2)"}  # no crawl of some folders removes columns
    assert list(crawls.partitions("c")) == [("1",)]


def test_partitions_keep_columns_of_their_own_and_say_so(crawls: Crawls) -> None:
    crawls.put("in/t/p=1/f.parquet", parquet(ID))
    crawls.put("in/t/p=2/f.parquet", parquet(ID))
    crawler = crawls.over_folder("in/t/", UPDATE)
    crawls.run(crawler)
    for key in ("in/t/p=1/f.parquet", "in/t/p=2/f.parquet"):
        crawls.put(key, parquet(ID, PRICE))
    table = crawls.glue.get_table(DatabaseName=crawls.name, Name="t")["Table"]
    columns = [*table["StorageDescriptor"]["Columns"], {"Name": "price", "Type": "decimal(10,2)"}]
    changed = {name: table[name] for name in ("Name", "TableType", "Parameters", "PartitionKeys")}
    changed["StorageDescriptor"] = table["StorageDescriptor"] | {"Columns": columns}
    crawls.glue.update_table(DatabaseName=crawls.name, TableInput=changed)
    crawls.glue.update_crawler(Name=crawler, SchemaChangePolicy=LOG)

    crawls.run(crawler)

    told = f"Partition {crawls.name}.t ['1'] and 1 more: other columns than its files or its table; they stay"
    assert crawls.warnings(crawler) == [told]
    crawls.glue.update_crawler(Name=crawler, SchemaChangePolicy=UPDATE)
    crawls.run(crawler)
    parts = crawls.glue.get_partitions(DatabaseName=crawls.name, TableName="t")["Partitions"]
    names = [[column["Name"] for column in part["StorageDescriptor"]["Columns"]] for part in parts]
    assert (names, crawls.warnings(crawler)) == ([["id", "price"], ["id", "price"]], [])


def test_a_crawl_runs_in_its_crawler_s_region(cloud: LocalCloudProcess, aws: Aws, bucket: str) -> None:
    make: Any = boto3.client  # its overloads know arguments one by one only
    arguments = {"region_name": "us-west-2", "aws_access_key_id": "222222222222", "aws_secret_access_key": "x"}
    glue = make("glue", endpoint_url=cloud.endpoint_url, **arguments)
    s3 = make("s3", endpoint_url=cloud.endpoint_url, **arguments)
    s3.create_bucket(Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(Bucket="far-away", Key="t/p=1/f.parquet", Body=parquet(ID))
    targets = {"S3Targets": [{"Path": "s3://far-away/t"}]}
    glue.create_crawler(Name="far", Role=ROLE.replace("0" * 12, "2" * 12), DatabaseName="far", Targets=targets)
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        aws.client("glue").start_crawler(Name="far")

    glue.start_crawler(Name="far")

    last = eventually(lambda: glue.get_crawler(Name="far")["Crawler"].get("LastCrawl"))
    assert last["Status"] == "SUCCEEDED", last
    assert [table["Name"] for table in glue.get_tables(DatabaseName="far")["TableList"]] == ["t"]
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        aws.client("glue").get_database(Name="far")


def test_events_tell_of_start_and_end(crawls: Crawls) -> None:
    crawls.table("orders", {"id": "bigint"}, ["year"])
    crawls.put("orders/year=2026/a.parquet", parquet(ID))
    crawler = crawls.over_tables("orders")
    pattern = {
        "source": ["aws.glue"],
        "detail-type": ["Glue Crawler State Change"],
        "detail": {"crawlerName": [crawler]},
    }
    url, _ = crawls.queue(pattern)

    crawls.run(crawler)

    eventually(lambda: crawls.waiting(url) == 2)
    events = sorted(map(json.loads, crawls.taken(url)), key=lambda event: event["detail"]["state"])
    started, succeeded = (event["detail"] for event in events)
    assert started.pop("startTime")
    own = {"crawlerName": crawler, "accountId": "000000000000"}
    assert started == {**own, "state": "Started", "message": "Crawler Started"}
    assert succeeded.pop("completionDate")
    assert int(succeeded.pop("runningTime (sec)")) < 60
    assert succeeded == {
        **own,
        **NO_COUNTS,
        "state": "Succeeded",
        "message": "Crawler Succeeded",
        "warningMessage": "N/A",
        "partitionsCreated": "1",
    }


def test_a_failed_crawl_says_why(crawls: Crawls) -> None:
    crawler = crawls.crawler({"S3Targets": [{"Path": "s3://no-such-bucket-here/x/"}]})
    pattern = {"source": ["aws.glue"], "detail": {"crawlerName": [crawler], "state": ["Failed"]}}
    url, _ = crawls.queue(pattern)

    shown = crawls.run(crawler, "FAILED")

    message = shown["LastCrawl"]["ErrorMessage"]
    assert message.startswith("NoSuchBucket: ")
    assert f"ERROR : {message}" in crawls.lines(crawler)
    [event] = eventually(lambda: crawls.taken(url))
    assert (json.loads(event)["detail"]["state"], json.loads(event)["detail"]["message"]) == ("Failed", message)
    [crawl] = crawls.glue.list_crawls(CrawlerName=crawler)["Crawls"]
    assert (crawl["State"], crawl["ErrorMessage"]) == ("FAILED", message)


def test_a_crawl_can_be_stopped_and_a_running_crawler_is_left_alone(crawls: Crawls) -> None:
    crawls.table("many", {"id": "bigint"}, ["p"])
    body = parquet(ID)
    for number in range(400):
        crawls.put(f"many/p={number}/a.parquet", body)
    crawler = crawls.over_tables("many")
    glue = crawls.glue
    with pytest.raises(ClientError, match="CrawlerNotRunningException"):
        glue.stop_crawler(Name=crawler)

    glue.start_crawler(Name=crawler)
    assert glue.get_crawler(Name=crawler)["Crawler"]["State"] == "RUNNING"
    for refused in (glue.start_crawler, glue.delete_crawler, glue.update_crawler):
        with pytest.raises(ClientError, match="CrawlerRunningException"):
            refused(Name=crawler)
    glue.stop_crawler(Name=crawler)

    crawls.wait(crawler, "CANCELLED")
    assert crawls.partitions("many") == {}
    crawls.run(crawler)
    assert len(crawls.partitions("many")) == 400


def test_a_schedule_starts_and_stops(crawls: Crawls) -> None:
    crawler = crawls.over_tables("t", Schedule="cron(0 0 1 1 ? *)")
    glue = crawls.glue
    with pytest.raises(ClientError, match="SchedulerRunningException"):
        glue.start_crawler_schedule(CrawlerName=crawler)
    glue.stop_crawler_schedule(CrawlerName=crawler)
    shown = glue.get_crawler(Name=crawler)["Crawler"]["Schedule"]
    assert shown == {"ScheduleExpression": "cron(0 0 1 1 ? *)", "State": "NOT_SCHEDULED"}
    with pytest.raises(ClientError, match="SchedulerNotRunningException"):
        glue.stop_crawler_schedule(CrawlerName=crawler)
    with pytest.raises(ClientError, match="is not a cron expression"):
        glue.update_crawler_schedule(CrawlerName=crawler, Schedule="cron(1 2)")
    glue.start_crawler_schedule(CrawlerName=crawler)
    assert glue.get_crawler(Name=crawler)["Crawler"]["Schedule"]["State"] == "SCHEDULED"
    glue.update_crawler_schedule(CrawlerName=crawler, Schedule="")
    with pytest.raises(ClientError, match="NoScheduleException"):
        glue.start_crawler_schedule(CrawlerName=crawler)


def test_a_crawl_that_a_kill_interrupted_has_failed(tmp_path: Path) -> None:
    own = LocalCloudProcess(cloud_config(tmp_path / "state"))
    own.start()
    try:
        aws = Aws(own.endpoint_url)
        crawls = Crawls(aws, aws.make_bucket("killed"))
        crawls.table("many", {"id": "bigint"}, ["p"])
        for number in range(300):
            crawls.put(f"many/p={number}/a.parquet", parquet(ID))
        crawler = crawls.over_tables("many")
        time.sleep(1.0)  # some checkpoints
        crawls.glue.start_crawler(Name=crawler)
        own.kill()
        own.start()
        again = Aws(own.endpoint_url).client("glue").get_crawler(Name=crawler)["Crawler"]
    finally:
        own.stop()
    assert (again["State"], again["LastCrawl"]["Status"]) == ("READY", "FAILED")
    assert again["LastCrawl"]["ErrorMessage"].startswith("LocalCloudStopped: ")


@pytest.mark.parametrize(
    ("targets", "more", "why"),
    [
        ({}, {}, "needs a target"),
        ({"S3Targets": [{"Path": "s3://b/"}], "CatalogTargets": [{"DatabaseName": "d", "Tables": ["t"]}]}, {}, "mixed"),
        ({"CatalogTargets": [{"DatabaseName": "d", "Tables": ["t"]}]}, {"policy": UPDATE}, "only LOG DeleteBehavior"),
        ({"S3Targets": [{"Path": "s3://b/", "SampleSize": 250}]}, {}, "SampleSize must be 1 to 249"),
        ({"S3Targets": [{"Path": "s3://b/"}]}, {"Configuration": '{"Version": 2.0}'}, "Version 1.0"),
        (
            {"S3Targets": [{"Path": "s3://b/"}]},
            {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}, "policy": UPDATE},
            "Crawl new folders only",
        ),
        (
            {"S3Targets": [{"Path": "s3://b/"}]},
            {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"}},
            "needs the target's EventQueueArn",
        ),
        (
            {"S3Targets": [{"Path": "s3://b/", "EventQueueArn": "q", "SampleSize": 1}]},
            {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"}},
            "does not support sampling",
        ),
        (
            {"S3Targets": [{"Path": "s3://b/", "EventQueueArn": "q"}, {"Path": "s3://c/", "EventQueueArn": "q"}]},
            {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"}},
            "exactly one",
        ),
        ({"S3Targets": [{"Path": "s3://b/"}]}, {"Schedule": "rate(1 hour)"}, "not a cron expression"),
    ],
)
def test_definitions_that_aws_refuses_are_refused(
    crawls: Crawls, targets: dict[str, Any], more: dict[str, Any], why: str
) -> None:
    with pytest.raises(ClientError, match=why) as refused:
        crawls.crawler(targets, **more)
    assert refused.value.response["Error"]["Code"] == "InvalidInputException"


def test_crawlers_and_crawls_are_listed_in_pages(crawls: Crawls) -> None:
    crawls.table("t", {"id": "bigint"}, [])
    mine = {"Owner": crawls.name}
    names = sorted(crawls.over_tables("t", Tags=mine) for _ in range(3))
    first = crawls.glue.list_crawlers(Tags=mine, MaxResults=2)
    rest = crawls.glue.list_crawlers(Tags=mine, NextToken=first["NextToken"])
    assert (first["CrawlerNames"], rest["CrawlerNames"], "NextToken" in rest) == (names[:2], names[2:], False)
    batch = crawls.glue.batch_get_crawlers(CrawlerNames=[names[1], "no-such-crawler"])
    assert [crawler["Name"] for crawler in batch["Crawlers"]] == [names[1]]
    assert batch["CrawlersNotFound"] == ["no-such-crawler"]
    pages = crawls.glue.get_paginator("get_crawlers").paginate(PaginationConfig={"PageSize": 1})
    assert set(names) <= {crawler["Name"] for page in pages for crawler in page["Crawlers"]}
    crawls.run(names[0])
    crawls.run(names[0])
    newest = crawls.glue.list_crawls(CrawlerName=names[0], MaxResults=1)
    oldest = crawls.glue.list_crawls(CrawlerName=names[0], NextToken=newest["NextToken"])
    [last], [earlier] = newest["Crawls"], oldest["Crawls"]
    assert last["StartTime"] > earlier["StartTime"]
    wanted = [{"FieldName": "CRAWL_ID", "FilterOperator": "EQ", "FieldValue": earlier["CrawlId"]}]
    assert crawls.glue.list_crawls(CrawlerName=names[0], Filters=wanted)["Crawls"] == [earlier]
    failed = [{"FieldName": "STATE", "FilterOperator": "EQ", "FieldValue": "FAILED"}]
    assert crawls.glue.list_crawls(CrawlerName=names[0], Filters=failed)["Crawls"] == []
    shown = crawls.glue.get_crawler(Name=names[0])["Crawler"]["LastCrawl"]
    assert (shown["MessagePrefix"], shown["StartTime"]) == (last["MessagePrefix"], last["StartTime"])
    crawls.glue.delete_crawler(Name=names[0])
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        crawls.glue.start_crawler(Name=names[0])


def test_a_crawler_crawls_at_its_time(aws: Aws, every_minute: str) -> None:
    def look() -> dict[str, Any] | None:
        shown: dict[str, Any] = aws.client("glue").get_crawler(Name=every_minute)["Crawler"]
        return shown.get("LastCrawl")

    last = eventually(look, 75.0)
    assert last is not None
    assert last["Status"] == "SUCCEEDED"
    aws.client("glue").delete_crawler(Name=every_minute)
