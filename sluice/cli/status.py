"""`sluice status`: batches from the ledger; one of them in full."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from sluice.aws.objects import Objects
from sluice.cli.batch_view import batch_as_json, read_view, render_view, view_as_json
from sluice.cli.moments import MOMENT_HELP, parse_since, parse_until
from sluice.cli.options import GlobalOptions
from sluice.cli.put import broken_rules
from sluice.cli.session import Session
from sluice.errors import SluiceError
from sluice.lake.handover import TableCounts
from sluice.ledger.batch import BatchState
from sluice.ledger.delivery import lost_files
from sluice.ledger.record import BatchRecord
from sluice.terminal import err, out, print_json, print_table, say, short_time, state_text, table_of

logger = logging.getLogger(__name__)
_NUMBERS = ("read", "rejected", "duplicates", "published")


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
    limit: Annotated[int, typer.Option(min=1, help="Most batches to show.")] = 50,
    watch: Annotated[bool, typer.Option("--watch", help="Show changes until stopped with Ctrl-C.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON array, newest first, or one object for one batch, instead of a table."
        ),
    ] = False,
) -> None:
    """Show the batches and where they stand: sums, what moves, what failed, then the rest, newest first.

    Or one batch with its history and what to do next. Times are in UTC.
    """
    session = Session(context.ensure_object(GlobalOptions))
    now = datetime.now(UTC)
    first, last = parse_since(since, now), parse_until(until, now)

    def batches() -> tuple[BatchRecord, ...]:
        return session.ledger.batches(dataset or None, state, max(limit, _COUNTED) + 1, since=first, until=last)

    def shown(rows: int) -> RenderableType:
        if batch:
            view = read_view(session.ledger, batch)
            return render_view(view, broken_rules(session, view.batch))
        return render_batches(
            batches(), min(rows, limit), datetime.now(UTC), is_filtered=any((dataset, state, since, until))
        )

    if as_json and batch:
        print_json(view_as_json(read_view(session.ledger, batch)))
    elif as_json:
        found = batches()
        print_json([*map(batch_as_json, found[:limit])])
        if len(found) > limit:
            say(f"newest {limit} of {_count(found)} batches; --limit gives more")
    elif watch:
        _watch(shown)
    else:
        print_table(shown(limit))
        if not batch and not state:
            _say_lost(session, dataset)


_COUNTED: Final = 500
"""Batches that are counted, at least; of more the sums say so."""
_WATCH_SECONDS: Final = 2.0
"""Each look reads all batches that are counted."""
_WATCH_FRAME: Final = 5
"""Lines of a watched table that are not rows, and one for the cursor."""
_NARROW: Final = 120
"""Below this many columns times are short."""


def _watch(shown: Callable[[int], RenderableType]) -> None:
    def fitting() -> RenderableType:
        return shown(max(1, out().height - _WATCH_FRAME))

    try:
        with Live(fitting(), console=out(), auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                time.sleep(_WATCH_SECONDS)
                live.update(fitting(), refresh=True)
    except KeyboardInterrupt:
        err().print("stopped", style="dim")


def _say_lost(session: Session, dataset: str) -> None:
    """Name files that lie in the raw bucket and that nothing will take; a caller who may not look is told nothing."""
    try:
        contracts = session.contracts
        chosen = {name: contract for name, contract in contracts.items() if dataset in ("", name)}
        objects = Objects(session.clients.s3)
        lost = list(lost_files(chosen, objects, session.settings.raw_bucket, datetime.now(UTC)))
    except SluiceError as exc:
        logger.debug("the raw bucket was not looked at: %s", exc)
        return
    for one in lost[:_MOST_LOST]:
        say(f"{one.what}: {one.remedy}")


_MOST_LOST: Final = 5


def render_batches(
    batches: Sequence[BatchRecord], limit: int, now: datetime, *, is_filtered: bool = False
) -> RenderableType:
    """Batches as people get them; the reason of each stands below it where the width is not enough.

    Args:
        batches: The batches, newest first.
        limit: Most to show; the sums are over all of them.
        now: The present moment in UTC.
        is_filtered: Whether they were chosen by filters.
    """
    if not batches:
        return Text(
            "no batch fits these filters" if is_filtered else "no batches yet; `sluice put` or `send` makes one"
        )
    ranked = sorted(batches, key=_rank)[:limit]
    columns, rows = _filled([_row(batch, now, out().width < _NARROW) for batch in ranked])
    states = ", ".join(f"{count} {name}" for name, count in _by_state(batches).items())
    sums = f"{_count(batches)} batch{'' if len(batches) == 1 else 'es'}: {states}"
    parts: list[RenderableType] = [Text(sums, "bold"), table_of(columns, rows, numbers=_NUMBERS, note="reason")]
    lacking = [batch.batch_id for batch in batches if batch.absent]
    if lacking:
        parts.append(Text(f"files without a column in {len(lacking)}, see `sluice status {lacking[0]}`", "dim"))
    if len(ranked) < len(batches):
        parts.append(Text(f"{limit} of {_count(batches)} are shown; --limit gives more", "dim"))
    return Group(*parts)


def _count(batches: Sequence[BatchRecord]) -> str:
    return f"more than {_COUNTED}" if len(batches) > _COUNTED else str(len(batches))


def _rank(batch: BatchRecord) -> int:
    """What moves stands first, then what failed; the sort keeps the newest first in each."""
    if not batch.state.is_final:
        return 0
    return 1 if batch.state in (BatchState.FAILED, BatchState.REJECTED) else 2


def _by_state(batches: Iterable[BatchRecord]) -> dict[str, int]:
    counts = Counter(str(batch.state) for batch in sorted(batches, key=_rank))
    return dict(counts)


def _filled(rows: Sequence[Mapping[str, object]]) -> tuple[list[str], list[list[object]]]:
    """The table without columns of numbers and reasons that no row fills."""
    optional = {*_NUMBERS, "reason"}
    kept = [name for name in rows[0] if name not in optional or any(row[name] not in ("", 0) for row in rows)]
    return kept, [[row[name] for name in kept] for row in rows]


def _row(batch: BatchRecord, now: datetime, is_narrow: bool) -> dict[str, object]:
    """A row by its headings; a narrow terminal has the counts that people act upon."""
    counts = sum(batch.counts.values(), TableCounts())
    numbers = dict(zip(_NUMBERS, (counts.read, counts.rejected, counts.duplicates, counts.published), strict=True))
    return {
        "received": short_time(batch.received_at, now) if is_narrow else batch.received_at[:19],
        "dataset": batch.dataset,
        "partition": batch.partition,
        "state": state_text(batch.state),
        **{name: numbers[name] if batch.counts else "" for name in (_NUMBERS[:2] if is_narrow else _NUMBERS)},
        "reason": batch.reason,
    }
