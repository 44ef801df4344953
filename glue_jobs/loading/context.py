"""What all tables of a load run share, and how a run talks to the warehouse."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sluice.aws.data_api import DataApi, client_token
from sluice.aws.documents import Documents
from sluice.backoff import Backoff
from sluice.errors import SluiceError, WarehouseBusyError
from sluice.lake.layout import ProcessedLayout
from sluice.warehouse.evolution import Change
from sluice.warehouse.staging import drop_stage

logger = logging.getLogger(__name__)

WAITING_SECONDS = 50 * 60
"""How long a run waits for statements, all in all, before it cancels them and writes down what came of it: less than
the job's timeout, because Glue would end the run and leave the statement to go on with its locks."""


@dataclass(frozen=True)
class LoadContext:
    """Doors and names of one load run.

    Attributes:
        warehouse: The warehouse.
        documents: Where input, outcome and manifests are.
        processed: Where in the processed bucket they lie.
        copy_role: IAM role of COPY: ``default`` or an ARN.
        claim_id: The claim that the run works for.
        run: What tells this run from every other, a repeated run of the same claim included.
        backoff: How a step is repeated that the warehouse was too busy for.
    """

    warehouse: DataApi
    documents: Documents
    processed: ProcessedLayout
    copy_role: str
    claim_id: str
    run: str
    backoff: Backoff = field(default_factory=Backoff)

    def repeat(self, label: str, step: Callable[[str], None]) -> None:
        """Run a step, and run it again while the warehouse is busy.

        Args:
            label: Name of the step in logs.
            step: What to do; it must bear repetition. It gets a text that is different for each try of each run, to
                make client tokens from: within a try a repeated call is one submission, a new try is a new one.

        Raises:
            WarehouseBusyError: The warehouse stayed busy.
        """
        self.backoff.call(lambda attempt: step(f"{self.run}\n{attempt}"), WarehouseBusyError, label)

    def execute(self, label: str, sql: str, attempt: str) -> None:
        """Run one statement as part of a step."""
        self.warehouse.execute(sql, label=label, token=client_token(attempt, label, sql))

    def change(self, label: str, change: Change, attempt: str) -> None:
        """Make one change of a table as part of a step."""
        if change.is_transaction:
            token = client_token(attempt, label, *change.statements)
            self.warehouse.transaction(change.statements, label=label, token=token)
        else:
            self.execute(label, change.statements[0], attempt)

    def transaction(self, label: str, statements: Sequence[str]) -> None:
        """Run a transaction that bears repetition."""

        def step(attempt: str) -> None:
            token = client_token(attempt, label, *statements)
            self.warehouse.transaction(statements, label=label, token=token)

        self.repeat(label, step)

    def drop_stage(self, name: str) -> None:
        """Remove a staging table; when that fails, the next run does it."""
        try:
            self.warehouse.execute(drop_stage(name), label=f"drop {name}")
        except SluiceError as exc:
            logger.warning("%s: left behind for the next run: %s", name, exc)
