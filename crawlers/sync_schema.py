"""Lambda: Glue Crawler State Change, by way of EventBridge.

Source: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
"""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

from crawlers.wiring import logger, schema_sync

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> None:  # noqa: ARG001 - Lambda's signature
    """Compare what was crawled with its contracts."""
    detail = EventBridgeEvent(event).detail
    schema_sync().on_crawl(detail["crawlerName"], detail["state"])
