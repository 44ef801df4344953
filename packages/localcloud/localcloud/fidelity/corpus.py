"""The corpus: statements with the outcome that AWS documents, one a line, in text files by area.

A line is one of these; a line that begins with a blank goes on with the one above it:

- ``# text``: a comment;
- ``@ page``: the page of AWS's guide (or Trino's) that the following lines hold to;
- ``+ statement``: makes what the file's statements presume, and must succeed;
- ``statement ==> outcome``: several statements are separated by `` ;; ``, and the outcome is that of the last one.

An outcome is one of these:

- ``[[1, "x", null]]``: the rows, in order, as JSON; `` :: int8, varchar`` behind them tells the types, and
  `` ## id, name`` the names of the columns;
- ``ok``: it succeeds, and what it answers is not documented or differs from time to time;
- ``refused``, or ``refused: words``: AWS refuses it, with these words where they are documented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from localcloud.errors import CloudError

_SEPARATOR = " ==> "
_STATEMENTS = " ;; "


class CorpusError(CloudError):
    """A line of the corpus cannot be read; the message names file and line."""


@dataclass(frozen=True)
class Outcome:
    """What AWS documents of a statement.

    Attributes:
        is_refused: whether it fails.
        words: of the refusal; empty when they are not documented.
        rows: as texts; None when they are not documented.
        types: of the columns; empty when they do not matter.
        names: of the columns; empty when they do not matter.
    """

    is_refused: bool = False
    words: str = ""
    rows: tuple[tuple[str | None, ...], ...] | None = None
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """Statements of the corpus, and the outcome of the last of them.

    Attributes:
        place: file and line.
        page: that documents the outcome.
    """

    statements: tuple[str, ...]
    outcome: Outcome
    place: str
    page: str


@dataclass(frozen=True)
class Area:
    """One file of the corpus.

    Attributes:
        service: ``redshift`` or ``athena``.
        name: of the file, without its ending.
        setup: statements that make what the others presume.
    """

    service: str
    name: str
    setup: tuple[str, ...]
    cases: tuple[Case, ...]


def areas(service: str) -> tuple[Area, ...]:
    """Give the areas of a service, by name.

    Args:
        service: ``redshift`` or ``athena``.

    Raises:
        CorpusError: a line cannot be read.
    """
    folder = resources.files("localcloud.fidelity").joinpath(service)
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".txt")), key=lambda file: file.name)
    return tuple(read_area(service, file.name, file.read_text(encoding="utf-8")) for file in files)


def read_area(service: str, file: str, text: str) -> Area:
    """Read one file.

    Args:
        service: ``redshift`` or ``athena``.
        file: its name.
        text: what is in it.

    Raises:
        CorpusError: a line cannot be read.
    """
    setup: list[str] = []
    cases: list[Case] = []
    page = ""
    for number, line in _lines(text):
        place = f"{service}/{file}:{number}"
        if line.startswith("@ "):
            page = line[2:].strip()
        elif line.startswith("+ "):
            setup.append(line[2:].strip())
        elif not page:
            raise CorpusError(f"{place}: a line '@ page' must say what documents the following statements")
        else:
            cases.append(_case(line, place, page))
    return Area(service, file.removesuffix(".txt"), tuple(setup), tuple(cases))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are no comments, with those that go on joined to the first of them."""
    whole: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith((" ", "\t")) and whole:
            whole.append(line)
            continue
        if whole:
            yield first, "\n".join(whole)
        whole, first = ([], 0) if line.startswith("#") or not line.strip() else ([line], number)
    if whole:
        yield first, "\n".join(whole)


def _case(line: str, place: str, page: str) -> Case:
    head, separator, tail = line.rpartition(_SEPARATOR)
    if not separator:
        raise CorpusError(f"{place}: no '==>' says the outcome")
    statements = tuple(part.strip() for part in head.split(_STATEMENTS))
    return Case(statements, _outcome(tail.strip(), place), place, page)


def _outcome(text: str, place: str) -> Outcome:
    if text == "ok":
        return Outcome()
    word, _, words = text.partition(":")
    if word == "refused":
        return Outcome(is_refused=True, words=words.strip())
    rest, _, names = text.partition(" ## ")
    rest, _, types = rest.partition(" :: ")
    try:
        rows = json.loads(rest, parse_float=str, parse_int=str)
    except ValueError as error:
        raise CorpusError(f"{place}: the outcome is neither rows as JSON nor 'ok' nor 'refused': {error}") from error
    return Outcome(rows=tuple(tuple(map(_plain, row)) for row in rows), types=_list(types), names=_list(names))


def _plain(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else json.dumps(value)


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
