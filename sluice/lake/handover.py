"""The documents that a dispatcher and a run hand each other through S3, one JSON object each.

A run writes its outcome as its last act, so an outcome that can be read stands for work that is done; a run that ended
without one did nothing that counts.
"""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import cattrs

from sluice.errors import MissingObjectError

logger = logging.getLogger(__name__)

# Fields that this version does not know are left out: functions and jobs are not deployed at the same moment, and a
# rollback reads what a newer version wrote. What an older version cannot leave out raises the number of the schema.
_converter = cattrs.Converter(forbid_extra_keys=False)

SCHEMA = 1
"""Number of the form of these documents; a document of a higher one is refused."""


class Document:
    """A frozen dataclass that is written and read as JSON."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is not JSON object, or of a later version's schema.
            cattrs.BaseValidationError: A field is missing or of the wrong type.
        """
        document = json.loads(text)
        if not isinstance(document, dict):
            raise ValueError(f"a {cls.__name__} is a JSON object, not a {type(document).__name__}")  # noqa: TRY004
        schema = document.pop("schema", SCHEMA)
        if not isinstance(schema, int) or schema > SCHEMA:
            raise ValueError(
                f"a {cls.__name__} of schema {schema!r}, and this version of Sluice reads schema {SCHEMA}: deploy the "
                "version that wrote it, or a newer one"
            )
        return _converter.structure(document, cls)

    @classmethod
    def read_from(cls, read: Callable[[str], str], url: str) -> Self | None:
        """The document at a URL; None when it is missing or broken.

        Such an outcome stands for a run that did nothing, and such a manifest for a batch that its run fails.

        Args:
            read: Reads the text of a URL, or raises `MissingObjectError`.
            url: Where the document is.
        """
        try:
            return cls.from_json(read(url))
        except MissingObjectError:
            return None
        except (ValueError, cattrs.BaseValidationError):
            # S3 writes an object whole or not at all, so no part of Sluice wrote this.
            logger.exception("%s is not a %s", url, cls.__name__)
            return None

    def to_json(self) -> str:
        """The document as JSON, the same text for the same content."""
        return json.dumps({**_converter.unstructure(self), "schema": SCHEMA}, indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True)
class SourceFile:
    """A raw file as it was when its manifest was validated.

    Attributes:
        url: ``s3://bucket/key``.
        size_bytes: Length in bytes.
        modified_at: S3's LastModified in whole seconds since 1970-01-01 UTC.
        etag: S3's ETag without quotes.
    """

    url: str
    size_bytes: int
    modified_at: int
    etag: str


@dataclass(frozen=True)
class FrozenManifest(Document):
    """A manifest as it was validated, kept for as long as the batch may be converted again.

    Attributes:
        batch_id: The batch.
        dataset: The dataset.
        partition: Label of the partition.
        url: Where the manifest lay.
        files: The files that exist, in the manifest's order.
        skipped: URLs of files that were not mandatory and did not exist.
        written_at: When the manifest was written, ISO 8601 in UTC.
        manifest: The manifest object itself; None in documents of older versions.
        manifest_version: S3's version of the manifest object; empty where the bucket keeps none.
    """

    batch_id: str
    dataset: str
    partition: str
    url: str
    files: tuple[SourceFile, ...]
    skipped: tuple[str, ...] = ()
    written_at: str = ""
    manifest: SourceFile | None = None
    manifest_version: str = ""


@dataclass(frozen=True)
class RunInput(Document):
    """What a conversion run is to do.

    Attributes:
        claim_id: The claim that the run works for.
        dataset: The dataset of all batches.
        batches: URL of each batch's frozen manifest, by batch id.
    """

    claim_id: str
    dataset: str
    batches: dict[str, str]


@dataclass(frozen=True)
class ClosedClaim(Document):
    """The fence of a conversion's claim whose batches went to others; no run publishes for the claim any more.

    It is written once, before the batches are given away. A run looks for it when it begins and again right before it
    publishes: one that Glue called dead, or that somebody has started again, must not put its content over newer one.

    Attributes:
        claim_id: The claim.
        closed_at: When, ISO 8601 in UTC.
        reason: Why.
    """

    claim_id: str
    closed_at: str
    reason: str = ""


@dataclass(frozen=True)
class PublishedFile:
    """One Parquet file that a run published.

    Attributes:
        url: ``s3://bucket/key``.
        size_bytes: Length in bytes.
        rows: Rows in the file.
        columns: The columns in their order, each as name and type with a blank between them, as the contract had them
            when the file was written; empty in documents of older versions, whose files are taken to be as today's
            contract says.
        absent: Columns that a raw file did not have at all, by the URL of the raw file. Their nulls say nothing about
            the rows: an upsert leaves the stored values alone.
    """

    url: str
    size_bytes: int
    rows: int
    columns: tuple[str, ...] = ()
    absent: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TableCounts:
    """Rows of one table; read = published + rejected + duplicates.

    Attributes:
        read: Rows that the source records hold.
        rejected: Rows of quarantined records.
        duplicates: Rows left out because a newer one has the same key.
        published: Rows in the published Parquet files.
    """

    read: int = 0
    rejected: int = 0
    duplicates: int = 0
    published: int = 0

    def __add__(self, other: "TableCounts") -> "TableCounts":
        return TableCounts(
            self.read + other.read,
            self.rejected + other.rejected,
            self.duplicates + other.duplicates,
            self.published + other.published,
        )

    @property
    def is_balanced(self) -> bool:
        """Whether every row that was read is accounted for."""
        return self.read == self.rejected + self.duplicates + self.published


