"""Lambda: the steps of the load's state machine, ``terraform/state_machines/load.asl.json``."""

from typing import TYPE_CHECKING, Any

from lambda_trigger.load_requests import answer
from lambda_trigger.wiring import application, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Do one step.

    Returns:
        What the state machine goes on with.
    """
    return answer(application().loads, event)
