from dataclasses import replace

import pytest

from lambda_trigger import arrival
from lambda_trigger.manifests import ManifestEvent
from sluice.errors import AwsBusyError
from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.ledger.batch import BatchId, BatchState, Stage
from sluice.ledger.record import BatchRecord, WaitEntry
from sluice.settings import Settings
from tests.doubles.world import START, World

FOLDER = "orders/year=2026/month=11/day=20/hour=13"
RAW = "s3://sluice-raw"
BASE = f"{RAW}/{FOLDER}"


@pytest.fixture
def world() -> World:
    return World()


def only(world: World) -> BatchRecord:
    (record,) = world.ledger.records.values()
    return record


def rejected(world: World, event: ManifestEvent) -> str:
    """The reason for which a manifest is rejected; nothing else may have happened."""
    before = world.documents.urls()
    world.deliver(event)
    record = only(world)
    assert (record.state, record.frozen_manifest) == (BatchState.REJECTED, "")
    assert world.documents.urls() == before
    assert world.catalog.partitions == {}
    assert world.glue.runs == {}
    return record.reason


def test_a_good_manifest_is_frozen_registered_and_booked(world: World) -> None:
    event = world.send(FOLDER, {"a.json": b"12345", "odd name+%.json": b""})
    assert arrival.take(world.trigger, event) == "orders"
    batch_id = f"orders.2026112013.{event.sequencer.rjust(32, '0')}"
    frozen = f"s3://sluice-processed/_sluice/manifests/orders/{batch_id}.json"
    record = only(world)
    assert (record.batch_id, record.dataset, record.partition) == (batch_id, "orders", "2026-11-20T13")
    assert (record.state, record.manifest_url) == (BatchState.RECEIVED, f"{BASE}/manifest.json")
    assert (record.frozen_manifest, record.files, record.size_bytes) == (frozen, 2, 5)
    assert record.written_at == "2026-11-20T14:00:00.000Z"
    assert world.ledger.waiting("orders", Stage.CONVERT) == (WaitEntry(batch_id, 0, record.received_at),)
    seconds = int(START.timestamp())
    size_bytes = len(world.documents.read(event.url))
    manifest_file = SourceFile(event.url, size_bytes, seconds, event.etag)
    assert FrozenManifest.from_json(world.documents.read(frozen)) == FrozenManifest(
        batch_id,
        "orders",
        "2026-11-20T13",
        f"{BASE}/manifest.json",
        files=(
            SourceFile(f"{BASE}/a.json", 5, seconds, "827ccb0eea8a706c4c34a16891f84e7b"),
            SourceFile(f"{BASE}/odd name+%.json", 0, seconds, "d41d8cd98f00b204e9800998ecf8427e"),
        ),
        written_at="2026-11-20T14:00:00.000Z",
        manifest=manifest_file,
        manifest_version=str(event.version_id),
    )
    values = ("2026", "11", "20", "13")
    assert world.catalog.partitions == {("sluice_raw", "orders"): {values: f"{BASE}/"}}


def test_the_same_event_again_changes_nothing(world: World) -> None:
    event = world.send(FOLDER)
    world.deliver(event, event)
    before = only(world)
    world.deliver(event)
    assert only(world) == before
    assert len(world.glue.runs) == 1


def test_a_manifest_in_plain_folders(world: World) -> None:
    world.deliver(world.send("transactions/2026-11-20/13"))
    assert only(world).partition == "2026-11-20T13"
    values = ("2026", "11", "20", "13")
    location = f"{RAW}/transactions/2026-11-20/13/"
    assert world.catalog.partitions == {("sluice_raw", "transactions"): {values: location}}


