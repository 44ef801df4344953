"""Glue job 1: the raw files of a claim's batches become published Parquet."""

import logging
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark import SparkContext

from glue_jobs.conversion.run import RunContext, convert
from glue_jobs.conversion.session import configure
from sluice.aws.catalog import GlueCatalog
from sluice.aws.clients import Clients
from sluice.contract.lookup import contract_of
from sluice.contract.packaged import packaged_contracts
from sluice.handover import RunOutcome
from sluice.logs import log_json_lines, logged_run
from sluice.settings import Settings

logger = logging.getLogger("raw_to_parquet")


def main(argv: list[str]) -> RunOutcome:
    """Convert the batches of one claim.

    Args:
        argv: The job's arguments: ``--JOB_NAME --settings --claim_id --dataset --push_down_predicate``.
    """
    arguments = getResolvedOptions(argv, ["JOB_NAME", "settings", "claim_id", "dataset", "push_down_predicate"])
    with logged_run(logger, dataset=arguments["dataset"], run=arguments["claim_id"]):
        return _convert(arguments)


def _convert(arguments: Mapping[str, str]) -> RunOutcome:
    glue = GlueContext(SparkContext.getOrCreate())
    job = Job(glue)
    job.init(arguments["JOB_NAME"], arguments)
    configure(glue.spark_session)
    context = RunContext(
        spark=glue.spark_session,
        settings=Settings.from_json(arguments["settings"]),
        contract=contract_of(packaged_contracts(), arguments["dataset"]),
        catalog=GlueCatalog(Clients().glue),
        clock=lambda: datetime.now(UTC),
        # New for each process, even when Glue repeats a run: names of files must not come back.
        run=uuid.uuid4().hex[:16],
    )
    logger.info("claim %s of %s: files of run %s", arguments["claim_id"], arguments["dataset"], context.run)
    outcome = convert(context, arguments["claim_id"], arguments["push_down_predicate"])
    failed = [batch for batch in outcome.batches if batch.error]
    logger.info("claim %s: %s batches, %s failed", outcome.claim_id, len(outcome.batches), len(failed))
    job.commit()
    return outcome


if __name__ == "__main__":
    log_json_lines()
    main(sys.argv)
