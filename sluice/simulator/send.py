"""Puts a partition's files and then its manifest into a bucket, as a source system does."""

from collections.abc import Callable
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from sluice.lake.layout import MANIFEST_NAME
from sluice.lake.manifest import Manifest, ManifestEntry
from sluice.simulator.partition import SimulatedPartition
from sluice.simulator.record import Record
from sluice.simulator.truth import BatchTruth, Truth

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class SentPartition:
    """What was written for one partition.

    Attributes:
        manifest_url: The manifest.
        files: Files beside the manifest.
        size_bytes: Bytes of these files.
        records: Records in them.
    """

    manifest_url: str
    files: int
    size_bytes: int
    records: int


class Sender:
    """Writes simulated partitions to one bucket of any S3 endpoint.

    Args:
        s3_client: A boto3 client; it splits large files into parts by itself.
        bucket: The raw bucket.
        truth: Told about every record of every batch that must be taken, when given.
        on_record: Called after each record that was made, for progress.
    """

    def __init__(
        self,
        s3_client: "S3Client",
        bucket: str,
        truth: Truth | None = None,
        on_record: Callable[[], None] = lambda: None,
    ) -> None:
        self._s3 = s3_client
        self._bucket = bucket
        self._truth = truth
        self._on_record = on_record

    def send(self, partition: SimulatedPartition) -> SentPartition:
        """Write the files, then the manifest that opens the gate."""
        batch = None if self._truth is None else self._truth.begin(partition.contract.dataset, partition.partition)
        return self._finish(partition, self._files(partition, batch))

    def send_broken(self, partition: SimulatedPartition) -> SentPartition:
        """Write the files, and a manifest that names one more file, which does not exist. It must be rejected."""
        missing = ManifestEntry(f"s3://{self._bucket}/{partition.folder}/never-written.bin", 1)
        return self._finish(partition, self._files(partition, None), missing)

    def _files(self, partition: SimulatedPartition, batch: BatchTruth | None) -> list[ManifestEntry]:
        return [self._file(partition, index, batch) for index in range(len(partition.file_names))]

    def _file(self, partition: SimulatedPartition, index: int, batch: BatchTruth | None) -> ManifestEntry:
        key = f"{partition.folder}/{partition.file_names[index]}"
        url = f"s3://{self._bucket}/{key}"

        def observe(record: Record) -> None:
            if batch is not None:
                batch.add(record, url)
            self._on_record()

        with TemporaryFile() as stream:
            partition.write(index, stream, observe)
            size = stream.tell()
            stream.seek(0)
            self._s3.upload_fileobj(stream, self._bucket, key)
        return ManifestEntry(url, size)

    def _finish(
        self, partition: SimulatedPartition, entries: list[ManifestEntry], *missing: ManifestEntry
    ) -> SentPartition:
        key = f"{partition.folder}/{MANIFEST_NAME}"
        body = Manifest((*entries, *missing)).to_json().encode()
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        size_bytes = sum(entry.content_length or 0 for entry in entries)
        return SentPartition(f"s3://{self._bucket}/{key}", len(entries), size_bytes, partition.options.rows)
