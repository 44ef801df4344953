"""What a run is told: its input document, its COPY manifests and its arguments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lambda_trigger.outcomes import read_run_outcome
from lambda_trigger.ports import DocumentsPort
from sluice.aws.jobs import CLAIM_ARGUMENT, DATASET_ARGUMENT, PREDICATE_ARGUMENT
from sluice.errors import MissingObjectError
from sluice.lake.handover import LoadInput, PublishedFile, RunInput
from sluice.lake.layout import Partition, ProcessedLayout
from sluice.lake.manifest import load_manifest
from sluice.lake.predicate import partition_predicate
from sluice.ledger.batch import Stage
from sluice.ledger.record import BatchRecord, Claim

Published = dict[str, tuple[PublishedFile, ...]]
"""Published files by table."""


@dataclass(frozen=True)
class RunInputs:
    """Writes the inputs of runs.

    Attributes:
        documents: Where inputs and outcomes are.
        processed: Their layout.
    """

    documents: DocumentsPort
    processed: ProcessedLayout

    def sort_out(
        self, stage: Stage, records: Sequence[BatchRecord]
    ) -> tuple[tuple[BatchRecord, ...], tuple[tuple[BatchRecord, str], ...]]:
        """Tell batches for which an input can be written from those for which it never can.

        Returns:
            The former; and the latter, each with the reason.
        """
        if stage is Stage.CONVERT:
            return tuple(records), ()
        published = self._published(records)
        able = tuple(record for record in records if record.batch_id in published)
        unable = tuple((record, self._forgotten(record)) for record in records if record.batch_id not in published)
        return able, unable

    def write(self, claim: Claim, records: Sequence[BatchRecord]) -> None:
        """Write what the run of a claim is to do; writing it again gives the same documents."""
        if claim.stage is Stage.CONVERT:
            frozen = {record.batch_id: record.frozen_manifest for record in records}
            work = RunInput(claim.claim_id, claim.dataset, frozen)
            self.documents.write(self.processed.run_input(claim.claim_id), work.to_json())
        else:
            self._write_load(claim, self._published(records))

    def arguments(self, claim: Claim, records: Iterable[BatchRecord]) -> dict[str, str]:
        """Arguments of the run of a claim."""
        arguments = {CLAIM_ARGUMENT: claim.claim_id, DATASET_ARGUMENT: claim.dataset}
        if claim.stage is Stage.CONVERT:
            partitions = [Partition.parse(record.partition) for record in records]
            arguments[PREDICATE_ARGUMENT] = partition_predicate(partitions)
        return arguments

    def _forgotten(self, record: BatchRecord) -> str:
        outcome = self.processed.run_outcome(record.convert_claim)
        return MissingObjectError(f"{outcome} no longer lists its files").named

    def _write_load(self, claim: Claim, published: dict[str, Published]) -> None:
        tables = sorted({table for files in published.values() for table in files})
        for table in tables:
            files = [(file.url, file.size_bytes) for batch in published.values() for file in batch.get(table, ())]
            if files:
                url = self.processed.load_manifest(claim.claim_id, table)
                self.documents.write(url, load_manifest(files).to_json())
        work = LoadInput(claim.claim_id, claim.dataset, published)
        self.documents.write(self.processed.load_input(claim.claim_id), work.to_json())

    def _published(self, records: Iterable[BatchRecord]) -> dict[str, Published]:
        """Published files of each batch whose conversion's outcome can be read."""
        wanted = {record.batch_id: record.convert_claim for record in records}
        published: dict[str, Published] = {}
        for claim_id in sorted(set(wanted.values())):
            outcome = read_run_outcome(self.documents, self.processed.run_outcome(claim_id))
            for batch in () if outcome is None else outcome.batches:
                if wanted.get(batch.batch_id) == claim_id:
                    published[batch.batch_id] = batch.published
        return {batch_id: published[batch_id] for batch_id in wanted if batch_id in published}
