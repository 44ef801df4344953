"""One batch in full, for people and for machines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sluice.aws.ledger import Ledger
from sluice.errors import CommandError
from sluice.lake.handover import FileCounts, LoadCounts, TableCounts
from sluice.ledger.advice import Prospect, next_step
from sluice.ledger.batch import BatchId, BatchState
from sluice.ledger.record import WAITING, BatchRecord, Claim, timestamp
from sluice.terminal import state_text, table_of

_ANY_SEQUENCER = "0"


@dataclass(frozen=True, slots=True)
class BatchView:
    """All that the ledger knows of a batch.

    Attributes:
        batch: The batch.
        files: What became of each raw file; empty before the conversion.
        claim: The claim that carries the batch, or carried it last; None when none did.
        prospect: What is going on in the stage that the batch waits for; None when it waits for none.
    """

    batch: BatchRecord
    files: tuple[FileCounts, ...]
    claim: Claim | None
    prospect: Prospect | None = None


def find_batch(ledger: Ledger, text: str) -> BatchRecord:
    """The batch of that id; or, of ``<dataset>.<digits of the partition>``, the partition's newest.

    Raises:
        CommandError: There is none, or the text is not a batch id.
    """
    if text.count(".") == 1 and all(text.split(".")):
        newest = ledger.versions(f"{text}.{_ANY_SEQUENCER}")
        if not newest:
            raise CommandError(f"there is no batch of partition {text}; `sluice status` lists the batches")
        return newest[0]
    try:
        name = str(BatchId.parse(text))
    except ValueError as exc:
        raise CommandError(str(exc)) from exc
    batch = ledger.batch(name)
    if batch is None:
        raise CommandError(f"there is no batch {text}; `sluice status` lists the batches")
    return batch


def read_view(ledger: Ledger, text: str) -> BatchView:
    """All that the ledger knows of the batch that `find_batch` finds.

    Raises:
        CommandError: There is none, or the text is not a batch id.
    """
    batch = find_batch(ledger, text)
    claim = ledger.claim(batch.claim_id) if batch.claim_id else None
    return BatchView(batch, ledger.file_counts(batch.batch_id), claim, _prospect(ledger, batch))


def _prospect(ledger: Ledger, batch: BatchRecord) -> Prospect | None:
    stage = next((stage for stage, state in WAITING.items() if state is batch.state), None)
    if stage is None:
        return None
    return Prospect(
        datetime.now(UTC),
        len(ledger.waiting(batch.dataset, stage)),
        ledger.slot(batch.dataset, stage),
        ledger.outage(batch.dataset, stage),
        ledger.heartbeat(),
    )


def batch_as_json(batch: BatchRecord) -> dict[str, object]:
    """A batch as machines get it in lists."""
    names = ("batch_id", "dataset", "partition", "state", "reason", "stage", "attempts", "run_id", "manifest_url",
             "received_at", "updated_at", "reasons", "absent")  # fmt: skip
    plain = batch.to_plain()
    tables = {name: asdict(counts) for name, counts in batch.counts.items()}
    return {name: plain[name] for name in names} | {"counts": tables, "history": plain["history"]}


def view_as_json(view: BatchView) -> dict[str, object]:
    """A batch in full as machines get it."""
    batch, step = view.batch, next_step(view.batch, view.prospect)
    claim = view.claim
    loads = {name: asdict(counts) for name, counts in batch.load_counts.items()}
    return batch_as_json(batch) | {
        "claim_id": batch.claim_id,
        "engine": batch.engine,
        "files": [asdict(file) for file in view.files],
        "load_counts": loads,
        "claimed_batches": [] if claim is None else list(claim.batch_ids),
        "next": {"text": step.text, "command": step.command},
    }


def render_view(view: BatchView, lines: Sequence[str] = ()) -> Group:
    """A batch in full as people get it; no text of it is taken for markup.

    Args:
        view: The batch.
        lines: Lines of its contract that its records broke.
    """
    batch = view.batch
    history = [
        (change.at[:19], took, state_text(change.state), change.note)
        for change, took in zip(batch.history, seconds_in_states(batch), strict=True)
    ]
    counts = [(name, *_numbers(rows, _COUNTS)) for name, rows in batch.counts.items()]
    loads = [(name, *_numbers(rows, _LOADS)) for name, rows in batch.load_counts.items()]
    files = [(file.records, file.rejected_records, file.url) for file in view.files]
    sections = [
        _section("history", ("since", "seconds", "state", "note"), history, ("seconds",)),
        _section("rows by table", ("table", *_COUNTS), counts, _COUNTS),
        _section("loaded by table", ("table", *_LOADS), loads, _LOADS),
        _section("quarantined, by reason", ("records", "reason"), _by_frequency(batch.reasons), ("records",)),
        _section(
            "absent from files, as the contract allows", ("files", "column"), _by_frequency(batch.absent), ("files",)
        ),
        _section("files", ("records", "rejected", "file"), files, ("records", "rejected")),
    ]
    parts = [part for section in sections for part in section]
    return Group(_facts(view), *parts, Text(), *_next(view, lines))


def seconds_in_states(batch: BatchRecord) -> list[str]:
    """For each step of the history, how many seconds its state took; empty for the state that the batch is in."""
    moments = [datetime.fromisoformat(change.at) for change in batch.history]
    return [f"{(after - at).total_seconds():.1f}" for at, after in pairwise(moments)] + [""] * bool(moments)


_COUNTS = ("read", "rejected", "duplicates", "published")
_LOADS = ("staged", "inserted", "updated", "stale")


def _facts(view: BatchView) -> Table:
    batch, claim = view.batch, view.claim
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    facts: list[tuple[str, object]] = [
        ("batch", batch.batch_id),
        ("dataset", batch.dataset),
        ("partition", batch.partition),
        ("state", state_text(batch.state)),
        ("reason", batch.reason),
        ("stage", "" if batch.stage is None else batch.stage),
        ("failed runs", batch.attempts if batch.attempts > 0 else ""),
        ("manifest", batch.manifest_url),
        ("written", batch.written_at),
        ("received", batch.received_at),
        ("updated", batch.updated_at),
        ("not before", _not_before(view)),
        ("waits until", batch.due_at if batch.state is BatchState.WAITING else ""),
        ("claim", _claim(claim) if claim is not None else batch.claim_id),
        ("run", batch.run_id or ("" if claim is None else claim.run_id)),
        ("converted by", batch.engine),
    ]
    for name, value in facts:
        text = value if isinstance(value, Text) else Text(str(value))
        if text.plain:
            table.add_row(Text(name), text)
    return table


def _not_before(view: BatchView) -> str:
    """Until when no run takes a batch: its own pause, or that of its stage; empty when there is none."""
    batch, outage = view.batch, None if view.prospect is None else view.prospect.outage
    if batch.waits_for is None or not (batch.attempts or batch.held):
        return ""
    return batch.due_at if outage is None else max(batch.due_at, timestamp(outage.until))


def _claim(claim: Claim) -> str:
    others = len(claim.batch_ids) - 1
    return claim.claim_id + (f" (with {others} other batch{'' if others == 1 else 'es'})" if others else "")


def _section(
    title: str, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]], numbers: tuple[str, ...] = ()
) -> list[RenderableType]:
    listed = list(rows)
    return [Text(), Text(title, "bold"), table_of(columns, listed, numbers=numbers)] if listed else []


def _numbers(counts: TableCounts | LoadCounts, names: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(getattr(counts, name) for name in names)


def _by_frequency(counts: Mapping[str, int]) -> list[tuple[object, ...]]:
    return [(count, name) for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _next(view: BatchView, broken: Sequence[str]) -> list[Text]:
    step = next_step(view.batch, view.prospect)
    lines = [Text.assemble(("next: ", "bold"), step.text)]
    lines += [Text(f"  {step.command}", "cyan")] if step.command else []
    if broken:
        lines.append(Text("or, where a rule is wrong and not the records, change the contract and deploy it"))
        lines += [Text(f"  {line}", "cyan") for line in broken]
    return lines
