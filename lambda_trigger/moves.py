"""The states of a batch and every move between them, on one page.

    made by      move            from                      to
    arrival      first_record    -                         RECEIVED, WAITING, REJECTED, SUPERSEDED
    arrival      wait_ended      WAITING                   RECEIVED, REJECTED, SUPERSEDED
    dispatch     left            RECEIVED, CONVERTED       SUPERSEDED, FAILED
    runs         claimed         RECEIVED                  CONVERTING
                                 CONVERTED                 LOADING
    runs         unclaimed       CONVERTING, LOADING       where it waited, as if nothing had been
    after_run    booked          CONVERTING                CONVERTED; RECEIVED again; FAILED
                                 LOADING                   LOADED; CONVERTED or RECEIVED again; FAILED
                                 FAILED                    LOADED, when a redriven execution has loaded it after all
    archive      archived        LOADED                    ARCHIVED
    a person     retried         FAILED                    RECEIVED, CONVERTED

`unclaimed` and `retried` need nothing but the record and stand there (`sluice.ledger.record`), beside the table of the
moves that the ledger allows, which refuses any other one. A move is a function from one record to the next: it asks
nobody and writes nothing. Who makes it saves both together, and the ledger takes them only if nobody else has written
the batch meanwhile. So after a crash a batch has moved, or it has not.

What a run's end does to a batch depends on what its failure is a failure of (`sluice.failures`), see `booked`. Batches
whose run died without a word go apart, in halves, until the one that breaks runs is alone: two runs for each doubling
of the number of batches. When both halves of a run die alike, it is not a single batch that breaks them: then one batch
goes first, alone, as a probe. If it gets through, the halves go on; if it dies in the same way, what broke the runs is
the world.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sluice.failures import Verdict
from sluice.lake.handover import FileCounts
from sluice.ledger.batch import BatchId, BatchState, Stage
from sluice.ledger.record import DONE, FRESH, RUNNING, WAITING, BatchRecord, Change, Claim, OpenLoad, timestamp
from sluice.settings import Settings

if TYPE_CHECKING:
    from lambda_trigger.manifests import ManifestEvent

NO_EVENT = "no event told of its manifest; the sweep found it"
LONGEST = timedelta(hours=1)
"""The longest pause."""
PROBE_EVERY = timedelta(minutes=10)
"""While a stage rests for longer than that, one batch goes alone that often, to see whether what was away is back.

So a pause may grow to an hour while what waits goes on a quarter of an hour after the end of an outage: a probe is one
run, and one for all datasets that wait for the same.
"""
FIRST, SECOND, PROBE, REST = "1", "2", "p", "r"
_CONVERTED_AGAIN = "no attempt, to be converted again"


# What is asked before a move


def newer_than(batch_id: str, versions: Iterable[BatchRecord]) -> BatchRecord | None:
    """The newest batch that replaces another one of its partition: one whose manifest was not accepted replaces none.

    Args:
        batch_id: The batch that may be replaced.
        versions: The batches of its partition.
    """
    newer = (record for record in versions if record.batch_id > batch_id and record.state.is_accepted)
    return max(newer, key=lambda record: record.batch_id, default=None)


def pause_after(failures: int, settings: Settings) -> timedelta:
    """The pause after a failure; it doubles with each one.

    Args:
        failures: Failures so far, at least 1.
        settings: How long the first pause is.
    """
    seconds = settings.retry_delay_seconds * 2.0 ** (failures - 1)
    return timedelta(seconds=min(seconds, LONGEST.total_seconds()))


def is_over(load: OpenLoad, settings: Settings, now: datetime) -> bool:
    """Whether an open load has been tried for long enough: by age while something is away, otherwise by number."""
    if load.is_held:
        return now - load.since >= timedelta(seconds=settings.give_up_after_seconds)
    return load.redrives >= settings.max_attempts


@dataclass(frozen=True, slots=True)
class Company:
    """Batches that go together and with nobody else.

    Attributes:
        claim_id: The claim whose run died; empty for batches that may go with any.
        part: Which part of its batches.
    """

    claim_id: str = ""
    part: str = ""

    @classmethod
    def parse(cls, text: str) -> "Company":
        """Read what `str` wrote."""
        claim_id, _, part = text.rpartition(".")
        return cls(claim_id, part)

    def __str__(self) -> str:
        return f"{self.claim_id}.{self.part}" if self.claim_id else ""


def common(companies: Iterable[str]) -> Company:
    """The company of a run: that of all its batches, if they have one."""
    found = set(companies)
    return Company.parse(found.pop()) if len(found) == 1 else Company()


def parts(claim_id: str, batch_ids: Sequence[str], *, with_probe: bool) -> dict[str, Company]:
    """The companies in which batches go on whose run died.

    Args:
        claim_id: The claim of the run.
        batch_ids: The batches, sorted.
        with_probe: Whether one of them goes first, alone.
    """
    # Which one is as good as any; it must be the same one when the end is booked again.
    probe = batch_ids[sum(claim_id.encode()) % len(batch_ids)] if with_probe else None
    rest = [name for name in batch_ids if name != probe]
    half = (len(rest) + 1) // 2
    found = {name: Company(claim_id, FIRST if index < half else SECOND) for index, name in enumerate(rest)}
    return found if probe is None else found | {probe: Company(claim_id, PROBE)}


# Arrival


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of looking at a manifest.

    Attributes:
        state: The state that its batch is in now.
        reason: Why.
        facts: What the ledger learns of the batch.
    """

    state: BatchState
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def first_record(
    batch_id: BatchId, partition: str, event: "ManifestEvent", finding: Finding, settings: Settings, now: datetime
) -> BatchRecord:
    """The record of a batch that nobody knew before."""
    first = BatchRecord.first(
        batch_id,
        partition,
        finding.state,
        manifest_url=event.url,
        at=now,
        written_at=event.written_at,
        reason=finding.reason,
    )
    record = replace(
        first,
        sequencer=event.sequencer,
        manifest_version=event.version_id or "",
        manifest_etag=event.etag,
        **finding.facts,
    )
    if finding.state is BatchState.WAITING:
        record = replace(record, due_at=timestamp(now + timedelta(seconds=settings.file_wait_seconds)))
    if not event.sequencer:
        note = f"{NO_EVENT}; {finding.reason}" if finding.reason else NO_EVENT
        record = replace(record, history=(Change(finding.state, timestamp(now), note),))
    return record


