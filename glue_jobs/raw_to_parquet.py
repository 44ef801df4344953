"""Glue job 1: the raw files of a claim's batches become published Parquet."""

import logging
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

from awsglue.utils import getResolvedOptions

from glue_jobs.conversion.engines import Engine, Engines
from glue_jobs.conversion.ports import ObjectsPort, OpenObjects
from glue_jobs.conversion.run import RunContext, convert
from sluice.aws.catalog import GlueCatalog
from sluice.aws.clients import Clients
from sluice.aws.documents import Documents
from sluice.aws.objects import Objects
from sluice.contract import Contract
from sluice.contract.model import contract_of
from sluice.contract.packaged import packaged_contracts
from sluice.lake.handover import RunOutcome
from sluice.logs import log_json_lines, logged_run
from sluice.settings import Settings

logger = logging.getLogger("raw_to_parquet")


def main(argv: list[str]) -> RunOutcome:
    """Convert the batches of one claim.

    Args:
        argv: The job's arguments: ``--JOB_NAME --settings --claim_id --dataset --push_down_predicate``.
    """
    arguments = getResolvedOptions(argv, ["JOB_NAME", "settings", "claim_id", "dataset", "push_down_predicate"])
    with logged_run(logger, dataset=arguments["dataset"], claim=arguments["claim_id"]):
        return _convert(arguments)


def _convert(arguments: Mapping[str, str]) -> RunOutcome:
    clients = Clients()
    context = RunContext(
        settings=Settings.from_json(arguments["settings"]),
        contract=contract_of(packaged_contracts(), arguments["dataset"]),
        documents=Documents(clients.s3),
        catalog=GlueCatalog(clients.glue),
        engines=Engines(partial(open_objects, clients.session.region_name), _spark),
        clock=lambda: datetime.now(UTC),
        # New for each process, even when Glue repeats a run: names of folders must not come back.
        run=uuid.uuid4().hex[:16],
    )
    logger.info("claim %s of %s: files of run %s", arguments["claim_id"], arguments["dataset"], context.run)
    outcome = convert(context, arguments["claim_id"], arguments["push_down_predicate"])
    failed = [batch for batch in outcome.batches if batch.error]
    logger.info("claim %s: %s batches, %s failed", outcome.claim_id, len(outcome.batches), len(failed))
    return outcome


def open_objects(region: str | None) -> ObjectsPort:
    """The door to objects, here or in one of Spark's workers, which have the driver's environment but not its region.

    Args:
        region: AWS region of the driver.
    """
    return Objects(Clients(region=region).s3)


def _spark(contract: Contract, open_objects: OpenObjects, at: datetime) -> Engine:
    """The Spark engine. Only now Spark is imported and a session begun: a small run does without."""
    from awsglue.context import GlueContext  # noqa: PLC0415
    from pyspark import SparkContext  # noqa: PLC0415

    from glue_jobs.conversion.spark import SparkEngine  # noqa: PLC0415

    return SparkEngine(GlueContext(SparkContext.getOrCreate()).spark_session, contract, open_objects, at)


if __name__ == "__main__":
    log_json_lines()
    main(sys.argv)
