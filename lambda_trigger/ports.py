"""What the trigger needs of the outside world, so that tests can put doors in that fail on demand."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from sluice.aws.documents import ObjectInfo
from sluice.aws.jobs import JobRun
from sluice.batch import Stage
from sluice.handover import FileCounts
from sluice.record import BatchRecord, Claim, Slot, WaitEntry


class LedgerPort(Protocol):
    """The part of `sluice.aws.ledger.Ledger` that moves batches; see there for what each method promises."""

    def create(self, record: BatchRecord) -> bool: ...  # noqa: D102
    def save(self, old: BatchRecord, new: BatchRecord) -> None: ...  # noqa: D102
    def batch(self, batch_id: str) -> BatchRecord | None: ...  # noqa: D102
    def versions(self, batch_id: str) -> tuple[BatchRecord, ...]: ...  # noqa: D102
    def write_file_counts(self, batch_id: str, counts: Iterable[FileCounts]) -> None: ...  # noqa: D102
    def waiting(self, dataset: str, stage: Stage) -> tuple[WaitEntry, ...]: ...  # noqa: D102
    def take_slot(self, dataset: str, stage: Stage, slot: Slot) -> bool: ...  # noqa: D102
    def slot(self, dataset: str, stage: Stage) -> Slot | None: ...  # noqa: D102
    def release_slot(self, dataset: str, stage: Stage, claim_id: str) -> None: ...  # noqa: D102
    def write_claim(self, claim: Claim) -> None: ...  # noqa: D102
    def record_run(self, claim_id: str, run_id: str) -> None: ...  # noqa: D102
    def end_claim(self, claim_id: str, at: datetime) -> None: ...  # noqa: D102
    def claim(self, claim_id: str) -> Claim | None: ...  # noqa: D102


class DocumentsPort(Protocol):
    """The part of `sluice.aws.documents.Documents` that the trigger uses."""

    def fetch(self, url: str, version_id: str | None = None) -> tuple[bytes, ObjectInfo]: ...  # noqa: D102
    def read(self, url: str) -> str: ...  # noqa: D102
    def write(self, url: str, text: str) -> None: ...  # noqa: D102
    def info(self, url: str) -> ObjectInfo | None: ...  # noqa: D102


class CatalogPort(Protocol):
    """The part of `sluice.aws.catalog.GlueCatalog` that the trigger uses."""

    def register(self, database: str, table: str, partitions: Mapping[tuple[str, ...], str]) -> None: ...  # noqa: D102


class JobsPort(Protocol):
    """The part of `sluice.aws.jobs.GlueJobs` that the trigger uses."""

    def start(self, job: str, arguments: Mapping[str, str]) -> str: ...  # noqa: D102
    def describe(self, job: str, run_id: str) -> JobRun | None: ...  # noqa: D102
    def find(self, job: str, claim_id: str, since: datetime) -> JobRun | None: ...  # noqa: D102
