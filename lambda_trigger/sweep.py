"""Lambda, on a schedule: finishes what a crash, a lost event or a refused start left behind."""

from typing import TYPE_CHECKING, Any

from lambda_trigger.wiring import application, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> None:  # noqa: ARG001 - Lambda's signature
    """Sweep every dataset that there is or was; with ``{"search": true}`` search for manifests of all of them, too."""
    app = application()
    app.sweep.sweep(app.contracts, is_searching=event.get("search") is True)
