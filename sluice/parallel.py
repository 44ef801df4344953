"""Many small pieces of work: all at once, or one after the other whatever becomes of each."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sluice.errors import SluiceError
from sluice.logs import in_context

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
Result = TypeVar("Result")


def each(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> list[Result]:
    """Results of a function for each item, in the items' order.

    Args:
        function: What to do with one item; it must be safe to run in several threads.
        items: The items.
        workers: Threads; 1 does everything in this one.

    Raises:
        Exception: What the function raised for the first item for which it failed.
    """
    if workers == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(in_context(function), items))


def each_apart(work: Callable[[Item], None], items: Iterable[Item], what: str) -> None:
    """Do a piece of work for each item, in order; one that fails keeps no other from being done.

    Args:
        work: What to do with one item.
        items: The items.
        what: What is done, for the log.

    Raises:
        SluiceError: Some failed: the first one's error. All have been tried.
    """
    problems: list[SluiceError] = []
    for item in items:
        try:
            work(item)
        except SluiceError as exc:
            logger.exception("%s: one of several failed", what)
            problems.append(exc)
    if problems:
        raise problems[0]
