"""Pieces of work that have nothing to do with each other: one that fails keeps no other from being done."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from sluice.errors import SluiceError

logger = logging.getLogger(__name__)
Item = TypeVar("Item")


def each_apart(work: Callable[[Item], None], items: Iterable[Item], what: str) -> None:
    """Do a piece of work for each item, in order, whatever becomes of the others.

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