def test_a_file_that_is_not_mandatory_may_be_missing(world: World) -> None:
    manifest = f'{{"entries": [{{"url": "{BASE}/a"}}, {{"url": "{BASE}/b", "mandatory": false}}]}}'.encode()
    world.deliver(world.send(FOLDER, {"a": b"1"}, manifest=manifest))
    frozen = FrozenManifest.from_json(world.documents.read(only(world).frozen_manifest))
    assert [file.url for file in frozen.files] == [f"{BASE}/a"]
    assert frozen.skipped == (f"{BASE}/b",)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (b"{", "not valid JSON in UTF-8: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b'{"entries": []}', "'entries' is empty"),
        (
            f'{{"entries": [{{"url": "{RAW}/orders/elsewhere/a"}}]}}'.encode(),
            f"entries[0]: {RAW}/orders/elsewhere/a is not inside {BASE}/",
        ),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_rejected(world: World, manifest: bytes, reason: str) -> None:
    event = world.send(FOLDER, {"a": b"1"}, manifest=manifest)
    assert rejected(world, event) == f"ManifestError: {BASE}/manifest.json: {reason}"


def test_many_missing_files_are_counted() -> None:
    world = World(Settings(file_wait_seconds=0))
    event = world.send(FOLDER, {f"part-{n}": b"1" for n in range(8)})
    for number in range(8):
        world.documents.delete(f"{BASE}/part-{number}")
    missing = "; ".join(f"mandatory file {BASE}/part-{number} is not there" for number in range(5))
    assert rejected(world, event) == f"IncompleteError: {BASE}/manifest.json: {missing} (and 3 more)"


@pytest.mark.parametrize("is_versioned", [True, False])
def test_a_manifest_that_is_gone_is_rejected(world: World, is_versioned: bool) -> None:
    event = world.send(FOLDER, is_versioned=is_versioned)
    world.documents.delete(event.url)
    assert rejected(world, event) == f"MissingObjectError: {event.url}: there is no such object"


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("", "folder '' fits no dataset"),
        ("invoices/2026", "folder 'invoices/2026' fits no dataset"),
        (
            "orders/year=2026/month=13/day=20/hour=13",
            "folder 'orders/year=2026/month=13/day=20/hour=13' names no valid date and hour: month must be in 1..12",
        ),
        (
            "orders/year=2026/month=11/day=20/hour=24",
            "folder 'orders/year=2026/month=11/day=20/hour=24' names no valid date and hour: hour must be in 0..23",
        ),
    ],
)
def test_a_folder_of_no_dataset_shows_as_unknown(world: World, folder: str, reason: str) -> None:
    event = world.send(folder)
    assert arrival.take(world.trigger, event) is None
    record = only(world)
    assert (record.dataset, record.partition, record.state) == ("unknown", folder, BatchState.REJECTED)
    assert record.reason.startswith(f"LayoutError: {reason}")
    assert BatchId.parse(record.batch_id).dataset == "unknown"
    assert arrival.take(world.trigger, event) is None
    assert only(world) == record


@pytest.mark.parametrize(
    ("folder", "hint"),
    [
        ("oders/2026", "; did you mean orders/ ?"),
        ("Orders/year=2026/month=11/day=20/hour=13", "; did you mean orders/ ?"),
        (
            "orders/2026-1-4",
            "; below orders/ it must be orders/year=%Y/month=%m/day=%d/hour=%H, with %m, %d and %H of two digits",
        ),
        ("zebra/2026", ")"),
    ],
)
def test_a_folder_that_is_nearly_right_is_answered_with_what_is_right(world: World, folder: str, hint: str) -> None:
    arrival.take(world.trigger, world.send(folder))
    assert only(world).reason.endswith(hint)


def test_each_event_reads_its_own_version(world: World) -> None:
    old = world.send(FOLDER, {"a": b"1"})
    new = world.send(FOLDER, {"b": b"22"})
    arrival.take(world.trigger, old)
    arrival.take(world.trigger, new)
    files = [
        [file.url for file in FrozenManifest.from_json(world.documents.read(record.frozen_manifest)).files]
        for _, record in sorted(world.ledger.records.items())
    ]
    assert files == [[f"{BASE}/a"], [f"{BASE}/b"]]


def test_an_older_manifest_that_comes_late_is_superseded(world: World) -> None:
    old, new = world.send(FOLDER), world.send(FOLDER)
    world.deliver(new)
    world.deliver(old)
    first, second = sorted(world.ledger.records)
    assert world.states() == {first: "SUPERSEDED", second: "CONVERTING"}
    assert world.ledger.records[first].reason == f"newer manifest {second} of the same partition came first"


def test_sequencers_of_different_length_are_compared_as_numbers(world: World) -> None:
    new = replace(world.send(FOLDER), sequencer="100")
    old = replace(world.send(FOLDER), sequencer="FF")
    world.deliver(new)
    world.deliver(old)
    assert list(world.states().values()) == ["SUPERSEDED", "CONVERTING"]


def test_a_newer_manifest_that_was_rejected_supersedes_nothing(world: World) -> None:
    old, new = world.send(FOLDER), world.send(FOLDER, manifest=b"{")
    world.deliver(new)
    world.deliver(old)
    assert list(world.states().values()) == ["CONVERTING", "REJECTED"]


