"""While a partition is replaced, readers in a loop see the old one or the new one, whole, and never both."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sluice.aws.athena import Athena
from sluice.aws.data_api import Address, DataApi
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from tests.e2e.stack import Stack, states

DATASET = "transactions"
HOUR = Partition.parse("2031-03-04T05")
FIRST, SECOND = frozenset(range(1, 31)), frozenset(range(21, 61))
HEADER = (
    "transaction_id;order_id;product_id;quantity;unit_price;discount_percent;transaction_date;payment_method;updated_at"
)
Rows = Sequence[tuple[int, str]]
"""Transaction and batch of every row that a query gave."""


@dataclass
class Look:
    """One answer of a reader, and between which moments it was given.

    Attributes:
        began, ended: Seconds since the epoch.
        rows: What it saw.
    """

    began: float
    ended: float
    rows: Rows


@dataclass
class LoopingReader:
    """Asks the same again and again until it is told to stop."""

    ask: Callable[[], Rows]
    looks: list[Look] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    _is_done: threading.Event = field(default_factory=threading.Event)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._loop, daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._is_done.set()

    def _loop(self) -> None:
        while not self._is_done.is_set():
            began = time.time()
            try:
                rows = self.ask()
            except Exception as error:  # noqa: BLE001 - whatever a reader gets is what the test is about
                self.errors.append(error)
                return
            self.looks.append(Look(began, time.time(), rows))


def test_two_readers_while_a_partition_is_replaced(
    stack: Stack, record_testsuite_property: Callable[[str, object], None]
) -> None:
    before = len(stack.settled(DATASET, 0))
    stack.send(DATASET, HOUR, {"a.csv": _file(FIRST)})
    first = stack.settled(DATASET, before + 1)
    assert states(first)[-1] is BatchState.LOADED

    readers = {"athena": LoopingReader(_athena(stack)), "spectrum": LoopingReader(_spectrum(stack))}
    threads = [reader.start() for reader in readers.values()]
    stack.send(DATASET, HOUR, {"a.csv": _file(SECOND)})
    newest = stack.settled(DATASET, before + 2)[-1]
    time.sleep(2)  # so that each reader asks once more when all is done
    for reader in readers.values():
        reader.stop()
    for thread in threads:
        thread.join(60)

    assert newest.state is BatchState.LOADED
    assert (newest.engine, first[-1].engine) == ("process", "process")
    for name, reader in readers.items():
        assert reader.errors == []
        _check(reader.looks, newest.batch_id)
        record_testsuite_property(f"{name}_looks", len(reader.looks))


def _check(looks: Sequence[Look], newest: str) -> None:
    """Every look has all rows of one version, none twice and none of another; first of the old one, then of the new."""
    seen = []
    for look in looks:
        is_new = any(batch == newest for _, batch in look.rows)
        wanted = SECOND if is_new else FIRST
        assert sorted(number for number, _ in look.rows) == sorted(wanted)
        assert len({batch for _, batch in look.rows}) == 1
        seen.append(is_new)
    assert seen == sorted(seen), "a version came back"
    assert (seen[0], seen[-1]) == (False, True), "the readers began too late, or ended too early"


def _file(numbers: frozenset[int]) -> bytes:
    rows = (
        f"{7_310_000 + number};ORD-{number:06d};PROD-0001;1;2.50;0;04.03.2031 05:00:00;card;2031-03-04T05:00:00"
        for number in sorted(numbers)
    )
    return "\n".join([HEADER, *rows, ""]).encode()


_WANTED = "WHERE year = '2031' AND month = '03' AND day = '04' AND hour = '05'"


def _athena(stack: Stack) -> Callable[[], Rows]:
    settings = stack.settings
    door = Athena(
        stack.clients.athena,
        settings.processed_database,
        f"s3://{settings.processed_bucket}/_sluice/athena/",
        sleep=lambda _: time.sleep(0.02),
    )
    sql = f'SELECT transaction_id - 7310000, "_batch_id" FROM transactions {_WANTED}'
    return lambda: door.rows(sql)


def _spectrum(stack: Stack) -> Callable[[], Rows]:
    door = DataApi(stack.clients.redshift_data, Address.from_settings(stack.settings))
    sql = f'SELECT transaction_id - 7310000, "_batch_id" FROM spectrum.transactions {_WANTED}'
    return lambda: door.rows(sql, label="look")
