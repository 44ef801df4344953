"""`sluice retry`: a failed batch goes on."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from sluice.aws.arns import Arns
from sluice.aws.executions import Executions
from sluice.aws.failures import aws_errors
from sluice.cli.batch_view import find_batch
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.cli.terminal import out, say
from sluice.errors import SluiceError
from sluice.names import SWEEP_FUNCTION
from sluice.retry import retry as retry_batch


def retry(
    context: typer.Context,
    batch: Annotated[
        str,
        typer.Argument(
            help="Id of the batch, or `<dataset>.<digits of the partition>` for the newest batch of a partition.",
            show_default=False,
        ),
    ],
) -> None:
    """Let a failed batch go on, in the stage in which it failed, and start that stage at once.

    A batch whose rows are loaded, but whose aggregates, archive or notice failed, goes on in the state machine where it
    stopped. What was rejected needs `sluice replay`, once its files are right.
    """
    session = Session(context.ensure_object(GlobalOptions))
    found = find_batch(session.ledger, batch)
    clients = session.clients
    executions = Executions(clients.stepfunctions, Arns(clients.sts))
    done = retry_batch(found.batch_id, session.ledger, executions, session.settings.load_machine, datetime.now(UTC))
    out().print(done, markup=False, soft_wrap=True)
    _start_sweep(session)


def _start_sweep(session: Session) -> None:
    """Have the sweep start what waits; when that fails, the scheduled one does it."""
    function = session.settings.prefix + SWEEP_FUNCTION
    try:
        with aws_errors(f"invoke {function}"):
            session.clients.lambda_.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    except SluiceError as exc:
        say(f"the next scheduled sweep starts it, because it could not be started now: {exc}")
