"""Following a batch, and the pace of announcements: clocks of their own, nothing waits."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from sluice.cli.announce import paced
from sluice.cli.follow import changes, is_success, render_outcome
from sluice.errors import AwsBusyError, CommandError
from sluice.lake.handover import LoadCounts, TableCounts
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId, BatchState
from sluice.ledger.delivery import Folder
from sluice.ledger.record import BatchRecord
from sluice.terminal import out
from tests.doubles.ledger import MemoryLedger

HOUR = Partition.parse("2026-11-20T13")
AT = datetime(2026, 11, 20, 15, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def record(state: BatchState, sequencer: str = "1", reason: str = "") -> BatchRecord:
    return BatchRecord.first(
        BatchId.make("orders", HOUR, sequencer), HOUR.label, state, manifest_url="s3://m", at=AT, reason=reason
    )


def loaded() -> BatchRecord:
    batch = record(BatchState.RECEIVED)
    for state in (BatchState.CONVERTING, BatchState.CONVERTED, BatchState.LOADING):
        batch = batch.moved(state, AT)
    counts = {"orders": TableCounts(10, 2, 1, 7)}
    return batch.moved(
        BatchState.LOADED, AT.replace(second=34), counts=counts, load_counts={"orders": LoadCounts(7, 6, 1, 0)}
    )


def look(ledger: MemoryLedger, known: set[str], seconds: float = 10, clock: Clock | None = None) -> list[str | None]:
    clock = clock or Clock()
    any_batch = str(BatchId.make("orders", HOUR, "0"))
    found = changes(ledger, any_batch, known, seconds, clock=clock, pause=clock.pause)
    return [None if batch is None else str(batch.state) for batch in found]


def test_a_new_batch_is_followed_to_its_end_and_older_ones_are_not() -> None:
    ledger, clock = MemoryLedger(), Clock()
    old = record(BatchState.REJECTED)
    ledger.create(old)
    new = record(BatchState.RECEIVED, "2")

    def fail() -> None:
        ledger.save(new, new.moved(BatchState.CONVERTING, AT).moved(BatchState.FAILED, AT))

    steps: list[Callable[[], object]] = [lambda: None, lambda: ledger.create(new), fail]

    def pause(seconds: float) -> None:
        clock.pause(seconds)
        steps.pop(0)()

    found = changes(ledger, old.batch_id, {old.batch_id}, 10, clock=clock, pause=pause)
    states = [None if batch is None else str(batch.state) for batch in found]
    assert states == [None, None, "RECEIVED", "FAILED"]


def test_no_batch_in_time_says_where_to_look() -> None:
    with pytest.raises(CommandError, match=r"no batch after 3 s: .*sluice doctor"):
        look(MemoryLedger(), set(), 3)


def test_a_batch_that_is_not_done_in_time_goes_on_by_itself() -> None:
    ledger = MemoryLedger()
    ledger.create(record(BatchState.RECEIVED))
    with pytest.raises(CommandError, match=r"is RECEIVED after 3 s and goes on by itself; .*sluice status orders\."):
        look(ledger, set(), 3)


def test_a_busy_ledger_is_asked_again() -> None:
    class Busy(MemoryLedger):
        tries = 0

        def versions(self, batch_id: str) -> tuple[BatchRecord, ...]:
            self.tries += 1
            if self.tries < 3:
                raise AwsBusyError("throttled")
            return super().versions(batch_id)

    ledger = Busy()
    ledger.create(record(BatchState.REJECTED))
    assert look(ledger, set()) == ["REJECTED"]


@pytest.mark.parametrize(
    ("batch", "good"),
    [
        (loaded(), True),
        (record(BatchState.REJECTED, reason="x"), False),
        (record(BatchState.SUPERSEDED), False),
        (loaded().noted(AT, "aggregates failed", "aggregates failed"), False),
    ],
)
def test_only_rows_in_the_warehouse_are_a_success(batch: BatchRecord, good: bool) -> None:
    assert is_success(batch) is good


def test_the_outcome_fits_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out().print(render_outcome(loaded()))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "orders 2026-11-20T13 LOADED in 34 s",
        "table   read  rejected  duplicates  published  inserted  updated",
        "orders    10         2           1          7         6        1",
        "next: rows broke the contract and are in quarantine; the rest is loaded",
        "  sluice quarantine orders --partition 2026-11-20T13 --samples 5",
    ]


def test_manifests_are_written_at_their_pace() -> None:
    clock = Clock()
    folders = [Folder("orders", HOUR, f"s3://b/{number}", (), has_manifest=False) for number in range(4)]
    at = []
    for folder in paced(folders, 0.5, clock=clock, pause=clock.pause):
        at.append((folder.url, clock.now))
        clock.now += 0.7 if folder.url.endswith("1") else 0.1
    assert at == [("s3://b/0", 0.0), ("s3://b/1", 0.5), ("s3://b/2", 1.2), ("s3://b/3", 1.7)]
