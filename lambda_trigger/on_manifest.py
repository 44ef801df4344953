"""Lambda: manifests that S3 announced through SQS.

The queue's event source mapping must have ``ReportBatchItemFailures``: a message that fails is delivered again alone,
and ends in the dead-letter queue after the queue's last attempt.
"""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from lambda_trigger.manifest_events import manifest_events
from lambda_trigger.wiring import application, logger
from sluice.batch import Stage

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
    """Book the manifests of all messages, then start what can be started.

    Returns:
        The messages that are to be delivered again.
    """
    app = application()
    datasets: set[str] = set()

    def take(record: "SQSRecord") -> None:
        try:
            for manifest in manifest_events(record.body, app.settings.raw_bucket):
                dataset = app.intake.take(manifest)
                datasets.update(() if dataset is None else (dataset,))
        except Exception:  # the processor keeps what fails to itself: without this nobody would see why
            logger.exception("message failed", message_id=record.message_id)
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    response = process_partial_response(event=event, record_handler=take, processor=processor, context=context)
    # The batches are booked and wait: a dispatch that fails is logged and left to the sweep, not to the messages.
    app.dispatcher.dispatch_all(sorted(datasets), [Stage.CONVERT])
    return response
