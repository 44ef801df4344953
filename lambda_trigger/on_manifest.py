"""Lambda: manifests that S3 announced through SQS.

The queue's event source mapping must have ``ReportBatchItemFailures``: a message that fails is delivered again alone,
and ends in the dead-letter queue after the queue's last attempt. What failed because of the world comes again within
seconds, each time twice as late; all else when the queue's visibility timeout is over. A large manifest can take most
of the function's time. It must not take its neighbours along when that is over: a message for which there is too little
time goes back to the queue before it is begun, and the dispatch is left to the sweep.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from lambda_trigger.manifest_events import manifest_events
from lambda_trigger.validation import OutOfTimeError
from lambda_trigger.wiring import Application, application, logger
from sluice.errors import SluiceError, TransientError
from sluice.ledger.batch import Stage

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

MESSAGE_SECONDS = 45
"""A message is begun only with as much time left: the largest manifest takes about 15 seconds."""
DISPATCH_SECONDS = 20
"""Runs are started only with as much time left: a dispatcher that dies keeps its slot for a quarter of an hour."""
_RESERVE = timedelta(seconds=10)
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 10, 600


def _time_for_a_message(seconds_left: float) -> timedelta:
    if seconds_left < MESSAGE_SECONDS:
        raise OutOfTimeError(f"{seconds_left:.0f} seconds are left; the message waits for its next delivery")
    return timedelta(seconds=seconds_left) - _RESERVE


def delay_after(receives: int) -> int:
    """Seconds until a message comes again that failed because of the world.

    All deliveries of a message take hours so, longer than a service is throttled, and shorter than the queue keeps it.

    Args:
        receives: How often it was delivered, this time included.
    """
    return min(_FIRST_DELAY_SECONDS << (receives - 1), _LONGEST_DELAY_SECONDS)


def _deliver_soon(app: Application, record: "SQSRecord") -> None:
    """Have a message delivered again within seconds; when that cannot be asked for, it comes all the same, later.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (a message that is reported as
    failed appears again when its visibility timeout runs out)
    """
    seconds = delay_after(int(record.attributes.approximate_receive_count))
    try:
        app.deliveries.again_in(record.receipt_handle, seconds)
    except SluiceError as exc:
        logger.warning("message comes after the visibility timeout: %s", exc, message_id=record.message_id)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
    """Book the manifests of all messages, then start what can be started.

    Returns:
        The messages that are to be delivered again.
    """
    app = application()
    datasets: set[str] = set()

    def seconds_left() -> float:
        return context.get_remaining_time_in_millis() / 1000

    def take(record: "SQSRecord") -> None:
        try:
            until = app.intake.clock() + _time_for_a_message(seconds_left())
            for manifest in manifest_events(record.body, app.settings.raw_bucket):
                dataset = app.intake.take(manifest, until)
                datasets.update(() if dataset is None else (dataset,))
        except Exception as exc:  # the processor keeps what fails to itself: without this nobody would see why
            logger.exception("message failed", message_id=record.message_id)
            if isinstance(exc, TransientError):
                _deliver_soon(app, record)
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    response = process_partial_response(event=event, record_handler=take, processor=processor, context=context)
    # The batches are booked and wait: a dispatch that fails is logged and left to the sweep, not to the messages.
    if seconds_left() < DISPATCH_SECONDS:
        logger.warning("no time left to dispatch; the sweep does", datasets=sorted(datasets))
    else:
        app.dispatcher.dispatch_all(sorted(datasets), [Stage.CONVERT])
    return response
