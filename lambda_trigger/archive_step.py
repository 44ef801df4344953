"""Lambda: puts the raw files of a load away; a step of the load's state machine."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lambda_trigger.wiring import application, logger
from sluice.ledger.batch import Stage
from sluice.logs import log_context

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, bool]:
    """Archive what a claim has loaded, for as long as there is time.

    Args:
        event: ``claim_id`` and ``dataset`` of the load.
        context: Tells how much time is left.

    Returns:
        ``done``: whether nothing is left to do. Otherwise the step is to be taken again.
    """
    claim_id, dataset = event["claim_id"], event["dataset"]
    deadline = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    app = application()
    with log_context(dataset=dataset, claim=claim_id):
        done = app.archive.run(claim_id, dataset, deadline)
        # A batch that came while files were moved has waited for this; a dispatch that fails is left to the sweep.
        app.dispatcher.dispatch_all([dataset], [Stage.CONVERT])
    return {"done": done}
