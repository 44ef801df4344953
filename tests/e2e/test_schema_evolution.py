"""What docs/schema-evolution.md promises, from raw files by way of Parquet and the catalog to each reader."""

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from localcloud_tests.aws.cloud import eventually
from sluice.aws.athena import Athena
from sluice.aws.data_api import Address, DataApi
from sluice.aws.documents import Documents
from sluice.aws.objects import Objects
from sluice.contract import parse_contract
from sluice.drift import Difference, Kind, Layer
from sluice.drift.report import DriftReport
from sluice.errors import MissingObjectError, WarehouseError
from sluice.lake.layout import Partition, split_url
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from sluice.ledger.replay import Replay
from sluice.names import crawler_name
from sluice_laptop.demo.inbox import Inbox
from tests.e2e.stack import Stack

DATASET = "gauges"
HOURS = [Partition.parse(f"2031-05-06T{hour:02}") for hour in range(5)]
Row = tuple[object, ...]

FIRST = """
dataset: gauges
max_rejected_ratio: 0.5
source: {format: csv, layout: gauges/%Y-%m-%d/%H}
tables:
  - name: gauges
    primary_key: [gauge_id]
    order_by: [updated_at]
    columns:
      - {name: gauge_id, type: bigint}
      - {name: label, type: varchar(8)}
      - {name: level, type: "decimal(10,2)", required: true}
      - {name: unit, type: varchar(4), may_be_absent: true}
      - {name: updated_at, type: timestamp}
"""
# Files of earlier hours, which a replay reads again, do not have it.
WITH_NOTE = FIRST + "      - {name: note, type: varchar(16), may_be_absent: true}\n"
WIDER = WITH_NOTE.replace("varchar(8)", "varchar(32)").replace("decimal(10,2)", "decimal(12,2)")
NARROWER = WIDER.replace("varchar(32)", "varchar(4)")
AT = "2031-05-06T00:00:00"


class Gauges:
    """The dataset, and all who read it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.warehouse = DataApi(stack.clients.redshift_data, Address.from_settings(stack.settings))
        results = f"s3://{stack.settings.processed_bucket}/_sluice/athena/"
        self.athena = Athena(stack.clients.athena, stack.settings.processed_database, results)
        self.inbox = Inbox(stack.clients, stack.settings)

    def deploy(self, contract: str) -> None:
        self.stack.contracts = {
            **self.stack.contracts,
            DATASET: parse_contract(yaml.safe_load(contract), "gauges.yaml"),
        }
        self.stack.deploy()

    def send(self, hour: Partition, *lines: str) -> None:
        self.stack.send(DATASET, hour, {"a.csv": "".join(f"{line}\n" for line in lines).encode()})

    def replay(self, hours: Sequence[Partition]) -> None:
        stack = self.stack
        documents, objects = Documents(stack.clients.s3), Objects(stack.clients.s3)
        replays = Replay(stack.ledger, documents, objects, stack.contracts, stack.settings, datetime.now(UTC))
        for plan in replays.plan_all(DATASET, hours):
            replays.write(plan)

    def newest(self, count: int) -> list[BatchRecord]:
        """The newest batches when the dataset has so many and all is done with them."""
        return self.stack.settled(DATASET, count)

    def of(self, *hours: Partition) -> list[BatchRecord]:
        """The newest batch of each of these hours, as far as there are any."""
        found = {one.partition: one for one in sorted(self.stack.ledger.batches(DATASET), key=lambda it: it.batch_id)}
        return [found[hour.label] for hour in hours if hour.label in found]

    def crawl(self, zone: str) -> list[Difference]:
        """Crawl, and what the sync that follows the crawl's event has found."""
        before = self._surveyed_at(zone)
        self.stack.clients.glue.start_crawler(Name=crawler_name(self.stack.settings.prefix, zone, DATASET))
        eventually(lambda: self._surveyed_at(zone) > before, 90)
        return list(self._report().zones[zone].differences)

    def told(self) -> dict[str, list[tuple[str, str, str, str]]]:
        """What support has heard of drift since the last time: layer, column and both types, by kind."""
        self.inbox.messages.clear()
        time.sleep(0.5)
        self.inbox.read()
        found: dict[str, list[tuple[str, str, str, str]]] = {"breaking": [], "changed": [], "notes": []}
        for message in self.inbox.of("support"):
            if message.body["event"] == "drift" and message.body["dataset"] == DATASET:
                for kind, items in found.items():
                    items += [(i["layer"], i["column"], i["have"], i["want"]) for i in message.body[kind]]
        return found

    def rows(self, columns: str) -> dict[str, list[Row]]:
        """The rows that every reader gives, by their keys."""
        sql = f"SELECT {columns} FROM {{}} ORDER BY gauge_id"
        return {
            "athena": self.athena.rows(sql.format("gauges")),
            "spectrum": self.spectrum(sql.format("spectrum.gauges")),
            "redshift": [tuple(row) for row in self.warehouse.rows(sql.format("gauges"), label="read")],
        }

    def spectrum(self, sql: str) -> list[Row]:
        return [tuple(row) for row in self.warehouse.rows(sql, label="read")]

    def parquet_columns(self, hour: Partition) -> list[str]:
        """Columns of the partition's published file, without lineage."""
        database = self.stack.settings.processed_database
        shown = self.stack.clients.glue.get_partition(
            DatabaseName=database, TableName="gauges", PartitionValues=list(hour.values)
        )
        bucket, prefix = split_url(shown["Partition"]["StorageDescriptor"]["Location"])
        s3 = self.stack.clients.s3
        [found] = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
        body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
        schema = pq.read_schema(io.BytesIO(body))
        return [f"{name} {schema.field(name).type}" for name in schema.names if not name.startswith("_")]

    def catalog(self) -> dict[str, str]:
        table = self.stack.clients.glue.get_table(DatabaseName=self.stack.settings.processed_database, Name="gauges")[
            "Table"
        ]
        return {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}

    def redshift(self) -> dict[str, str]:
        sql = (
            "SELECT column_name, data_type, character_maximum_length, numeric_precision, numeric_scale "
            "FROM svv_columns WHERE table_schema = 'public' AND table_name = 'gauges'"
        )
        return {
            str(name): "/".join(str(part) for part in kind if part is not None)
            for name, *kind in self.warehouse.rows(sql, label="columns")
        }

    def _surveyed_at(self, zone: str) -> str:
        try:
            zones = self._report().zones
        except MissingObjectError:
            return ""
        return zones[zone].surveyed_at if zone in zones else ""

    def _report(self) -> DriftReport:
        url = self.stack.settings.processed.drift_report(DATASET)
        return DriftReport.from_json(Documents(self.stack.clients.s3).read(url))


