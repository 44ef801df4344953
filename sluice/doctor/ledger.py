"""The ledger: whether the sweep lives, what has failed, and what stands still."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sluice.aws.ledger import Ledger
from sluice.doctor.deployment import Deployment
from sluice.doctor.findings import DEPLOY, Finding, error, ok, warning
from sluice.ledger.advice import next_step, retry_of_all
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord
from sluice.names import SWEEP_FUNCTION

HEARTBEAT_AGE = timedelta(minutes=15)
"""Three sweeps; one may be late, and one may fail."""
STUCK_AFTER = timedelta(hours=2)
"""Twice as long as a Glue run may take."""
OPEN_AFTER = timedelta(hours=1)
"""Refresh and archive take minutes; the sweep makes a failed execution go on long before."""
MOST_BATCHES = 20
"""Batches of one kind that are listed; `sluice status` lists them all."""

_MOVING = (BatchState.RECEIVED, BatchState.CONVERTING, BatchState.CONVERTED, BatchState.LOADING)


def check_heartbeat(deployment: Deployment) -> Iterator[Finding]:
    """The scheduled sweep ran lately and could fix everything."""
    function = deployment.settings.prefix + SWEEP_FUNCTION
    beat = deployment.ledger.heartbeat()
    if beat is None:
        fix = f"wait five minutes after a first deploy; then look into the log of {function}"
        yield warning("sweep", "there was no sweep yet", fix)
        return
    age = deployment.clock() - beat.at
    if age > HEARTBEAT_AGE:
        what = f"the last sweep was {_minutes(age)} ago: what a crash leaves behind stays"
        yield error("sweep", what, f"look into the log of {function}, and at its schedule; else {DEPLOY}")
    else:
        yield ok("sweep", f"the last sweep was {_minutes(age)} ago")
    for problem in beat.problems:
        yield warning("sweep", f"the last sweep could not fix: {problem}", "the next sweep tries again")


def check_batches(deployment: Deployment) -> Iterator[Finding]:
    """No batch has failed for good, and none stands still."""
    ledger, limit = deployment.ledger, MOST_BATCHES
    failed = [
        batch for batch in ledger.batches(state=BatchState.FAILED, limit=limit) if not _is_replaced(ledger, batch)
    ]
    moving = [batch for state in _MOVING for batch in ledger.batches(state=state, limit=limit)]
    stuck = [batch for batch in moving if _age(batch, deployment.clock()) > STUCK_AFTER]
    for batch in failed:
        yield error("batches", f"{batch.batch_id} has failed: {batch.reason}", next_step(batch).command)
    if len(failed) == limit:
        what = f"only the newest {limit} failed batches are named here"
        yield warning("batches", what, "sluice status --state failed --limit 1000")
    for batch in stuck:
        what = f"{batch.batch_id} is {batch.state} for {_minutes(_age(batch, deployment.clock()))}"
        yield warning("batches", what, f"sluice status {batch.batch_id}")
    if not failed and not stuck:
        yield ok("batches", "no batch has failed, and none stands still")


def _is_replaced(ledger: Ledger, batch: BatchRecord) -> bool:
    """Whether a newer batch of the partition has what this one had."""
    newer = (one for one in ledger.versions(batch.batch_id) if one.batch_id > batch.batch_id)
    return any(one.state.is_accepted and one.state is not BatchState.FAILED for one in newer)


def check_outages(deployment: Deployment) -> Iterator[Finding]:
    """Nothing that runs need is away, and everything that people must hear of could be sent."""
    ledger, now = deployment.ledger, deployment.clock()
    found = [outage for stage in Stage for outage in ledger.outages(stage)]
    for outage in found:
        waiting = len(ledger.waiting(outage.dataset, outage.stage))
        rests = (
            f"rests until {outage.until:%H:%M} UTC" if outage.is_resting(now) else "is tried again by the next sweep"
        )
        what = (
            f"{outage.stage} of {outage.dataset} meets an outage for {_minutes(now - outage.since)} "
            f"({outage.failures} runs; {waiting} batches wait) and {rests}: {outage.reason}"
        )
        yield warning("outages", what, f"when it is back: {retry_of_all(outage.dataset)}")
    kept = ledger.kept_notices()
    if kept:
        what = f"{len(kept)} notices could not be sent, the oldest to {kept[0].topic}: {kept[0].subject}"
        yield warning("outages", what, "see that the topic is there and may be published to; each sweep tries again")
    if not found and not kept:
        yield ok("outages", "nothing that runs need is away")


def check_open_loads(deployment: Deployment) -> Iterator[Finding]:
    """What follows a load ends within the hour."""
    late = 0
    for dataset in deployment.ledger.datasets():
        for load in deployment.ledger.open_loads(dataset):
            age = deployment.clock() - load.since
            if load.is_given_up or age > OPEN_AFTER:
                late += 1
                what = f"load {load.claim_id} of {dataset} is not finished after {_minutes(age)}"
                fix = f"sluice status --dataset {dataset}; `sluice retry <batch>` makes its execution go on"
                problem = error if load.is_given_up else warning
                yield problem("open loads", f"{what}{', and was given up' if load.is_given_up else ''}", fix)
    if not late:
        yield ok("open loads", "every load came to its end, or is on its way")


def _age(batch: BatchRecord, now: datetime) -> timedelta:
    return now - datetime.fromisoformat(batch.updated_at)


def _minutes(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
