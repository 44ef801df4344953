"""`sluice status`: batches from the ledger; one of them in full."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from sluice.batch import BatchState
from sluice.cli.batch_view import batch_as_json, read_view, render_view, view_as_json
from sluice.cli.moments import MOMENT_HELP, parse_since, parse_until
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.cli.terminal import err, out, print_json, print_table, state_text, table_of
from sluice.handover import TableCounts
from sluice.record import BatchRecord

_COLUMNS = ("received", "dataset", "partition", "state", "rows read", "rejected", "duplicates", "published", "reason")
_NUMBERS = ("rows read", "rejected", "duplicates", "published")


def status(  # noqa: PLR0913 - each is an option of the command line
    context: typer.Context,
    batch: Annotated[
        str,
        typer.Argument(
            help="Show one batch in full: its id, or `<dataset>.<digits of the partition>` for the newest batch of a "
            "partition. The filters do not apply then.",
            show_default=False,
        ),
    ] = "",
    *,
    dataset: Annotated[str, typer.Option(help="Only batches of this dataset.", show_default=False)] = "",
    state: Annotated[
        BatchState | None,
        typer.Option(help="Only batches in this state.", case_sensitive=False, show_default=False),
    ] = None,
    since: Annotated[
        str, typer.Option(help=f"Only batches that arrived since: {MOMENT_HELP}.", show_default=False)
    ] = "",
    until: Annotated[
        str, typer.Option(help="Only batches that arrived until then, in the same form.", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Most batches to show, newest first.")] = 50,
    watch: Annotated[bool, typer.Option("--watch", help="Show changes until stopped with Ctrl-C.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array, or one object for one batch, instead of a table.")
    ] = False,
) -> None:
    """Show the batches and where they stand, newest first; or one batch with its history and what to do next."""
    session = Session(context.ensure_object(GlobalOptions))
    now = datetime.now(UTC)
    first, last = parse_since(since, now), parse_until(until, now)

    def batches() -> tuple[BatchRecord, ...]:
        return session.ledger.batches(dataset or None, state, limit, since=first, until=last)

    def shown() -> RenderableType:
        if batch:
            return render_view(read_view(session.ledger, batch))
        return _view(batches(), is_filtered=any((dataset, state, since, until)))

    if as_json:
        print_json(view_as_json(read_view(session.ledger, batch)) if batch else [*map(batch_as_json, batches())])
    elif watch:
        _watch(shown)
    else:
        print_table(shown())


def _watch(shown: Callable[[], RenderableType]) -> None:
    try:
        with Live(shown(), console=out(), auto_refresh=False) as live:
            while True:
                time.sleep(1)
                live.update(shown(), refresh=True)
    except KeyboardInterrupt:
        err().print("stopped", style="dim")


def _view(batches: tuple[BatchRecord, ...], *, is_filtered: bool) -> RenderableType:
    if not batches:
        return Text("no batch fits these filters" if is_filtered else "no batches yet; `sluice send` writes some")
    states = ", ".join(f"{count} {name}" for name, count in _by_state(batches).items())
    lacking = [batch.batch_id for batch in batches if batch.absent]
    told = f"; files without a column in {len(lacking)}, see `sluice status {lacking[0]}`" if lacking else ""
    return Group(table_of(_COLUMNS, map(_row, batches), numbers=_NUMBERS), Text(states + told, "dim"))


def _by_state(batches: Iterable[BatchRecord]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for batch in batches:
        counts[str(batch.state)] = counts.get(str(batch.state), 0) + 1
    return counts


def _row(batch: BatchRecord) -> tuple[object, ...]:
    counts = sum(batch.counts.values(), TableCounts())
    numbers = (counts.read, counts.rejected, counts.duplicates, counts.published) if batch.counts else ("",) * 4
    return (batch.received_at[:19], batch.dataset, batch.partition, state_text(batch.state), *numbers, batch.reason)