def wait_ended(record: BatchRecord, finding: Finding, now: datetime) -> BatchRecord:
    """A batch whose files are waited for no longer: they are there, or they never came."""
    return record.moved(finding.state, now, note=finding.reason, reason=finding.reason, **finding.facts)


# Dispatch


def left(record: BatchRecord, state: BatchState, reason: str, now: datetime) -> BatchRecord:
    """A batch that leaves its waiting list without a run, because it is replaced or can never run."""
    return record.moved(state, now, note=reason, reason=reason, stage=record.stage)


def claimed(record: BatchRecord, claim: Claim, now: datetime) -> BatchRecord:
    """A batch that leaves its waiting list for a run."""
    return record.moved(RUNNING[claim.stage], now, claim_id=claim.claim_id)


# After a run


@dataclass(frozen=True)
class Fate:
    """What a run did with one batch.

    Attributes:
        verdict: What the batch's failure is a failure of; None when it did not fail.
        error: Why the batch failed; empty when it did not.
        facts: What the ledger learns of the batch.
        files: Counts by raw file.
    """

    verdict: Verdict | None = None
    error: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[FileCounts, ...] = ()


@dataclass(frozen=True)
class End:
    """What the end of a run means for its claim as a whole.

    Attributes:
        stage: The stage of the claim.
        run_id: The run.
        fates: What became of each batch.
        now: When it is booked.
        rests: Whether the stage rests, because an outage is open, so that its batches need no pause of their own.
        companies: With whom batches go on that went apart, by batch.
        probed_from: From when the one is due that goes first, alone.
        is_probe: Whether the run was one batch that went while its stage rested, to see whether what is away is back.
    """

    stage: Stage
    run_id: str
    fates: Mapping[str, Fate]
    now: datetime
    rests: bool = False
    companies: Mapping[str, Company] = field(default_factory=dict)
    probed_from: datetime | None = None
    is_probe: bool = False


def booked(record: BatchRecord, end: End, settings: Settings) -> BatchRecord:
    """A batch after its run.

    Done where it did not fail. Otherwise, by what the failure is a failure of: the world, and it waits without an
    attempt; a stop, likewise; the contract, and it is converted again; the run, and it goes on with fewer; and else
    itself, which is an attempt, and after the last one FAILED.
    """
    fate = end.fates[record.batch_id]
    facts = {**fate.facts, "run_id": end.run_id}
    if fate.verdict is None:
        # Attempts are counted by stage. The reason of an earlier failure is history now.
        return record.moved(DONE[end.stage], end.now, attempts=0, reason="", **FRESH, **facts)
    facts |= {"reason": fate.error, "stage": end.stage}
    if fate.verdict is Verdict.WORLD:
        return _held(record, end, facts, settings)
    if fate.verdict is Verdict.STOP:
        due_at = timestamp(end.now + pause_after(1, settings))
        return record.moved(WAITING[end.stage], end.now, note=f"stopped: {fate.error}", due_at=due_at, **facts)
    if fate.verdict is Verdict.CONVERT:
        return _reconverted(record, end, facts, settings)
    if record.batch_id in end.companies:
        return _parted(record, end, facts)
    return _counted(record, end, facts, settings)


