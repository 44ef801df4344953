"""Glue job 2: what a conversion run published goes into the warehouse, through the Redshift Data API only.

No row passes through this job, so it starts no Spark session: it tells the warehouse what to do and writes down what
came of it.
"""

import logging
import sys
import time
import uuid
from collections.abc import Mapping

from awsglue.utils import getResolvedOptions

from glue_jobs.loading.context import WAITING_SECONDS, LoadContext
from glue_jobs.loading.run import load_claim
from sluice.aws.clients import Clients
from sluice.aws.data_api import Address, DataApi
from sluice.aws.documents import Documents
from sluice.contract.packaged import packaged_contracts
from sluice.lake.handover import LoadOutcome
from sluice.logs import log_json_lines, logged_run
from sluice.settings import Settings

logger = logging.getLogger("load_redshift")


def main(argv: list[str]) -> LoadOutcome:
    """Load the batches of one claim.

    Args:
        argv: The job's arguments: ``--JOB_NAME --settings --claim_id --dataset``.
    """
    arguments = getResolvedOptions(argv, ["JOB_NAME", "settings", "claim_id", "dataset"])
    with logged_run(logger, dataset=arguments["dataset"], claim=arguments["claim_id"]):
        return _load(arguments)


def _load(arguments: Mapping[str, str]) -> LoadOutcome:
    settings = Settings.from_json(arguments["settings"])
    clients = Clients()
    context = LoadContext(
        warehouse=DataApi(
            clients.redshift_data, Address.from_settings(settings), ends_at=time.monotonic() + WAITING_SECONDS
        ),
        documents=Documents(clients.s3),
        processed=settings.processed,
        copy_role=settings.copy_role,
        claim_id=arguments["claim_id"],
        # New for each process, even when Glue repeats a run: the Data API remembers a client token for 8 hours, and
        # would answer a repeated run with the failures of the first.
        run=f"{arguments['claim_id']}/{uuid.uuid4().hex}",
    )
    outcome = load_claim(context, packaged_contracts(), arguments["dataset"], settings.warehouse_schema)
    failed = [batch for batch in outcome.batches if batch.error]
    logger.info("claim %s: %s batches, %s failed", outcome.claim_id, len(outcome.batches), len(failed))
    return outcome


if __name__ == "__main__":
    log_json_lines()
    main(sys.argv)
