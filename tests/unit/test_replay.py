"""A replay lists what the newest accepted batch had, where it is now; what is in doubt is refused with its reason."""

import json
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import CommandError
from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import Partition
from sluice.lake.stored import archive_location, raw_location
from sluice.ledger.replay import MAX_PARTITIONS, parse_span
from sluice.settings import Settings
from tests.doubles.depot import ARCHIVE, BASE, FOLDER, HOUR, LEASE, Depot

FILES = {"part-1": b"one", "part-2": b"two"}


def listed(depot: Depot) -> list[tuple[str, int]]:
    """Files and sizes that a replay would list now."""
    entries = json.loads(depot.plan().text)["entries"]
    assert all(entry["mandatory"] is True for entry in entries)
    return [(entry["url"], entry["meta"]["content_length"]) for entry in entries]


def refused(depot: Depot, partition: Partition = HOUR, *, dataset: str = "orders", is_forced: bool = False) -> str:
    """Why a replay is refused; nothing may have changed."""
    before = (depot.documents.urls(), depot.records)
    with pytest.raises(CommandError) as caught:
        depot.replays().plan(dataset, partition, is_forced=is_forced)
    assert (depot.documents.urls(), depot.records) == before
    return str(caught.value)


def test_files_that_are_where_they_were() -> None:
    depot = Depot()
    depot.take_and_load(depot.send(FILES))
    assert listed(depot) == [(f"{BASE}/part-1", 3), (f"{BASE}/part-2", 3)]
    plan = depot.plan()
    assert (plan.dataset, plan.partition, plan.batch_id) == ("orders", HOUR, depot.records[0].batch_id)
    assert (plan.manifest_url, plan.files, plan.archived) == (f"{BASE}/manifest.json", 2, 0)


def test_files_in_the_archive_and_beside_it() -> None:
    depot = Depot()
    claim = depot.take_and_load(depot.send(FILES))
    depot.run_archive(claim)
    assert listed(depot) == [(f"{ARCHIVE}/part-1", 3), (f"{ARCHIVE}/part-2", 3)]
    late = depot.put("part-3", b"three")
    depot.take_and_load(depot.announce(f"{ARCHIVE}/part-1", late))
    assert listed(depot) == [(f"{ARCHIVE}/part-1", 3), (f"{BASE}/part-3", 5)]
    assert (depot.plan().files, depot.plan().archived) == (2, 1)


def test_a_newer_file_of_the_same_name_is_not_taken_for_the_one_in_the_archive() -> None:
    depot = Depot()
    depot.run_archive(depot.take_and_load(depot.send(FILES)))
    depot.put("part-1", b"not announced yet")
    assert listed(depot) == [(f"{ARCHIVE}/part-1", 3), (f"{ARCHIVE}/part-2", 3)]


def test_a_replay_is_converted_and_loaded_with_the_same_content() -> None:
    depot = Depot()
    depot.run_archive(depot.take_and_load(depot.send(FILES)))
    depot.replays().write(depot.plan())
    claim = depot.take_and_load(depot.replay())
    first, second = depot.records
    assert depot.loaded[second.batch_id] == depot.loaded[first.batch_id] == [b"one", b"two"]
    assert depot.location == f"{ARCHIVE}/"
    depot.run_archive(claim)
    assert depot.states == ["ARCHIVED", "ARCHIVED"]
    assert listed(depot) == [(f"{ARCHIVE}/part-1", 3), (f"{ARCHIVE}/part-2", 3)]


def test_a_failed_batch_is_the_newest_one_too() -> None:
    depot = Depot()
    depot.take_and_load(depot.send(FILES))
    depot.take(depot.send({"part-9": b"nine"}))
    depot.put("part-9", b"changed")
    depot.load()
    assert depot.states == ["LOADED", "FAILED"]
    depot.put("part-9", b"nine")
    assert listed(depot) == [(f"{BASE}/part-9", 4)]


def test_a_manifest_that_was_rejected_does_not_count() -> None:
    depot = Depot()
    depot.take_and_load(depot.send(FILES))
    depot.take(depot.write_manifest("{"))
    assert depot.states == ["LOADED", "REJECTED"]
    assert listed(depot) == [(f"{BASE}/part-1", 3), (f"{BASE}/part-2", 3)]


