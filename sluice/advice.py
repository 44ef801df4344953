"""What a person can do about a batch, by its state: one sentence, and the command when there is one."""

from collections.abc import Iterable
from dataclasses import dataclass

from sluice.batch import BatchState, Stage
from sluice.record import UNKNOWN_DATASET, BatchRecord

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


def next_step(batch: BatchRecord) -> NextStep:
    """What happens next to a batch by itself, or what a person can do about it."""
    match batch.state:
        case BatchState.FAILED:
            return _after_failure(batch)
        case BatchState.REJECTED:
            return _after_rejection(batch)
        case BatchState.SUPERSEDED:
            return NextStep("nothing to do: a newer manifest of the partition took its place")
        case BatchState.LOADED | BatchState.ARCHIVED if batch.reason:
            text = "its rows are in the warehouse, but something after the load failed: mend the cause, then go on"
            return NextStep(text, f"sluice retry {batch.batch_id}")
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
            text = (
                f"something that its runs need is away since {batch.held_since[:16]} UTC; it is tried again from "
                f"{batch.due_at[:16]} UTC on, and no attempt is counted; when it is back, it need not wait"
            )
            return NextStep(text, f"sluice retry --dataset {batch.dataset}")
        case BatchState.RECEIVED | BatchState.CONVERTED:
            what = "conversion" if batch.state is BatchState.RECEIVED else "load"
            return NextStep(
                f"it waits for the next {what} of {batch.dataset}; the sweep starts one when nothing else does"
            )
        case _:
            what = "conversion" if batch.state is BatchState.CONVERTING else "load"
            return NextStep(f"its {what} is at work; the sweep books it should its end get lost")


def _listed(names: Iterable[str]) -> str:
    first, *rest = sorted(names)
    return f"{first} and {len(rest)} more" if rest else first


def _after_failure(batch: BatchRecord) -> NextStep:
    if batch.reason.startswith(_TOO_MANY_REJECTED):
        text = "too many of its records broke the contract: look at them, then send the partition again"
        return NextStep(text, f"sluice quarantine {batch.dataset} --partition {batch.partition}")
    what = "load" if batch.stage is Stage.LOAD else "conversion"
    return NextStep(f"mend the cause, then try its {what} again", f"sluice retry {batch.batch_id}")


def _after_rejection(batch: BatchRecord) -> NextStep:
    if batch.dataset == UNKNOWN_DATASET:
        return NextStep("its folder belongs to no dataset: send the files to the folder of one, with a manifest")
    text = "its manifest or files are wrong: mend them and write the manifest again, or, when the files are right now,"
    return NextStep(f"{text} have it written", f"sluice replay {batch.dataset} {batch.partition}")
