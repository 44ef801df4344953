"""Which engine converts, and the parts of engines that need none: items in order, shares of keys."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from glue_jobs.conversion.engines import EngineName, choose, work_of_a_byte
from glue_jobs.conversion.prefetch import AHEAD, in_order
from sluice.contract import CsvSource, JsonSource, ParquetSource, Source, XmlSource


@pytest.mark.parametrize(
    ("sizes", "name"),
    [([], EngineName.PROCESS), ([99], EngineName.PROCESS), ([60, 40], EngineName.SPARK), ([500], EngineName.SPARK)],
)
def test_the_bytes_of_a_run_choose_its_engine(sizes: list[int], name: EngineName) -> None:
    assert choose(CsvSource("l"), sizes, 100) is name


@pytest.mark.parametrize(
    ("source", "work"),
    [
        (CsvSource("l"), 1),
        (CsvSource("l", compression="gzip"), 4),
        (CsvSource("l", compression="bzip2"), 8),
        (JsonSource("l"), 1),
        (JsonSource("l", records="array"), 2),
        (JsonSource("l", records="concatenated", compression="gzip"), 8),
        (XmlSource("l", "row"), 6),
        (XmlSource("l", "row", compression="gzip"), 24),
        (ParquetSource("l"), 30),
    ],
)
def test_bytes_that_are_more_work_come_to_spark_sooner(source: Source, work: int) -> None:
    assert work_of_a_byte(source) == work
    assert choose(source, [599], 600 * work) is EngineName.PROCESS
    assert choose(source, [600], 600 * work) is EngineName.SPARK


def counting(start: int, count: int, wait: float = 0) -> Callable[[], Iterator[int]]:
    def items() -> Iterator[int]:
        for number in range(start, start + count):
            time.sleep(wait)
            yield number

    return items


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_items_come_in_the_order_of_their_sources(threads: int) -> None:
    sources = [counting(0, 30, 0.001), counting(30, 0), counting(30, 50), counting(80, 20)]
    assert list(in_order(sources, threads)) == list(range(100))


@pytest.mark.parametrize("threads", [1, 4])
def test_an_error_comes_when_its_turn_has_come_and_ends_the_others(threads: int) -> None:
    def broken() -> Iterator[int]:
        yield 10
        raise ValueError("broken")

    before = threading.active_count()
    items = in_order([counting(0, 3), broken, counting(100, 10_000)], threads)
    assert [next(items) for _ in range(4)] == [0, 1, 2, 10]
    with pytest.raises(ValueError, match="broken"):
        next(items)
    assert threading.active_count() == before


def test_few_items_wait_in_memory() -> None:
    made: list[int] = []

    def source(start: int) -> Callable[[], Iterator[int]]:
        def items() -> Iterator[int]:
            for number in range(start, start + 100):
                made.append(number)
                yield number

        return items

    items = in_order([source(0), source(100), source(200)], 3)
    assert next(items) == 0
    time.sleep(0.1)
    assert len(made) <= 3 * (AHEAD + 2)
    assert list(items) == list(range(1, 300))


def test_whoever_stops_taking_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    items = in_order([counting(0, 10_000), counting(0, 10_000)], 2)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
