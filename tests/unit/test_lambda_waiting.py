"""Manifests that come before their files, or before they may be read, wait for a stated time."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from lambda_trigger import arrival
from lambda_trigger.sweep import SweepError
from sluice.errors import AwsBusyError, AwsError
from sluice.ledger.advice import next_step
from sluice.ledger.batch import ARRIVAL, BatchState, Stage
from sluice.ledger.record import BatchRecord
from sluice.settings import Settings
from tests.doubles.world import World

FOLDER = "orders/year=2026/month=11/day=20/hour=13"
BASE = f"s3://sluice-raw/{FOLDER}"
LATER = timedelta(minutes=5)
LISTS_B = f'{{"entries": [{{"url": "{BASE}/a"}}, {{"url": "{BASE}/b", "meta": {{"content_length": 2}}}}]}}'.encode()
MISSES = f'{{"entries": [{{"url": "{BASE}/a"}}]}}'.encode()


@pytest.fixture
def world() -> World:
    return World()


def only(world: World) -> BatchRecord:
    (record,) = world.ledger.records.values()
    return record


def path(record: BatchRecord) -> list[str]:
    return [str(change.state) for change in record.history]


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({"a": b"1"}, f"mandatory file {BASE}/b is not there"),
        ({"a": b"1", "b": b"1"}, f"file {BASE}/b has 1 bytes, the manifest says 2"),
    ],
)
def test_files_that_come_after_their_manifest_are_waited_for(
    world: World, files: dict[str, bytes], missing: str
) -> None:
    world.deliver(world.send(FOLDER, files, manifest=LISTS_B))
    record = only(world)
    assert (record.state, record.frozen_manifest) == (BatchState.WAITING, "")
    assert record.reason == f"IncompleteError: {BASE}/manifest.json: {missing}"
    assert world.glue.runs == {}
    world.sweep(LATER)
    assert only(world) == record
    world.documents.put(f"{BASE}/b", b"22")
    world.sweep(LATER)
    record = only(world)
    assert (path(record), record.reason, record.files, record.size_bytes) == (
        ["WAITING", "RECEIVED", "CONVERTING"],
        "",
        2,
        3,
    )
    assert record.received_at < record.due_at
    world.drain()
    assert only(world).state is BatchState.LOADED
    assert world.topics.of("rejected") == []


def test_a_manifest_whose_files_never_come_is_rejected_in_the_end(world: World) -> None:
    world.deliver(world.send(FOLDER, {"a": b"1"}, manifest=LISTS_B))
    for _ in range(2):
        world.sweep(LATER)
        assert only(world).state is BatchState.WAITING
    world.sweep(LATER)
    record = only(world)
    reason = f"IncompleteError: {BASE}/manifest.json: mandatory file {BASE}/b is not there (waited for 15 minutes)"
    assert (path(record), record.reason) == (["WAITING", "REJECTED"], reason)
    assert [notice["why"] for notice in world.topics.of("rejected")] == [reason]
    world.sweep(LATER)
    assert only(world) == record


def test_what_is_still_missing_is_told(world: World) -> None:
    world.deliver(world.send(FOLDER, {}, manifest=LISTS_B))
    assert only(world).reason.endswith(f"mandatory file {BASE}/a is not there; mandatory file {BASE}/b is not there")
    world.documents.put(f"{BASE}/a", b"1")
    world.sweep(LATER)
    record = only(world)
    assert record.reason == f"IncompleteError: {BASE}/manifest.json: mandatory file {BASE}/b is not there"
    assert len(record.history) == 1
    step = next_step(record)
    assert step.command == ""
    assert step.text == (
        f"it waits for what is missing and is looked at every 5 minutes; from {record.due_at[:16]} UTC on it is "
        "rejected if something still is"
    )


def test_how_long_is_a_setting() -> None:
    world = World(Settings(file_wait_seconds=0))
    world.deliver(world.send(FOLDER, {"a": b"1"}, manifest=LISTS_B))
    assert only(world).state is BatchState.REJECTED


def test_the_event_again_is_another_look(world: World) -> None:
    event = world.send(FOLDER, {"a": b"1"}, manifest=LISTS_B)
    world.deliver(event)
    world.documents.put(f"{BASE}/b", b"22")
    world.deliver(event)
    assert only(world).state is BatchState.CONVERTING


def test_a_manifest_that_may_not_be_read_is_a_batch_with_the_reason(world: World) -> None:
    event = world.send(FOLDER)
    world.documents.forbidden.add(event.url)
    world.deliver(event)
    reason = (
        f"IncompleteError: {event.url}: may not be read: AccessDenied; the role of the function needs s3:GetObject and "
        "s3:GetObjectVersion on it, and kms:Decrypt on a key that is not the bucket's own"
    )
    assert (only(world).state, only(world).reason) == (BatchState.WAITING, reason)
    world.documents.forbidden.clear()
    world.sweep(LATER)
    assert only(world).state is BatchState.CONVERTING


def test_a_manifest_that_waits_replaces_none_until_it_is_accepted(world: World) -> None:
    old, new = world.send(FOLDER), world.send(FOLDER, {"a": b"1"}, manifest=LISTS_B)
    world.deliver(new)
    world.deliver(old)
    assert list(world.states().values()) == ["CONVERTING", "WAITING"]
    world.documents.put(f"{BASE}/b", b"22")
    world.drain()
    assert list(world.states().values()) == ["LOADED", "LOADED"]
    assert world.loads == sorted(world.states())


def test_a_newer_manifest_ends_the_wait_of_an_older_one(world: World) -> None:
    world.deliver(world.send(FOLDER, {"a": b"1"}, manifest=LISTS_B))
    world.deliver(world.send(FOLDER, {"c": b"1"}))
    world.documents.put(f"{BASE}/b", b"22")
    world.drain()
    assert list(world.states().values()) == ["SUPERSEDED", "LOADED"]


def test_a_dataset_that_was_taken_out_ends_the_wait(world: World) -> None:
    world.deliver(world.send(FOLDER, {"a": b"1"}, manifest=LISTS_B))
    del world.contracts["orders"]
    world.sweep(LATER)
    assert only(world).state is BatchState.REJECTED
    assert only(world).reason.startswith(f"LayoutError: folder '{FOLDER}' fits no dataset")


@pytest.mark.parametrize("point", range(20))
def test_a_sweep_that_fails_anywhere_is_mended_by_the_next_one(world: World, point: int) -> None:
    world.deliver(world.send(FOLDER, {"a": b"1"}, manifest=LISTS_B))
    world.documents.put(f"{BASE}/b", b"22")
    world.faults.arm(point, AwsBusyError("slow down"))
    try:
        arrival.look_again(world.trigger, "orders")
    except AwsBusyError:
        arrival.look_again(world.trigger, "orders")
    world.faults.disarm()
    assert world.ledger.waiting("orders", ARRIVAL) == ()
    assert len(world.ledger.waiting("orders", Stage.CONVERT)) == 1


def test_all_optional_and_missing_is_nothing_to_take(world: World) -> None:
    manifest = f'{{"entries": [{{"url": "{BASE}/a", "mandatory": false}}]}}'.encode()
    world.deliver(world.send(FOLDER, {}, manifest=manifest))
    missing = "none of its 1 files is there, and the contract has no allow_empty"
    assert only(world).reason == f"IncompleteError: {BASE}/manifest.json: {missing}"
    world.sweep(timedelta(minutes=16))
    assert only(world).state is BatchState.REJECTED
    assert world.glue.runs == {}


def test_all_optional_and_missing_is_taken_where_the_contract_allows_it(world: World) -> None:
    world.contracts["orders"] = replace(world.contracts["orders"], allow_empty=True)
    manifest = f'{{"entries": [{{"url": "{BASE}/a", "mandatory": false}}]}}'.encode()
    world.deliver(world.send(FOLDER, {}, manifest=manifest))
    assert (only(world).state, only(world).files) == (BatchState.CONVERTING, 0)


@pytest.mark.parametrize(
    ("folder", "is_taken"),
    [
        ("orders/year=2026/month=11/day=21/hour=14", True),
        ("orders/year=2026/month=11/day=21/hour=15", False),
        ("orders/year=2099/month=01/day=01/hour=00", False),
    ],
)
def test_a_partition_of_the_far_future_is_rejected(world: World, folder: str, is_taken: bool) -> None:
    event = world.send(folder)
    world.deliver(event)
    record = only(world)
    assert (record.dataset, record.state is BatchState.REJECTED) == ("orders", not is_taken)
    if not is_taken:
        assert record.reason == (
            f"ManifestError: {event.url}: partition {record.partition} begins more than 24 hours in the future "
            "(it is 2026-11-20T14:00 UTC)"
        )


def test_a_manifest_that_cannot_be_looked_at_keeps_no_other_from_its_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first one of the list would hold all others back for as long as it fails."""
    first, second = (
        world.send(f"{FOLDER[:-2]}{hour}", {}, manifest=MISSES.replace(b"13", hour.encode())) for hour in ("13", "14")
    )
    world.deliver(first, second)
    for hour in ("13", "14"):
        world.documents.put(f"{BASE[:-2]}{hour}/a", b"1")
    register = world.catalog.register

    def refuse_the_first(database: str, table: str, partitions: Mapping[tuple[str, ...], str]) -> None:
        if ("2026", "11", "20", "13") in partitions:
            raise AwsError("AccessDeniedException")
        register(database, table, partitions)

    monkeypatch.setattr(world.catalog, "register", refuse_the_first)
    with pytest.raises(SweepError, match=r"^orders/waiting manifests: AccessDeniedException$"):
        world.sweep(LATER)
    assert [record.state for record in world.ledger.records.values()] == ["WAITING", "CONVERTING"]


def test_a_manifest_whose_folder_belongs_to_another_dataset_by_now_waits_no_more(world: World) -> None:
    event = world.send(FOLDER, {}, manifest=MISSES)
    world.deliver(event)
    renamed = replace(world.contracts["orders"], dataset="purchases")
    world.deploy({**{name: known for name, known in world.contracts.items() if name != "orders"}, "purchases": renamed})
    world.documents.put(f"{BASE}/a", b"1")
    world.sweep(LATER)
    record = only(world)
    reason = f"LayoutError: folder '{FOLDER}' belongs to dataset purchases by now"
    assert (record.state, record.reason) == (BatchState.REJECTED, reason)
