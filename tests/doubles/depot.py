"""A raw bucket with what fills and empties it: source system, intake, conversions and loads that check, the archive."""

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any, cast

from lambda_trigger import archive, arrival, partitions
from lambda_trigger.manifests import ManifestEvent
from lambda_trigger.notifier import Notifier
from lambda_trigger.ports import CatalogPort, DocumentsPort, LedgerPort, ObjectsPort
from lambda_trigger.trigger import Trigger
from sluice.lake.handover import FrozenManifest
from sluice.lake.layout import Partition, incoming_url
from sluice.lake.manifest import Manifest, ManifestEntry
from sluice.lake.stored import raw_location
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord, Claim
from sluice.ledger.replay import Replay, ReplayPlan
from sluice.settings import Settings
from tests.doubles.faults import Door, Faults
from tests.doubles.ledger import MemoryLedger
from tests.doubles.metrics import MemoryMetrics
from tests.doubles.objects import MemoryObjects
from tests.doubles.world import CONTRACTS, START, MemoryCatalog, MemoryDocuments, MemoryTopics

HOUR = Partition.parse("2026-11-20T13")
FOLDER = "orders/year=2026/month=11/day=20/hour=13"
BASE = f"s3://sluice-raw/{FOLDER}"
ARCHIVE = f"s3://sluice-raw/archive/{FOLDER}"
LEASE = timedelta(minutes=15)


