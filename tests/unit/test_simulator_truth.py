"""The truth about the warehouse, on records made by hand, and what the sender writes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import pytest

from sluice.contract import parse_contract
from sluice.contract.files import read_contracts
from sluice.errors import SimulatorError
from sluice.lake.handover import TableCounts
from sluice.lake.layout import Partition
from sluice.lake.manifest import Manifest
from sluice.simulator import DATASETS, Sender, SimulatorOptions, Truth, simulate
from sluice.simulator.record import Record, Tree
from tests.unit.contract_data import plain_contract

CONTRACTS = read_contracts(Path(__file__).resolve().parents[2] / "contracts")
FIRST = Partition.parse("2026-11-20T13")
SECOND = FIRST.next()


def _order(order_id: str, minute: int, status: str, *lines: tuple[int, int]) -> Tree:
    return {
        "order_id": order_id,
        "customer": {"id": "c"},
        "order_status": status,
        "updated_at": FIRST.start.replace(tzinfo=None, minute=minute),
        "items": [{"line_number": number, "quantity": quantity} for number, quantity in lines],
    }


def _good(*arguments: Any) -> Record:
    return Record(_order(*arguments), "")


def _truth(*batches: tuple[Partition, Mapping[str, list[Record]]]) -> Truth:
    truth = Truth({"orders": CONTRACTS["orders"]})
    for partition, files in batches:
        batch = truth.begin("orders", partition)
        for name, records in files.items():
            for record in records:
                batch.add(record, name)
    return truth


def _statuses(truth: Truth) -> dict[Any, Any]:
    return {key[0]: version.row["order_status"] for key, version in truth.rows("orders").items()}


def _quantities(truth: Truth) -> dict[Any, Any]:
    return {key: version.row["quantity"] for key, version in truth.rows("order_items").items()}


def test_the_newest_version_of_each_key_stays_in_each_table() -> None:
    truth = _truth(
        (FIRST, {"a": [_good("1", 5, "shipped", (1, 7)), _good("1", 3, "placed", (1, 2), (2, 3))]}),
    )
    assert _statuses(truth) == {"1": "shipped"}
    assert _quantities(truth) == {("1", 1): 7, ("1", 2): 3}
    assert truth.counts("orders") == TableCounts(read=2, rejected=0, duplicates=1, published=1)
    assert truth.counts("order_items") == TableCounts(read=3, rejected=0, duplicates=1, published=2)


def test_an_older_version_in_a_later_partition_loses() -> None:
    truth = _truth((FIRST, {"a": [_good("1", 5, "shipped")]}), (SECOND, {"b": [_good("1", 3, "placed")]}))
    assert _statuses(truth) == {"1": "shipped"}
    assert truth.counts("orders") == TableCounts(read=2, rejected=0, duplicates=0, published=2)


@pytest.mark.parametrize("is_late", [False, True])
def test_of_equally_new_versions_the_later_partition_wins_whatever_was_sent_first(is_late: bool) -> None:
    batches = [(FIRST, {"a": [_good("1", 5, "first")]}), (SECOND, {"b": [_good("1", 5, "second")]})]
    truth = _truth(*(reversed(batches) if is_late else batches))
    assert _statuses(truth) == {"1": "second"}
    version = truth.rows("orders")[("1",)]
    assert (version.partition, version.file_url) == (SECOND, "b")


def test_of_equal_copies_in_two_files_the_one_with_the_larger_name_is_named() -> None:
    truth = _truth((FIRST, {"b": [_good("1", 5, "x")], "a": [_good("1", 5, "x")]}))
    assert truth.rows("orders")[("1",)].file_url == "b"


def test_a_bad_record_is_counted_over_all_tables_and_published_in_none() -> None:
    bad = Record(_order("1", 9, "lost", (1, 1), (2, 1)), "", "value that is not allowed")
    unreadable = Record({}, "{", "line cut off", is_readable=False)
    truth = _truth((FIRST, {"a": [bad, unreadable, *(_good(str(n), 1, "ok", (1, 1)) for n in range(2, 12))]}))
    assert truth.counts("orders") == TableCounts(read=12, rejected=2, duplicates=0, published=10)
    assert truth.counts("order_items") == TableCounts(read=12, rejected=2, duplicates=0, published=10)
    assert ("1",) not in truth.rows("orders")
    assert truth.batches()[0].faults == {"value that is not allowed": 1, "line cut off": 1}


def test_a_batch_above_its_ratio_of_bad_records_is_not_published() -> None:
    bad = Record(_order("1", 9, "lost"), "", "value that is not allowed")
    at_limit = [bad, *(_good(str(n), 1, "ok") for n in range(2, 6))]
    assert CONTRACTS["orders"].max_rejected_ratio == 0.2
    assert _truth((FIRST, {"a": at_limit})).batches()[0].is_published
    truth = _truth((FIRST, {"a": [bad, *at_limit]}))
    assert not truth.batches()[0].is_published
    assert (truth.rows("orders"), truth.counts("orders")) == ({}, TableCounts())


def test_a_partition_sent_again_replaces_what_was_sent_before() -> None:
    truth = _truth((FIRST, {"a": [_good("1", 5, "x"), _good("2", 5, "x")]}), (FIRST, {"a": [_good("2", 4, "y")]}))
    assert _statuses(truth) == {"2": "y"}


def test_the_truth_is_known_for_upserts_only() -> None:
    data = plain_contract()
    data["tables"][0]["load"] = "append"
    with pytest.raises(SimulatorError, match="table 'parcels': the truth is known for load mode upsert only"):
        Truth({"parcels": parse_contract(data, "parcels.yaml")})


class _Bucket:
    """An S3 bucket in memory: what was put, in order."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def upload_fileobj(self, stream: IO[bytes], bucket: str, key: str) -> None:
        self.objects[f"s3://{bucket}/{key}"] = stream.read()

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803
        assert ContentType == "application/json"
        self.objects[f"s3://{Bucket}/{Key}"] = Body


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_manifest_is_written_last_and_lists_every_file_with_its_length(dataset: str) -> None:
    bucket = _Bucket()
    partition = simulate(CONTRACTS[dataset], FIRST, SimulatorOptions(FIRST, rows=30))
    sent = Sender(bucket, "raw").send(partition)  # type: ignore[arg-type]
    *files, manifest_url = bucket.objects
    assert manifest_url == sent.manifest_url == f"s3://raw/{partition.folder}/manifest.json"
    manifest = Manifest.parse(bucket.objects[manifest_url], manifest_url)
    manifest.check_inside("raw", partition.folder, manifest_url)
    assert {entry.url: entry.content_length for entry in manifest.entries} == {
        url: len(bucket.objects[url]) for url in files
    }
    assert (sent.files, sent.records) == (len(files), 30)
    assert sent.size_bytes == sum(len(bucket.objects[url]) for url in files)


