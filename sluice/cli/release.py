"""`sluice release`: let refreshes reach a table again that a batch keeps them out of."""

from dataclasses import astuple
from typing import Annotated

import typer

from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.errors import CommandError
from sluice.terminal import out, print_rows, say
from sluice.warehouse.release import COLUMNS, Shown, select_shown, take_out
from sluice.warehouse.target import Target


def release(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The dataset.", show_default=False)],
    batch: Annotated[
        str,
        typer.Argument(
            help="The batch that should never have been loaded; without it the command shows what each table shows, "
            "and changes nothing.",
            show_default=False,
        ),
    ] = "",
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array instead of a table.")] = False,
) -> None:
    """Free tables of load mode full_refresh that a batch keeps all later refreshes out of.

    Such a table shows the newest batch that was ever loaded; one whose partition was dated too late makes all that
    come after it stale. The batch is taken out of the account of its tables. Their rows stay until a partition is sent
    or replayed, and the history (`sluice loads`) stays as it is.
    """
    session = Session(context.ensure_object(GlobalOptions))
    if batch and not dry_run:
        session.expect_write()
    targets = _refreshed(session, dataset)
    shown = [found for target in targets if (found := _shown(session, target)) is not None]
    if not batch:
        print_rows(COLUMNS, [astuple(found) for found in shown], as_json=as_json)
        return
    held = [found for found in shown if found.batch_id == batch]
    if not held:
        known = ", ".join(f"{found.table} shows {found.batch_id}" for found in shown) or "nothing was loaded into them"
        raise CommandError(f"no table of {dataset} shows batch {batch}: {known}")
    for target in targets if not dry_run else ():
        if any(found.table == target.table.name for found in held):
            session.warehouse.transaction(take_out(target, batch), label=f"table {target}: release")
    if as_json:
        print_rows(COLUMNS, [astuple(found) for found in held], as_json=True)
        return
    for found in held:
        done = "would be taken" if dry_run else "is taken"
        out().print(f"batch {batch} {done} out of the account of table {found.table}", markup=False, soft_wrap=True)
    if dry_run:
        say("nothing was changed; without --dry-run the batch is taken out")
    else:
        say(f"now send the partition that is to be shown, or: sluice replay {dataset} <partition>")


def _refreshed(session: Session, dataset: str) -> list[Target]:
    contract, schema = session.contract(dataset), session.settings.warehouse_schema
    found = [Target(dataset, schema, table) for table in contract.tables if table.load == "full_refresh"]
    if not found:
        raise CommandError(f"{dataset} has no table of load mode full_refresh; no batch keeps others out of its tables")
    return found


def _shown(session: Session, target: Target) -> Shown | None:
    rows = session.warehouse.rows(select_shown(target), label=f"table {target}: shown")
    return Shown.from_row(rows[0]) if rows else None
