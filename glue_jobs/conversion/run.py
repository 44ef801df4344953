"""A conversion run: from its input document to its outcome. Batches share the run, and none shares another's fate."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pyspark.sql import SparkSession

from glue_jobs.conversion.accounting import file_counts
from glue_jobs.conversion.attempt import Converter, Staged
from glue_jobs.conversion.batches import Batch, check_location, first_change, read_batch
from glue_jobs.conversion.faults import SPARK_ERRORS, describe, is_transient, root_cause
from glue_jobs.conversion.publish import PartitionCatalog, Publisher, Ready
from glue_jobs.conversion.storage import Storage
from sluice.contract import Contract
from sluice.errors import AccountingError, SluiceError, TerminalError
from sluice.handover import BatchOutcome, FileCounts, PublishedFile, RunInput, RunOutcome
from sluice.logs import log_context, only
from sluice.settings import Settings

_LOGGER = logging.getLogger(__name__)


class ClosedClaimError(TerminalError):
    """The claim was closed before this run published: its batches belong to another run by now."""


class SupersededError(TerminalError):
    """A newer batch of the same partition is in the same run."""


@dataclass(frozen=True)
class RunContext:
    """What a run works with.

    Attributes:
        spark: A configured session.
        settings: Names of buckets and databases.
        contract: The contract of the run's dataset.
        catalog: The Data Catalog.
        clock: Gives the time, with its time zone.
        run: A name that no other run has; it is part of file names.
    """

    spark: SparkSession
    settings: Settings
    contract: Contract
    catalog: PartitionCatalog
    clock: Callable[[], datetime]
    run: str


@dataclass
class _Books:
    """What has been settled so far, by batch."""

    errors: dict[str, Exception] = field(default_factory=dict)
    files: dict[str, tuple[FileCounts, ...]] = field(default_factory=dict)
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)
    published: dict[str, dict[str, tuple[PublishedFile, ...]]] = field(default_factory=dict)

    def outcome(self, batch_id: str) -> BatchOutcome:
        error = self.errors.get(batch_id)
        return BatchOutcome(
            batch_id,
            error="" if error is None else describe(error),
            is_transient=error is not None and is_transient(error),
            files=self.files.get(batch_id, ()),
            reasons=self.reasons.get(batch_id, {}),
            published={} if error is not None else self.published.get(batch_id, {}),
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
    run = _Run(context, claim_id)
    layout = context.settings.processed
    if run.storage.status(layout.run_outcome(claim_id)) is not None:
        raise TerminalError(f"claim {claim_id} is done: {layout.run_outcome(claim_id)} exists")
    run.check_open()
    task = RunInput.from_json(run.storage.read_text(layout.run_input(claim_id)))
    try:
        with log_context(batch=only(task.batches)):
            outcome = RunOutcome(claim_id, context.run, run.convert(task, predicate))
    finally:
        run.remove_staging()
    run.storage.write_text(layout.run_outcome(claim_id), outcome.to_json())
    return outcome


class _Run:
    def __init__(self, context: RunContext, claim_id: str) -> None:
        self._context = context
        self._claim_id = claim_id
        self.storage = Storage(context.spark)
        self._converter = Converter(context.spark, self.storage, context.contract, context.clock)
        self._staging = context.settings.processed.staging(context.run)
        self._attempts = 0
        self._books = _Books()

    def convert(self, task: RunInput, predicate: str) -> tuple[BatchOutcome, ...]:
        """Settle every batch of the input."""
        batches = self._unchanged(self._accepted(task, predicate))
        for part, staged in self._staged(batches):
            self._publish(part, staged)
        errors = [self._books.errors.get(batch_id) for batch_id in batches]
        off = [error for error in errors if isinstance(error, AccountingError)]
        if off and len(off) == len(errors):
            raise off[0]
        return tuple(self._books.outcome(batch_id) for batch_id in sorted(task.batches))

    def check_open(self) -> None:
        """Make sure that the claim's batches have not gone to another run.

        Raises:
            ClosedClaimError: They have.
        """
        fence = self._context.settings.processed.run_closed(self._claim_id)
        if self.storage.status(fence) is not None:
            raise ClosedClaimError(f"claim {self._claim_id} is closed: {fence} exists; its batches went to another run")

    def remove_staging(self) -> None:
        """Remove what was staged; what stays is invisible and does no harm."""
        try:
            self.storage.delete(self._staging)
        except SPARK_ERRORS as exc:
            _LOGGER.warning("run %s: could not remove %s (%s)", self._context.run, self._staging, root_cause(exc))

    def _accepted(self, task: RunInput, predicate: str) -> dict[str, Batch]:
        """The batches whose manifests can be read and whose partitions the catalog knows; the newest of a partition."""
        settings = self._context.settings
        locations = self._context.catalog.locations(settings.raw_database, task.dataset, predicate)
        newest: dict[tuple[str, ...], Batch] = {}

        def accept(item: tuple[str, str]) -> Batch | SluiceError:
            try:
                batch = read_batch(self.storage, *item)
                check_location(batch, locations)
            except SluiceError as exc:
                return exc
            return batch

        wanted = sorted(task.batches.items())
        for (batch_id, _), batch in zip(wanted, self.storage.for_all(accept, wanted), strict=True):
            if isinstance(batch, SluiceError):
                self._fail(batch_id, batch)
                continue
            older = newest.get(batch.partition.values)
            if older is not None:
                self._fail(older.batch_id, SupersededError(f"{batch_id} is a newer batch of the same partition"))
            newest[batch.partition.values] = batch
        return {batch.batch_id: batch for batch in newest.values()}

    def _unchanged(self, batches: Mapping[str, Batch]) -> dict[str, Batch]:
        changes = first_change(self.storage, batches)
        for batch_id, change in changes.items():
            self._fail(batch_id, change)
        return {batch_id: batch for batch_id, batch in batches.items() if batch_id not in changes}

    def _staged(self, batches: Mapping[str, Batch]) -> Iterable[tuple[dict[str, Batch], Staged]]:
        """Convert all together; where that fails, without the files that cannot be read, and at last one by one."""
        if not batches:
            return
        try:
            yield dict(batches), self._attempt(batches.values(), {})
            return
        except SPARK_ERRORS as exc:
            _LOGGER.warning("run %s: the joint conversion failed (%s)", self._context.run, root_cause(exc))
        still = self._unchanged(batches)
        unreadable = self._converter.unreadable_files(still.values())
        if unreadable and still:
            try:
                yield still, self._attempt(still.values(), unreadable)
                return
            except SPARK_ERRORS as exc:
                _LOGGER.warning("run %s: the joint conversion failed again (%s)", self._context.run, root_cause(exc))
        for batch in still.values():
            try:
                staged = self._attempt([batch], unreadable)
            except SPARK_ERRORS as exc:
                self._fail(batch.batch_id, exc)
                continue
            yield {batch.batch_id: batch}, staged

    def _attempt(self, batches: Iterable[Batch], unreadable: Mapping[str, str]) -> Staged:
        self._attempts += 1
        return self._converter.convert(batches, unreadable, f"{self._staging}/{self._attempts}")

    def _publish(self, batches: Mapping[str, Batch], staged: Staged) -> None:
        """Publish the batches whose books balance and whose files did not change while they were read."""
        good = self._unchanged(batches)
        self._balance(good, staged)
        for batch_id, error in staged.failed.items():
            self._fail(batch_id, error)
        ready = [item for batch in good.values() for item in self._ready(batch, staged)]
        self.check_open()
        published, failed = self._publisher().publish(ready)
        for batch_id, failure in failed.items():
            self._fail(batch_id, failure)
        quarantine = self._context.contract.quarantine_table
        for batch_id, tables in published.items():
            self._books.published[batch_id] = {name: files for name, files in tables.items() if name != quarantine}

    def _balance(self, batches: Mapping[str, Batch], staged: Staged) -> None:
        for batch in batches.values():
            tallies = [staged.tallies[file.url] for file in batch.files]
            reasons: dict[str, int] = {}
            for found in tallies:
                for reason, count in found.reasons.items():
                    reasons[reason] = reasons.get(reason, 0) + count
            self._books.reasons[batch.batch_id] = reasons
            if batch.batch_id in staged.failed:
                counted = zip(batch.files, tallies, strict=True)
                files = tuple(FileCounts(file.url, found.records, found.rejected, {}) for file, found in counted)
                self._books.files[batch.batch_id] = files
                continue
            try:
                self._books.files[batch.batch_id] = file_counts(
                    self._context.contract, batch.files, staged.tallies, staged.of(batch.batch_id)
                )
            except AccountingError as exc:
                self._fail(batch.batch_id, exc)

    def _ready(self, batch: Batch, staged: Staged) -> Iterable[Ready]:
        """A batch's tables to publish; of a batch with too many rejected records its quarantine alone."""
        if isinstance(self._books.errors.get(batch.batch_id), AccountingError):
            return
        contract = self._context.contract
        names = [] if batch.batch_id in staged.failed else [table.name for table in contract.tables]
        found = staged.of(batch.batch_id)
        for name in (*names, contract.quarantine_table):
            files = found.get(name)
            yield Ready(batch.batch_id, batch.partition, name, () if files is None else files.published)

    def _publisher(self) -> Publisher:
        context, settings = self._context, self._context.settings
        return Publisher(
            self.storage, context.catalog, settings.processed_database, settings.processed, self._claim_id, context.run
        )

    def _fail(self, batch_id: str, error: Exception) -> None:
        with log_context(batch=batch_id):
            _LOGGER.error("run %s: batch %s: %s", self._context.run, batch_id, describe(error))
        self._books.errors[batch_id] = error
