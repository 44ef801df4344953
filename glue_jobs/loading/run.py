"""One load run: its input document, its tables, its outcome document."""

import logging
from collections.abc import Mapping

from glue_jobs.loading.context import LoadContext
from glue_jobs.loading.refresh import Refresh
from glue_jobs.loading.table import Results, TableLoad
from sluice.contract.lookup import contract_of
from sluice.contract.model import Contract
from sluice.errors import SluiceError, TerminalError, TransientError
from sluice.handover import LoadBatchOutcome, LoadCounts, LoadInput, LoadOutcome
from sluice.warehouse.affected import DATES_TABLE
from sluice.warehouse.aggregate import plans
from sluice.warehouse.audit import AUDIT_TABLE
from sluice.warehouse.bootstrap import create_own
from sluice.warehouse.fixed import fixed_sql
from sluice.warehouse.staging import leftovers
from sluice.warehouse.target import Target

logger = logging.getLogger(__name__)


def load_claim(context: LoadContext, contracts: Mapping[str, Contract], dataset: str, schema: str) -> LoadOutcome:
    """Load everything that the claim's input document names, and write the outcome document as the last act.

    A batch that fails is a line of the outcome, not a failure of the run.

    Args:
        context: Warehouse, documents and names of the run.
        contracts: The contracts of all datasets; aggregates are made of tables of several.
        dataset: The dataset of the claim.
        schema: Schema of the target tables.

    Raises:
        SluiceError: Nothing could be decided: the input cannot be read, the warehouse cannot be prepared, or it cannot
            be told which days of the aggregates are affected. Another run finishes what this one has loaded.
    """
    work = _read_input(context, dataset)
    contract = contract_of(contracts, dataset)
    refresh = Refresh(context, contract, plans(contracts, schema))
    _prepare(context, contract)
    results = {
        table.name: TableLoad(
            context,
            Target(dataset, schema, table),
            {batch_id: files.get(table.name, ()) for batch_id, files in work.batches.items()},
        ).run()
        for table in contract.tables
    }
    batches = tuple(_outcome(batch_id, results) for batch_id in sorted(work.batches))
    loaded = [batch.batch_id for batch in batches if not batch.error]
    outcome = LoadOutcome(context.claim_id, batches, refresh.of(loaded))
    context.documents.write(context.processed.load_outcome(context.claim_id), outcome.to_json())
    return outcome


def _read_input(context: LoadContext, dataset: str) -> LoadInput:
    url = context.processed.load_input(context.claim_id)
    work = LoadInput.from_json(context.documents.read(url))
    if (work.claim_id, work.dataset) != (context.claim_id, dataset):
        raise TerminalError(
            f"{url}: is for claim {work.claim_id} of {work.dataset}, not for claim {context.claim_id} of {dataset}"
        )
    return work


def _prepare(context: LoadContext, contract: Contract) -> None:
    """Make sure of Sluice's own tables, and remove the staging tables of dead runs.

    One run per dataset loads at a time, so a staging table of one of its tables belongs to nobody any more.
    """
    rows = context.warehouse.rows(fixed_sql("catalog")["own_tables"], label="own tables")
    names = [str(name) for (name,) in rows]
    if not {AUDIT_TABLE, DATES_TABLE} <= set(names):
        context.repeat("audit", lambda attempt: _create_own_tables(context, attempt))
    for table in contract.tables:
        for name in leftovers(table.name, names):
            logger.info("%s: removing what a dead run left behind", name)
            context.drop_stage(name)


def _create_own_tables(context: LoadContext, attempt: str) -> None:
    for label, sql in create_own():
        context.execute(label, sql, attempt)


def _outcome(batch_id: str, results: Mapping[str, Results]) -> LoadBatchOutcome:
    """A batch is loaded when all its tables are; it may be tried again when nothing that failed is there to stay."""
    answers = {table: result[batch_id] for table, result in results.items()}
    errors = [answer for answer in answers.values() if isinstance(answer, SluiceError)]
    return LoadBatchOutcome(
        batch_id,
        error="; ".join(error.named for error in errors),
        is_transient=bool(errors) and all(isinstance(error, TransientError) for error in errors),
        tables={table: answer for table, answer in answers.items() if isinstance(answer, LoadCounts)},
    )
