"""The trigger's parts put together, once per Lambda container.

In Lambda that is while the container starts, before its first event: making the clients would be most of that event's
work. AWS asks for it, too: "Initialize SDK clients and database connections outside of the function handler".
Source: https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html (function code)
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import uuid4

from lambda_trigger.archive import Archive
from lambda_trigger.booking import Booking
from lambda_trigger.claims import Claims
from lambda_trigger.dispatch import Dispatcher
from lambda_trigger.inputs import RunInputs
from lambda_trigger.intake import Intake
from lambda_trigger.loads import Loads
from lambda_trigger.logs import function_logger, share
from lambda_trigger.metrics import EmfMetrics
from lambda_trigger.notifier import Notifier
from lambda_trigger.open_loads import OpenLoads
from lambda_trigger.outages import Outages
from lambda_trigger.partitions import Partitions
from lambda_trigger.ports import (
    CatalogPort,
    DeliveriesPort,
    DocumentsPort,
    ExecutionsPort,
    JobsPort,
    LedgerPort,
    MetricsPort,
    ObjectsPort,
    TopicsPort,
)
from lambda_trigger.raw_files import RawFiles
from lambda_trigger.reconcile import Reconciliation
from lambda_trigger.replaced import ReplacedFolders
from lambda_trigger.running import runners
from lambda_trigger.runs import Runs
from lambda_trigger.sweeping import Sweep
from sluice.aws.arns import Arns
from sluice.aws.catalog import GlueCatalog
from sluice.aws.clients import Clients
from sluice.aws.deliveries import Deliveries
from sluice.aws.documents import Documents
from sluice.aws.executions import Executions
from sluice.aws.jobs import GlueJobs
from sluice.aws.ledger import Ledger
from sluice.aws.objects import Objects
from sluice.aws.topics import Topics
from sluice.contract import Contract
from sluice.contract.packaged import is_packaged, packaged_contracts
from sluice.settings import Settings

logger = function_logger()


@dataclass(frozen=True)
class Doors:
    """The outside world.

    Attributes:
        ledger: Batches, slots and claims.
        documents: Small objects in S3.
        objects: Objects as a whole: copied, listed, deleted.
        catalog: Partitions in the Data Catalog.
        jobs: Glue's job runs.
        executions: Executions of Step Functions.
        deliveries: Messages of the manifests' queue.
        topics: Notifications to people.
        metrics: Measurements.
        clock: The present moment in UTC.
        new_claim_id: A name that no other claim has, of letters and digits.
        workers: Threads that make many small calls at once.
    """

    ledger: LedgerPort
    documents: DocumentsPort
    objects: ObjectsPort
    catalog: CatalogPort
    jobs: JobsPort
    executions: ExecutionsPort
    deliveries: DeliveriesPort
    topics: TopicsPort
    metrics: MetricsPort
    clock: Callable[[], datetime]
    new_claim_id: Callable[[], str]
    workers: int = 16

    @classmethod
    def to_aws(cls, clients: Clients, settings: Settings) -> "Doors":
        """Doors to an account, or to the local cloud."""
        arns = Arns(clients.sts)
        return cls(
            Ledger(clients.dynamodb, settings.ledger_table, retention=timedelta(days=settings.runs_retention_days)),
            Documents(clients.s3),
            Objects(clients.s3),
            GlueCatalog(clients.glue),
            GlueJobs(clients.glue, clients.glue_once),
            Executions(clients.stepfunctions, arns),
            Deliveries(clients.sqs, settings.manifest_queue),
            Topics(clients.sns, arns),
            EmfMetrics(),
            clock=lambda: datetime.now(UTC),
            new_claim_id=lambda: f"c{datetime.now(UTC):%Y%m%d%H%M%S}{uuid4().hex[:10]}",
        )


@dataclass(frozen=True)
class Application:
    """What the handlers call.

    Attributes:
        settings: Names of everything.
        contracts: The contracts by dataset.
        deliveries: Messages of the manifests' queue.
        intake: Takes manifests in.
        dispatcher: Starts runs.
        runs: Follows conversions to their end.
        loads: Does the steps of the load's state machine.
        archive: Moves raw files away.
        reconciliation: Takes manifests of which no event came.
        sweep: Finishes what was left behind.
    """

    settings: Settings
    contracts: Mapping[str, Contract]
    deliveries: DeliveriesPort
    intake: Intake
    dispatcher: Dispatcher
    runs: Runs
    loads: Loads
    archive: Archive
    reconciliation: Reconciliation
    sweep: Sweep

    @classmethod
    def build(cls, doors: Doors, settings: Settings, contracts: Mapping[str, Contract]) -> "Application":
        """Put the parts together."""
        ledger, documents, objects, catalog = doors.ledger, doors.documents, doors.objects, doors.catalog
        metrics, clock, workers = doors.metrics, doors.clock, doors.workers
        notifier = Notifier(doors.topics, metrics, settings, clock, ledger)
        claims = Claims(ledger, clock, workers)
        outages = Outages(ledger, notifier, settings, clock)
        ways = runners(doors.jobs, doors.executions, settings)
        raw_files = RawFiles(ledger, documents, objects, catalog, settings, workers)
        dispatcher = Dispatcher(
            ledger,
            RunInputs(documents, settings.processed),
            raw_files,
            ways,
            claims,
            outages,
            notifier,
            metrics,
            contracts,
            settings,
            clock,
            doors.new_claim_id,
        )
        booking = Booking(ledger, documents, claims, outages, notifier, metrics, settings, clock, workers)
        runs = Runs(ledger, doors.jobs, ways, booking, claims, dispatcher, settings, clock)
        open_loads = OpenLoads(ledger, doors.executions, notifier, settings, clock)
        intake = Intake(ledger, documents, catalog, contracts, settings, notifier, clock, workers)
        reconciliation = Reconciliation(ledger, objects, intake, metrics, contracts, settings, clock, workers)
        partitions = Partitions(ledger, catalog, documents, raw_files, contracts, settings, clock)
        replaced = ReplacedFolders(documents, objects, catalog, contracts, settings, clock, workers)
        return cls(
            settings,
            contracts,
            doors.deliveries,
            intake,
            dispatcher,
            runs,
            Loads(ledger, documents, booking, dispatcher, notifier, contracts, settings, clock, workers),
            Archive(ledger, documents, objects, catalog, contracts, settings, clock, workers),
            reconciliation,
            Sweep(ledger, notifier, intake, reconciliation, runs, dispatcher, open_loads, partitions, replaced, clock),
        )


@cache
def application() -> Application:
    """The application of this container, made once from the environment and the packaged contracts."""
    share(logger)
    settings = Settings.from_environment()
    return Application.build(Doors.to_aws(Clients(), settings), settings, packaged_contracts())


# The variable is Lambda's own. Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ and is_packaged():
    application()
