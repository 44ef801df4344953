"""The simulated source system: repeatable, of the stated size, awkward where it may be, broken as stated."""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.files import read_contracts
from sluice.errors import LayoutError, SimulatorError
from sluice.lake.layout import Partition
from sluice.simulator import DATASETS, SimulatedPartition, SimulatorOptions, simulate
from sluice.simulator.faults import VALUE_FAULTS
from sluice.simulator.record import Record

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = read_contracts(ROOT / "contracts")
FIRST = Partition.parse("2026-11-20T13")
SECOND = FIRST.next()


def _bytes(partition: SimulatedPartition) -> list[bytes]:
    files = []
    for index in range(len(partition.file_names)):
        stream = io.BytesIO()
        partition.write(index, stream)
        files.append(stream.getvalue())
    return files


def _all_records(partition: SimulatedPartition) -> Iterator[Record]:
    for index in range(len(partition.file_names)):
        yield from partition.records(index)


def _simulate(dataset: str, partition: Partition = FIRST, **options: float) -> SimulatedPartition:
    return simulate(CONTRACTS[dataset], partition, SimulatorOptions(FIRST, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_same_options_give_the_same_bytes(dataset: str) -> None:
    again = _bytes(_simulate(dataset, SECOND, rows=80, bad_share=0.1))
    assert _bytes(_simulate(dataset, SECOND, rows=80, bad_share=0.1)) == again
    assert _bytes(_simulate(dataset, SECOND, rows=80, bad_share=0.1, seed=2)) != again


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_stated_number_of_records_in_the_stated_number_of_files(dataset: str) -> None:
    partition = _simulate(dataset, SECOND, rows=57, files=4, bad_share=0.1)
    assert len(partition.file_names) == 4
    assert sum(1 for _ in _all_records(partition)) == 57
    assert sum(record.fault is not None for record in _all_records(partition)) == 6


def test_files_are_named_by_format_and_compression() -> None:
    assert {name: _simulate(name, rows=9).file_names for name in DATASETS} == {
        "customers": ("customers-0001.csv.gz",),
        "products": ("products-0001.xml",),
        "orders": ("orders-0001.json",),
        "transactions": ("transactions-0001.csv", "transactions-0002.csv", "transactions-0003.csv"),
    }
    assert _simulate("transactions").folder == "transactions/2026-11-20/13"


def test_another_reader_finds_the_customers_as_they_are() -> None:
    """Python's own CSV reader, told what the contract says, gives back every value of the good rows."""
    partition = _simulate("customers", rows=200, bad_share=0)
    (body,) = _bytes(partition)
    found = list(csv.DictReader(io.StringIO(gzip.decompress(body).decode("UTF-8"), newline="")))
    table = CONTRACTS["customers"].tables[0]
    expected = [record.rows(table)[0] for record in _all_records(partition)]
    assert len(found) == len(expected) == 200
    for row, clean in zip(found, expected, strict=True):
        assert row["address"].strip() == (clean["address"] or row["address"].strip())
        assert row["customer_id"].strip() == clean["customer_id"]
        assert row["email"].strip().lower() == (clean["email"] or row["email"].strip().lower())
        assert (row["phone"].strip() in ("", "NULL", "N/A")) == (clean["phone"] is None)


def test_another_reader_finds_the_products_as_they_are() -> None:
    partition = _simulate("products", rows=150, bad_share=0)
    (body,) = _bytes(partition)
    found = list(ET.fromstring(body).iter("product"))
    table = CONTRACTS["products"].tables[0]
    expected = [record.rows(table)[0] for record in _all_records(partition)]
    assert [element.attrib["id"].strip() for element in found] == [row["product_id"] for row in expected]
    assert [(element.findtext("name") or "").strip() for element in found] == [row["product_name"] for row in expected]
    brands = [element.attrib.get("brand", "").strip() or None for element in found]
    assert brands == [row["brand"] for row in expected]


def test_another_reader_finds_the_orders_as_they_are() -> None:
    partition = _simulate("orders", rows=150, bad_share=0)
    (body,) = _bytes(partition)
    found = [json.loads(line) for line in body.decode("UTF-8").split("\n")]
    items = CONTRACTS["orders"].table("order_items")
    expected = [record.rows(items) for record in _all_records(partition)]
    assert [len(order["items"]) for order in found] == [len(rows) for rows in expected]
    assert [float(line["unit_price"]) for order in found for line in order["items"]] == [
        float(str(row["unit_price"])) for rows in expected for row in rows
    ]


def test_the_data_are_awkward() -> None:
    text = gzip.decompress(_bytes(_simulate("customers", rows=400))[0]).decode("UTF-8")
    for awkward in ('""', "\n\n", "ß", "東京", "; ", "\\", "  "):
        assert awkward in text, awkward
    xml = _bytes(_simulate("products", rows=400))[0].decode("UTF-8")
    for awkward in ("<![CDATA[", "&quot;", "&amp;", 'brand="Sharp > Soft"', "]]&gt;", "/>", "茶"):
        assert awkward in xml, awkward


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_kind_of_fault_appears(dataset: str) -> None:
    partition = _simulate(dataset, rows=100, bad_share=0.2)
    kinds = {record.fault for record in _all_records(partition)} - {None}
    assert kinds >= {fault.name for fault in VALUE_FAULTS[dataset]}


def test_no_bad_record_is_written_as_a_good_one_is() -> None:
    """A fault changes the text: the same record without it is another text."""
    broken = _simulate("orders", rows=100, bad_share=0.2)
    for record in _all_records(broken):
        if record.fault == "no number in an item":
            assert json.loads(record.text)["items"][-1]["quantity"] == "two"
        if record.fault == "line cut off":
            with pytest.raises(json.JSONDecodeError):
                json.loads(record.text)


@pytest.mark.parametrize("dataset", DATASETS)
def test_updates_repeat_keys_of_earlier_partitions_newer_and_older(dataset: str) -> None:
    table = CONTRACTS[dataset].tables[0]
    first, second = (
        {str(row[table.primary_key[0]]): row["updated_at"] for record in _all_records(_simulate(
            dataset, hour, rows=200, bad_share=0, duplicate_share=0, update_share=0.3)) for row in record.rows(table)}
        for hour in (FIRST, SECOND)
    )  # fmt: skip
    repeated = first.keys() & second.keys()
    assert len(repeated) == 60
    order = Counter((str(second[key]) > str(first[key])) - (str(second[key]) < str(first[key])) for key in repeated)
    assert order[1] > order[-1] > 0
    assert order[0] > 0


def test_duplicates_repeat_keys_of_the_same_partition() -> None:
    table = CONTRACTS["transactions"].tables[0]
    records = _all_records(_simulate("transactions", rows=100, bad_share=0, duplicate_share=0.3))
    keys = Counter(row["transaction_id"] for record in records for row in record.rows(table))
    assert Counter(keys.values()) == {2: 30, 1: 40}


@given(st.integers(1, 3), st.integers(20, 60))
def test_no_two_versions_of_a_key_are_equally_new_and_different_in_one_partition(seed: int, rows: int) -> None:
    for contract in CONTRACTS.values():
        options = SimulatorOptions(FIRST, seed=seed, rows=rows, duplicate_share=0.3, update_share=0.2)
        for table in contract.tables:
            seen: dict[object, object] = {}
            for record in _all_records(simulate(contract, SECOND, options)):
                for row in record.rows(table) if record.fault is None else []:
                    version = tuple(row[name] for name in (*table.primary_key, *table.order_by))
                    assert seen.setdefault(version, row) == row


def test_references_lead_to_things_that_exist() -> None:
    known = {
        dataset: {
            str(next(iter(record.clean.values())))
            for hour in (FIRST, SECOND)
            for record in _all_records(_simulate(dataset, hour, rows=60))
        }
        for dataset in DATASETS
    }
    for record in _all_records(_simulate("transactions", SECOND, rows=60, bad_share=0)):
        assert record.clean["order_id"] in known["orders"]
        assert record.clean["product_id"] in known["products"]


def test_a_partition_of_the_wrong_kind_or_time_is_refused() -> None:
    day = Partition.parse("2026-11-20")
    with pytest.raises(LayoutError, match="has hours"):
        simulate(CONTRACTS["orders"], day, SimulatorOptions(day))
    with pytest.raises(SimulatorError, match="2026-11-20T13 lies before the start 2026-11-20T14"):
        simulate(CONTRACTS["orders"], FIRST, SimulatorOptions(SECOND))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"rows": 0}, "rows: 0 is not between 1 and 1000000"),
        ({"rows": 2, "files": 3}, "files: 3 is not between 1 and the number of rows"),
        ({"bad_share": 1.5}, "bad_share: 1.5 is not between 0 and 1"),
        ({"bad_share": 0.9, "update_share": 0.2}, "leave too few new rows of 1000"),
        ({"update_share": 0.6}, "leave too few new rows of 1000"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, float], problem: str) -> None:
    with pytest.raises(SimulatorError, match=problem):
        SimulatorOptions(FIRST, **options)  # type: ignore[arg-type]
