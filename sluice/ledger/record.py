"""What the ledger keeps of a batch: one frozen record, and the only ways in which it may change."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Self

import cattrs

from sluice.errors import TerminalError
from sluice.lake.handover import LoadCounts, TableCounts
from sluice.ledger.batch import ARRIVAL, BatchId, BatchState, Stage, WaitingList

MAX_REASON_CHARACTERS = 4000
MAX_NOTE_CHARACTERS = 1000
MAX_CHANGES = 50
"""Changes that a history keeps: the first one and the latest ones. A batch may be tried again any number of times."""
MAX_REASONS = 100
"""Reasons that a record keeps; with them all it stays far below what one item of the ledger holds (400 KB)."""
OTHER_REASONS = "other reasons"
MAX_ABSENT = 100
"""Columns that a record names as absent from files; what each file lacks stands with the counts of the file."""
_MAX_QUARANTINE_REASON_CHARACTERS = 300
LONGEST_WAIT = timedelta(hours=2)
"""Longer than anything is put off. What lies further ahead was written before the clock was set back: it is over."""
UNKNOWN_DATASET = "unknown"
"""Dataset of batches whose folder fits no contract; their partition is the folder."""

_S = BatchState
ALLOWED_MOVES: dict[BatchState, frozenset[BatchState]] = {
    _S.WAITING: frozenset({_S.RECEIVED, _S.REJECTED, _S.SUPERSEDED}),
    # The last: its dataset has no contract any more.
    _S.RECEIVED: frozenset({_S.CONVERTING, _S.SUPERSEDED, _S.FAILED}),
    _S.CONVERTING: frozenset({_S.CONVERTED, _S.RECEIVED, _S.FAILED}),
    _S.CONVERTED: frozenset({_S.LOADING, _S.SUPERSEDED, _S.FAILED}),
    # The third: what was published no longer goes with the contract.
    _S.LOADING: frozenset({_S.LOADED, _S.CONVERTED, _S.RECEIVED, _S.FAILED}),
    _S.LOADED: frozenset({_S.ARCHIVED}),
    _S.ARCHIVED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.SUPERSEDED: frozenset(),
    # The first two are an operator's retry; the last is a load that succeeded when its execution was redriven.
    _S.FAILED: frozenset({_S.RECEIVED, _S.CONVERTED, _S.LOADED}),
}
FIRST_STATES = frozenset({_S.WAITING, _S.RECEIVED, _S.REJECTED, _S.SUPERSEDED})

WAITING = {Stage.CONVERT: _S.RECEIVED, Stage.LOAD: _S.CONVERTED}
RUNNING = {Stage.CONVERT: _S.CONVERTING, Stage.LOAD: _S.LOADING}
DONE = {Stage.CONVERT: _S.CONVERTED, Stage.LOAD: _S.LOADED}
_WAITS_FOR: dict[BatchState, WaitingList] = {_S.WAITING: ARRIVAL, **{state: stage for stage, state in WAITING.items()}}
_IN_STAGE = {state: stage for table in (WAITING, RUNNING) for stage, state in table.items()}


FRESH: dict[str, Any] = {"company": "", "held": 0, "held_since": ""}
"""Attributes of a batch that is not known to have trouble."""


class MoveError(TerminalError):
    """A batch was to go from one state to another that does not follow it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step in the life of a batch.

    Attributes:
        state: The state that began.
        at: When it began, ISO 8601 in UTC.
        note: Why, where the state alone does not tell.
    """

    state: BatchState
    at: str
    note: str = ""


@dataclass(frozen=True)
class BatchRecord:
    """A batch as the ledger knows it.

    Attributes:
        batch_id: Text of the `BatchId`.
        dataset: The dataset, or `UNKNOWN_DATASET`.
        partition: Label of the partition; the folder when it is not a valid partition.
        state: Where the batch stands.
        manifest_url: Where the manifest lay.
        received_at: When the manifest's event was taken, ISO 8601 in UTC with microseconds; sorts as text.
        updated_at: When the record last changed, in the same form.
        written_at: When S3 took the manifest, as the event said.
        sequencer: S3's sequencer of the manifest; empty when no event told of it, and in records of older versions.
        manifest_version: S3's version of the manifest; empty where the bucket keeps none, and in records of older
            versions.
        manifest_etag: ETag of the manifest; empty when the event did not say, and in records of older versions.
        frozen_manifest: URL of the manifest as it was validated; empty when it was not valid.
        files: Number of files in it.
        size_bytes: Length of them all in bytes.
        attempts: Runs of the current stage that failed because of this batch, as far as one can tell.
        company: Batches with the same text go together and with nobody else, after a run that died without a word;
            empty for a batch that goes with any.
        held: Runs in a row that could do nothing for this batch because of the world.
        held_since: When the first of them ended, in the form of `timestamp`; empty when there was none.
        claim_id: The claim that carries the batch, or carried it last.
        run_id: The Glue run or the execution that carried it last, known when that has ended.
        stage: Stage in which the batch is or ended; None when it never entered one.
        reason: Why the batch is REJECTED, SUPERSEDED or FAILED, what it is WAITING for, or why its last run, or what
            follows it, failed.
        due_at: Before this moment no run takes the batch: when it began to wait, or the end of the pause after a run
            that failed, in the form of `timestamp`; empty in records of older versions, which are always due. Of a
            batch that is WAITING, the moment from which it is REJECTED if something still is missing.
        archiving_until: Until then the archive may delete raw files of the partition, in the form of `timestamp`; empty
            when it never did.
        convert_claim: Claim of the conversion that published the batch; its outcome lists the published files.
        convert_run: Name of the run that did so, after which its folders are named; empty in records of older versions.
        engine: What converted the batch: ``process`` or ``spark``.
        counts: Rows by table, from the conversion.
        load_counts: Rows by table, from the load.
        reasons: Quarantined records by reason, as `most_frequent` keeps them.
        absent: Files by column that they lack altogether, as the contract allows, with names such as ``table.column``;
            of very many the most frequent.
        history: The states that the batch had, oldest first; of very many the first and the latest.
        version: Number of times that the record was written.
    """

    batch_id: str
    dataset: str
    partition: str
    state: BatchState
    manifest_url: str
    received_at: str
    updated_at: str
    written_at: str = ""
    sequencer: str = ""
    manifest_version: str = ""
    manifest_etag: str = ""
    frozen_manifest: str = ""
    files: int = 0
    size_bytes: int = 0
    attempts: int = 0
    company: str = ""
    held: int = 0
    held_since: str = ""
    claim_id: str = ""
    run_id: str = ""
    stage: Stage | None = None
    reason: str = ""
    due_at: str = ""
    archiving_until: str = ""
    convert_claim: str = ""
    convert_run: str = ""
    engine: str = ""
    counts: dict[str, TableCounts] = field(default_factory=dict)
    load_counts: dict[str, LoadCounts] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)
    history: tuple[Change, ...] = ()
    version: int = 1

    @classmethod
    def first(
        cls,
        batch_id: BatchId,
        partition: str,
        state: BatchState,
        *,
        manifest_url: str,
        at: datetime,
        written_at: str = "",
        reason: str = "",
    ) -> Self:
        """The record of a batch that was not known before.

        Raises:
            MoveError: No batch begins in this state.
        """
        if state not in FIRST_STATES:
            raise MoveError(f"batch {batch_id}: cannot begin as {state}")
        now = timestamp(at)
        reason = reason[:MAX_REASON_CHARACTERS]
        return cls(
            str(batch_id),
            batch_id.dataset,
            partition,
            state,
            manifest_url,
            received_at=now,
            updated_at=now,
            written_at=written_at,
            stage=_IN_STAGE.get(state),
            reason=reason,
            due_at=now if state in _WAITS_FOR else "",
            history=(Change(state, now, reason[:MAX_NOTE_CHARACTERS]),),
        )

    @property
    def id(self) -> BatchId:
        """The parsed batch id."""
        return BatchId.parse(self.batch_id)

    @property
    def waits_for(self) -> WaitingList | None:
        """The waiting list in which the batch stands; None when it stands in none."""
        return _WAITS_FOR.get(self.state)

    @property
    def is_in_flight(self) -> bool:
        """Whether a run reads or writes files of the partition for this batch, or a load is still to read them."""
        return self.state in {_S.CONVERTING, _S.CONVERTED, _S.LOADING}

    def is_being_archived(self, now: datetime) -> bool:
        """Whether raw files of the partition may be deleted at this moment, so that no conversion may begin to read."""
        return timestamp(now) < self.archiving_until <= timestamp(now + LONGEST_WAIT)

    def archiving(self, until: datetime, at: datetime) -> Self:
        """The record while its files are moved to the archive; the move leaves no trace in the history.

        Args:
            until: End of the time in which files may be deleted.
            at: The present moment.
        """
        return replace(self, archiving_until=timestamp(until), updated_at=timestamp(at), version=self.version + 1)

    def moved(self, state: BatchState, at: datetime, note: str = "", **facts: Any) -> Self:  # noqa: ANN401
        """The record after a step.

        Args:
            state: The state that begins.
            at: When.
            note: Why, for the history.
            facts: Other attributes that change with it.

        Raises:
            MoveError: The state does not follow the present one.
        """
        if state not in ALLOWED_MOVES[self.state]:
            raise MoveError(f"batch {self.batch_id}: {self.state} cannot become {state}")
        if "reason" in facts:
            facts["reason"] = facts["reason"][:MAX_REASON_CHARACTERS]
        if "reasons" in facts:
            facts["reasons"] = most_frequent(facts["reasons"])
        if "absent" in facts:
            facts["absent"] = dict(_by_frequency(facts["absent"])[:MAX_ABSENT])
        change = Change(state, timestamp(at), note[:MAX_NOTE_CHARACTERS])
        facts.setdefault("stage", _IN_STAGE.get(state, self.stage))
        if state in _WAITS_FOR:
            facts.setdefault("due_at", change.at)
        return replace(
            self,
            state=state,
            updated_at=change.at,
            history=_extended(self.history, change),
            version=self.version + 1,
            **facts,
        )

    def unclaimed(self, at: datetime) -> Self:
        """The record as it was before a claim that came to nothing; the claim leaves no trace in the history.

        Raises:
            MoveError: The batch is in no run.
        """
        stage = _IN_STAGE.get(self.state)
        if stage is None or self.state is not RUNNING[stage]:
            raise MoveError(f"batch {self.batch_id}: {self.state} is not carried by a run")
        return replace(
            self,
            state=WAITING[stage],
            updated_at=timestamp(at),
            claim_id="",
            history=self.history[:-1],
            version=self.version + 1,
        )

    def retried(self, at: datetime) -> Self:
        """The record of a failed batch that an operator sends into the stage again in which it failed.

        Raises:
            MoveError: The batch has not failed.
        """
        if self.state is not _S.FAILED or self.stage is None:
            raise MoveError(f"batch {self.batch_id}: {self.state} cannot be tried again; only a FAILED batch can")
        note = f"tried again on request; it had failed: {self.reason}"
        return self.moved(WAITING[self.stage], at, note=note, attempts=0, reason="", claim_id="", **FRESH)

    def still_waiting(self, at: datetime, reason: str) -> Self:
        """The record of a batch that is WAITING, after another look; that leaves no trace in the history.

        Args:
            at: When.
            reason: What it waits for.
        """
        return replace(self, updated_at=timestamp(at), reason=reason[:MAX_REASON_CHARACTERS], version=self.version + 1)

    def due(self, at: datetime) -> Self:
        """The record of a batch that waits, due at another moment; that leaves no trace in the history."""
        return replace(self, due_at=timestamp(at), updated_at=timestamp(at), version=self.version + 1)

    def noted(self, at: datetime, note: str, reason: str) -> Self:
        """The record after something that leaves the batch's state as it is, such as a refresh that failed.

        Args:
            at: When.
            note: What happened, for the history.
            reason: What is wrong with the batch now; empty when nothing is.
        """
        change = Change(self.state, timestamp(at), note[:MAX_NOTE_CHARACTERS])
        return replace(
            self,
            updated_at=change.at,
            reason=reason[:MAX_REASON_CHARACTERS],
            history=_extended(self.history, change),
            version=self.version + 1,
        )

    def to_plain(self) -> dict[str, Any]:
        """The record as plain mappings, lists, texts and numbers."""
        plain: dict[str, Any] = _converter.unstructure(self)
        return plain

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Read what `to_plain` wrote; attributes that a newer Sluice added are ignored."""
        return _converter.structure(plain, cls)


