"""Conversion, the second leg: from a claim's input document to published Parquet and the run's outcome document.

Batches share the run, and none shares another's fate.

    check       the claim has no outcome yet, and it is not closed
    accept      which batches can be read: the catalog shows their raw partitions where their manifests say
    note        which partitions the run is about to replace, before its first file
    convert     each batch's files, read as they were frozen, into folders of the run's own, where no reader looks: by
                the kernel, in this process or in Spark's workers (`engines`)
    balance     rows read are rows published, quarantined and removed as duplicates, file by file; or the batch fails
    check       again: a claim that was closed meanwhile publishes nothing
    switch      the locations of the batches' partitions, one table after the other: the one act that readers see, and
                they see a partition as it was, or as it is now (docs/adr/0018-publish-is-a-switch.md)
    outcome     what became of each batch; it is the run's last act, so what it lists is done

What holds after a crash: before `switch` there are folders that no reader is shown and the sweep removes, by the note.
In the middle of it each partition of each table shows one run's files whole, the old ones or the new ones. Without an
outcome the batches go again, and the run that gets them publishes over whatever this one has left.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from glue_jobs.conversion.accounting import absent_columns, file_counts, rejected_counts
from glue_jobs.conversion.batches import Batch, check_location, read_batch
from glue_jobs.conversion.engines import Engines, choose
from glue_jobs.conversion.faults import Failure
from glue_jobs.conversion.one_batch import Result, Task
from glue_jobs.conversion.ports import CatalogPort, DocumentsPort
from sluice.contract import Contract, Table
from sluice.errors import AccountingError, SluiceError, TerminalError
from sluice.lake.handover import BatchOutcome, FileCounts, PublishedFile, RunFolders, RunInput, RunOutcome
from sluice.lake.layout import Partition
from sluice.logs import log_context, only
from sluice.parallel import each
from sluice.settings import Settings

_LOGGER = logging.getLogger(__name__)
_THREADS = 16


class ClosedClaimError(TerminalError):
    """The claim was closed before this run published: its batches belong to another run by now."""


class SupersededError(TerminalError):
    """A newer batch of the same partition is in the same run."""


@dataclass(frozen=True)
class RunContext:
    """What a run works with.

    Attributes:
        settings: Names of buckets and databases.
        contract: The contract of the run's dataset.
        documents: Documents of the processed bucket.
        catalog: The Data Catalog.
        engines: Makes what converts.
        clock: Gives the time, with its time zone.
        run: A name that no other run has; it is part of the folders that the run writes.
    """

    settings: Settings
    contract: Contract
    documents: DocumentsPort
    catalog: CatalogPort
    engines: Engines
    clock: Callable[[], datetime]
    run: str


@dataclass
class _Books:
    """What has been settled so far, by batch."""

    failures: dict[str, Failure] = field(default_factory=dict)
    files: dict[str, tuple[FileCounts, ...]] = field(default_factory=dict)
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)
    published: dict[str, dict[str, tuple[PublishedFile, ...]]] = field(default_factory=dict)

    def outcome(self, batch_id: str) -> BatchOutcome:
        failure = self.failures.get(batch_id)
        return BatchOutcome(
            batch_id,
            error="" if failure is None else failure.error,
            is_transient=failure is not None and failure.is_transient,
            files=self.files.get(batch_id, ()),
            reasons=self.reasons.get(batch_id, {}),
            published={} if failure is not None else self.published.get(batch_id, {}),
            verdict="" if failure is None else str(failure.verdict),
        )


def convert(context: RunContext, claim_id: str, predicate: str) -> RunOutcome:
    """Convert the batches of a claim and write the outcome, which is the run's last act.

    Args:
        context: What to work with.
        claim_id: The claim.
        predicate: The partitions of its batches, as an expression for the catalog.

    Raises:
        TerminalError: A run has done the claim already: its files may be loaded or replaced by now. Or the claim was
            closed without a run that did it: its batches went to another one.
        AccountingError: The books are off for every batch that was converted.
    """
    layout, documents = context.settings.processed, context.documents
    if documents.exists(layout.run_outcome(claim_id)):
        raise TerminalError(f"claim {claim_id} is done: {layout.run_outcome(claim_id)} exists")
    run = _Run(context, claim_id)
    run.check_open()
    task = RunInput.from_json(documents.read(layout.run_input(claim_id)))
    with log_context(batch=only(task.batches)):
        outcome = run.convert(task, predicate)
    documents.write(layout.run_outcome(claim_id), outcome.to_json())
    return outcome


class _Run:
    def __init__(self, context: RunContext, claim_id: str) -> None:
        self._context = context
        self._claim_id = claim_id
        self._books = _Books()

    def convert(self, task: RunInput, predicate: str) -> RunOutcome:
        """Settle every batch of the input."""
        context = self._context
        batches = self._accepted(task, predicate)
        sizes = (batch.size_bytes for batch in batches.values())
        name = choose(context.contract.source, sizes, context.settings.spark_from_bytes)
        _LOGGER.info("run %s: %d batches, engine %s", context.run, len(batches), name)
        if batches:
            self._note(batches.values())
            engine = context.engines.make(name, context.contract, context.clock())
            results = list(engine.convert([self._task(batch) for batch in batches.values()]))
            self._publish(batches, results)
        outcomes = tuple(self._books.outcome(batch_id) for batch_id in sorted(task.batches))
        return RunOutcome(self._claim_id, context.run, outcomes, engine=name)

    def check_open(self) -> None:
        """Make sure that the claim's batches have not gone to another run.

        Raises:
            ClosedClaimError: They have.
        """
        fence = self._context.settings.processed.run_closed(self._claim_id)
        if self._context.documents.exists(fence):
            raise ClosedClaimError(f"claim {self._claim_id} is closed: {fence} exists; its batches went to another run")

    def _accepted(self, task: RunInput, predicate: str) -> dict[str, Batch]:
        """The batches whose manifests can be read and whose partitions the catalog knows; the newest of a partition."""
        context = self._context
        locations = context.catalog.locations(context.settings.raw_database, task.dataset, predicate)
        newest: dict[tuple[str, ...], Batch] = {}

        def accept(item: tuple[str, str]) -> Batch | SluiceError:
            try:
                batch = read_batch(context.documents, *item)
                check_location(batch, locations)
            except SluiceError as exc:
                return exc
            return batch

        wanted = sorted(task.batches.items())
        threads = min(_THREADS, len(wanted)) or 1
        for (batch_id, _), batch in zip(wanted, each(accept, wanted, threads), strict=True):
            if isinstance(batch, SluiceError):
                self._fail(batch_id, Failure.of(batch))
                continue
            # Dispatch sends at most one of a partition; two would switch its location twice, in any order.
            older = newest.get(batch.partition.values)
            if older is not None:
                error = SupersededError(f"{batch_id} is a newer batch of the same partition")
                self._fail(older.batch_id, Failure.of(error))
            newest[batch.partition.values] = batch
        return {batch.batch_id: batch for batch in newest.values()}

    def _note(self, batches: Iterable[Batch]) -> None:
        """Write down which partitions the run is about to replace, so that the sweep looks there for old folders.

        It stands before the first file: whatever becomes of the run, its folders are found.
        """
        context = self._context
        labels = tuple(sorted(batch.partition.label for batch in batches))
        note = RunFolders(context.contract.dataset, context.run, self._tables, labels)
        url = f"{context.settings.processed.replaced(context.contract.dataset)}/{context.run}.json"
        context.documents.write(url, note.to_json())

    @property
    def _tables(self) -> tuple[str, ...]:
        """All tables of the contract, the quarantine last."""
        contract = self._context.contract
        return (*(table.name for table in contract.tables), contract.quarantine_table)

    def _task(self, batch: Batch) -> Task:
        folders = {name: self._folder(name, batch.partition) for name in self._tables}
        return Task(batch.batch_id, batch.files, folders)

    def _folder(self, table: str, partition: Partition) -> str:
        return self._context.settings.processed.partition(table, partition, self._context.run)

    def _publish(self, batches: Mapping[str, Batch], results: Iterable[Result]) -> None:
        """Publish the batches whose books balance.

        Raises:
            AccountingError: The books are off for all of them.
            ClosedClaimError: The batches have gone to another run meanwhile.
        """
        found = {result.batch_id: result for result in results}
        off: list[AccountingError] = []
        for batch_id, batch in batches.items():
            try:
                self._balance(batch, found[batch_id])
            except AccountingError as exc:
                off.append(exc)
                self._fail(batch_id, Failure.of(exc))
                found.pop(batch_id)
        # All of them off is not a bad batch but a fault of the converter: nothing is published, the run fails loudly.
        if off and len(off) == len(batches):
            raise off[0]
        self.check_open()
        self._switch({batch_id: batches[batch_id] for batch_id in batches if batch_id in found}, found)

    def _balance(self, batch: Batch, result: Result) -> None:
        """Enter what was read and written.

        Raises:
            AccountingError: The one is not the other.
        """
        if result.failure is not None:
            self._fail(batch.batch_id, result.failure)
        if not result.tallies:
            return
        reasons: dict[str, int] = {}
        for file in batch.files:
            for reason, count in result.tallies[file.url].reasons.items():
                reasons[reason] = reasons.get(reason, 0) + count
        self._books.reasons[batch.batch_id] = reasons
        if result.failure is not None:
            self._books.files[batch.batch_id] = rejected_counts(batch.files, result.tallies)
        else:
            counts = file_counts(self._context.contract, batch.files, result.tallies, result.tables)
            self._books.files[batch.batch_id] = counts

    def _switch(self, batches: Mapping[str, Batch], results: Mapping[str, Result]) -> None:
        """Switch the partitions of all batches to what the run wrote, a table after the other."""
        wanted: dict[str, dict[tuple[str, ...], str]] = {name: {} for name in self._tables}
        for batch_id, batch in batches.items():
            for name in results[batch_id].tables:
                wanted[name][batch.partition.values] = f"{self._folder(name, batch.partition)}/"
        database = self._context.settings.processed_database
        # One table after the other, because the catalog has no call for several: see the ADR for what readers see.
        failed = self._context.catalog.switch(database, {name: found for name, found in wanted.items() if found})
        for batch_id, batch in batches.items():
            error = failed.get(batch.partition.values)
            if error is not None:
                self._fail(batch_id, Failure.of(error))
                continue
            self._books.published[batch_id] = {
                table.name: self._published(batch, table, results[batch_id])
                for table in self._context.contract.tables
                if table.name in results[batch_id].tables
            }

    def _published(self, batch: Batch, table: Table, result: Result) -> tuple[PublishedFile, ...]:
        folder = self._folder(table.name, batch.partition)
        return tuple(
            PublishedFile(
                f"{folder}/{file.name}",
                file.size_bytes,
                sum(file.rows.values()),
                table.written_columns,
                absent_columns(table.name, file.rows, result.tallies),
            )
            for file in result.tables[table.name].files
        )

    def _fail(self, batch_id: str, failure: Failure) -> None:
        with log_context(batch=batch_id):
            _LOGGER.error("run %s: batch %s: %s", self._context.run, batch_id, failure.error)
        self._books.failures.setdefault(batch_id, failure)
