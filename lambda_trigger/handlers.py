"""The Lambda functions: each reads its event, calls the story that it is about, and says what is to come again.

    on_manifest      S3, through SQS          `arrival`, then `dispatch`
    on_job_change    Glue, through EventBridge    `after_run`
    load_step        the load's state machine    `after_load`
    archive          the load's state machine    `archive`, then `dispatch`
    sweep            a schedule    `sweep`

The bootstrap of the warehouse needs none of what these share; it is `lambda_trigger.bootstrap`.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

from lambda_trigger import after_load, after_run, arrival
from lambda_trigger.archive import archive_claim
from lambda_trigger.dispatch import dispatch_all
from lambda_trigger.manifests import OutOfTimeError, manifest_events
from lambda_trigger.sweep import sweep_datasets
from lambda_trigger.trigger import Trigger, logger, trigger_of_container
from sluice.errors import SluiceError, TransientError
from sluice.ledger.batch import Stage
from sluice.logs import log_context

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


def _deliver_soon(trigger: Trigger, record: "SQSRecord") -> None:
    """Have a message delivered again within seconds; when that cannot be asked for, it comes all the same, later.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (a message that is reported as
    failed appears again when its visibility timeout runs out)
    """
    seconds = delay_after(int(record.attributes.approximate_receive_count))
    try:
        trigger.deliveries.again_in(record.receipt_handle, seconds)
    except SluiceError as exc:
        logger.warning("message comes after the visibility timeout: %s", exc, message_id=record.message_id)


@logger.inject_lambda_context
def on_manifest(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
    """Book the manifests of all messages that SQS delivers, then start what can be started.

    The queue's event source mapping must have ``ReportBatchItemFailures``: a message that fails is delivered again
    alone, and ends in the dead-letter queue after the queue's last attempt. What failed because of the world comes
    again within seconds, each time twice as late; all else when the queue's visibility timeout is over. A large
    manifest can take most of the function's time. It must not take its neighbours along when that is over: a message
    for which there is too little time goes back to the queue before it is begun, and the dispatch is left to the sweep.

    Returns:
        The messages that are to be delivered again.
    """
    trigger = trigger_of_container()
    datasets: set[str] = set()

    def seconds_left() -> float:
        return context.get_remaining_time_in_millis() / 1000

    def take(record: "SQSRecord") -> None:
        try:
            until = trigger.clock() + _time_for_a_message(seconds_left())
            for manifest in manifest_events(record.body, trigger.settings.raw_bucket):
                dataset = arrival.take(trigger, manifest, until)
                datasets.update(() if dataset is None else (dataset,))
        except Exception as exc:  # the processor keeps what fails to itself: without this nobody would see why
            logger.exception("message failed", message_id=record.message_id)
            if isinstance(exc, TransientError):
                _deliver_soon(trigger, record)
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    response = process_partial_response(event=event, record_handler=take, processor=processor, context=context)
    # The batches are booked and wait: a dispatch that fails is logged and left to the sweep, not to the messages.
    if seconds_left() < DISPATCH_SECONDS:
        logger.warning("no time left to dispatch; the sweep does", datasets=sorted(datasets))
    else:
        dispatch_all(trigger, sorted(datasets), [Stage.CONVERT])
    return response


@logger.inject_lambda_context
def on_job_change(event: dict[str, Any], context: "LambdaContext") -> None:  # noqa: ARG001 - Lambda's signature
    """Book the end of a run and start what waits.

    Source: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
    """
    detail = EventBridgeEvent(event).detail
    after_run.on_change(trigger_of_container(), detail["jobName"], detail["jobRunId"], detail["state"])


@logger.inject_lambda_context
def load_step(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Do one step of the load's state machine; returns what the machine goes on with."""
    return after_load.answer(trigger_of_container(), event)


@logger.inject_lambda_context
def archive(event: dict[str, Any], context: "LambdaContext") -> dict[str, bool]:
    """Archive what a claim has loaded, for as long as there is time.

    Args:
        event: ``claim_id`` and ``dataset`` of the load.
        context: Tells how much time is left.

    Returns:
        ``done``: whether nothing is left to do. Otherwise the step is to be taken again.
    """
    claim_id, dataset = event["claim_id"], event["dataset"]
    deadline = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    trigger = trigger_of_container()
    with log_context(dataset=dataset, claim=claim_id):
        done = archive_claim(trigger, claim_id, dataset, deadline)
        # A batch that came while files were moved has waited for this; a dispatch that fails is left to the sweep.
        dispatch_all(trigger, [dataset], [Stage.CONVERT])
    return {"done": done}


@logger.inject_lambda_context
def sweep(event: dict[str, Any], context: "LambdaContext") -> None:  # noqa: ARG001 - Lambda's signature
    """Sweep every dataset that there is or was.

    Args:
        event: With ``"search": true`` manifests of all datasets are searched for, too. ``"dead_before"``, a moment in
            ISO 8601, says that no function that began earlier is alive: so the laptop says it after a start.
        context: Lambda's.
    """
    dead_before = event.get("dead_before")
    trigger = trigger_of_container()
    sweep_datasets(
        trigger,
        trigger.contracts,
        is_searching=event.get("search") is True,
        dead_before=None if dead_before is None else datetime.fromisoformat(dead_before),
    )
