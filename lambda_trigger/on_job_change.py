"""Lambda: Glue Job State Change, by way of EventBridge.

Source: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
"""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

from lambda_trigger.wiring import application, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> None:  # noqa: ARG001 - Lambda's signature
    """Book the end of a run and start what waits."""
    detail = EventBridgeEvent(event).detail
    application().runs.on_change(detail["jobName"], detail["jobRunId"], detail["state"])
