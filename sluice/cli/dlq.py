"""`sluice dlq`: the events of manifests that were given up."""

from typing import Annotated

import typer

from sluice.aws.dead_letters import DeadLetters
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.terminal import say

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    help="Deliver the events of manifests again that were given up.",
    no_args_is_help=True,
)


@app.callback()
def group() -> None:
    """Deliver the events of manifests again that were given up."""


@app.command(epilog="Example: sluice dlq redrive --limit 100")
def redrive(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=1, help="Most events to deliver again.")] = 10_000,
) -> None:
    """Send the events in the dead-letter queue back to the queue of the manifests.

    Fix the cause first: `sluice doctor` names the log that has it. Events of manifests that are known by now change
    nothing.
    """
    session = Session(context.ensure_object(GlobalOptions))
    session.expect_write()
    sent = DeadLetters(session.clients.sqs, session.settings.manifest_queue).redrive(limit)
    say(f"{sent} events are delivered again" if sent != 1 else "1 event is delivered again")
