"""Loading one table: bring the target up to its contract, stage, check the count, merge.

Crash safety, step by step. Staging (transaction A) makes a table that only this run knows; after a crash it is a
leftover that the next run removes. The merge (transaction B) changes the target and writes the audit rows together, so
after a crash the batches are in the audit and in the target, or in neither. Every step may be repeated at any time.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from glue_jobs.loading.context import LoadContext
from glue_jobs.loading.fit import Files, stored_of
from glue_jobs.loading.halves import Halves, Results
from sluice.errors import AccountingError, SluiceError
from sluice.lake.handover import LoadCounts
from sluice.lake.manifest import load_manifest
from sluice.logs import log_context, only
from sluice.warehouse.audit import read_counts, select_counts
from sluice.warehouse.batches import list_batches
from sluice.warehouse.evolution import Change, evolve_target, follow, read_views
from sluice.warehouse.fixed import fixed_sql
from sluice.warehouse.merge import merge
from sluice.warehouse.staging import Staging, count_staged, run_name, stage
from sluice.warehouse.stored import Stored
from sluice.warehouse.target import LiveColumn, Target, create_target

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TableLoad:
    """The load of one table.

    Attributes:
        context: What all tables of the run share.
        target: The table.
        batches: The published files of each batch of the run.
    """

    context: LoadContext
    target: Target
    batches: Mapping[str, Files]

    def run(self) -> Results:
        """Load all batches together; what fails for a reason that is one batch's own is found by halves.

        Returns:
            Counts or error of every batch.
        """
        with log_context(batch=only(self.batches)):
            return self._run()

    def _run(self) -> Results:
        if not self.batches:
            return {}
        try:
            self.context.repeat(f"table {self.target}: prepare", self._prepare_target)
            booked = self._booked(self.batches)
        except SluiceError as exc:
            return self._failed(self.batches, exc)
        results: Results = {**booked}
        groups: dict[Stored, dict[str, Files]] = {}
        for batch_id in sorted(self.batches.keys() - booked):
            groups.setdefault(stored_of(self.batches[batch_id], self.target), {})[batch_id] = self.batches[batch_id]
        for stored, batches in groups.items():
            results.update(Halves(partial(self._load, stored), self._failed).run(batches))
        return results

    def _failed(self, batches: Iterable[str], error: SluiceError) -> Results:
        failed: Results = dict.fromkeys(batches, error)
        with log_context(batch=only(failed)):
            logger.warning("table %s: %s of %s batches failed: %s", self.target, len(failed), len(self.batches), error)
        return failed

    def _prepare_target(self, attempt: str) -> None:
        """Make the target, or bring it up to its contract; looks again each time, so that it bears repetition."""
        label = f"table {self.target}: prepare"
        if not self._live_columns():
            for sql in create_target(self.target):
                logger.info("table %s: %s", self.target, sql)
                self.context.execute(label, sql, attempt)
            return

        def make(change: Change) -> None:
            logger.info("table %s: %s", self.target, "; ".join(change.statements))
            self.context.change(label, change, attempt)

        follow(lambda: evolve_target(self.target, self._live_columns(), self._views), make)

    def _live_columns(self) -> list[LiveColumn]:
        sql = fixed_sql("catalog")["columns"]
        rows = self.context.warehouse.rows(sql, self._table_name, label=f"table {self.target}: columns")
        return [LiveColumn.from_catalog(row) for row in rows]

    def _views(self) -> dict[str, list[str]]:
        rows = self.context.warehouse.rows(fixed_sql("catalog")["views"], self._table_name, label="views")
        return read_views(rows)

    @property
    def _table_name(self) -> dict[str, str]:
        return {"table_schema": self.target.schema, "table_name": self.target.table.name}

    def _load(self, stored: Stored, batches: Mapping[str, Files]) -> Results:
        """Load these batches together; the audit has none of them."""
        staging = Staging(self.target, run_name(self.context.run, *sorted(batches)), stored)
        with log_context(batch=only(batches)):
            try:
                self._stage(staging, batches)
                self._merge(staging, batches)
            finally:
                self.context.drop_stage(staging.name)
            booked = self._booked(batches)
        lost = sorted(batches.keys() - booked)
        if lost:
            raise AccountingError(f"table {self.target}: batch {lost[0]} is not in the audit after its load")
        return {**booked}

    def _booked(self, batches: Iterable[str]) -> dict[str, LoadCounts]:
        counts: dict[str, LoadCounts] = {}
        for sql in select_counts(self.target, batches):
            rows = self.context.warehouse.rows(sql, label=f"table {self.target}: audit")
            counts.update(read_counts(rows))
        return counts

    def _stage(self, staging: Staging, batches: Mapping[str, Files]) -> None:
        statements = stage(staging, self._manifest(staging, batches), self.context.copy_role)
        self.context.transaction(f"table {self.target}: stage", statements)
        self._check_staged(staging, batches)

    def _check_staged(self, staging: Staging, batches: Mapping[str, Files]) -> None:
        """Every row that was published is there, and no other: rows lost or doubled by a COPY must not go unseen."""
        rows = self.context.warehouse.rows(count_staged(staging), label=f"table {self.target}: count")
        staged = {str(batch_id): int(count) for batch_id, count in rows}
        published = {batch_id: sum(file.rows for file in files) for batch_id, files in batches.items()}
        for batch_id in sorted(staged.keys() | published.keys()):
            have, want = staged.get(batch_id, 0), published.get(batch_id, 0)
            if have != want:
                raise AccountingError(
                    f"table {self.target}: batch {batch_id}: {want} rows were published, but its files hold {have}"
                )

    def _manifest(self, staging: Staging, batches: Mapping[str, Files]) -> str | None:
        """URL of the manifest of these batches: the dispatcher's when it is all of them, otherwise one written now."""
        files = [(file.url, file.size_bytes) for published in batches.values() for file in published]
        if not files:
            return None
        name = self.target.table.name
        layout = self.context.processed
        if batches.keys() == self.batches.keys():
            return layout.load_manifest(self.context.claim_id, name)
        url = layout.load_manifest(self.context.claim_id, f"{name}.{staging.run}")
        self.context.documents.write(url, load_manifest(files).to_json())
        return url

    def _merge(self, staging: Staging, batches: Mapping[str, Files]) -> None:
        listed = list_batches(batches, self.target.table.load)
        absent: dict[str, set[str]] = {}
        for file in (file for files in batches.values() for file in files):
            for source, columns in file.absent.items():
                for column in columns:
                    absent.setdefault(column, set()).add(source)
        statements = merge(staging, listed, self.context.claim_id, absent)
        self.context.transaction(f"table {self.target}: merge", statements)