def test_a_broken_manifest_names_a_file_that_does_not_exist_and_is_no_part_of_the_truth() -> None:
    bucket, truth = _Bucket(), Truth(CONTRACTS)
    partition = simulate(CONTRACTS["orders"], FIRST, SimulatorOptions(FIRST, rows=30))
    sent = Sender(bucket, "raw", truth).send_broken(partition)  # type: ignore[arg-type]
    listed = {entry["url"] for entry in json.loads(bucket.objects[sent.manifest_url])["entries"]}
    assert listed - bucket.objects.keys() == {f"s3://raw/{partition.folder}/never-written.bin"}
    assert truth.batches() == []


def test_the_truth_hears_of_every_record_while_it_is_sent() -> None:
    bucket, truth, made = _Bucket(), Truth(CONTRACTS), []
    sender = Sender(bucket, "raw", truth, lambda: made.append(1))  # type: ignore[arg-type]
    options = SimulatorOptions(FIRST, rows=60, bad_share=0.1)
    for hour in (FIRST, SECOND):
        for dataset in DATASETS:
            sender.send(simulate(CONTRACTS[dataset], hour, options))
    assert len(made) == 2 * 4 * 60
    assert [batch.records for batch in truth.batches()] == [60] * 8
    for table in truth.tables:
        counts = truth.counts(table)
        assert counts.is_balanced
        assert 0 < len(truth.rows(table)) < counts.published < counts.read
    assert truth.counts("transactions") == TableCounts(120, 12, 4, 104)
