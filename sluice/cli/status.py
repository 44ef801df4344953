"""`sluice status`: batches from the ledger."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sluice.batch import BatchState
from sluice.cli.session import GlobalOptions, Session
from sluice.cli.terminal import err, out, print_json, print_table, state_text, table_of
from sluice.handover import TableCounts
from sluice.record import BatchRecord

_COLUMNS = ("received", "dataset", "partition", "state", "rows read", "rejected", "duplicates", "published", "reason")
_NUMBERS = ("rows read", "rejected", "duplicates", "published")


def status(
    context: typer.Context,
    *,
    dataset: Annotated[str, typer.Option(help="Only batches of this dataset.", show_default=False)] = "",
    state: Annotated[
        BatchState | None,
        typer.Option(help="Only batches in this state.", case_sensitive=False, show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most batches to show, newest first.")] = 50,
    watch: Annotated[bool, typer.Option("--watch", help="Show changes until stopped with Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array instead of a table.")] = False,
) -> None:
    """Show the batches and where they stand, newest first."""
    session = Session(context.ensure_object(GlobalOptions))

    def batches() -> tuple[BatchRecord, ...]:
        return session.ledger.batches(dataset or None, state, limit)

    if watch and not as_json:
        _watch(batches)
    elif as_json:
        print_json([_as_json(batch) for batch in batches()])
    else:
        print_table(_view(batches()))


def _watch(batches: Callable[[], tuple[BatchRecord, ...]]) -> None:
    try:
        with Live(_view(batches()), console=out(), auto_refresh=False) as live:
            while True:
                time.sleep(1)
                live.update(_view(batches()), refresh=True)
    except KeyboardInterrupt:
        err().print("stopped", style="dim")


def _view(batches: tuple[BatchRecord, ...]) -> Table | Text | Group:
    if not batches:
        return Text("no batches yet; `sluice send` writes some")
    states = ", ".join(f"{count} {name}" for name, count in _by_state(batches).items())
    return Group(table_of(_COLUMNS, map(_row, batches), numbers=_NUMBERS), Text(states, "dim"))


def _by_state(batches: Iterable[BatchRecord]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for batch in batches:
        counts[str(batch.state)] = counts.get(str(batch.state), 0) + 1
    return counts


def _row(batch: BatchRecord) -> tuple[object, ...]:
    counts = sum(batch.counts.values(), TableCounts())
    numbers = (counts.read, counts.rejected, counts.duplicates, counts.published) if batch.counts else ("",) * 4
    return (batch.received_at[:19], batch.dataset, batch.partition, state_text(batch.state), *numbers, batch.reason)


def _as_json(batch: BatchRecord) -> dict[str, object]:
    names = ("batch_id", "dataset", "partition", "state", "reason", "stage", "attempts", "run_id", "manifest_url",
             "received_at", "updated_at", "reasons")  # fmt: skip
    plain = batch.to_plain()
    tables = {name: asdict(counts) for name, counts in batch.counts.items()}
    return {name: plain[name] for name in names} | {"counts": tables, "history": plain["history"]}
