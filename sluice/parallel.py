"""Many small calls to AWS at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sluice.logs import in_context

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