def test_a_partition_that_was_only_rejected_gets_its_manifest_again() -> None:
    depot = Depot(settings=Settings(file_wait_seconds=0))
    event = depot.announce(f"{BASE}/part-1")
    depot.take(event)
    assert depot.states == ["REJECTED"]
    plan = depot.plan()
    assert (plan.files, plan.batch_id) == (None, depot.records[0].batch_id)
    assert plan.text == depot.documents.read(event.url)
    depot.put("part-1", b"one")
    depot.take_and_load(depot.replay())
    assert depot.states == ["REJECTED", "LOADED"]


def test_what_nobody_knows_is_refused() -> None:
    depot = Depot()
    depot.take_and_load(depot.send(FILES))
    assert refused(depot, dataset="nothing").startswith("there is no dataset 'nothing'; there are customers, orders, ")
    assert refused(depot, Partition.parse("2026-11-20T14")) == (
        "the ledger knows no batch of orders 2026-11-20T14, and no manifest lies there; "
        "`sluice status --dataset orders` shows all it knows"
    )


def test_a_partition_whose_event_was_lost_is_taken_as_it_lies_there() -> None:
    depot = Depot()
    event = depot.send(FILES)
    assert depot.records == []
    plan = depot.plan()
    assert (plan.batch_id, plan.files, plan.text) == ("", None, depot.documents.read(event.url))
    depot.take_and_load(depot.replay())
    assert depot.states == ["LOADED"]
    assert depot.loaded[depot.records[0].batch_id] == [b"one", b"two"]


def test_a_range_takes_what_has_a_batch_and_what_only_lies_there() -> None:
    depot = Depot()
    depot.take_and_load(depot.send(FILES))
    other = "s3://sluice-raw/orders/year=2026/month=11/day=20/hour=12/manifest.json"
    depot.documents.put(other, b"{}")
    plans = depot.replays().plan_all("orders", parse_span("2026-11-20", is_hourly=True))
    assert [(plan.partition.label, plan.files) for plan in plans] == [("2026-11-20T12", None), ("2026-11-20T13", 2)]


def test_files_that_are_nowhere_are_named() -> None:
    depot = Depot()
    depot.take_and_load(depot.send({f"part-{number}": b"%d" % number for number in range(8)}))
    depot.put("part-0", b"changed")
    assert refused(depot) == (
        f"orders 2026-11-20T13: {BASE}/part-0 is gone or has changed, and {ARCHIVE}/part-0 is not it either"
    )
    for number in range(1, 8):
        depot.documents.delete(f"{BASE}/part-{number}")
    message = refused(depot)
    assert message.count("is gone or has changed") == 5
    assert message.endswith("; and 3 more")


def test_a_partition_on_its_way_is_refused_unless_it_is_forced() -> None:
    depot = Depot()
    depot.take(depot.send(FILES))
    batch_id = depot.records[0].batch_id
    assert refused(depot) == (f"orders 2026-11-20T13: batch {batch_id} is RECEIVED; wait for its end, or use --force")
    assert depot.plan(is_forced=True).files == 2


def test_a_partition_that_is_being_archived_is_refused_unless_it_is_forced() -> None:
    depot = Depot()
    depot.take_and_load(depot.send(FILES))
    (record,) = depot.records
    depot.ledger.save(record, record.archiving(depot.now + LEASE, depot.now))
    assert refused(depot) == (
        f"orders 2026-11-20T13: files of {record.batch_id} are being archived; wait, or use --force"
    )
    assert depot.plan(is_forced=True).files == 2


@pytest.mark.parametrize("what", ["frozen", "manifest"])
def test_what_cannot_be_known_any_more_is_refused(what: str) -> None:
    depot = Depot()
    if what == "frozen":
        depot.take_and_load(depot.send(FILES))
        depot.documents.delete(depot.records[0].frozen_manifest)
        assert "nobody knows the files of batch" in refused(depot)
    else:
        event = depot.write_manifest("{")
        depot.take(event)
        depot.documents.delete(event.url)
        assert "its manifest was never accepted and cannot be read" in refused(depot)


