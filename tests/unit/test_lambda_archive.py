"""Raw files go to the archive whole, once, and only while nobody else needs them where they are."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_trigger.archive import archive_claim
from lambda_trigger.partitions import settle
from sluice.errors import AwsBusyError, AwsError, ConflictError, MissingObjectError
from sluice.lake.handover import FrozenManifest
from sluice.ledger.record import BatchRecord
from tests.doubles.depot import ARCHIVE, BASE, FOLDER, Depot
from tests.doubles.faults import CrashError, Faults

FILES = {"part-1": b"one", "part-2": b"two"}
IN_ARCHIVE = f"s3://sluice-raw/archive/{FOLDER}/"
IN_FOLDER = f"s3://sluice-raw/{FOLDER}/"


def archived(*names: str) -> dict[str, list[str]]:
    """Each file once, in the archive."""
    return {name: [f"archive/{FOLDER}/{name}"] for name in sorted(names)}


def take_away_manifest(depot: Depot, *, is_there: bool) -> BatchRecord:
    """The only batch, its frozen manifest gone or broken."""
    (record,) = depot.records
    if is_there:
        depot.documents.write(record.frozen_manifest, '{"nobody": "knows this"}')
    else:
        depot.documents.delete(record.frozen_manifest)
    return record


@pytest.fixture(params=[True, False], ids=["versions", "no versions"])
def depot(request: pytest.FixtureRequest) -> Depot:
    return Depot(keeps_versions=request.param)


def test_files_and_manifest_move_and_the_catalog_follows(depot: Depot) -> None:
    claim = depot.take_and_load(depot.send(FILES))
    before = depot.raw()
    assert depot.run_archive(claim) is True
    assert depot.raw() == {f"archive/{key}": body for key, body in before.items()}
    assert depot.location == IN_ARCHIVE
    (record,) = depot.records
    assert record.state == "ARCHIVED"
    assert record.history[-1].note == "3 archived"
    assert record.is_being_archived(depot.now) is False


def test_doing_it_again_changes_nothing(depot: Depot) -> None:
    claim = depot.take_and_load(depot.send(FILES))
    depot.run_archive(claim)
    before = (depot.raw(), depot.records, depot.location)
    assert depot.run_archive(claim) is True
    assert (depot.raw(), depot.records, depot.location) == before


@pytest.mark.parametrize("claim", ["unknown", "c1"])
def test_what_is_not_loaded_stays(depot: Depot, claim: str) -> None:
    depot.put("part-1", b"one")
    depot.take(depot.announce(f"{BASE}/part-1"))
    depot.put("part-1", b"other")
    assert depot.load() == "c1"
    before = (depot.raw(), depot.records)
    assert depot.run_archive(claim) is True
    assert (depot.raw(), depot.records) == before
    assert depot.states == ["FAILED"]


def test_a_dataset_that_does_not_ask_for_it_keeps_its_files(depot: Depot) -> None:
    claim = depot.take_and_load(depot.send(FILES))
    before = (depot.raw(), depot.records)
    assert archive_claim(depot.trigger, claim, "transactions", depot.now + timedelta(minutes=15)) is True
    assert (depot.raw(), depot.records) == before


def test_a_file_that_was_written_again_stays_and_so_does_the_location(depot: Depot) -> None:
    claim = depot.take_and_load(depot.send(FILES))
    depot.put("part-1", b"newer")
    assert depot.run_archive(claim) is True
    assert depot.copies() == {"part-1": [f"{FOLDER}/part-1"], "part-2": [f"archive/{FOLDER}/part-2"]}
    assert depot.raw()[f"{FOLDER}/part-1"] == b"newer"
    assert depot.location == IN_FOLDER
    assert depot.records[0].history[-1].note == "2 archived, 1 written again meanwhile: it stays"


def test_a_newer_manifest_on_its_way_stays(depot: Depot) -> None:
    claim = depot.take_and_load(depot.send(FILES))
    event = depot.announce(f"{BASE}/part-1")
    assert depot.run_archive(claim) is True
    assert [key for key in depot.raw() if key.endswith("manifest.json")] == [f"{FOLDER}/manifest.json"]
    assert depot.location == IN_ARCHIVE
    depot.run_archive(depot.take_and_load(event))
    assert depot.copies() == archived("part-1", "part-2")
    assert depot.states == ["ARCHIVED", "ARCHIVED"]


def test_a_file_that_is_gone_is_noted(depot: Depot) -> None:
    claim = depot.take_and_load(depot.send(FILES))
    depot.documents.delete(f"{BASE}/part-2")
    assert depot.run_archive(claim) is True
    assert depot.copies() == archived("part-1")
    assert depot.records[0].history[-1].note == "2 archived, 1 not there any more"


def test_a_file_uploaded_in_parts_has_another_etag_in_the_archive(depot: Depot) -> None:
    depot.objects.put_in_parts(f"{BASE}/large", b"many parts", depot.now)
    claim = depot.take_and_load(depot.announce(f"{BASE}/large"))
    depot.run_archive(claim)
    assert depot.copies() == archived("large")
    claim = depot.take_and_load(depot.replay())
    depot.run_archive(claim)
    assert depot.copies() == archived("large")
    assert depot.states == ["ARCHIVED", "ARCHIVED"]


def test_what_an_older_batch_left_goes_along(depot: Depot) -> None:
    first = depot.take_and_load(depot.send(FILES))
    second = depot.take_and_load(depot.send({"part-1": b"corrected"}))
    before = depot.raw()
    assert depot.run_archive(first) is True
    assert depot.raw() == before
    assert depot.run_archive(second) is True
    assert depot.copies() == archived("part-1", "part-2")
    assert depot.raw()[f"archive/{FOLDER}/part-1"] == b"corrected"
    assert depot.states == ["ARCHIVED", "ARCHIVED"]
    assert depot.records[0].history[-1].note == f"its files went with those of {depot.records[1].batch_id}"


def test_a_leftover_does_not_take_the_name_of_a_file_in_the_archive(depot: Depot) -> None:
    depot.run_archive(depot.take_and_load(depot.send({"part-1": b"old"})))
    depot.take_and_load(depot.send({"part-1": b"new"}))
    claim = depot.take_and_load(depot.announce(f"{ARCHIVE}/part-1"))
    depot.run_archive(claim)
    assert depot.raw()[f"archive/{FOLDER}/part-1"] == b"old"
    assert depot.raw()[f"{FOLDER}/part-1"] == b"new"
    note = "1 archived, 1 its name in the archive belongs to another file: it stays"
    assert depot.records[-1].history[-1].note == note


def test_a_source_system_may_list_what_was_archived_meanwhile(depot: Depot) -> None:
    depot.run_archive(depot.take_and_load(depot.send(FILES)))
    late = depot.put("part-3", b"three")
    claim = depot.take_and_load(depot.announce(f"{BASE}/part-1", f"{BASE}/part-2", late))
    assert depot.location == IN_FOLDER
    assert depot.loaded[depot.records[-1].batch_id] == [b"one", b"three", b"two"]
    depot.run_archive(claim)
    assert depot.copies() == archived("part-1", "part-2", "part-3")
    assert depot.location == IN_ARCHIVE


def test_it_stops_in_time_and_goes_on(depot: Depot) -> None:
    claim = depot.take_and_load(depot.send({f"part-{n}": b"%d" % n for n in range(8)}))
    # Two calls of the clock for each file that is copied or deleted, a thousandth of a second each.
    calls = 0
    while not archive_claim(depot.trigger, claim, "orders", depot.clock() + timedelta(seconds=30, milliseconds=16)):
        calls += 1
        assert len(depot.copies()) == 8
    assert calls >= 2
    assert depot.copies() == archived(*(f"part-{n}" for n in range(8)))
    assert depot.states == ["ARCHIVED"]


def test_without_any_time_nothing_is_touched(depot: Depot) -> None:
    claim = depot.take_and_load(depot.send(FILES))
    before = depot.raw()
    assert archive_claim(depot.trigger, claim, "orders", depot.now + timedelta(seconds=29)) is False
    assert depot.raw() == before
    assert depot.states == ["LOADED"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_batch_whose_frozen_manifest_cannot_be_read_is_an_error_that_says_so(depot: Depot, is_there: bool) -> None:
    claim = depot.take_and_load(depot.send(FILES))
    take_away_manifest(depot, is_there=is_there)
    with pytest.raises(MissingObjectError, match=r"manifests/orders/.*: there is no such object"):
        depot.run_archive(claim)
    assert depot.states == ["LOADED"]
    assert len(depot.copies()) == 2


@pytest.mark.parametrize("is_there", [True, False])
def test_a_batch_whose_frozen_manifest_cannot_be_read_is_left_to_its_run(depot: Depot, is_there: bool) -> None:
    depot.take(depot.send(FILES))
    record = take_away_manifest(depot, is_there=is_there)
    settle(depot.trigger, "orders", [record])
    assert depot.location == IN_FOLDER


# Crashes and refusals


def test_a_crash_that_brings_a_replaced_file_to_light_ends_like_no_crash() -> None:
    def rewritten() -> tuple[Depot, str]:
        depot = Depot()
        depot.put("part-1", b"replaced before anybody listed it")
        return depot, depot.take_and_load(depot.send(FILES))

    whole, claim = rewritten()
    whole.faults.arm(10**9)
    whole.run_archive(claim)
    cut, claim = rewritten()
    cut.faults.arm(whole.faults.passed.index("before MemoryObjects.delete"))
    with pytest.raises(CrashError):
        cut.run_archive(claim)
    # S3 has deleted the version, and the process died before the older one was hidden.
    cut.documents._versions[f"{BASE}/part-1"].popitem()
    assert cut.raw()[f"{FOLDER}/part-1"] == b"replaced before anybody listed it"
    assert cut.run_archive(claim) is True
    assert end_of(cut) == end_of(whole)
    assert cut.records[0].history[-1].note == whole.records[0].history[-1].note


def one_batch(depot: Depot) -> str:
    """One loaded batch."""
    return depot.take_and_load(depot.send(FILES))


def with_leftovers(depot: Depot) -> str:
    """A batch that replaced a part of an older one."""
    depot.take_and_load(depot.send(FILES))
    return depot.take_and_load(depot.send({"part-1": b"corrected"}))


def replayed(depot: Depot) -> str:
    """A replay of what is in the archive."""
    depot.run_archive(one_batch(depot))
    return depot.take_and_load(depot.replay())


def extended(depot: Depot) -> str:
    """Files in the archive and a new one."""
    depot.run_archive(one_batch(depot))
    late = depot.put("part-3", b"three")
    return depot.take_and_load(depot.announce(f"{BASE}/part-1", f"{BASE}/part-2", late))


STORIES: list[Callable[[Depot], str]] = [one_batch, with_leftovers, replayed, extended]
End = tuple[dict[str, bytes], str, list[str]]


def end_of(depot: Depot) -> End:
    return depot.raw(), depot.location, depot.states


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("error", [CrashError(), AwsBusyError("slow down"), AwsError("refused")], ids=repr)
def test_a_crash_at_any_point_ends_like_no_crash(depot: Depot, story: Callable[[Depot], str], error: Exception) -> None:
    keeps_versions = depot.objects.keeps_versions
    claim = story(depot)
    depot.faults.arm(10**9)
    assert depot.run_archive(claim) is True
    points = len(depot.faults.passed)
    assert points > 20
    for point in range(points):
        cut = Depot(keeps_versions=keeps_versions)
        claim = story(cut)
        loaded = {key: body for key, body in cut.raw().items() if not key.endswith("manifest.json")}
        cut.faults.arm(point, error)
        with pytest.raises(type(error)):
            cut.run_archive(claim)
        # Nothing is lost at any moment: whatever is not where it was is in the archive.
        found = set(cut.raw().values())
        assert set(loaded.values()) - found <= {b"one"} if story is with_leftovers else set(loaded.values()) <= found
        assert cut.run_archive(claim) is True
        assert end_of(cut) == end_of(depot), point


# Somebody else at the same moment


class Interrupts(Faults):
    """Something else happens at one point."""

    def __init__(self) -> None:
        super().__init__()
        self.action: Callable[[], None] | None = None
        self.at = -1

    def pass_point(self, name: str) -> None:
        super().pass_point(name)
        if self.action is not None and len(self.passed) - 1 == self.at:
            action, self.action = self.action, None
            action()


def resends(depot: Depot) -> dict[str, bytes]:
    """The source system writes the same names again."""
    depot.take(depot.send({"part-1": b"uno", "part-2": b"due"}))
    return {"part-1": b"uno", "part-2": b"due"}


def adds(depot: Depot) -> dict[str, bytes]:
    """The source system lists the same files and one more."""
    late = depot.put("part-3", b"three")
    depot.take(depot.announce(f"{BASE}/part-1", f"{BASE}/part-2", late))
    return FILES | {"part-3": b"three"}


def replays(depot: Depot) -> dict[str, bytes]:
    """Somebody replays the partition."""
    depot.take(depot.replay(is_forced=True))
    return FILES


def repeats(depot: Depot) -> dict[str, bytes]:
    """The source system writes the very same files again."""
    depot.take(depot.send(FILES))
    return FILES


NEWCOMERS: list[Callable[[Depot], dict[str, bytes]]] = [resends, adds, replays, repeats]


@pytest.mark.parametrize("newcomer", NEWCOMERS)
def test_a_manifest_that_comes_while_files_move_gets_what_it_lists(
    depot: Depot, newcomer: Callable[[Depot], dict[str, bytes]]
) -> None:
    keeps_versions = depot.objects.keeps_versions
    claim = one_batch(depot)
    depot.faults.arm(10**9)
    depot.run_archive(claim)
    for point in range(len(depot.faults.passed)):
        check_newcomer(newcomer, point, keeps_versions=keeps_versions)


def check_newcomer(newcomer: Callable[[Depot], dict[str, bytes]], point: int, *, keeps_versions: bool) -> None:
    interrupts = Interrupts()
    depot = Depot(keeps_versions=keeps_versions, faults=interrupts)
    claim = one_batch(depot)
    expected: dict[str, bytes] = {}
    claims: list[str] = []

    def come() -> None:
        expected.update(newcomer(depot))
        # Its conversion reads the files from now until the archive has done its step.
        started = depot.begin()
        claims.extend([] if started is None else [started])

    interrupts.arm(10**9)
    interrupts.action, interrupts.at = come, point
    try:
        depot.run_archive(claim)
    except ConflictError:
        # Two archives of one batch may meet; the step is taken again.
        depot.run_archive(claim)
    interrupts.disarm()
    if not claims:
        started = depot.begin()
        assert started is not None, point
        claims.append(started)
    depot.finish(claims[0])
    newest = depot.records[-1]
    assert newest.state in {"LOADED", "ARCHIVED"}, (point, newest.reason)
    assert depot.loaded[newest.batch_id] == sorted(expected.values()), point
    assert depot.run_archive(claims[0]) is True
    assert depot.copies() == archived(*expected), point
    assert {name: depot.raw()[f"archive/{FOLDER}/{name}"] for name in expected} == expected, point
    assert depot.location == IN_ARCHIVE, point
    assert depot.states == ["ARCHIVED", "ARCHIVED"], point


def test_the_files_of_a_manifest_that_comes_before_the_deletions_stay_where_they_are(depot: Depot) -> None:
    claim = one_batch(depot)
    depot.faults.arm(10**9)
    depot.run_archive(claim)
    interrupts = Interrupts()
    raced = Depot(keeps_versions=depot.objects.keeps_versions, faults=interrupts)
    claim = one_batch(raced)
    interrupts.arm(10**9)
    interrupts.at = depot.faults.passed.index("after MemoryCatalog.register")

    def come() -> None:
        raced.take(raced.announce(f"{BASE}/part-1"))

    interrupts.action = come
    assert raced.run_archive(claim) is True
    assert {f"{FOLDER}/part-1", f"{FOLDER}/part-2", f"{FOLDER}/manifest.json"} <= set(raced.raw())
    assert raced.states == ["LOADED", "RECEIVED"]
    assert raced.load() is not None
    assert raced.location == IN_FOLDER


def test_after_a_crash_half_way_through_deletions_the_newcomer_waits_and_finds_what_moved(depot: Depot) -> None:
    claim = one_batch(depot)
    depot.faults.arm(10**9)
    depot.run_archive(claim)
    first_deletion = depot.faults.passed.index("after MemoryObjects.delete")
    cut = Depot(keeps_versions=depot.objects.keeps_versions)
    claim = one_batch(cut)
    cut.faults.arm(first_deletion)
    with pytest.raises(CrashError):
        cut.run_archive(claim)
    assert [len(places) for places in cut.copies().values()] == [1, 2]
    cut.take(cut.announce(f"{BASE}/part-1", f"{BASE}/part-2"))
    assert cut.load() is None
    cut.now += timedelta(minutes=16)
    second = cut.load()
    assert second is not None
    assert cut.loaded[cut.records[-1].batch_id] == [b"one", b"two"]
    cut.run_archive(second)
    assert cut.copies() == archived("part-1", "part-2")
    assert cut.states == ["ARCHIVED", "ARCHIVED"]


def test_a_frozen_manifest_follows_files_that_moved_after_it_was_written(depot: Depot) -> None:
    one_batch(depot)
    depot.take(depot.announce(f"{BASE}/part-1"))
    older, newer = depot.records
    before = FrozenManifest.from_json(depot.documents.read(newer.frozen_manifest))
    assert [file.url for file in before.files] == [f"{BASE}/part-1"]
    # The archive had looked for newer batches before this one was booked, and deletes now.
    depot.ledger.save(older, older.archiving(depot.now + timedelta(minutes=1), depot.now))
    original = depot.objects.info(f"{BASE}/part-1")
    assert original is not None
    copied = depot.objects.copy(original, f"{ARCHIVE}/part-1")
    depot.objects.delete(original)
    assert depot.load() is None
    depot.now += timedelta(minutes=2)
    assert depot.load() is not None
    after = FrozenManifest.from_json(depot.documents.read(newer.frozen_manifest))
    assert after == replace(before, files=(copied.as_file,))
    assert depot.location == IN_ARCHIVE
    assert depot.loaded[newer.batch_id] == [b"one"]


# Laws


@given(st.lists(st.sampled_from(["send", "list", "replay", "archive", "crash"]), min_size=1, max_size=8), st.data())
def test_whatever_happens_every_file_has_one_current_copy_in_the_end(acts: list[str], data: st.DataObject) -> None:
    depot = Depot(keeps_versions=data.draw(st.booleans()))
    claim = one_batch(depot)
    expected = dict(FILES)
    for number, act in enumerate(acts):
        if act == "send":
            expected |= {"part-1": b"version %d" % number}
            urls = [depot.put("part-1", expected["part-1"]), f"{BASE}/part-2"]
            claim = depot.take_and_load(depot.announce(*urls))
        elif act == "list":
            claim = depot.take_and_load(depot.announce(f"{BASE}/part-1", f"{BASE}/part-2"))
        elif act == "replay":
            claim = depot.take_and_load(depot.replay())
        elif act == "archive":
            depot.run_archive(claim)
        else:
            depot.faults.arm(data.draw(st.integers(0, 40)))
            try:
                depot.run_archive(claim)
            except CrashError:
                depot.now += timedelta(minutes=16)
            depot.faults.disarm()
        assert depot.loaded[depot.records[-1].batch_id] == sorted(expected.values())
    depot.run_archive(claim)
    assert depot.copies() == archived("part-1", "part-2")
    assert {name: depot.raw()[f"archive/{FOLDER}/{name}"] for name in expected} == expected
    assert set(depot.states) == {"ARCHIVED"}
