"""Lambda, on a schedule: finishes what a crash, a lost event or a refused start left behind."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from lambda_trigger.wiring import application, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> None:  # noqa: ARG001 - Lambda's signature
    """Sweep every dataset that there is or was.

    Args:
        event: With ``"search": true`` manifests of all datasets are searched for, too. ``"dead_before"``, a moment in
            ISO 8601, says that no function that began earlier is alive: so the laptop says it after a start.
        context: Lambda's.
    """
    dead_before = event.get("dead_before")
    app = application()
    app.sweep.sweep(
        app.contracts,
        is_searching=event.get("search") is True,
        dead_before=None if dead_before is None else datetime.fromisoformat(dead_before),
    )
