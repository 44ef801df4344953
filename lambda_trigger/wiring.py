"""The trigger's parts put together, once per Lambda container."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from uuid import uuid4

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

from lambda_trigger.booking import Booking
from lambda_trigger.claims import Claims
from lambda_trigger.dispatch import Dispatcher
from lambda_trigger.inputs import RunInputs
from lambda_trigger.intake import Intake
from lambda_trigger.ports import CatalogPort, DocumentsPort, JobsPort, LedgerPort
from lambda_trigger.runs import Runs
from sluice.aws.catalog import GlueCatalog
from sluice.aws.clients import Clients
from sluice.aws.documents import Documents
from sluice.aws.jobs import GlueJobs
from sluice.aws.ledger import Ledger
from sluice.contract import Contract
from sluice.contract.packaged import packaged_contracts
from sluice.settings import Settings

logger = Logger(service="sluice-trigger")


@dataclass(frozen=True)
class Doors:
    """The outside world.

    Attributes:
        ledger: Batches, slots and claims.
        documents: Small objects in S3.
        catalog: Partitions in the Data Catalog.
        jobs: Glue's job runs.
        clock: The present moment in UTC.
        new_claim_id: A name that no other claim has, of letters and digits.
        workers: Threads that make many small calls at once.
    """

    ledger: LedgerPort
    documents: DocumentsPort
    catalog: CatalogPort
    jobs: JobsPort
    clock: Callable[[], datetime]
    new_claim_id: Callable[[], str]
    workers: int = 16

    @classmethod
    def to_aws(cls, clients: Clients, settings: Settings) -> "Doors":
        """Doors to an account, or to the local cloud."""
        return cls(
            Ledger(clients.dynamodb, settings.ledger_table),
            Documents(clients.s3),
            GlueCatalog(clients.glue),
            GlueJobs(clients.glue, clients.glue_once),
            clock=lambda: datetime.now(UTC),
            new_claim_id=lambda: f"c{datetime.now(UTC):%Y%m%d%H%M%S}{uuid4().hex[:10]}",
        )


@dataclass(frozen=True)
class Application:
    """What the handlers call.

    Attributes:
        settings: Names of everything.
        contracts: The contracts by dataset.
        intake: Takes manifests in.
        dispatcher: Starts runs.
        runs: Follows runs to their end.
    """

    settings: Settings
    contracts: Mapping[str, Contract]
    intake: Intake
    dispatcher: Dispatcher
    runs: Runs

    @classmethod
    def build(cls, doors: Doors, settings: Settings, contracts: Mapping[str, Contract]) -> "Application":
        """Put the parts together."""
        ledger, documents, jobs, clock = doors.ledger, doors.documents, doors.jobs, doors.clock
        processed = settings.processed
        claims = Claims(ledger, clock, doors.workers)
        inputs = RunInputs(documents, processed)
        dispatcher = Dispatcher(ledger, inputs, jobs, claims, settings, clock, doors.new_claim_id)
        booking = Booking(ledger, documents, claims, processed, clock, settings.max_attempts, doors.workers)
        return cls(
            settings,
            contracts,
            Intake(ledger, documents, doors.catalog, contracts, settings, clock, doors.workers),
            dispatcher,
            Runs(ledger, jobs, booking, claims, dispatcher, settings, clock),
        )


@cache
def application() -> Application:
    """The application of this container, made at the first event from the environment and the packaged contracts."""
    copy_config_to_registered_loggers(logger, include={"sluice", "lambda_trigger"})
    settings = Settings.from_environment()
    return Application.build(Doors.to_aws(Clients(), settings), settings, packaged_contracts())