def sum_by_table(counts: Iterable[Mapping[str, TableCounts]]) -> dict[str, TableCounts]:
    """The sum of counts that are each by table."""
    total: dict[str, TableCounts] = {}
    for by_table in counts:
        for table, rows in by_table.items():
            total[table] = total.get(table, TableCounts()) + rows
    return total


@dataclass(frozen=True)
class FileCounts:
    """What became of one raw file.

    Attributes:
        url: The raw file.
        records: Source records read, a file that is not well-formed counting as one.
        rejected_records: Records quarantined.
        tables: Counts by table.
        absent: Columns, as ``table.column``, that nothing in the file fills, as the contract allows.
    """

    url: str
    records: int
    rejected_records: int
    tables: dict[str, TableCounts]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class BatchOutcome:
    """What a conversion run did with one batch.

    Attributes:
        batch_id: The batch.
        error: Why the batch failed, beginning with the error's class name; empty when it was published.
        is_transient: Whether trying again may succeed, when it failed.
        files: Counts by raw file.
        reasons: Quarantined records by reason; a record with two reasons counts for both.
        published: Published files by table.
        verdict: What the failure is a failure of, a `sluice.failures.Verdict`; empty when the run does not say.
    """

    batch_id: str
    error: str = ""
    is_transient: bool = False
    files: tuple[FileCounts, ...] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    published: dict[str, tuple[PublishedFile, ...]] = field(default_factory=dict)
    verdict: str = ""

    def table_counts(self) -> dict[str, TableCounts]:
        """Counts by table over all files."""
        return sum_by_table(file.tables for file in self.files)

    def absent_columns(self) -> dict[str, int]:
        """How many files lack each column that may be absent, as ``table.column``."""
        return dict(Counter(column for file in self.files for column in file.absent))


@dataclass(frozen=True)
class RunOutcome(Document):
    """What a conversion run did.

    Attributes:
        claim_id: The claim that the run worked for.
        run: The name that the run's folders carry.
        batches: What became of each batch, each batch of the input once.
        engine: What converted: ``process`` or ``spark``; empty in documents of older versions.
    """

    claim_id: str
    run: str
    batches: tuple[BatchOutcome, ...]
    engine: str = ""


@dataclass(frozen=True)
class RunFolders(Document):
    """Where a conversion run is about to write; it stands before the run's first file.

    Whoever tidies up looks into these partitions: for folders of runs that died, and of runs that were replaced.

    Attributes:
        dataset: The dataset.
        run: The run's name.
        tables: Catalog tables.
        partitions: Labels of the partitions.
    """

    dataset: str
    run: str
    tables: tuple[str, ...]
    partitions: tuple[str, ...]


@dataclass(frozen=True)
class LoadInput(Document):
    """What a load run is to do.

    Attributes:
        claim_id: The claim that the run works for.
        dataset: The dataset of all batches.
        batches: For each batch, its published files by table.
    """

    claim_id: str
    dataset: str
    batches: dict[str, dict[str, tuple[PublishedFile, ...]]]


@dataclass(frozen=True)
class LoadCounts:
    """Rows that a load moved for one batch and table.

    Attributes:
        staged: Rows copied into the staging table.
        inserted: Rows new in the target.
        updated: Rows that replaced an older version.
        stale: Rows left out because the target, or the same load, has a newer version.
    """

    staged: int = 0
    inserted: int = 0
    updated: int = 0
    stale: int = 0


@dataclass(frozen=True)
class LoadBatchOutcome:
    """What a load run did with one batch.

    Attributes:
        batch_id: The batch.
        error: Why the load failed, beginning with the error's class name; empty when the batch is loaded.
        is_transient: Whether trying again may succeed, when it failed.
        tables: Counts by table.
        verdict: What the failure is a failure of, a `sluice.failures.Verdict`; empty when the run does not say.
    """

    batch_id: str
    error: str = ""
    is_transient: bool = False
    tables: dict[str, LoadCounts] = field(default_factory=dict)
    verdict: str = ""


@dataclass(frozen=True)
class LoadOutcome(Document):
    """What a load run did.

    Attributes:
        claim_id: The claim that the run worked for.
        batches: What became of each batch, each batch of the input once.
        refresh: The days, as ISO dates, that aggregates must be brought up to date for, by aggregate; of batches that
            are loaded, whichever run of whichever claim merged them.
    """

    claim_id: str
    batches: tuple[LoadBatchOutcome, ...]
    refresh: dict[str, tuple[str, ...]] = field(default_factory=dict)
