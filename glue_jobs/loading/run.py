"""Load, the fourth leg: from a claim's input document to rows of Redshift and the run's outcome document.

    input       which published files of which batches
    prepare     Sluice's own tables are there, and what dead runs have staged goes
    fit         batches whose files no longer go with the contract, or would empty a table, are left out
    stage       table by table (`table`), transaction A: COPY into a staging table that only this run knows
    merge       transaction B: the table's book of loads is locked, stale rows are dropped, the rest is merged by name,
                and the audit rows are written; what fails for a reason of one batch is found by halves (`halves`)
    refresh     which days of which aggregates changed, asked from the audit rows (`refresh`)
    outcome     what became of each batch; it is the run's last act

What holds after a crash: before `merge` commits there is a staging table, which the next load of the table drops; the
target is as it was. After it the rows and their audit rows are there together, so the repeated load finds its batches
done, changes nothing, and writes the outcome that this run owed.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from glue_jobs.loading.context import LoadContext
from glue_jobs.loading.fit import emptying, outdated
from glue_jobs.loading.refresh import Refresh
from glue_jobs.loading.table import TableLoad
from sluice.contract.model import Contract, contract_of
from sluice.errors import SluiceError, TerminalError, TransientError
from sluice.failures import Verdict, verdict_of
from sluice.lake.handover import LoadBatchOutcome, LoadCounts, LoadInput, LoadOutcome
from sluice.warehouse.aggregate import plans
from sluice.warehouse.audit import AUDIT_TABLE
from sluice.warehouse.books import create_books, has_books
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
    targets = [Target(dataset, schema, table) for table in contract.tables]
    _prepare(context, targets)
    # Before anything is staged: one batch that cannot fit must not fail the COPY of all.
    unfit: dict[str, SluiceError] = {**outdated(work.batches, targets)}
    if not contract.allow_empty:
        unfit |= emptying(work.batches, targets)
    results = {
        target.table.name: TableLoad(
            context,
            target,
            {name: files.get(target.table.name, ()) for name, files in work.batches.items() if name not in unfit},
        ).run()
        for target in targets
    }
    failed: dict[str, Mapping[str, LoadCounts | SluiceError]] = {name: {"": error} for name, error in unfit.items()}
    batches = tuple(
        _outcome(name, failed.get(name) or {table: result[name] for table, result in results.items()})
        for name in sorted(work.batches)
    )
    # Also what an earlier run of the claim has loaded: its aggregates may not have been refreshed.
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


def _prepare(context: LoadContext, targets: Sequence[Target]) -> None:
    """Make sure of Sluice's own tables, and remove the staging tables of dead runs.

    One run per dataset loads at a time, so a staging table of one of its tables belongs to nobody any more.
    """
    rows = context.warehouse.rows(fixed_sql("catalog")["own_tables"], label="own tables")
    names = [str(name) for (name,) in rows]
    if AUDIT_TABLE not in names:
        _make(context, "audit", [sql for _, sql in create_own()])
    for target in targets:
        if not has_books(target, names):
            _make(context, f"books of {target}", create_books(target))
        for name in leftovers(target.table.name, names):
            logger.info("%s: removing what a dead run left behind", name)
            context.drop_stage(name)


def _make(context: LoadContext, label: str, statements: Iterable[str]) -> None:
    for sql in statements:
        context.repeat(label, partial(context.execute, label, sql))


def _outcome(batch_id: str, answers: Mapping[str, LoadCounts | SluiceError]) -> LoadBatchOutcome:
    """A batch is loaded when all its tables are; it may be tried again when nothing that failed is there to stay.

    Args:
        batch_id: The batch.
        answers: Counts or error, by table.
    """
    errors = [answer for answer in answers.values() if isinstance(answer, SluiceError)]
    return LoadBatchOutcome(
        batch_id,
        error="; ".join(error.named for error in errors),
        is_transient=bool(errors) and all(isinstance(error, TransientError) for error in errors),
        tables={table: answer for table, answer in answers.items() if isinstance(answer, LoadCounts)},
        verdict=_verdict(errors),
    )


def _verdict(errors: Iterable[SluiceError]) -> str:
    """What a batch's failure is a failure of: of several errors the one that stays longest."""
    found = {verdict_of(error) for error in errors}
    order = (Verdict.FINAL, Verdict.CONVERT, Verdict.DENIED, Verdict.WORLD)
    return next((str(verdict) for verdict in order if verdict in found), "")
