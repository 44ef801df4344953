"""A history: one account, everything that happens to it step by step, and what must hold after each and at the end.

Every step takes small numbers and names, so that a failing history reads like a script; numbers that choose among
things that are there go round.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypeVar

from lambda_trigger.manifests import ManifestEvent
from sluice.contract.model import BATCH_ID, SOURCE_FILE
from sluice.errors import AwsBusyError, CommandError, SluiceError
from sluice.lake.layout import archive_url, incoming_url
from sluice.lake.manifest import Manifest, ManifestEntry
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord
from sluice.ledger.replay import Replay
from sluice.ledger.retry import retry
from tests.doubles.faults import CrashError
from tests.histories.account import DEPENDENCIES, Account
from tests.histories.contents import (
    FIRST_CONTRACTS,
    NOTE,
    Plain,
    Row,
    Rows,
    body,
    contracts,
    note_of,
    partition,
    table_rows,
)

Kind = Literal["good", "soiled", "junk", "broken", "missing"]
"""What is wrong with a delivery: nothing; one line of each file is not a record; most of them are none; the manifest is
no JSON; a file comes late."""
Item = TypeVar("Item")
_IN_WAREHOUSE = {BatchState.LOADED, BatchState.ARCHIVED}
_WHOLE = {"good", "soiled"}
"""Deliveries with which nothing is wrong that keeps them out of the warehouse."""


@dataclass
class Sent:
    """One manifest that a source system, or a replay, has written.

    Attributes:
        serial: Number of the delivery that it is about.
        dataset: Its dataset.
        number: Its partition.
        kind: What is wrong with it.
        files: The files that it lists, as they were sent, with the rows in each.
        event: What S3 tells of it.
        is_lost: Whether S3's message never comes.
        is_overwritten: Whether a later delivery has written over one of its files.
    """

    serial: int
    dataset: str
    number: int
    kind: Kind
    files: dict[str, tuple[bytes, Rows]]
    event: ManifestEvent
    is_lost: bool = False
    is_overwritten: bool = False

    @property
    def rows(self) -> list[tuple[Row, str]]:
        """The newest version of each key, and the file that has it."""
        found: dict[int, tuple[Row, str]] = {}
        for url, (_, rows) in sorted(self.files.items()):
            for row in rows:
                if row.key not in found or (row, url) > found[row.key]:
                    found[row.key] = (row, url)
        return list(found.values())


@dataclass
class History:
    """What has happened so far.

    Attributes:
        account: The account.
        sent: Every manifest, in the order of S3's sequencers.
        queue: Messages that are to be delivered.
        late: Files that have not come yet, by URL.
        zombies: Runs that Glue calls ended and that are at work still.
        has_times: Whether sequencers begin with the time, as those of S3 do today, or are small numbers, which sort
            before what stands for the sequencer of a manifest that the sweep has found.
    """

    account: Account = field(default_factory=Account)
    sent: list[Sent] = field(default_factory=list)
    queue: list[ManifestEvent] = field(default_factory=list)
    late: dict[str, bytes] = field(default_factory=dict)
    zombies: list[str] = field(default_factory=list)
    has_times: bool = False
    _crash_at: int | None = None
    _has_lost_answer: bool = False
    _seen: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)

    # What source systems do

    def send(
        self,
        dataset: str,
        number: int,
        rows: Sequence[tuple[int, int]],
        *,
        kind: Kind = "good",
        same_names: bool = False,
        is_lost: bool = False,
    ) -> None:
        """Files and a manifest come.

        Args:
            dataset: The dataset.
            number: The partition, from 0.
            rows: Key and version of each row.
            kind: What is wrong with it.
            same_names: Whether its files have the names of earlier ones of the partition, which they replace.
            is_lost: Whether nobody is told.
        """
        self._pass_time(1)
        serial = len(self.sent) + 1
        folder = f"s3://{self.account.settings.raw_bucket}/{self._folder(dataset, number)}"
        files: dict[str, tuple[bytes, Rows]] = {}
        halves = [rows[::2], rows[1::2]] if len(rows) > 1 else [rows]
        for place, half in enumerate(halves):
            name = f"part-{place}" if same_names and kind in _WHOLE else f"part-{serial}-{place}"
            found = tuple(Row(*row) for row in half)
            junk = {"soiled": 1, "junk": 2 * len(found) + 1}.get(kind, 0)
            url = f"{folder}/{name}"
            # A file that is replaced by one of the same length before its manifest is read is the newer one.
            lengths = {len(one.files[url][0]) for one in self.sent if url in one.files}
            bodies = (body(dataset, found, serial, junk, padding) for padding in itertools.count())
            files[url] = (next(content for content in bodies if len(content) not in lengths), found)
        for other in self.sent:
            other.is_overwritten |= bool(files.keys() & other.files.keys())
        for place, (url, (content, _)) in enumerate(files.items()):
            if kind == "missing" and place == 0:
                self.late[url] = content
            else:
                self.account.documents.put(url, content, self.account.clock())
        entries = tuple(ManifestEntry(url, len(content)) for url, (content, _) in files.items())
        text = b"{" if kind == "broken" else Manifest(entries).to_json().encode()
        self._announce(Sent(serial, dataset, number, kind, files, self._write(dataset, number, text), is_lost))

    def arrive(self) -> None:
        """A file that was missing comes."""
        if self.late:
            url, content = self.late.popitem()
            self.account.documents.put(url, content, self.account.clock())

    # What AWS does

    def deliver(self, which: int = 0, *, again: bool = False) -> None:
        """A function gets a message; it comes again when the function fails, and it may come again anyhow."""
        event = self._chosen(self.queue, which)
        if event is not None and self._call(lambda: self.account.deliver(event)) and not again:
            self.queue.remove(event)

    def work(
        self, which: int = 0, *, dies_at: int | None = None, is_answer: bool = False, is_heard: bool = True
    ) -> None:
        """A job does its work, or dies at a step of it, or gets no answer there; its end is told, or not."""
        run = self._chosen(self.account.glue.running, which)
        if run is None:
            return
        if dies_at is not None:
            self.account.weather.arm(dies_at, AwsBusyError("Read timeout on endpoint URL") if is_answer else None)
        self.account.work(run.run_id)
        if is_heard:
            self._call(lambda: self.account.notify(run.run_id))

    def call_dead(self, which: int = 0) -> None:
        """Glue says that a run has ended, and it has not."""
        run = self._chosen(self.account.glue.running, which)
        if run is not None:
            self.account.glue.end(run.run_id, "TIMEOUT")
            self.zombies.append(run.run_id)
            self._call(lambda: self.account.notify(run.run_id))

    def zombie_works(self, which: int = 0) -> None:
        """Such a run goes on, or somebody has a run that has ended run again under its id."""
        run_id = self._chosen(self.zombies, which)
        if run_id is not None:
            self.account.work(run_id)

    def stop(self, which: int = 0) -> None:
        """Somebody stops a run; it does nothing any more."""
        run = self._chosen(self.account.glue.running, which)
        if run is not None:
            self.account.glue.end(run.run_id, "STOPPED")
            self._call(lambda: self.account.notify(run.run_id))

    def abort(self, which: int = 0) -> None:
        """Somebody stops an execution; a run that it has started goes on."""
        going = self._chosen(self.account.machine.running, which)
        if going is not None:
            self.account.machine.end(going.name, "ABORTED")

    def machine_goes_on(self, which: int = 0) -> None:
        """Step Functions calls again what gave no answer."""
        going = self._chosen(self.account.machine.running, which)
        if going is not None:
            self._call(lambda: self.account._tell(going))

    def sweep(self, minutes: int = 5, *, is_searching: bool = False) -> None:
        """The schedule calls the sweep."""
        self._call(lambda: self.account.sweep(timedelta(minutes=minutes), is_searching=is_searching))

    def crash(self, at: int, *, is_answer: bool = False) -> None:
        """The next function dies at one of its calls to the outside, or gets no answer to it."""
        self._crash_at, self._has_lost_answer = at, is_answer

    def away(self, what: str) -> None:
        """A dependency is away."""
        assert what in DEPENDENCIES
        self.account.weather.away.add(what)

    def back(self) -> None:
        """All is there again."""
        self.account.weather.away.clear()

    # What people do

    def deploy(self, version: int) -> None:
        """Another version of the contracts."""
        self.account.deploy(contracts(version))

    def run_again(self, which: int = 0) -> None:
        """Somebody presses "Run again" for a run that has ended, in the console."""
        run = self._chosen([run for run in self.account.glue.runs.values() if run.is_ended], which)
        if run is not None:
            self.account.glue.start(run.job, run.arguments)

    def retry(self, which: int = 0) -> None:
        """`sluice retry` of a batch."""
        record = self._chosen(sorted(self.account.ledger.records.values(), key=lambda one: one.batch_id), which)
        if record is not None:
            self._retry(record)

    def replay(self, dataset: str, number: int) -> None:
        """`sluice replay` of a partition."""
        self._pass_time(1)
        account = self.account
        replay = Replay(
            account.ledger, account.documents, account.objects, account.contracts, account.settings, account.clock()
        )
        try:
            plan = replay.plan(dataset, partition(dataset, number))
            replay.write(plan)
        except CommandError:
            return
        event = self._event(dataset, number, next(reversed(account.documents._versions[plan.manifest_url])))
        if plan.files is None:
            # A manifest that was never accepted, written once more as it was.
            before = next(one for one in reversed(self.sent) if (one.dataset, one.number) == (dataset, number))
        else:
            before = self._sent_of(plan.batch_id)
        self._announce(Sent(before.serial, dataset, number, before.kind, before.files, event))

    # What must hold

    def check(self) -> None:
        """What holds at every moment: readers see whole partitions, and never an older one than before."""
        for contract in self.account.contracts.values():
            for table in contract.tables:
                key = (self.account.settings.processed_database, table.name)
                for values, location in self.account.catalog.partitions.get(key, {}).items():
                    shown = self.account._rows_in(location)
                    self._check_shown(table.name, values, shown)

    def finish(self) -> None:
        """Everything comes back, everybody does what there is to do, and then everything must be as the model says."""
        self.back()
        self._crash_at = None
        self.zombies.clear()
        for _ in range(4):
            self._drain()
            failed = [
                record
                for record in self.account.ledger.records.values()
                if record.state is BatchState.FAILED and self._sent_of(record.batch_id).kind in _WHOLE | {"missing"}
            ]
            stopped = [load for name in FIRST_CONTRACTS for load in self.account.ledger.open_loads(name)]
            if not failed and not stopped:
                break
            for record in failed:
                self._retry(record)
            for load in stopped:
                self.account.machine.redrive(self.account.settings.load_machine, load.execution)
        self.check()
        Verdict(self).check()

    def _drain(self) -> None:
        account = self.account
        for _ in range(300):
            for event in list(self.queue):
                self.deliver(self.queue.index(event))
            for _ in range(len(account.glue.running)):
                self.work()
            for going in list(account.machine.running):
                self._call(lambda going=going: account._tell(going))  # type: ignore[misc]
            self.sweep(17, is_searching=True)
            waits = [record for record in account.ledger.records.values() if not record.state.is_final]
            slots = [account.ledger.slot(name, stage) for name in FIRST_CONTRACTS for stage in Stage]
            is_busy = waits or self.queue or account.glue.running or account.machine.running or any(slots)
            if not is_busy and account._waits_for_nobody():
                return
        raise AssertionError(f"never ends: {account.states()}")

    # How it works

    def _check_shown(self, table: str, values: tuple[str, ...], shown: list[Plain]) -> None:
        where = f"{table} {values}"
        batches = {str(row[BATCH_ID]) for row in shown}
        assert len(batches) == 1, f"{where}: readers see rows of {sorted(batches)}"
        (batch_id,) = batches
        found = sorted(_bare(row) for row in shown)
        expected = sorted(_bare(row) for row in expected_rows(self._sent_of(batch_id), table, batch_id))
        assert found == expected, f"{where}: readers see a part of {batch_id}"
        before = self._seen.setdefault((table, values), batch_id)
        assert before <= batch_id, f"{where}: readers saw {before}, and now {batch_id}"
        self._seen[table, values] = batch_id

    def _sent_of(self, batch_id: str) -> Sent:
        record = self.account.ledger.records[batch_id]
        return next(one for one in self.sent if one.event.version_id == record.manifest_version)

    def _call(self, function: Callable[[], object]) -> bool:
        """Call a function as AWS does; whether it ended well."""
        at, self._crash_at = self._crash_at, None
        if at is not None:
            lost = AwsBusyError("Read timeout on endpoint URL") if self._has_lost_answer else None
            self.account.weather.arm(at, lost)
        try:
            function()
        except (SluiceError, CrashError):
            return False
        finally:
            self.account.weather.disarm()
        return True

    def _retry(self, record: BatchRecord) -> None:
        account = self.account
        try:
            retry(record.batch_id, account.ledger, account.machine, account.settings.load_machine, account.clock())
        except SluiceError:
            return

    def _chosen(self, items: Sequence[Item], which: int) -> Item | None:
        return items[which % len(items)] if items else None

    def _pass_time(self, seconds: int) -> None:
        self.account.now += timedelta(seconds=seconds)

    def _folder(self, dataset: str, number: int) -> str:
        return FIRST_CONTRACTS[dataset].layout.folder(partition(dataset, number))

    def _write(self, dataset: str, number: int, text: bytes) -> ManifestEvent:
        self._pass_time(1)
        url = f"s3://{self.account.settings.raw_bucket}/{self._folder(dataset, number)}/manifest.json"
        return self._event(dataset, number, self.account.documents.put(url, text, self.account.now))

    def _event(self, dataset: str, place: int, version: str) -> ManifestEvent:
        """The event of a version of a manifest."""
        account, folder = self.account, self._folder(dataset, place)
        info = account.documents.fetch(f"s3://{account.settings.raw_bucket}/{folder}/manifest.json", version)[1]
        number = len(self.sent)
        timed = f"{int(info.modified_at.timestamp()):010X}{number:08X}"
        sequencer = timed if self.has_times else f"{0x55AED6DCD90281E5 + number:018X}"
        at = f"{info.modified_at:%Y-%m-%dT%H:%M:%S}.{info.modified_at.microsecond // 1000:03}Z"
        return ManifestEvent(account.settings.raw_bucket, f"{folder}/manifest.json", sequencer, version, info.etag, at)

    def _announce(self, sent: Sent) -> None:
        self.sent.append(sent)
        if not sent.is_lost:
            self.queue.append(sent.event)


def expected_rows(sent: Sent, table: str, batch_id: str) -> list[Plain]:
    """The rows of a table that come of a manifest, with lineage and with what `NOTE` may hold."""
    return [
        plain | {BATCH_ID: batch_id, SOURCE_FILE: url, NOTE: note_of(row, sent.serial)}
        for row, url in sent.rows
        for plain in table_rows(table, row, sent.serial)
    ]


def _bare(row: Plain) -> tuple[tuple[str, str], ...]:
    """A row as text that sorts, without what depends on the version of the contract and on where a file lies now."""
    return tuple(sorted((name, str(value)) for name, value in row.items() if name not in {NOTE, SOURCE_FILE}))


@dataclass
class Verdict:
    """The pure model, held against the account after everything has come to rest.

    Attributes:
        history: What has happened.
    """

    history: History

    def check(self) -> None:
        """Raises: AssertionError: Something is not as it must be."""
        self._check_rest()
        for record in self._records:
            self._check_record(record)
        for dataset in FIRST_CONTRACTS:
            for number in range(4):
                self._check_partition(dataset, number)
            for table in FIRST_CONTRACTS[dataset].tables:
                self._check_table(dataset, table.name, table.load)
        self._check_sums()

    @property
    def _account(self) -> Account:
        return self.history.account

    @property
    def _records(self) -> list[BatchRecord]:
        return sorted(self._account.ledger.records.values(), key=lambda record: record.batch_id)

    def _check_rest(self) -> None:
        ledger = self._account.ledger
        for name in FIRST_CONTRACTS:
            assert ledger.open_loads(name) == (), f"{name}: loads are open"
            for stage in Stage:
                assert ledger.slot(name, stage) is None, f"{name}: the slot of {stage} is taken"
        assert self._account.duck.staging_tables() == []

    def _check_record(self, record: BatchRecord) -> None:
        sent = self.history._sent_of(record.batch_id)
        what = f"batch {record.batch_id} ({sent.kind}): {record.state} {record.reason}"
        later = [one for one in self._of(sent.dataset, sent.number) if one.batch_id > record.batch_id]
        is_replaced = any(one.state.is_accepted for one in later)
        if record.state is BatchState.REJECTED:
            assert sent.kind in {"broken", "missing"} or sent.is_overwritten, what
        elif record.state is BatchState.SUPERSEDED:
            assert is_replaced, what
        elif record.state is BatchState.FAILED:
            assert sent.kind == "junk" or is_replaced or sent.is_overwritten, what
        else:
            assert record.state in _IN_WAREHOUSE, what
            assert sent.kind in _WHOLE | {"missing"}, what
            self._check_counts(record, sent)
        versions = [one for one in self._records if one.manifest_version == record.manifest_version]
        assert versions == [record], f"{what}: one manifest, several batches"

    def _check_counts(self, record: BatchRecord, sent: Sent) -> None:
        lines = sum(len(rows) for _, rows in sent.files.values())
        for table, counts in record.counts.items():
            published = len(expected_rows(sent, table, record.batch_id))
            assert counts.is_balanced
            assert counts.published == published, f"batch {record.batch_id}: {table}: {counts} for {published} rows"
            if table != "order_items":
                assert counts.read - counts.rejected == lines, (
                    f"batch {record.batch_id}: {table}: {counts} of {lines} lines"
                )
        assert set(record.load_counts) == set(record.counts)
        files = self._account.ledger.file_counts(record.batch_id)
        assert {incoming_url(file.url) for file in files} == set(sent.files), f"batch {record.batch_id}: {files}"
        junk = len(sent.files) if sent.kind == "soiled" else 0
        assert sum(file.rejected_records for file in files) == sum(record.reasons.values()) == junk

    def _of(self, dataset: str, number: int) -> list[BatchRecord]:
        label = partition(dataset, number).label
        return [one for one in self._records if (one.dataset, one.partition) == (dataset, label)]

    def _check_partition(self, dataset: str, number: int) -> None:
        sent = [one for one in self.history.sent if (one.dataset, one.number) == (dataset, number)]
        if not sent:
            return
        records = self._of(dataset, number)
        known = {record.manifest_version for record in records}
        what = f"{dataset} {partition(dataset, number).label}"
        for one in sent:
            # A manifest of which no event came is found as long as no newer one lies over it.
            if not one.is_lost or one is sent[-1]:
                assert one.event.version_id in known, f"{what}: nobody has seen manifest {one.event.version_id}"
        accepted = [record for record in records if record.state.is_accepted]
        if not accepted:
            return
        last = accepted[-1]
        newest_sent = self.history._sent_of(last.batch_id)
        if newest_sent.kind == "junk":
            return
        archives = FIRST_CONTRACTS[dataset].archive
        settings = self._account.settings
        values = partition(dataset, number).values
        wanted = BatchState.ARCHIVED if archives else BatchState.LOADED
        is_shared = newest_sent.is_overwritten
        if not is_shared:
            assert last.state is wanted, f"{what}: the newest batch {last.batch_id} is {last.state}: {last.reason}"
            self._check_files(newest_sent, is_archived=archives, is_newest=newest_sent is sent[-1])
            folder = newest_sent.event.url.rpartition("/")[0]
            raw = self._account.catalog.partitions[settings.raw_database, dataset][values]
            assert raw == f"{archive_url(folder) if archives else folder}/", f"{what}: the catalog shows {raw}"
        for table in self._account.contracts[dataset].tables:
            if last.state in _IN_WAREHOUSE:
                shown = self._account.published(table.name)[values]
                assert {row[BATCH_ID] for row in shown} == {last.batch_id}, f"{what}: {table.name} shows another batch"

    def _check_files(self, sent: Sent, *, is_archived: bool, is_newest: bool) -> None:
        for url, (content, _) in sent.files.items():
            places = [place for place in (url, archive_url(url)) if self._content(place) == content]
            assert places, f"{url}: its content is lost"
            if is_archived and is_newest:
                assert places == [archive_url(url)], f"{url}: lies in {places}"

    def _content(self, url: str) -> bytes | None:
        documents = self._account.documents
        return documents.fetch(url)[0] if documents.info(url) is not None else None

    def _check_table(self, dataset: str, table: str, load: str) -> None:
        audited = self._account.duck.audited(table)
        assert len(audited) == len(set(audited)), f"{table}: the account has a batch twice: {audited}"
        in_warehouse = {one.batch_id for one in self._records if one.dataset == dataset and one.state in _IN_WAREHOUSE}
        assert in_warehouse <= set(audited), f"{table}: batches that are loaded by the ledger alone"
        expected: dict[tuple[str, ...], Plain] = {}
        for batch_id in self._counting(audited, load):
            for row in expected_rows(self.history._sent_of(batch_id), table, batch_id):
                key = _key_of(table, row) if load == "upsert" else (*_key_of(table, row), batch_id)
                if key not in expected or _rank(row) > _rank(expected[key]):
                    expected[key] = row
        found = self._account.duck.table(table)
        assert sorted(map(_bare, found)) == sorted(map(_bare, expected.values())), f"{table} is not what was sent"
        notes = {_bare(row): row[NOTE] for row in expected.values()}
        for row in found:
            if table != "order_items" and row.get(NOTE) is not None:
                assert row[NOTE] == notes[_bare(row)] or load == "upsert", f"{table}: {row}"

    def _counting(self, audited: Sequence[str], load: str) -> list[str]:
        if load == "upsert":
            return list(audited)
        if load == "append":
            return list({batch_id.split(".")[1]: batch_id for batch_id in sorted(audited)}.values())
        return sorted(audited)[-1:]

    def _check_sums(self) -> None:
        fresh = self._account.duck.fresh_sums()
        stored = {
            name: {day: rows for day, rows in days.items() if rows} for name, days in self._account.duck.sums.items()
        }
        for name, days in fresh.items():
            assert stored.get(name, {}) == days, f"aggregate {name} is not up to date"


_KEYS = {
    "orders": ("order_id",),
    "order_items": ("order_id", "line_number"),
    "customers": ("customer_id",),
    "events": ("event_id",),
    "stock": ("sku",),
}


def _key_of(table: str, row: Plain) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in _KEYS[table])


def _rank(row: Plain) -> tuple[Any, ...]:
    return (row["updated_at"], row[BATCH_ID], row[SOURCE_FILE])
