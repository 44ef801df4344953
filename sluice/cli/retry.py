"""`sluice retry`: failed batches go on, one or many."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer

from sluice.aws.arns import Arns
from sluice.aws.executions import Executions
from sluice.aws.failures import aws_errors
from sluice.cli.batch_view import find_batch
from sluice.cli.moments import MOMENT_HELP, parse_since
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.errors import CommandError, SluiceError
from sluice.ledger.batch import BatchState
from sluice.ledger.retry import retry as retry_batch
from sluice.ledger.retry import retry_all, wake
from sluice.names import SWEEP_FUNCTION
from sluice.terminal import out, say


def retry(
    context: typer.Context,
    batch: Annotated[
        str,
        typer.Argument(
            help="Id of the batch, or `<dataset>.<digits of the partition>` for the newest batch of a partition. The "
            "options do not apply then.",
            show_default=False,
        ),
    ] = "",
    *,
    dataset: Annotated[str, typer.Option(help="Every batch of this dataset.", show_default=False)] = "",
    state: Annotated[
        BatchState, typer.Option(help="Only batches in this state.", case_sensitive=False)
    ] = BatchState.FAILED,
    since: Annotated[
        str, typer.Option(help=f"Only batches that arrived since: {MOMENT_HELP}.", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Most batches, newest first.")] = 10_000,
) -> None:
    """Let failed batches go on, in the stage in which they failed, and start that stage at once.

    A batch whose rows are loaded, but whose aggregates, archive or notice failed, goes on in the state machine where it
    stopped. What waits until something is back is tried now. What was rejected needs `sluice replay`, once its files
    are right.
    """
    if not (batch or dataset or since):
        raise typer.BadParameter("which batches? Name one, or a dataset with --dataset, or a moment with --since")
    session = Session(context.ensure_object(GlobalOptions))
    session.expect_write()
    clients, now = session.clients, datetime.now(UTC)
    executions = Executions(clients.stepfunctions, Arns(clients.sts))
    machine = session.settings.load_machine
    if batch:
        found = find_batch(session.ledger, batch)
        _say([retry_batch(found.batch_id, session.ledger, executions, machine, now)])
    else:
        records = session.ledger.batches(dataset or None, state, limit, since=parse_since(since, now))
        _say(retry_all(records, session.ledger, executions, machine, now))
        resting = wake(session.ledger, [dataset] if dataset else session.ledger.datasets(), now)
        _say(f"{outage.stage} of {outage.dataset} is tried now; it rested: {outage.reason}" for outage in resting)
        if not records and not resting:
            raise CommandError(f"there is no {state} batch{f' of {dataset}' if dataset else ''}, and nothing rests")
    _start_sweep(session)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        out().print(line, markup=False, soft_wrap=True)


def _start_sweep(session: Session) -> None:
    """Have the sweep start what waits; when that fails, the scheduled one does it."""
    function = session.settings.prefix + SWEEP_FUNCTION
    try:
        with aws_errors(f"invoke {function}"):
            session.clients.lambda_.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    except SluiceError as exc:
        say(f"the next scheduled sweep starts it, because it could not be started now: {exc}")