def test_of_a_span_what_is_known_is_replayed_and_all_problems_are_told() -> None:
    depot = Depot()
    depot.take_and_load(depot.send(FILES))
    day = parse_span("2026-11-20", is_hourly=True)
    assert [plan.partition for plan in depot.replays().plan_all("orders", day)] == [HOUR]
    depot.put("part-1", b"changed")
    with pytest.raises(CommandError, match=r"^orders 2026-11-20T13: .*part-1 is gone or has changed"):
        depot.replays().plan_all("orders", day)
    none = parse_span("2026-11-21..2026-11-22", is_hourly=True)
    with pytest.raises(
        CommandError, match=r"no batch of orders 2026-11-21T00 to 2026-11-22T23, and no manifest lies there;"
    ):
        depot.replays().plan_all("orders", none)


UNKNOWN = "orders 2026-11-20T13: the ledger does not know the manifest that lies there yet; wait, or use --force"


def test_a_manifest_whose_event_is_on_its_way_is_not_replaced() -> None:
    depot = Depot()
    depot.take_and_load(depot.send(FILES))
    event = depot.send({"part-3": b"three"})
    assert refused(depot) == UNKNOWN
    assert depot.plan(is_forced=True).files == 2
    depot.take(event)
    depot.load()
    assert listed(depot) == [(f"{BASE}/part-3", 5)]


@pytest.mark.parametrize("is_archived", [True, False])
@pytest.mark.parametrize("is_forced", [True, False])
def test_a_manifest_that_comes_between_plan_and_writing_counts(is_archived: bool, is_forced: bool) -> None:
    depot = Depot()
    claim = depot.take_and_load(depot.send(FILES))
    if is_archived:
        depot.run_archive(claim)
    plan = depot.plan(is_forced=is_forced)
    depot.send({"part-3": b"three"})
    before = depot.raw()
    message = f"^orders 2026-11-20T13: {BASE}/manifest.json was written or archived meanwhile; wait, and try again$"
    with pytest.raises(CommandError, match=message):
        depot.replays().write(plan)
    assert depot.raw() == before


def test_a_manifest_that_is_archived_between_plan_and_writing_is_not_written_again() -> None:
    depot = Depot()
    claim = depot.take_and_load(depot.send(FILES))
    plan = depot.plan()
    depot.run_archive(claim)
    before = depot.raw()
    with pytest.raises(CommandError, match=r"was written or archived meanwhile; wait, and try again$"):
        depot.replays().write(plan)
    assert depot.raw() == before


# Resubmission


@pytest.mark.parametrize("is_archived", [True, False])
def test_a_second_correction_waits_for_the_first_one(is_archived: bool) -> None:
    depot = Depot()
    claim = depot.take_and_load(depot.send(FILES))
    if is_archived:
        depot.run_archive(claim)
    depot.now += timedelta(seconds=1)
    first = depot.replays().resubmit("orders", HOUR, "corrected-1", b"fixed")
    before = depot.raw()
    with pytest.raises(CommandError, match=f"^{UNKNOWN}$"):
        depot.replays().resubmit("orders", HOUR, "corrected-2", b"fixed too")
    assert depot.raw() == before
    depot.take_and_load(depot.write_manifest(first.text))
    assert depot.replays().resubmit("orders", HOUR, "corrected-2", b"fixed too").files == 4