def _held(record: BatchRecord, end: End, facts: Mapping[str, Any], settings: Settings) -> BatchRecord:
    """What its run needed is away: no attempt, until it has lasted too long."""
    since = record.held_since or timestamp(end.now)
    facts = {**facts, **FRESH, "held": record.held + 1, "held_since": since}
    longest = timedelta(seconds=settings.give_up_after_seconds)
    # A probe is not given up: it goes on with those for which it went.
    if end.now - datetime.fromisoformat(since) >= longest and not end.is_probe:
        note = f"given up, it has been so since {since[:16]}: {facts['reason']}"
        return record.moved(BatchState.FAILED, end.now, note=note, **facts)
    # While the stage rests, the outage says when it starts again, for all of its batches in one run.
    until = end.now if end.rests else end.now + pause_after(record.held + 1, settings)
    note = f"no attempt, something is away: {facts['reason']}"
    return record.moved(WAITING[end.stage], end.now, note=note, due_at=timestamp(until), **facts)


def _parted(record: BatchRecord, end: End, facts: Mapping[str, Any]) -> BatchRecord:
    """Its run died without a word and carried others: it goes on at once, with fewer."""
    company = end.companies[record.batch_id]
    with_it = sum(other == company for other in end.companies.values())
    note = f"no attempt, its run carried {len(end.companies)} batches; it goes on with {with_it}: {facts['reason']}"
    is_probe = company.part == PROBE and end.probed_from is not None
    # Due from long ago, so that it goes before the halves that wait: among those due the longest wait decides.
    due_at = timestamp(end.probed_from if is_probe and end.probed_from is not None else end.now)
    return record.moved(WAITING[end.stage], end.now, note=note, due_at=due_at, company=str(company), **facts)


def _reconverted(record: BatchRecord, end: End, facts: Mapping[str, Any], settings: Settings) -> BatchRecord:
    """Its files no longer go with the contract: it is converted again, and again only a few times.

    Files that a conversion of today's version wrote fit today's contract. A batch that comes back more often meets
    two versions that do not go together, such as those of a deployment that stopped half-way.
    """
    before = sum(change.note.startswith(_CONVERTED_AGAIN) for change in record.history)
    if before >= settings.max_attempts:
        note = f"converted {before} times for that reason already: {facts['reason']}"
        return record.moved(BatchState.FAILED, end.now, note=note, **facts)
    due_at = end.now if before == 0 else end.now + pause_after(before, settings)
    again = {**facts, **FRESH, "attempts": 0, "stage": Stage.CONVERT, "due_at": timestamp(due_at)}
    return record.moved(BatchState.RECEIVED, end.now, note=f"{_CONVERTED_AGAIN}: {facts['reason']}", **again)


def _counted(record: BatchRecord, end: End, facts: Mapping[str, Any], settings: Settings) -> BatchRecord:
    """The failure is its own, as far as one can tell."""
    verdict = end.fates[record.batch_id].verdict
    attempts = record.attempts + 1
    is_tried_again = verdict in {Verdict.RUN, Verdict.DENIED}
    count = f"attempt {attempts} of {settings.max_attempts}" if is_tried_again else "not tried again"
    note = f"{count}: {facts['reason']}"
    facts = {**facts, "attempts": attempts}
    if not is_tried_again or attempts >= settings.max_attempts:
        return record.moved(BatchState.FAILED, end.now, note=note, **facts)
    # What broke its run alone is kept away from others; a right that is missing is missing for all alike.
    company = str(Company(record.claim_id, REST)) if verdict is Verdict.RUN else record.company
    due_at = timestamp(end.now + pause_after(attempts, settings))
    return record.moved(WAITING[end.stage], end.now, note=note, due_at=due_at, company=company, **facts)


# Archive


def archived(record: BatchRecord, note: str, now: datetime, *, ends_lease: bool = False) -> BatchRecord:
    """A batch whose raw files lie in the archive; with `ends_lease` none of its partition are deleted any more."""
    lease = {"archiving_until": timestamp(now)} if ends_lease else {}
    return record.moved(BatchState.ARCHIVED, now, note=note, **lease)
