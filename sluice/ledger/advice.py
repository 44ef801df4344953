"""What happens next to a batch, and what a person can do about it, by its state and its error: the one table of that.

The command line, `sluice doctor` and the notices take their sentences and commands from here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import UNKNOWN_DATASET, BatchRecord, Heartbeat, Outage, Slot, timestamp
from sluice.names import SWEEP_PERIOD

_TOO_MANY_REJECTED = "TooManyRejectedError"


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens next to a batch, or what a person can do.

    Attributes:
        text: One sentence.
        command: The command that does it; empty when nothing has to be done.
    """

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is going on in the stage that a batch waits for.

    Attributes:
        now: The present moment in UTC.
        waiting: Batches that wait for the stage, this one included.
        slot: The run that is at work; None when none is.
        outage: What is away; None when nothing is.
        heartbeat: The last sweep; None when there was none.
    """

    now: datetime
    waiting: int = 1
    slot: Slot | None = None
    outage: Outage | None = None
    heartbeat: Heartbeat | None = None

    @property
    def next_sweep(self) -> str:
        """When the next sweep comes, in words; empty when nobody knows."""
        if self.heartbeat is None:
            return ""
        left = self.heartbeat.at + SWEEP_PERIOD - self.now
        if left < -SWEEP_PERIOD:
            return " (the last one was long ago: see `sluice doctor`)"
        minutes = max(0, round(left / timedelta(minutes=1)))
        return f" (the next one in {minutes} min)" if minutes else " (the next one now)"


def next_step(batch: BatchRecord, prospect: Prospect | None = None) -> NextStep:
    """What happens next to a batch by itself, or what a person can do about it.

    Args:
        batch: The batch.
        prospect: What is going on in the stage that it waits for; None when nobody has looked.
    """
    match batch.state:
        case BatchState.FAILED:
            return _after_failure(batch)
        case BatchState.REJECTED:
            return _after_rejection(batch)
        case BatchState.SUPERSEDED:
            return NextStep("nothing to do: a newer manifest of the partition took its place")
        case BatchState.LOADED | BatchState.ARCHIVED if batch.reason:
            text = "its rows are in the warehouse, but something after the load failed: fix the cause, then go on"
            return NextStep(text, retry_of(batch.batch_id))
        case BatchState.LOADED | BatchState.ARCHIVED if batch.absent:
            return NextStep(
                "nothing to do, if it is right that files have no "
                f"{_listed(batch.absent)}: its rows are in the warehouse, and an upsert kept the values there"
            )
        case BatchState.LOADED | BatchState.ARCHIVED:
            return NextStep("nothing to do: its rows are in the warehouse")
        case BatchState.WAITING:
            return NextStep(
                "it waits for what is missing and is looked at every 5 minutes; from "
                f"{batch.due_at[:16]} UTC on it is rejected if something still is"
            )
        case BatchState.RECEIVED | BatchState.CONVERTED if batch.held:
            return _of_held(batch, prospect)
        case BatchState.RECEIVED | BatchState.CONVERTED:
            return _of_waiting(batch, prospect)
        case _:
            what = "conversion" if batch.state is BatchState.CONVERTING else "load"
            return NextStep(f"its {what} is at work; the sweep books it should its end get lost")


def _listed(names: Iterable[str]) -> str:
    first, *rest = sorted(names)
    return f"{first} and {len(rest)} more" if rest else first


def _of_held(batch: BatchRecord, prospect: Prospect | None) -> NextStep:
    outage = None if prospect is None else prospect.outage
    again = batch.due_at if outage is None else max(batch.due_at, timestamp(outage.until))
    text = (
        f"something that its runs need is away since {batch.held_since[:16]} UTC; it is tried again from "
        f"{again[:16]} UTC on, and no attempt is counted; when it is back, it need not wait"
    )
    return NextStep(text, retry_of_all(batch.dataset))


def _of_waiting(batch: BatchRecord, prospect: Prospect | None) -> NextStep:
    what = "conversion" if batch.state is BatchState.RECEIVED else "load"
    text = f"it waits for the next {what} of {batch.dataset}"
    if prospect is None:
        return NextStep(f"{text}; the sweep starts one when nothing else does")
    if prospect.waiting > 1:
        text += f", with {prospect.waiting - 1} other batch{'es' if prospect.waiting > 2 else ''}"
    if prospect.outage is not None and prospect.outage.is_resting(prospect.now):
        away = f"not before {prospect.outage.until:%Y-%m-%dT%H:%M} UTC, for something is away: {prospect.outage.reason}"
        return NextStep(f"{text}; {away}", retry_of_all(batch.dataset))
    if prospect.slot is not None:
        return NextStep(
            f"{text}, which begins when the one ends that is at work since {prospect.slot.taken_at:%H:%M} UTC"
        )
    return NextStep(f"{text}; the sweep starts one when nothing else does{prospect.next_sweep}")


def _after_failure(batch: BatchRecord) -> NextStep:
    if batch.reason.startswith(_TOO_MANY_REJECTED):
        text = "too many of its records broke the contract: look at them, then send the partition again"
        return NextStep(text, f"sluice quarantine {batch.dataset} --partition {batch.partition}")
    what = "load" if batch.stage is Stage.LOAD else "conversion"
    return NextStep(f"fix the cause, then try its {what} again", retry_of(batch.batch_id))


def _after_rejection(batch: BatchRecord) -> NextStep:
    if batch.dataset == UNKNOWN_DATASET:
        return NextStep("its folder belongs to no dataset: send the files to the folder of one, with a manifest")
    text = "its manifest or files are wrong: fix them and write the manifest again, or, when the files are right now,"
    return NextStep(f"{text} have it written", replay_of(batch))


def why_not_retried(batch: BatchRecord) -> str:
    """Why `sluice retry` does nothing for a batch, and what does something instead."""
    match batch.state:
        case BatchState.REJECTED:
            return f"its manifest is wrong; fix it, then run: {replay_of(batch)}"
        case BatchState.SUPERSEDED:
            return "a newer manifest of its partition took its place"
        case _:
            return f"nothing has failed; to convert and load it again, run: {replay_of(batch)}"


def after_rejection(batch: BatchRecord) -> str:
    """What brings a rejected partition back once its files are right, in the few words of a notice."""
    if batch.dataset == UNKNOWN_DATASET:
        return "send the files to the folder of a known dataset, with a manifest"
    return replay_of(batch)


# The commands


def retry_of(batch_id: str) -> str:
    """Tries a batch again; of a load that stopped after its rows were in, any of its batches will do."""
    return f"sluice retry {batch_id}"


def retry_of_all(dataset: str, since: str = "") -> str:
    """Tries all batches of a dataset again that failed or wait.

    Args:
        dataset: The dataset.
        since: When the first of them was received, in the form of `timestamp`; empty for all.
    """
    return f"sluice retry --dataset {dataset}" + (f" --since {since}" if since else "")


def replay_of(batch: BatchRecord) -> str:
    """Takes the files of a batch's partition once more."""
    return f"sluice replay {batch.dataset} {batch.partition}"
