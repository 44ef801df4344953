"""The lists of ``words.txt``: what Redshift refuses, what runs on its leader node only, what the stand-in has not."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def words(section: str) -> dict[str, str]:
    """Give the names of a list, each with what serves in its place; empty when nothing is known to.

    Args:
        section: the heading of the list.

    Raises:
        KeyError: there is no such list.
    """
    return _sections()[section]


@cache
def _sections() -> dict[str, dict[str, str]]:
    text = resources.files("localcloud.redshift.dialect").joinpath("words.txt").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line[1 : line.index("]")], {})
        elif line and not line.startswith("#"):
            names, _, instead = line.partition(": ")
            section.update(dict.fromkeys(names.split(), instead))
    return found
