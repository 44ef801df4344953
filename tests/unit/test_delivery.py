"""Own files into a partition, and folders that wait for a manifest: what is written, and what is refused."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from sluice.errors import CommandError, LayoutError
from sluice.lake.layout import Partition
from sluice.ledger.delivery import GRACE, Delivery, Folder, Lost, Mode, folders_of, lost_files
from tests.doubles.depot import ARCHIVE, BASE, HOUR, Depot
from tests.doubles.world import CONTRACTS

ORDERS = CONTRACTS["orders"]
SIZES = {"part-1": 3, "part-2": 3}
FILES = {"part-1": b"one", "part-2": b"two"}


def delivery(depot: Depot) -> Delivery:
    return Delivery(depot.ledger, depot.objects, depot.replays(), "sluice-raw")


def listed(text: str) -> list[tuple[str, int]]:
    return [(entry["url"], entry["meta"]["content_length"]) for entry in json.loads(text)["entries"]]


def refused(depot: Depot, sizes: dict[str, int], mode: Mode = Mode.NEW) -> str:
    before = (depot.documents.urls(), depot.records)
    with pytest.raises(CommandError) as caught:
        delivery(depot).plan(ORDERS, HOUR, sizes, mode)
    assert (depot.documents.urls(), depot.records) == before
    return str(caught.value)


def unannounced(depot: Depot, partitions: list[Partition] | None = None) -> list[tuple[str, int]]:
    found = delivery(depot).unannounced(ORDERS, partitions)
    return [(folder.partition.label, len(folder.files)) for folder in found]


def test_new_files_are_all_that_their_manifest_lists(tmp_path: Path) -> None:
    depot = Depot()
    plan = delivery(depot).plan(ORDERS, HOUR, SIZES, Mode.NEW)
    assert listed(plan.text) == [(f"{BASE}/part-1", 3), (f"{BASE}/part-2", 3)]
    assert depot.documents.urls() == []
    for name, body in FILES.items():
        (tmp_path / name).write_bytes(body)
        depot.objects.upload(tmp_path / name, f"{BASE}/{name}")
    depot.replays().write(plan)
    assert depot.documents.read(f"{BASE}/manifest.json") == plan.text


def test_a_partition_with_a_batch_is_not_replaced_unasked() -> None:
    depot = Depot()
    depot.take_and_load(depot.send(FILES))
    message = refused(depot, {"part-3": 5})
    assert message.startswith("orders 2026-11-20T13 has a batch already (LOADED): ")
    assert "--add" in message
    assert "--replace" in message


def test_replacing_lists_the_new_files_alone_and_adding_lists_all() -> None:
    depot = Depot()
    depot.run_archive(depot.take_and_load(depot.send(FILES)))
    replaced = delivery(depot).plan(ORDERS, HOUR, {"part-3": 5}, Mode.REPLACE)
    assert listed(replaced.text) == [(f"{BASE}/part-3", 5)]
    added = delivery(depot).plan(ORDERS, HOUR, {"part-3": 5}, Mode.ADD)
    assert listed(added.text) == [(f"{ARCHIVE}/part-1", 3), (f"{ARCHIVE}/part-2", 3), (f"{BASE}/part-3", 5)]


def test_added_files_become_part_of_the_partition() -> None:
    depot = Depot()
    depot.take_and_load(depot.send(FILES))
    plan = delivery(depot).plan(ORDERS, HOUR, {"part-3": 5}, Mode.ADD)
    depot.put("part-3", b"three")
    depot.take_and_load(depot.write_manifest(plan.text))
    assert depot.loaded[depot.records[-1].batch_id] == [b"one", b"three", b"two"]


def test_a_name_that_the_partition_has_is_not_added_again() -> None:
    depot = Depot()
    depot.run_archive(depot.take_and_load(depot.send(FILES)))
    assert refused(depot, {"part-1": 9}, Mode.ADD) == (
        "orders 2026-11-20T13 has or had a file of the name 'part-1': choose another"
    )


def test_files_that_lie_there_unannounced_are_not_left_behind_unasked() -> None:
    depot = Depot()
    depot.put("older.json", b"{}")
    assert refused(depot, SIZES) == (
        f"orders 2026-11-20T13: {BASE}/ has other files (older.json); announce them with "
        "`sluice announce orders 2026-11-20T13`, or leave them out with --replace"
    )
    assert delivery(depot).plan(ORDERS, HOUR, {"older.json": 2}, Mode.NEW).files == 1


def test_after_a_rejection_files_may_come_again() -> None:
    depot = Depot()
    depot.take(depot.write_manifest("{"))
    assert depot.states == ["REJECTED"]
    plan = delivery(depot).plan(ORDERS, HOUR, SIZES, Mode.NEW)
    depot.replays().write(plan)
    assert depot.documents.read(f"{BASE}/manifest.json") == plan.text


@pytest.mark.parametrize("name", ["manifest.json", "a//b"])
def test_names_that_no_manifest_may_list_are_refused(name: str) -> None:
    assert refused(Depot(), {name: 1}).startswith("not a name that a file can have: ")


def test_a_day_does_not_fit_a_dataset_of_hours() -> None:
    with pytest.raises(LayoutError, match="which has hours"):
        delivery(Depot()).plan(ORDERS, Partition.parse("2026-11-20"), SIZES, Mode.NEW)


def test_folders_without_a_manifest_are_found_and_announced_once() -> None:
    depot = Depot()
    depot.put("part-1", b"one")
    depot.put("_SUCCESS", b"")
    depot.put(".part-1.crc", b"x")
    other = BASE.replace("hour=13", "hour=14")
    depot.documents.put(f"{other}/deep/part-9", b"nine", depot.now)
    assert unannounced(depot) == [("2026-11-20T13", 1), ("2026-11-20T14", 1)]
    assert unannounced(depot, [HOUR]) == [("2026-11-20T13", 1)]
    work = delivery(depot)
    assert [work.announce(ORDERS, folder) for folder in work.unannounced(ORDERS, None)] == ["", ""]
    assert listed(depot.documents.read(f"{BASE}/manifest.json")) == [(f"{BASE}/part-1", 3)]
    assert listed(depot.documents.read(f"{other}/manifest.json")) == [(f"{other}/deep/part-9", 4)]
    assert unannounced(depot) == []


def test_late_files_of_a_partition_with_a_batch_are_announced_by_force_only() -> None:
    depot = Depot()
    depot.run_archive(depot.take_and_load(depot.send(FILES)))
    depot.put("part-3", b"three")
    work = delivery(depot)
    (folder,) = work.unannounced(ORDERS, [HOUR])
    assert work.announce(ORDERS, folder) == "has a batch (ARCHIVED), whose files these would replace"
    assert depot.objects.info(f"{BASE}/manifest.json") is None
    assert work.announce(ORDERS, folder, is_forced=True) == ""
    assert listed(depot.documents.read(f"{BASE}/manifest.json")) == [(f"{BASE}/part-3", 5)]


def test_a_manifest_that_came_meanwhile_counts() -> None:
    depot = Depot()
    depot.put("part-1", b"one")
    work = delivery(depot)
    (folder,) = work.unannounced(ORDERS, None)
    depot.write_manifest("{}")
    assert work.announce(ORDERS, folder) == "was announced meanwhile"
    assert depot.documents.read(f"{BASE}/manifest.json") == "{}"


def test_a_file_that_no_manifest_may_list_is_a_reason_and_the_others_go_on() -> None:
    depot = Depot()
    depot.put("a//b", b"one")
    work = delivery(depot)
    (folder,) = work.unannounced(ORDERS, None)
    assert "has an empty, '.' or '..' part in its path" in work.announce(ORDERS, folder)
    assert depot.objects.info(f"{BASE}/manifest.json") is None


def _lost(depot: Depot, after: timedelta = GRACE) -> list[Lost]:
    return list(lost_files(CONTRACTS, depot.objects, "sluice-raw", depot.now + after + timedelta(seconds=1)))


def test_files_without_a_manifest_are_lost_after_a_while() -> None:
    depot = Depot()
    depot.put("part-1", b"one")
    depot.documents.put(f"{BASE.replace('hour=13', 'hour=15')}/part-2", b"two", depot.now)
    assert _lost(depot, timedelta(0)) == []
    assert _lost(depot) == [
        Lost(
            "orders: 2 folders (2026-11-20T13..2026-11-20T15) with 2 files and no manifest.json",
            "sluice announce orders 2026-11-20T13..2026-11-20T15",
        )
    ]
    depot.write_manifest("{}")
    assert [lost.remedy for lost in _lost(depot)] == ["sluice announce orders 2026-11-20T15"]


@pytest.mark.parametrize("name", ["Manifest.json", "manifest.JSON", "manifests.json", "_manifest.json", "manifest"])
def test_a_manifest_by_another_name_is_named(name: str) -> None:
    depot = Depot()
    depot.put("part-1", b"one")
    depot.put(name, b"{}")
    assert _lost(depot) == [
        Lost(
            f"{BASE}/ has {name!r}; the manifest's name is manifest.json",
            "name it so, or: sluice announce orders 2026-11-20T13",
        )
    ]


def test_folders_of_no_partition_and_of_no_dataset_are_named() -> None:
    depot = Depot()
    for key in ("oders/2026/x", "archive/orders/x", "_tmp/x", "zzz/x", "orders/year=2026/month=1/day=2/hour=3/x"):
        depot.documents.put(f"s3://sluice-raw/{key}", b"x", depot.now)
    found = {lost.what: lost.remedy for lost in _lost(depot)}
    assert list(found)[:2] == [
        "s3://sluice-raw/oders/ is the folder of no dataset",
        "s3://sluice-raw/zzz/ is the folder of no dataset",
    ]
    assert found["s3://sluice-raw/oders/ is the folder of no dataset"].startswith("did you mean orders? ")
    assert found["s3://sluice-raw/zzz/ is the folder of no dataset"].startswith("there are the folders customers, ")
    stray = "s3://sluice-raw/orders/year=2026/month=1/day=2/hour=3/ has files of no partition: "
    assert [what for what in found if what.startswith(stray)] != []


def test_a_folder_that_has_its_manifest_is_told_from_one_that_has_not() -> None:
    depot = Depot()
    depot.send(FILES)
    (folder,) = folders_of(ORDERS, depot.objects.listed("s3://sluice-raw/orders")).folders
    assert (folder.has_manifest, folder.is_unannounced, len(folder.files)) == (True, False, 2)
    assert not Folder("orders", HOUR, BASE, (), has_manifest=False).is_unannounced
