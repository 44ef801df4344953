"""Several iterators at work at the same time, their items in the iterators' order, and few of them in memory."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Full, Queue
from typing import Generic, TypeVar

from sluice.logs import in_context

AHEAD = 4
"""Items of one iterator that wait for their turn."""
_PATIENCE_SECONDS = 0.2

Item = TypeVar("Item")


def in_order(sources: Sequence[Callable[[], Iterator[Item]]], threads: int) -> Iterator[Item]:
    """All items of the first iterator, then those of the second, and so on.

    Args:
        sources: Each makes an iterator, in the thread that uses it.
        threads: How many iterators are at work at the same time; 1 does everything in the caller's thread.

    Raises:
        Exception: What an iterator raised, when its turn has come; the others are ended.
    """
    if threads == 1 or len(sources) <= 1:
        for source in sources:
            yield from source()
        return
    stop = threading.Event()
    lanes = [_Lane(source, stop) for source in sources]
    with ThreadPoolExecutor(min(threads, len(sources)), thread_name_prefix="read") as pool:
        for lane in lanes:
            pool.submit(in_context(_Lane.work), lane)
        try:
            for lane in lanes:
                yield from lane.items()
        finally:
            stop.set()


class _Lane(Generic[Item]):
    def __init__(self, source: Callable[[], Iterator[Item]], stop: threading.Event) -> None:
        self._source, self._stop = source, stop
        self._queue: Queue[tuple[Item] | Exception | None] = Queue(AHEAD)

    def work(self) -> None:
        try:
            for item in self._source():
                if not self._put((item,)):
                    return
        except Exception as exc:  # noqa: BLE001 - it is raised where the items are taken
            self._put(exc)
        else:
            self._put(None)

    def items(self) -> Iterator[Item]:
        while True:
            found = self._queue.get()
            if found is None:
                return
            if isinstance(found, Exception):
                raise found
            yield found[0]

    def _put(self, item: tuple[Item] | Exception | None) -> bool:
        """Wait for room; False when nobody takes items any more."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_PATIENCE_SECONDS)
            except Full:
                continue
            return True
        return False
