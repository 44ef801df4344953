"""The one value that every part of the trigger works with: the outside world, the settings and the contracts.

It is made once per Lambda container, while the container starts and before its first event: making the clients would be
most of that event's work. AWS asks for it, too: "Initialize SDK clients and database connections outside of the
function handler".
Source: https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html (function code)
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import uuid4

from lambda_trigger.logs import function_logger, share
from lambda_trigger.metrics import EmfMetrics
from lambda_trigger.notifier import Notifier
from lambda_trigger.ports import (
    CatalogPort,
    DeliveriesPort,
    DocumentsPort,
    ExecutionsPort,
    JobsPort,
    LedgerPort,
    MetricsPort,
    ObjectsPort,
)
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
from sluice.backoff import Backoff
from sluice.contract import Contract
from sluice.contract.packaged import is_packaged, packaged_contracts
from sluice.settings import Settings

logger = function_logger()


def _now() -> datetime:
    return datetime.now(UTC)


def _new_claim_id() -> str:
    return f"c{_now():%Y%m%d%H%M%S}{uuid4().hex[:10]}"


@dataclass(frozen=True)
class Trigger:
    """What the stories of the trigger are told with.

    Attributes:
        settings: Names of everything, and how patient to be.
        contracts: The contracts by dataset.
        ledger: Batches, slots and claims.
        documents: Small objects in S3.
        objects: Objects as a whole: copied, listed, deleted.
        catalog: Partitions in the Data Catalog.
        jobs: Glue's job runs.
        executions: Executions of Step Functions.
        deliveries: Messages of the manifests' queue.
        notifier: Notices to people.
        metrics: Measurements.
        clock: The present moment in UTC.
        new_claim_id: A name that no other claim has, of letters and digits.
        workers: Threads that make many small calls at once.
        backoff: How patiently a batch that somebody else writes at the same moment is tried again.
    """

    settings: Settings
    contracts: Mapping[str, Contract]
    ledger: LedgerPort
    documents: DocumentsPort
    objects: ObjectsPort
    catalog: CatalogPort
    jobs: JobsPort
    executions: ExecutionsPort
    deliveries: DeliveriesPort
    notifier: Notifier
    metrics: MetricsPort
    clock: Callable[[], datetime] = _now
    new_claim_id: Callable[[], str] = _new_claim_id
    workers: int = 16
    backoff: Backoff = field(default=Backoff(attempts=4, base_seconds=0.1, cap_seconds=1.0))

    @classmethod
    def to_aws(cls, clients: Clients, settings: Settings, contracts: Mapping[str, Contract]) -> "Trigger":
        """The trigger of an account, or of the local cloud."""
        arns, metrics = Arns(clients.sts), EmfMetrics()
        ledger = Ledger(clients.dynamodb, settings.ledger_table, retention=timedelta(days=settings.runs_retention_days))
        return cls(
            settings,
            contracts,
            ledger,
            Documents(clients.s3),
            Objects(clients.s3),
            GlueCatalog(clients.glue),
            GlueJobs(clients.glue, clients.glue_once),
            Executions(clients.stepfunctions, arns),
            Deliveries(clients.sqs, settings.manifest_queue),
            Notifier(Topics(clients.sns, arns), metrics, settings, _now, ledger),
            metrics,
        )


@cache
def trigger_of_container() -> Trigger:
    """The trigger of this container, made once from the environment and the packaged contracts."""
    share(logger)
    return Trigger.to_aws(Clients(), Settings.from_environment(), packaged_contracts())


# The variable is Lambda's own. Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ and is_packaged():
    trigger_of_container()