@dataclass(frozen=True, slots=True)
class WaitEntry:
    """A batch in a waiting list.

    Attributes:
        batch_id: The batch.
        attempts: Runs of the stage that failed for it already.
        due_at: Before this moment no run takes it; empty for at any time.
        company: With whom it goes; empty for anybody.
    """

    batch_id: str
    attempts: int
    due_at: str = ""
    company: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to run one stage of one dataset; there is one.

    Attributes:
        claim_id: Who has it.
        taken_at: Since when.
    """

    claim_id: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """The batches that one run carries, written before the run is started.

    Attributes:
        claim_id: Name of the claim.
        dataset: Dataset of all its batches.
        stage: Stage of the run.
        batch_ids: The batches, sorted.
        started_at: When the claim was made.
        run_id: The Glue run or the execution; empty until its start is known to have succeeded.
        ended_at: When its batches were booked or given back; None before.
        unclear_at: When its dispatcher gave it up, because it cannot tell whether a run was started; None otherwise.
    """

    claim_id: str
    dataset: str
    stage: Stage
    batch_ids: tuple[str, ...]
    started_at: datetime
    run_id: str = ""
    ended_at: datetime | None = None
    unclear_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenLoad:
    """A load whose rows are in the warehouse while something after it is still to do: aggregates, archive, notices.

    Attributes:
        claim_id: The claim.
        dataset: The dataset.
        since: When the load was booked.
        redrives: How often the execution was made to go on after it had failed.
        tried_at: When it was last made to go on; the same as `since` when it never was.
        is_given_up: Whether it waits for an operator, who has been told.
        number: Number of the execution, from 1. There is a second one when the first one cannot go on any more.
        is_held: Whether something that it needs is away, so that its age decides and not how often it was tried.
    """

    claim_id: str
    dataset: str
    since: datetime
    redrives: int
    tried_at: datetime
    is_given_up: bool = False
    number: int = 1
    is_held: bool = False

    @classmethod
    def first(cls, claim: Claim, at: datetime) -> Self:
        """What a load begins with."""
        return cls(claim.claim_id, claim.dataset, at, 0, at)

    @property
    def execution(self) -> str:
        """Name of the execution: that of the claim, and behind a second one its number."""
        return self.claim_id if self.number == 1 else f"{self.claim_id}-{self.number}"


@dataclass(frozen=True, slots=True)
class Outage:
    """What a stage of a dataset depends on is away.

    Attributes:
        dataset: The dataset.
        stage: The stage.
        since: When the first run that met it ended.
        failures: Runs that met it.
        until: Before this moment the stage starts no run but probes.
        reason: What is away, as the last run told it.
        claim_id: The claim of that run.
        probes: How many of the runs were probes, which do not make the pause longer.
        tried_at: When the last run ended or the last probe began; None in records of older versions.
        is_told: Whether support has heard of it, or of the same thing met by another stage or dataset.
        version: Grows with every change; who changes it names the version that it knows.
    """

    dataset: str
    stage: Stage
    since: datetime
    failures: int
    until: datetime
    reason: str
    claim_id: str
    probes: int = 0
    tried_at: datetime | None = None
    is_told: bool = False
    version: int = 1

    def changed(self, **facts: Any) -> Self:  # noqa: ANN401
        """The outage with other facts, as its next version."""
        return replace(self, version=self.version + 1, **facts)

    def is_resting(self, at: datetime) -> bool:
        """Whether the stage starts no run at a moment, unless it is a probe."""
        return at < self.until <= at + LONGEST_WAIT


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A notice that is not known to have been sent, kept until it is.

    Attributes:
        name: Its own; names sort by time.
        dataset: What it is about.
        topic: Name of the topic.
        subject: Its subject.
        body: Its body.
    """

    name: str
    dataset: str
    topic: str
    subject: str
    body: str

    @classmethod
    def first(cls, at: datetime, dataset: str, topic: str, subject: str, body: str) -> Self:
        """A notice as it is kept; the same one at the same moment has the same name."""
        digest = sha256(f"{topic}\n{subject}\n{body}".encode()).hexdigest()[:16]
        return cls(f"{timestamp(at)}#{digest}", dataset, topic, subject, body)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sweep.

    Attributes:
        at: When it ended.
        problems: What it could not fix, one line each.
    """

    at: datetime
    problems: tuple[str, ...] = ()


def most_frequent(reasons: Mapping[str, int]) -> dict[str, int]:
    """The reasons that a record keeps: the most frequent ones, long ones cut, and the sum of the rest as one more.

    Args:
        reasons: Quarantined records by reason.
    """
    short: Counter[str] = Counter()
    for reason, count in reasons.items():
        short[reason[:_MAX_QUARANTINE_REASON_CHARACTERS]] += count
    ordered = _by_frequency(short)
    kept = dict(ordered[:MAX_REASONS])
    rest = sum(count for _, count in ordered[MAX_REASONS:])
    return kept | ({OTHER_REASONS: rest} if rest else {})


def _by_frequency(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _extended(history: tuple[Change, ...], change: Change) -> tuple[Change, ...]:
    """A history with one change more."""
    latest = (*history[1:], change)[-(MAX_CHANGES - 1) :]
    return (*history[:1], *latest) if history else (change,)


def timestamp(at: datetime) -> str:
    """A moment as text that sorts: ISO 8601 in UTC, always with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime | None:
    """The moment that a text of somebody else names, S3's event for example; None when it names none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


_converter = cattrs.Converter()
