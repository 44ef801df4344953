"""What the demo sends, and when: everything that a source system and S3 do in a bad week."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import Final
from urllib.parse import quote_plus

from glue_jobs.conversion.engines import work_of_a_byte
from sluice.aws.clients import Clients
from sluice.contract import Contract
from sluice.lake.layout import MANIFEST_NAME, Partition
from sluice.ledger.record import BatchRecord
from sluice.settings import Settings
from sluice.simulator import DATASETS, Sender, SimulatedPartition, SimulatorOptions, Truth, simulate
from sluice.simulator.options import MAX_ROWS

START: Final = Partition.parse("2026-11-20T13")
_TWICE: Final = "orders"
_BROKEN: Final = "customers"
LARGE: Final = "products"
_TIMES: Final = 4
"""How many times the rows of any other hour the large hour has: all others of a dataset are less work together."""


class Scenario:
    """Three hours of all datasets, the middle one late, one manifest announced twice, one that names a missing file.

    The late hour of products may be a large one: sent when no other of its dataset waits, it has a run of its own.

    Args:
        clients: Clients of the endpoint.
        settings: Names of everything.
        contracts: The contracts by dataset.
        options: What the source system writes.
        on_record: Called after each record that was made.
        with_large: Whether the late hour of products is large.
    """

    def __init__(
        self,
        clients: Clients,
        settings: Settings,
        contracts: Mapping[str, Contract],
        options: SimulatorOptions,
        on_record: Callable[[], None] = lambda: None,
        *,
        with_large: bool = False,
    ) -> None:
        self.truth = Truth({name: contracts[name] for name in DATASETS})
        self._clients = clients
        self._settings = settings
        self._contracts = contracts
        self._options = options
        self._with_large = with_large
        self._sender = Sender(clients.s3, settings.raw_bucket, self.truth, on_record)
        self._first = options.start
        self._late = self._first.next()
        self._last = self._late.next()
        self._not_sent_yet = dict.fromkeys(DATASETS, self._late)
        self._is_announced_again = False
        self.rejected: Final = ((_BROKEN, self._last.next()),)

    @property
    def expected(self) -> frozenset[tuple[str, str]]:
        """Dataset and partition label of every batch that there must be in the end."""
        hours = (self._first, self._late, self._last)
        sent = {(dataset, hour.label) for dataset in DATASETS for hour in hours}
        return frozenset(sent.union((dataset, hour.label) for dataset, hour in self.rejected))

    @property
    def is_sent(self) -> bool:
        """Whether nothing is left to be sent."""
        return not self._not_sent_yet and self._is_announced_again

    def begin(self) -> None:
        """Send the first and the last hour, and the manifest that must be rejected."""
        for hour in (self._first, self._last):
            for dataset in DATASETS:
                self._send(dataset, hour)
        for dataset, hour in self.rejected:
            self._sender.send_broken(simulate(self._contracts[dataset], hour, self._options))

    def go_on(self, batches: Sequence[BatchRecord]) -> None:
        """Send what is due: the late hour of a dataset after its last hour is loaded, the second announcement."""
        for batch in batches:
            late = self._not_sent_yet.get(batch.dataset)
            if late is not None and batch.partition == self._last.label and batch.state.is_final:
                del self._not_sent_yet[batch.dataset]
                self._send(batch.dataset, late)
            if not self._is_announced_again and (batch.dataset, batch.partition) == (_TWICE, self._first.label):
                self._announce_again(batch)
                self._is_announced_again = True

    def _send(self, dataset: str, hour: Partition) -> None:
        if self._with_large and (dataset, hour) == (LARGE, self._late):
            self._sender.send(large_hour(self._contracts, self._options))
        else:
            self._sender.send(simulate(self._contracts[dataset], hour, self._options))

    def _announce_again(self, batch: BatchRecord) -> None:
        """Put the event that S3 has sent for a batch into the queue once more, as S3 now and then does itself."""
        bucket = self._settings.raw_bucket
        key = f"{self._contracts[batch.dataset].layout.folder(Partition.parse(batch.partition))}/{MANIFEST_NAME}"
        manifest = self._clients.s3.head_object(Bucket=bucket, Key=key)
        event = s3_event(bucket, key, batch.id.sequencer, manifest["ETag"].strip('"'), manifest["ContentLength"])
        if "VersionId" in manifest:
            event["Records"][0]["s3"]["object"]["versionId"] = manifest["VersionId"]  # type: ignore[index]
        url = self._clients.sqs.get_queue_url(QueueName=self._settings.manifest_queue)["QueueUrl"]
        self._clients.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))


def large_hour(contracts: Mapping[str, Contract], options: SimulatorOptions) -> SimulatedPartition:
    """The late hour of products, which are in XML, with several times the rows.

    Args:
        contracts: The contracts by dataset.
        options: Of every other hour.
    """
    rows = min(options.rows * _TIMES, MAX_ROWS)
    return simulate(contracts[LARGE], options.start.next(), replace(options, rows=rows))


def work_of(partition: SimulatedPartition) -> int:
    """Bytes of a partition's files, as `Settings.spark_from_bytes` has them; the same each time that it is written."""
    with TemporaryFile() as stream:
        for index in range(len(partition.file_names)):
            partition.write(index, stream)
        return stream.tell() * work_of_a_byte(partition.contract.source)


def s3_event(bucket: str, key: str, sequencer: str, etag: str, size_bytes: int) -> dict[str, list[dict[str, object]]]:
    """The event that S3 sends when it has taken an object.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    thing = {"key": quote_plus(key, safe="/"), "size": size_bytes, "eTag": etag, "sequencer": sequencer}
    record: dict[str, object] = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "manifests",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": thing,
        },
    }
    return {"Records": [record]}
