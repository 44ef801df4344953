"""A dataset is added by one YAML file alone, in each of the four formats; an ordinary S3 client does the rest."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from tests.e2e.stack import Stack, states

DAY = Partition(datetime(2026, 11, 20, tzinfo=UTC), is_hourly=False)
HOUR = Partition(datetime(2026, 11, 20, 13, tzinfo=UTC))

REFUNDS = """refund_id|Order No|reason|amount|refunded_on|updated_at|internal note
1|ORD-1| größer als bestellt |10.50|19/11/2026|2026-11-20T08:00:00Z|x
2|ORD-2|"broken | bent"|7|20/11/2026|2026-11-20T09:00:00Z|
1|ORD-1|older version|1.00|18/11/2026|2026-11-19T08:00:00Z|
""".encode("latin-1")

SHIPMENTS = json.dumps(
    [
        {
            "shipment_id": "S1",
            "to": {"address": {"city": " Łódź "}},
            "parcels": [{"weight": 1.25}, {"weight": 3}],
            "updated_at": "2026-11-20T12:00:00+01:00",
        },
        {"shipment_id": None, "to": {}, "parcels": [], "updated_at": "2026-11-20T12:00:00Z"},
        {"shipment_id": "S2", "parcels": None, "updated_at": "2026-11-20 12:30:00.5"},
    ],
    indent=2,
).encode()

SUPPLIERS = """<?xml version="1.0" encoding="UTF-8"?>
<suppliers>
  <supplier id="7" note="a > b"><name> Ärger &amp; Söhne </name><state active="false"/>
    <updated_at>2026-11-20T00:00:00</updated_at></supplier>
  <supplier id="8"><name><![CDATA[<Best>]]></name><updated_at>2026-11-20T00:00:00</updated_at></supplier>
</suppliers>
""".encode()


def sensors() -> bytes:
    """A Parquet file whose types are not quite the contract's."""
    moment = datetime(2026, 11, 20, 13, 5, 0, 250000)  # noqa: DTZ001 - Parquet's timestamp without a zone
    table = pa.table(
        {
            "sensor_id": pa.array([1, 2], pa.int64()),
            "read_at": pa.array([moment, moment], pa.timestamp("us")),
            "value": pa.array([21.5, None], pa.float32()),
            "meta": pa.array([{"unit": "cel"}, {"unit": "k"}], pa.struct([("unit", pa.string())])),
        }
    )
    body = BytesIO()
    pq.write_table(table, body)
    return body.getvalue()


@pytest.fixture(scope="module")
def sent(stack: Stack) -> Stack:
    """All four datasets on their way, so that they share the waiting."""
    stack.send("refunds", DAY, {"refunds of today +1%.csv": REFUNDS})
    stack.send("shipments", HOUR, {"shipments.json": SHIPMENTS})
    stack.send("suppliers", DAY, {"suppliers.xml": SUPPLIERS})
    stack.send("sensors", HOUR, {"readings.parquet": sensors()})
    return stack


def test_csv(sent: Stack) -> None:
    [batch] = sent.settled("refunds", 1)
    assert (batch.state, batch.reason) == (BatchState.LOADED, "")
    assert sent.rows('select refund_id, "order", reason, amount, refunded_on, updated_at from refunds order by 1') == [
        (1, "ORD-1", "größer als bestellt", Decimal("10.50"), date(2026, 11, 19), datetime(2026, 11, 20, 8)),  # noqa: DTZ001
        (2, "ORD-2", "broken | bent", Decimal("7.00"), date(2026, 11, 20), datetime(2026, 11, 20, 9)),  # noqa: DTZ001
    ]
    counts = batch.counts["refunds"]
    assert (counts.read, counts.rejected, counts.duplicates, counts.published) == (3, 0, 1, 2)
    # Lineage names the file as the manifest does, whatever characters its key has.
    source = "s3://sluice-raw/finance/refunds/2026-11-20/refunds of today +1%.csv"
    assert sent.rows("select distinct _batch_id, _source_file from refunds") == [(batch.batch_id, source)]


def test_json_array_with_two_tables(sent: Stack) -> None:
    [batch] = sent.settled("shipments", 1)
    assert (batch.state, batch.reason) == (BatchState.LOADED, "")
    assert sent.rows("select shipment_id, city, updated_at from shipments order by 1") == [
        ("S1", "Łódź", datetime(2026, 11, 20, 11)),  # noqa: DTZ001
        ("S2", None, datetime(2026, 11, 20, 12, 30, 0, 500000)),  # noqa: DTZ001
    ]
    assert sent.rows("select shipment_id, weight_kg from shipment_parcels order by 2") == [("S1", 1.25), ("S1", 3.0)]
    assert batch.reasons == {"shipments.shipment_id: null in a key": 1}


def test_xml_full_refresh(sent: Stack) -> None:
    batches = sent.settled("suppliers", 1)
    assert states(batches) == [BatchState.LOADED]
    query = "select supplier_id, name, active from suppliers order by 1"
    assert sent.rows(query) == [(7, "Ärger & Söhne", False), (8, "<Best>", True)]

    # The next day's file is the whole table.
    tomorrow = SUPPLIERS.replace(b'id="7"', b'id="9"')
    sent.send("suppliers", DAY.next(), {"suppliers.xml": tomorrow})
    assert states(sent.settled("suppliers", 2)) == [BatchState.LOADED] * 2
    assert sent.rows(query) == [(8, "<Best>", True), (9, "Ärger & Söhne", False)]


def test_parquet(sent: Stack) -> None:
    [batch] = sent.settled("sensors", 1)
    assert (batch.state, batch.reason) == (BatchState.LOADED, "")
    assert sent.rows("select sensor_id, read_at, value, trim(unit) from sensor_readings order by 1") == [
        (1, datetime(2026, 11, 20, 13, 5, 0, 250000), 21.5, "CEL"),  # noqa: DTZ001
        (2, datetime(2026, 11, 20, 13, 5, 0, 250000), None, "K"),  # noqa: DTZ001
    ]
