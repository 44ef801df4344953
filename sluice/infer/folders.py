"""The folder layout of raw files, as their paths tell it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from sluice.errors import LayoutError
from sluice.lake.layout import Layout

_BETWEEN: Final = r"(?:[-_.T]|/(?:[A-Za-z_]\w*=)?)?"
_DATED: Final = re.compile(
    r"(?P<before>(?:^|/)(?:[A-Za-z_]\w*=)?)"
    r"(?P<Y>(?:19|20)[0-9]{2})(?P<one>" + _BETWEEN + r")(?P<m>0[1-9]|1[0-2])(?P<two>" + _BETWEEN + r")"
    r"(?P<d>0[1-9]|[12][0-9]|3[01])(?:(?P<three>" + _BETWEEN + r")(?P<H>[01][0-9]|2[0-3]))?$"
)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where raw files lie.

    Attributes:
        layout: strptime pattern of a partition's folder.
        why: What it was told by.
    """

    layout: str
    why: str


def folders_of(dataset: str, paths: Iterable[PurePath], asked: str | None) -> Folders:
    """The layout that was asked for, or the one of the files' paths, or the usual one.

    Args:
        dataset: Name of the dataset, which is the first folder when the paths do not name it.
        paths: Where the samples lie.
        asked: What the caller wants; None to find out.
    """
    if asked is not None:
        return Folders(asked.strip("/"), "as asked for")
    found = {_layout(dataset, path) for path in paths}
    usual = f"{dataset}/year=%Y/month=%m/day=%d/hour=%H"
    if len(found) > 1:
        return Folders(usual, "the usual one: the samples' folders have more than one form")
    [layout] = found
    if layout is None:
        return Folders(usual, "the usual one: the samples' folders name no date")
    return Folders(layout, "as the samples' folders; check those above the date")


def _layout(dataset: str, path: PurePath) -> str | None:
    folder = path.parent.as_posix()
    match = _DATED.search(folder)
    if match is None:
        return None
    above = [part for part in folder[: match.start()].split("/") if part]
    # The bucket's own folders cannot be told from those of this machine, but for the one that is named as the dataset.
    root = "/".join(above[above.index(dataset) :]) if dataset in above else dataset
    dated = f"{match['before'].lstrip('/')}%Y{match['one']}%m{match['two']}%d"
    layout = f"{root}/{dated}" + ("" if match["H"] is None else f"{match['three']}%H")
    try:
        Layout(layout).partition(f"{root}/{folder[match.start() :].lstrip('/')}")
    except (LayoutError, ValueError):
        return None
    return layout
