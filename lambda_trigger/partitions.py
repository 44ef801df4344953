"""Partitions of batches that the Data Catalog lacks."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lambda_trigger.outcomes import read_run_outcome
from lambda_trigger.ports import CatalogPort, DocumentsPort, LedgerPort
from lambda_trigger.raw_files import RawFiles
from sluice.contract import Contract
from sluice.lake.layout import Partition
from sluice.lake.predicate import partition_predicate
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord, timestamp
from sluice.settings import Settings

logger = logging.getLogger(__name__)

RECENT = timedelta(days=1)
"""How long after its last change a batch's partitions are looked for."""
MAX_RECENT = 200
"""Batches of a dataset that one sweep looks at: the newest."""
_S = BatchState
_NOT_ACCEPTED = {_S.WAITING, _S.REJECTED, _S.SUPERSEDED}


@dataclass(frozen=True)
class Partitions:
    """Keeps partitions of batches registered.

    Attributes:
        ledger: Which batches there are.
        catalog: The Data Catalog.
        documents: Where conversions left what they did.
        raw_files: Knows where raw files are, and registers them.
        contracts: The contracts by dataset.
        settings: Names of databases and buckets.
        clock: The present moment in UTC.
    """

    ledger: LedgerPort
    catalog: CatalogPort
    documents: DocumentsPort
    raw_files: RawFiles
    contracts: Mapping[str, Contract]
    settings: Settings
    clock: Callable[[], datetime]

    def repair(self, dataset: str) -> None:
        """Register the partitions of recent batches that the catalog lacks; none of a dataset without a contract.

        Raises:
            AwsBusyError: AWS could not answer now.
            AwsError: AWS refused.
        """
        contract = self.contracts.get(dataset)
        if contract is None:
            return  # Its tables have left the catalog together with its contract.
        since = timestamp(self.clock() - RECENT)
        recent = [record for record in self.ledger.batches(dataset, limit=MAX_RECENT) if record.updated_at >= since]
        accepted = _newest(record for record in recent if record.state not in _NOT_ACCEPTED)
        lacking = self._lacking(self.settings.raw_database, dataset, accepted)
        if lacking:
            logger.warning("the catalog lacks %d raw partitions of %s", len(lacking), dataset)
            self.raw_files.settle(dataset, list(lacking.values()))
        # Whatever became of it afterwards: older files may be gone since it was published.
        published = _newest(record for record in recent if record.convert_claim)
        for table in contract.tables:
            self._repair_processed(table.name, published)

    def _repair_processed(self, table: str, published: Mapping[Partition, BatchRecord]) -> None:
        lacking = self._lacking(self.settings.processed_database, table, published)
        folders = {}
        for partition, record in lacking.items():
            outcome = read_run_outcome(self.documents, self.settings.processed.run_outcome(record.convert_claim))
            if outcome is not None:  # It expires long after the time in which partitions are looked for.
                folders[partition.values] = f"{self.settings.processed.partition(table, partition, outcome.run)}/"
        if folders:
            logger.warning("the catalog lacks %d partitions of %s", len(folders), table)
            # One that is there by now was switched by a run meanwhile, which knows better.
            self.catalog.register(self.settings.processed_database, table, folders, only_new=True)

    def _lacking(
        self, database: str, table: str, wanted: Mapping[Partition, BatchRecord]
    ) -> dict[Partition, BatchRecord]:
        if not wanted:
            return {}
        found = self.catalog.locations(database, table, partition_predicate(wanted))
        return {partition: record for partition, record in wanted.items() if partition.values not in found}


def _newest(records: Iterable[BatchRecord]) -> dict[Partition, BatchRecord]:
    """The newest batch of each partition."""
    ordered = sorted(records, key=lambda record: record.batch_id)
    return {Partition.parse(record.partition): record for record in ordered}