@pytest.fixture
def gauges(stack: Stack) -> Iterator[Gauges]:
    found = Gauges(stack)
    with found.inbox:
        yield found


def test_a_schema_changes_and_every_layer_follows_or_says_why_not(gauges: Gauges) -> None:
    gauges.deploy(FIRST)
    gauges.send(HOURS[0], "gauge_id,label,level,unit,updated_at", f"1,first,1.25,m,{AT}")
    assert _states(gauges.newest(1)) == [BatchState.LOADED]

    _a_column_is_added_and_the_source_sends_one_more(gauges)
    _types_grow_and_the_source_drops_a_column(gauges)
    _a_type_narrows_and_the_source_drops_what_is_needed(gauges)


def _a_column_is_added_and_the_source_sends_one_more(gauges: Gauges) -> None:
    gauges.deploy(WITH_NOTE)
    gauges.send(HOURS[1], "gauge_id,label,level,unit,updated_at,note,colour", f"2,second,2.50,m,{AT},hello,red")
    assert _states(gauges.newest(2)) == [BatchState.LOADED] * 2

    assert "note string" not in gauges.parquet_columns(HOURS[0])
    assert "note string" in gauges.parquet_columns(HOURS[1])
    assert gauges.catalog()["note"] == "varchar(16)"
    assert gauges.redshift()["note"] == "character varying/16"
    rows: list[Row] = [(1, "first", Decimal("1.25"), "m", None), (2, "second", Decimal("2.50"), "m", "hello")]
    assert gauges.rows("gauge_id, label, level, unit, note") == dict.fromkeys(("athena", "spectrum", "redshift"), rows)

    # The unknown column goes nowhere, and support hears of it once.
    assert _of(gauges.crawl("raw"), Layer.SOURCE) == {"colour": Kind.NOTE}
    assert [item[:2] for item in gauges.told()["notes"]] == [("source", "colour")]
    assert _of(gauges.crawl("raw"), Layer.SOURCE) == {"colour": Kind.NOTE}
    assert gauges.told() == {"breaking": [], "changed": [], "notes": []}


