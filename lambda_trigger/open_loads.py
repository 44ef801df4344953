"""Loads whose rows are in the warehouse while what follows has stopped: made to go on, a set number of times."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from lambda_trigger.apart import each_apart
from lambda_trigger.notices import StepFailure
from lambda_trigger.notifier import Notifier
from lambda_trigger.pauses import is_over, pause_after
from lambda_trigger.ports import ExecutionsPort, LedgerPort
from lambda_trigger.running import execution_input
from sluice.aws.executions import SUCCEEDED, Execution
from sluice.ledger.record import OpenLoad
from sluice.logs import log_context
from sluice.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenLoads:
    """Sees to it that open loads are finished.

    Attributes:
        ledger: Where open loads are.
        executions: Executions of the load's state machine.
        notifier: Tells people when a load is given up.
        settings: Name of the state machine, how often and how soon a load is made to go on.
        clock: The present moment in UTC.
    """

    ledger: LedgerPort
    executions: ExecutionsPort
    notifier: Notifier
    settings: Settings
    clock: Callable[[], datetime]

    def repair(self, dataset: str) -> None:
        """Make every open load of a dataset go on whose execution does not.

        Raises:
            SluiceError: Something went wrong with one of them, the first one's error; the others were seen to.
        """
        each_apart(self._repair, self.ledger.open_loads(dataset), f"make open loads of {dataset} go on")

    def _repair(self, load: OpenLoad) -> None:
        with log_context(claim=load.claim_id):
            execution = self.executions.describe(self.settings.load_machine, load.execution)
            if execution is None:
                # Step Functions has forgotten it, it was deleted, or a sweep died before it began.
                self._start(load)
            elif execution.state == SUCCEEDED:
                # The load was booked by a sweep after it had been finished.
                self.ledger.close_load(load.dataset, load.claim_id)
            elif execution.has_failed and not load.is_given_up:
                self._go_on(load, execution)

    def _go_on(self, load: OpenLoad, execution: Execution) -> None:
        now = self.clock()
        if is_over(load, self.settings, now):
            self._give_up(load, execution)
        elif now >= load.tried_at + pause_after(load.redrives + 1, self.settings):
            # Counted first: an execution that takes the sweep down with it is not redriven for ever.
            tried = replace(load, redrives=load.redrives + 1, tried_at=now)
            self.ledger.change_open_load(tried)
            if self.executions.redrive(execution.machine, execution.name):
                logger.warning("execution %s: redriven", execution.name)
            else:
                self._begin_anew(tried)

    def _begin_anew(self, load: OpenLoad) -> None:
        """Follow a load with one more execution, when the one that it has cannot be redriven any more.

        Source: https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html (not after 14 days, and not
        with as many events as an execution may have)
        """
        found = self.executions.describe(self.settings.load_machine, load.execution)
        if found is not None and not found.has_failed:
            return  # Somebody else has just made it go on.
        following = replace(load, number=load.number + 1)
        self.ledger.change_open_load(following)
        self._start(following)

    def _start(self, load: OpenLoad) -> None:
        """Start with the booking. The load itself is done, and another one of the dataset may be at work."""
        machine = self.settings.load_machine
        logger.warning(
            "execution %s of %s begins for claim %s, which is loaded", load.execution, machine, load.claim_id
        )
        about = execution_input(load.claim_id, load.dataset, is_booked=True)
        self.executions.start(machine, load.execution, about)

    def _give_up(self, load: OpenLoad, execution: Execution) -> None:
        claim = self.ledger.claim(load.claim_id)
        names = () if claim is None else claim.batch_ids
        found = (self.ledger.batch(name) for name in names)
        records = [record for record in found if record is not None and record.claim_id == load.claim_id]
        failure = StepFailure("Execution", execution.state, execution.message)
        self.notifier.stopped(load.dataset, load.execution, records, failure, is_given_up=True)
        self.ledger.change_open_load(replace(load, is_given_up=True))
