"""Loads whose rows are in the warehouse while what follows has stopped: made to go on, a set number of times."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from lambda_trigger.notifier import Notifier
from lambda_trigger.pauses import pause_after
from lambda_trigger.ports import ExecutionsPort, LedgerPort
from lambda_trigger.running import execution_input
from sluice.aws.executions import SUCCEEDED, Execution
from sluice.logs import log_context
from sluice.notices import StepFailure
from sluice.record import OpenLoad
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
            SluiceError: AWS could not answer or refused; repairing again goes on where this stopped.
        """
        for load in self.ledger.open_loads(dataset):
            with log_context(run=load.claim_id):
                self._repair(load)

    def _repair(self, load: OpenLoad) -> None:
        machine, name = self.settings.load_machine, load.claim_id
        execution = self.executions.describe(machine, name)
        if execution is None:
            # Step Functions has forgotten it, or it was deleted. Every step can be repeated, so it begins anew.
            logger.warning("execution %s of %s is unknown: it begins anew", name, machine)
            self.executions.start(machine, name, execution_input(name, load.dataset))
        elif execution.state == SUCCEEDED:
            # The load was booked by a sweep after it had been finished.
            self.ledger.close_load(load.dataset, name)
        elif execution.has_failed and not load.is_given_up:
            self._go_on(load, execution)

    def _go_on(self, load: OpenLoad, execution: Execution) -> None:
        now = self.clock()
        if load.redrives >= self.settings.max_attempts:
            self._give_up(load, execution)
        elif now >= load.tried_at + pause_after(load.redrives + 1, self.settings):
            # Counted first: an execution that takes the sweep down with it is not redriven for ever.
            self.ledger.change_open_load(replace(load, redrives=load.redrives + 1, tried_at=now))
            is_going = self.executions.redrive(execution.machine, execution.name)
            logger.warning("execution %s: %s", execution.name, "redriven" if is_going else "cannot be redriven")

    def _give_up(self, load: OpenLoad, execution: Execution) -> None:
        claim = self.ledger.claim(load.claim_id)
        names = () if claim is None else claim.batch_ids
        found = (self.ledger.batch(name) for name in names)
        records = [record for record in found if record is not None and record.claim_id == load.claim_id]
        failure = StepFailure("Execution", execution.state, execution.message)
        self.notifier.stopped(load.dataset, load.claim_id, records, failure, is_given_up=True)
        self.ledger.change_open_load(replace(load, is_given_up=True))