def _types_grow_and_the_source_drops_a_column(gauges: Gauges) -> None:
    gauges.deploy(WIDER)
    found = gauges.crawl("processed")
    assert _of(found, Layer.WAREHOUSE) == {"label": Kind.COMPATIBLE, "level": Kind.COMPATIBLE}
    assert all(item.is_applied for item in found if item.layer is Layer.WAREHOUSE)
    [older] = [item for item in found if item.layer is Layer.FILES and item.kind is Kind.BREAKING]
    assert (older.column, older.partitions) == ("level", tuple(hour.label for hour in HOURS[:2]))
    told = gauges.told()
    assert [item[:2] for item in told["changed"]] == [("warehouse", "label"), ("warehouse", "level")]
    assert [item[:2] for item in told["breaking"]] == [("files", "level")]

    # Redshift has grown, and nothing is gone; of the older files only Spectrum refuses the column.
    assert (gauges.catalog()["label"], gauges.catalog()["level"]) == ("varchar(32)", "decimal(12,2)")
    assert gauges.redshift() | {"label": "character varying/32", "level": "numeric/12/2"} == gauges.redshift()
    assert gauges.redshift()["level__decimal_10_2"] == "numeric/10/2"
    old: list[Row] = [(1, Decimal("1.25")), (2, Decimal("2.50"))]
    assert gauges.athena.rows("SELECT gauge_id, level FROM gauges ORDER BY 1") == old
    with pytest.raises(WarehouseError, match="incompatible Parquet schema for column"):
        gauges.spectrum("SELECT gauge_id, level FROM spectrum.gauges")
    assert gauges.spectrum("SELECT gauge_id, label FROM spectrum.gauges ORDER BY 1") == [(1, "first"), (2, "second")]

    # The command of the notice brings the older files to the new type.
    gauges.replay(HOURS[:2])
    gauges.send(HOURS[2], "gauge_id,label,level,updated_at,note", f"3,a label of many letters,1234567890.12,{AT},")
    batches = gauges.newest(5)[-3:]
    assert _states(batches) == [BatchState.LOADED] * 3
    # Which columns a file lacks is known of each batch.
    absent = {batch.partition: batch.absent for batch in batches}
    assert absent == {HOURS[0].label: {"gauges.note": 1}, HOURS[1].label: {}, HOURS[2].label: {"gauges.unit": 1}}
    rows: list[Row] = [
        (1, "first", Decimal("1.25"), "m", None),
        (2, "second", Decimal("2.50"), "m", "hello"),
        (3, "a label of many letters", Decimal("1234567890.12"), None, None),
    ]
    assert gauges.rows("gauge_id, label, level, unit, note") == dict.fromkeys(("athena", "spectrum", "redshift"), rows)
    assert [item for item in gauges.crawl("processed") if item.kind is Kind.BREAKING] == []

    # The dropped column is null everywhere; nobody needs it, so it is a note.
    assert _of(gauges.crawl("raw"), Layer.SOURCE) == {"unit": Kind.NOTE}


def _a_type_narrows_and_the_source_drops_what_is_needed(gauges: Gauges) -> None:
    before = gauges.rows("gauge_id, label, level, unit, note")["redshift"]
    gauges.told()
    gauges.deploy(NARROWER)
    gauges.send(HOURS[3], "gauge_id,label,level,unit,updated_at,note", f"4,ok,4,m,{AT},", f"5,too long,5,m,{AT},")
    gauges.send(HOURS[4], "gauge_id,label,unit,updated_at,note", f"6,six,m,{AT},")
    ahead = "column label is character varying(32) in the warehouse and varchar(4) in the contract"
    eventually(lambda: [one for one in gauges.of(HOURS[3]) if ahead in one.reason], 90)
    eventually(lambda: [one for one in gauges.of(HOURS[4]) if one.state.is_final], 90)
    narrow, lacking = gauges.of(*HOURS[3:5])

    # What fits is published, what does not is in quarantine; the warehouse stays as it was, and the load waits: it may
    # be that of yesterday's contract.
    assert narrow.reasons == {"gauges.label: longer than 4 bytes": 1}
    assert narrow.state in {BatchState.CONVERTED, BatchState.LOADING}
    assert (lacking.state, lacking.stage) == (BatchState.FAILED, "convert")
    assert [reason for reason in lacking.reasons if "lacks column level" in reason] == list(lacking.reasons)
    assert gauges.rows("gauge_id, label, level, unit, note")["redshift"] == before
    assert gauges.redshift()["label"] == "character varying/32"

    found = [item for item in gauges.crawl("processed") if item.kind is Kind.BREAKING]
    assert [(item.layer, item.column, item.have, item.want) for item in found] == [
        (Layer.WAREHOUSE, "label", "character varying(32)", "varchar(4)")
    ]
    assert _of(gauges.crawl("raw"), Layer.SOURCE) == {"level": Kind.BREAKING}
    assert [item[:2] for item in gauges.told()["breaking"]] == [("warehouse", "label"), ("source", "level")]
    # Spectrum cuts longer texts of older files; the files have them whole.
    cut = gauges.spectrum("SELECT gauge_id, label FROM spectrum.gauges ORDER BY 1")
    assert cut == [(1, "firs"), (2, "seco"), (3, "a la"), (4, "ok")]

    # With the contract back, the batch that waited is loaded, and what had not fitted comes with its replay.
    gauges.deploy(WIDER)
    gauges.replay(HOURS[3:4])
    assert gauges.newest(8)[-1].state is BatchState.LOADED
    rows = gauges.rows("gauge_id, label")
    assert rows["redshift"] == rows["athena"] == rows["spectrum"]
    assert [label for _, label in rows["redshift"]][3:] == ["ok", "too long"]


def _states(batches: Sequence[BatchRecord]) -> list[BatchState]:
    return [batch.state for batch in batches]


def _of(differences: Sequence[Difference], layer: Layer) -> Mapping[str, Kind]:
    """Kind of what differs in one layer, by column."""
    found: dict[str, Any] = {item.column: item.kind for item in differences if item.layer is layer}
    return found
