"""Columns of the catalog, and of Spectrum, which shows the catalog's, against a contract."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sluice.contract import SqlType
from sluice.drift.difference import Difference, Kind, Layer

_HIVE = {"float": "real", "string": "varchar(65535)"}
ADDED = "added; files without it read as null"
WIDENED = "widened"
STAYS = "stays: nothing is dropped; the contract does not have it"
DECIDE = "change the contract back, publish under a new column, or make the tables again with `sluice rebuild`"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A table of the catalog as its contract has it.

    Attributes:
        name: The table.
        columns: Its columns, each with ``Name`` and ``Type`` as the catalog's API has them.
        keys: Names of its partition keys.
        is_by_position: Whether readers take columns by their place and not by their name, as in CSV.
    """

    name: str
    columns: Sequence[Mapping[str, Any]]
    keys: tuple[str, ...]
    is_by_position: bool = False


def catalog_type(text: str) -> SqlType | None:
    """A type of the catalog in a contract's terms; None when it has none. The catalog's ``float`` has four bytes."""
    plain = text.strip().lower()
    try:
        return SqlType.parse(_HIVE.get(plain, plain))
    except ValueError:
        return None


def compare_columns(layer: Layer, wanted: Wanted, live: Mapping[str, str]) -> list[Difference]:
    """Compare columns by name.

    Args:
        layer: Whose columns they are.
        wanted: The table as the contract has it.
        live: Type of each column that is there, in order, without the partition keys.
    """
    return [*_missing_and_other(layer, wanted, live), *_extra(layer, wanted, live)]


def compare_keys(layer: Layer, wanted: Wanted, live: Mapping[str, str]) -> list[Difference]:
    """Compare partition keys; nothing that differs can be changed while there are partitions.

    Args:
        layer: Whose keys they are.
        wanted: The table as the contract has it.
        live: Type of each key that is there, in order.
    """
    have = ", ".join(f"{name} {kind}" for name, kind in live.items())
    want = ", ".join(f"{name} string" for name in wanted.keys)
    is_same = tuple(live) == wanted.keys and all(_is_text(kind) for kind in live.values())
    fix = "make the table again: partition keys cannot be changed"
    return [] if is_same else [Difference(layer, wanted.name, "partition keys", have, want, Kind.BREAKING, fix)]


def changed_columns(
    wanted: Wanted, live: Sequence[Mapping[str, Any]], made: Sequence[Difference]
) -> list[Mapping[str, Any]]:
    """The columns that the catalog's table gets: those it has, with the compatible changes and nothing else.

    Columns of the contract stand in the contract's order, as in a table that is made again; others stay behind them.

    Args:
        wanted: The table as the contract has it.
        live: The columns that are there, as the catalog's API gives them; what else they say stays.
        made: The differences; only compatible ones change something.
    """
    change = {item.column for item in made if item.kind is Kind.COMPATIBLE}
    there = {str(column["Name"]).lower(): column for column in live}
    known: list[Mapping[str, Any]] = []
    for column in wanted.columns:
        name = str(column["Name"])
        if name not in there:
            known += [column] if name in change else []
        else:
            known.append({**there[name], "Type": column["Type"]} if name in change else there[name])
    names = {str(column["Name"]) for column in wanted.columns}
    return [*known, *(column for name, column in there.items() if name not in names)]


def _missing_and_other(layer: Layer, wanted: Wanted, live: Mapping[str, str]) -> Iterator[Difference]:
    names = [str(column["Name"]) for column in wanted.columns]
    for place, column in enumerate(wanted.columns):
        name, kind = str(column["Name"]), str(column["Type"])
        have = live.get(name)
        if have is None:
            # By position, a column before one that is there would give that one the values of another.
            shifts = wanted.is_by_position and any(later in live for later in names[place + 1 :])
            kind_of, fix = (Kind.BREAKING, "move it to the end of the contract") if shifts else (Kind.COMPATIBLE, ADDED)
            yield Difference(layer, wanted.name, name, "", kind, kind_of, fix)
        elif not _is_same(have, kind):
            yield _retyped(layer, wanted.name, name, have, kind)


def _extra(layer: Layer, wanted: Wanted, live: Mapping[str, str]) -> Iterator[Difference]:
    names = {str(column["Name"]) for column in wanted.columns}
    for name, kind in live.items():
        if name not in names:
            yield Difference(layer, wanted.name, name, kind, "", Kind.NOTE, STAYS)


def _retyped(layer: Layer, table: str, name: str, have: str, want: str) -> Difference:
    old, new = catalog_type(have), catalog_type(want)
    if old is not None and new is not None and new.widens(old):
        return Difference(layer, table, name, have, want, Kind.COMPATIBLE, WIDENED)
    return Difference(layer, table, name, have, want, Kind.BREAKING, DECIDE)


def _is_same(have: str, want: str) -> bool:
    one, other = catalog_type(have), catalog_type(want)
    return have.replace(" ", "").lower() == want.replace(" ", "").lower() or (one is not None and one == other)


def _is_text(kind: str) -> bool:
    """Spectrum may show the catalog's ``string`` as a varchar."""
    found = catalog_type(kind)
    return found is not None and found.name == "varchar"