def test_a_corrected_file_is_sent_beside_the_others() -> None:
    depot = Depot()
    depot.run_archive(depot.take_and_load(depot.send(FILES)))
    plan = depot.replays().resubmit("orders", HOUR, "corrected-1.json", b"fixed")
    assert plan.files == 3
    assert depot.documents.fetch(f"{BASE}/corrected-1.json")[0] == b"fixed"
    entries = json.loads(depot.documents.read(f"{BASE}/manifest.json"))["entries"]
    assert [entry["url"] for entry in entries] == [
        f"{ARCHIVE}/part-1",
        f"{ARCHIVE}/part-2",
        f"{BASE}/corrected-1.json",
    ]
    claim = depot.take_and_load(depot.write_manifest(plan.text))
    assert depot.loaded[depot.records[-1].batch_id] == [b"fixed", b"one", b"two"]
    depot.run_archive(claim)
    assert set(depot.raw()) == {
        f"archive/{FOLDER}/{name}" for name in ("part-1", "part-2", "corrected-1.json", "manifest.json")
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("part-1", "orders 2026-11-20T13 has or had a file of the name 'part-1': choose another"),
        ("part-9", "orders 2026-11-20T13 has or had a file of the name 'part-9': choose another"),
        ("manifest.json", "orders 2026-11-20T13 has or had a file of the name 'manifest.json': choose another"),
        ("../part-7", "'../part-7' cannot be the name of a new file: "),
        ("a/./b", "'a/./b' cannot be the name of a new file: "),
        ("", "'' cannot be the name of a new file: "),
    ],
)
@pytest.mark.parametrize("is_archived", [True, False])
def test_a_name_that_cannot_be_is_refused(name: str, reason: str, is_archived: bool) -> None:
    depot = Depot()
    claim = depot.take_and_load(depot.send(FILES))
    if is_archived:
        depot.run_archive(claim)
    depot.put("part-9", b"of somebody")
    before = depot.raw()
    with pytest.raises(CommandError) as caught:
        depot.replays().resubmit("orders", HOUR, name, b"fixed")
    assert str(caught.value).startswith(reason)
    assert depot.raw() == before


def test_a_partition_without_accepted_files_takes_no_corrections() -> None:
    depot = Depot()
    depot.take(depot.write_manifest("{"))
    with pytest.raises(
        CommandError, match=r"^orders 2026-11-20T13: none of its manifests was accepted; send it again$"
    ):
        depot.replays().resubmit("orders", HOUR, "x", b"fixed")


# Spans


def labels(text: str, *, is_hourly: bool = True) -> list[str]:
    return [partition.label for partition in parse_span(text, is_hourly=is_hourly)]


def test_spans() -> None:
    assert labels("2026-11-20T13") == ["2026-11-20T13"]
    assert labels("2026-11-20") == [f"2026-11-20T{hour:02}" for hour in range(24)]
    assert labels("2026-11-20T23..2026-11-21T01") == ["2026-11-20T23", "2026-11-21T00", "2026-11-21T01"]
    assert labels("2026-11-20T22..2026-11-20") == ["2026-11-20T22", "2026-11-20T23"]
    assert labels("2026-11-20", is_hourly=False) == ["2026-11-20"]
    assert labels("2026-02-27..2026-03-01", is_hourly=False) == ["2026-02-27", "2026-02-28", "2026-03-01"]


@pytest.mark.parametrize(
    ("text", "is_hourly", "reason"),
    [
        (
            "yesterday",
            True,
            "'yesterday' is not a partition: write an hour as 2026-11-20T13 and a day as 2026-11-20; a ",
        ),
        ("2026-11-20T13..", True, "'' is not a partition"),
        ("2026-11-20T13..2026-11-20T12", True, "'2026-11-20T13..2026-11-20T12' ends before it begins"),
        ("2026-11-20T13", False, "'2026-11-20T13' is an hour, and the dataset has days"),
        ("2020-01-01..2026-01-01", True, f"'2020-01-01..2026-01-01' has 52632 partitions; at most {MAX_PARTITIONS}"),
    ],
)
def test_what_is_no_span(text: str, is_hourly: bool, reason: str) -> None:
    with pytest.raises(CommandError, match=rf"^{re.escape(reason)}"):
        parse_span(text, is_hourly=is_hourly)


# Places


@given(st.lists(st.booleans(), max_size=4))
def test_a_partition_lies_in_the_archive_when_all_of_its_files_do(in_archive: list[bool]) -> None:
    files = tuple(
        SourceFile(f"{ARCHIVE if is_archived else BASE}/part-{number}", 1, 1, "e")
        for number, is_archived in enumerate(in_archive)
    )
    manifest = FrozenManifest("b", "orders", HOUR.label, f"{BASE}/manifest.json", files)
    expected = ARCHIVE if in_archive and all(in_archive) else BASE
    assert raw_location(manifest) == f"{expected}/"
    assert archive_location(manifest) == f"{ARCHIVE}/"
