"""`sluice announce`: manifests for folders of files that are there already."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import typer

from sluice.cli.options import GlobalOptions
from sluice.cli.put import delivery_of
from sluice.cli.session import Session
from sluice.contract import Contract
from sluice.ledger.delivery import Delivery, Folder
from sluice.ledger.replay import parse_span
from sluice.terminal import err, out, progress_of, say, table_of

_COLUMNS = ("partition", "files", "bytes", "manifest")


def announce(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The dataset.", show_default=False)],
    when: Annotated[
        str,
        typer.Argument(
            help="An hour (2026-11-20T13), a day (2026-11-20), or a range (2026-11-20T13..2026-11-21T02). "
            "(default: every folder of the dataset)",
            show_default=False,
        ),
    ] = "",
    *,
    per_second: Annotated[float, typer.Option(min=0.01, help="Most manifests to write in a second.")] = 5.0,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also where the partition has a batch, whose rows the files of the folder replace."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be announced, and write nothing.")
    ] = False,
) -> None:
    """Write the manifests of folders whose files are there already, such as years of history that were copied.

    A folder that has a manifest is left alone, so a call that was stopped is taken up by calling it again. Names that
    begin with a dot or an underscore are no data. Be sure that the files are whole: the manifest says so.
    """
    session = Session(context.ensure_object(GlobalOptions))
    if not dry_run:
        session.expect_write()
    contract = session.contract(dataset)
    partitions = parse_span(when, is_hourly=contract.layout.is_hourly) if when else None
    delivery = delivery_of(session)
    with err().status("looking for files without a manifest"):
        folders = delivery.unannounced(contract, partitions)
    if not folders:
        say(f"{dataset}: no folder there has files and no manifest")
        return
    if dry_run:
        outcomes = ["would be written"] * len(folders)
    else:
        outcomes = _write(delivery, contract, folders, 1 / per_second, is_forced=force)
    rows = [_row(folder, outcome) for folder, outcome in zip(folders, outcomes, strict=False)]
    out().print(table_of(_COLUMNS, rows, numbers=_COLUMNS[1:3]))
    _say_end(dataset, outcomes, len(folders), is_dry=dry_run)


def _write(
    delivery: Delivery, contract: Contract, folders: Sequence[Folder], seconds_each: float, *, is_forced: bool
) -> list[str]:
    """What came of each folder; fewer than there are folders when Ctrl-C ended it."""
    outcomes: list[str] = []
    with progress_of(len(folders), err(), contract.dataset) as progress:
        task = progress.task_ids[0]
        try:
            for folder in paced(folders, seconds_each):
                progress.update(task, description=f"{contract.dataset} {folder.partition.label}")
                outcomes.append(delivery.announce(contract, folder, is_forced=is_forced) or _WRITTEN)
                progress.advance(task)
        except KeyboardInterrupt:
            say("stopped; the same call goes on from here")
    return outcomes


_WRITTEN = "written"


def paced(
    folders: Sequence[Folder],
    seconds_each: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Folder]:
    """Folders one after the other, each at its time at the earliest.

    Args:
        folders: The folders.
        seconds_each: Time from one to the next, at least.
        clock: Seconds that only grow.
        pause: Waits for so many seconds.
    """
    due = clock()
    for folder in folders:
        early = due - clock()
        if early > 0:
            pause(early)
        due = max(due, clock()) + seconds_each
        yield folder


def _row(folder: Folder, outcome: str) -> tuple[object, ...]:
    return (folder.partition.label, len(folder.files), sum(file.size_bytes for file in folder.files), outcome)


def _say_end(dataset: str, outcomes: Sequence[str], folders: int, *, is_dry: bool) -> None:
    if is_dry:
        say(f"{folders} manifests; nothing was written")
        return
    written = outcomes.count(_WRITTEN)
    say(f"{written} of {folders} manifests written; watch them: sluice status --dataset {dataset} --watch")
    if written < folders:
        raise typer.Exit(1)