class Depot:
    """One partition's raw files and all who touch them.

    Args:
        keeps_versions: Whether the bucket does.
        settings: Settings of all parts.
        faults: What every call to the outside passes.
    """

    def __init__(
        self, *, keeps_versions: bool = True, settings: Settings | None = None, faults: Faults | None = None
    ) -> None:
        self.settings = settings or Settings()
        self.now = START
        self.faults = faults or Faults()
        self.documents = MemoryDocuments()
        self.objects = MemoryObjects(self.documents, self.clock, keeps_versions=keeps_versions)
        self.ledger = MemoryLedger()
        self.catalog = MemoryCatalog()
        self.topics = MemoryTopics()
        self.metrics = MemoryMetrics()
        self.loaded: dict[str, list[bytes]] = {}
        self._sequencers = itertools.count(0x55AED6DCD90281E5)
        self._claims = itertools.count(1)
        ledger = cast("LedgerPort", Door(self.ledger, self.faults))
        documents = cast("DocumentsPort", Door(self.documents, self.faults))
        objects = cast("ObjectsPort", Door(self.objects, self.faults))
        catalog = cast("CatalogPort", Door(self.catalog, self.faults))
        notifier = Notifier(self.topics, self.metrics, self.settings, self.clock)
        nothing: Any = None  # No run is started here.
        self.trigger = Trigger(
            self.settings,
            CONTRACTS,
            ledger,
            documents,
            objects,
            catalog,
            nothing,
            nothing,
            nothing,
            notifier,
            self.metrics,
            self.clock,
            workers=1,
        )

    def clock(self) -> datetime:
        """The present moment; no two calls see the same one."""
        self.now += timedelta(milliseconds=1)
        return self.now

    def put(self, name: str, body: bytes) -> str:
        """A file of the source system; returns its URL."""
        self.now += timedelta(seconds=1)
        self.documents.put(f"{BASE}/{name}", body, self.now)
        return f"{BASE}/{name}"

    def send(self, files: Mapping[str, bytes]) -> ManifestEvent:
        """Files and their manifest."""
        return self.announce(*(self.put(name, body) for name, body in files.items()))

    def announce(self, *urls: str) -> ManifestEvent:
        """A manifest of files that are there; returns its event."""
        return self.write_manifest(Manifest(tuple(map(ManifestEntry, urls))).to_json())

    def write_manifest(self, text: str) -> ManifestEvent:
        """The partition's manifest; returns its event."""
        self.now += timedelta(seconds=1)
        version = self.documents.put(f"{BASE}/manifest.json", text.encode(), self.now)
        return ManifestEvent(
            self.settings.raw_bucket,
            f"{FOLDER}/manifest.json",
            f"{next(self._sequencers):016X}",
            version if self.objects.keeps_versions else None,
            md5(text.encode()).hexdigest(),
            self.now.isoformat(),
        )

    def replay(self, *, is_forced: bool = False) -> ManifestEvent:
        """`sluice replay` of the partition; returns the event of the manifest that it writes."""
        return self.write_manifest(self.plan(is_forced=is_forced).text)

    def plan(self, *, is_forced: bool = False) -> ReplayPlan:
        return self.replays().plan("orders", HOUR, is_forced=is_forced)

    def replays(self) -> Replay:
        return Replay(self.ledger, self.documents, self.objects, CONTRACTS, self.settings, self.now)

    def load(self) -> str | None:
        """Convert and load the newest batch that waits, as dispatch and runs do; its claim, None when it must wait."""
        claim = self.begin()
        if claim is not None:
            self.finish(claim)
        return claim

    def begin(self) -> str | None:
        """Start the conversion of the newest batch that waits, if it may start."""
        waiting = [r for r in self.ledger.records.values() if r.state is BatchState.RECEIVED]
        if not waiting:
            return None
        newest = max(waiting, key=lambda record: record.batch_id)
        others = [r for r in self.ledger.versions(newest.batch_id) if r.batch_id != newest.batch_id]
        for record in waiting:
            if record is not newest:
                self._step(record, BatchState.SUPERSEDED)
        if any(record.is_being_archived(self.now) for record in others):
            return None
        partitions.settle(self.trigger, "orders", [newest])
        claim = Claim(f"c{next(self._claims)}", "orders", Stage.LOAD, (newest.batch_id,), self.clock())
        self.ledger.write_claim(claim)
        manifest = FrozenManifest.from_json(self.documents.read(newest.frozen_manifest))
        assert self.location == raw_location(manifest)
        self._step(newest, BatchState.CONVERTING, claim_id=claim.claim_id)
        return claim.claim_id

    def finish(self, claim_id: str) -> None:
        """End a conversion, and load.

        The run does what the real one does with raw files: it fails the batch when one is not as its manifest says.
        """
        claim = self.ledger.claim(claim_id)
        assert claim is not None
        record = self.ledger.records[claim.batch_ids[0]]
        manifest = FrozenManifest.from_json(self.documents.read(record.frozen_manifest))
        found = [self.objects.info(file.url) for file in manifest.files]
        if [one and one.as_file for one in found] != list(manifest.files):
            self._step(record, BatchState.FAILED, reason="a file is gone or has changed")
            return
        self.loaded[record.batch_id] = sorted(self.documents.fetch(file.url)[0] for file in manifest.files)
        for state in (BatchState.CONVERTED, BatchState.LOADING, BatchState.LOADED):
            record = self._step(record, state)

    def take(self, event: ManifestEvent) -> None:
        """Take a manifest in."""
        arrival.take(self.trigger, event)

    def take_and_load(self, event: ManifestEvent) -> str:
        """All the way to LOADED; returns the claim."""
        self.take(event)
        claim = self.load()
        assert claim is not None
        return claim

    def run_archive(self, claim: str) -> bool:
        """One call of the archive step."""
        return archive.archive_claim(self.trigger, claim, "orders", self.clock() + LEASE)

    @property
    def location(self) -> str:
        """Where the catalog shows the partition."""
        return self.catalog.partitions[self.settings.raw_database, "orders"][HOUR.values]

    @property
    def records(self) -> list[BatchRecord]:
        return [record for _, record in sorted(self.ledger.records.items())]

    @property
    def states(self) -> list[str]:
        return [str(record.state) for record in self.records]

    def raw(self) -> dict[str, bytes]:
        """Current objects of the raw bucket by what follows the bucket."""
        start = f"s3://{self.settings.raw_bucket}/"
        urls = [url for url in self.documents.urls() if url.startswith(start)]
        return {url.removeprefix(start): self.documents.fetch(url)[0] for url in urls}

    def copies(self) -> dict[str, list[str]]:
        """Current places of each file of the partition, by its name, without manifests."""
        found: dict[str, list[str]] = {}
        for key in self.raw():
            name = incoming_url(f"s3://sluice-raw/{key}").removeprefix(f"{BASE}/")
            if name != "manifest.json":
                found.setdefault(name, []).append(key)
        return found

    def _step(self, record: BatchRecord, state: BatchState, **facts: str) -> BatchRecord:
        moved = record.moved(state, self.clock(), **facts)
        self.ledger.save(record, moved)
        return moved