def test_without_versions_an_overwritten_manifest_is_superseded(world: World) -> None:
    old = world.send(FOLDER, {"a": b"1"}, is_versioned=False)
    new = world.send(FOLDER, {"b": b"22"}, is_versioned=False)
    world.deliver(old)
    assert only(world).state is BatchState.SUPERSEDED
    assert only(world).reason == f"{old.url}: replaced by a newer manifest before it was read"
    world.deliver(new)
    assert list(world.states().values()) == ["SUPERSEDED", "CONVERTING"]


@pytest.mark.parametrize("point", range(14))
def test_busy_services_fail_the_event_and_the_next_delivery_mends_it(world: World, point: int) -> None:
    undisturbed = World()
    arrival.take(undisturbed.trigger, undisturbed.send(FOLDER))
    event = world.send(FOLDER)
    world.faults.arm(point, AwsBusyError("slow down"))
    with pytest.raises(AwsBusyError):
        arrival.take(world.trigger, event)
    assert arrival.take(world.trigger, event) == "orders"
    assert world.states() == undisturbed.states()
    assert world.documents.urls() == undisturbed.documents.urls()
    assert world.catalog.partitions == undisturbed.catalog.partitions
    (entry,), (other,) = (one.ledger.waiting("orders", Stage.CONVERT) for one in (world, undisturbed))
    assert replace(entry, due_at="") == replace(other, due_at="")


def test_the_points_of_an_intake_are_all_tried(world: World) -> None:
    arrival.take(world.trigger, world.send(FOLDER))
    assert len(world.faults.passed) == 14


def test_a_file_that_was_archived_meanwhile_is_found_there(world: World) -> None:
    archived = f"{RAW}/archive/{FOLDER}/a"
    world.documents.put(archived, b"1")
    world.documents.put(f"{BASE}/b", b"22")
    manifest = f'{{"entries": [{{"url": "{BASE}/a"}}, {{"url": "{BASE}/b"}}]}}'.encode()
    arrival.take(world.trigger, world.send(FOLDER, {}, manifest=manifest))
    frozen = FrozenManifest.from_json(world.documents.read(only(world).frozen_manifest))
    assert [(file.url, file.size_bytes) for file in frozen.files] == [(archived, 1), (f"{BASE}/b", 2)]
    assert world.catalog.partitions == {("sluice_raw", "orders"): {("2026", "11", "20", "13"): f"{BASE}/"}}


def test_a_manifest_of_archived_files_puts_the_partition_there(world: World) -> None:
    archived = f"{RAW}/archive/{FOLDER}"
    world.documents.put(f"{archived}/a", b"1")
    arrival.take(world.trigger, world.send(FOLDER, {}, manifest=f'{{"entries": [{{"url": "{archived}/a"}}]}}'.encode()))
    assert world.catalog.partitions == {("sluice_raw", "orders"): {("2026", "11", "20", "13"): f"{archived}/"}}


def test_in_the_archive_a_file_must_be_as_long_as_the_manifest_says() -> None:
    world = World(Settings(file_wait_seconds=0))
    archived = f"{RAW}/archive/{FOLDER}/a"
    world.documents.put(archived, b"1")
    manifest = f'{{"entries": [{{"url": "{BASE}/a", "meta": {{"content_length": 2}}}}]}}'.encode()
    reason = rejected(world, world.send(FOLDER, {}, manifest=manifest))
    assert reason == f"IncompleteError: {BASE}/manifest.json: file {archived} has 1 bytes, the manifest says 2"


@pytest.mark.parametrize("folder", [FOLDER, "invoices/2026"])
def test_support_hears_of_what_was_rejected_and_once_only(world: World, folder: str) -> None:
    event = world.send(folder, manifest=b"{")
    for _ in range(2):
        arrival.take(world.trigger, event)
    (notice,) = world.topics.of("rejected")
    (topic, _, _) = world.topics.published[0]
    assert (topic, notice["batch"], notice["why"]) == ("sluice-support", only(world).batch_id, only(world).reason)


def test_an_arrival_is_announced_if_the_settings_want_it() -> None:
    for wanted in (True, False):
        world = World(Settings(announce_arrivals=wanted))
        event = world.send(FOLDER, {"a": b"12345"})
        for _ in range(2):
            arrival.take(world.trigger, event)
        announced = [(notice["batch"], notice["files"], notice["bytes"]) for notice in world.topics.of("arrived")]
        assert announced == ([(only(world).batch_id, 1, 5)] if wanted else [])
