"""The fields that the source sends against those that the contract reads."""

from collections.abc import Iterator
from dataclasses import dataclass

from sluice.contract import Contract
from sluice.contract.model import Column, Table
from sluice.contract.shape import TEXT_OF_ELEMENT, Path, shape_of
from sluice.drift.difference import Difference, Kind, Layer

_IGNORED = "ignored until the contract has it"


@dataclass(frozen=True, slots=True)
class SourceFields:
    """The fields of some of the newest records.

    Attributes:
        records: How many records were looked at.
        fields: Guessed type of each field, by the path of its array (empty for the record) and its own.
        elements: How many elements each array had, by path.
        is_whole: Whether these are all fields of every record, as the header of CSV or the footer of Parquet tells.
        has_names: Whether fields have names; records of CSV without a header have places only.
    """

    records: int
    fields: dict[tuple[Path, Path], str]
    elements: dict[Path, int]
    is_whole: bool = False
    has_names: bool = True


def compare_source(contract: Contract, found: SourceFields) -> list[Difference]:
    """Unknown fields of the source are noted; one that is gone breaks unless the contract says that it may be absent.

    Args:
        contract: The dataset's contract.
        found: What the newest records have; without a record nothing is compared.
    """
    if not found.records:
        return []
    if not found.has_names:
        return _compare_places(contract, found)
    return [*_unknown(contract, found), *_gone(contract, found)]


def _wanted(contract: Contract) -> dict[tuple[Path, Path], list[tuple[Table, Column]]]:
    """The columns of each field that the contract reads; one field may fill columns of several tables."""
    shape = shape_of(contract)
    wanted: dict[tuple[Path, Path], list[tuple[Table, Column]]] = {}
    for table in contract.tables:
        for column in table.columns:
            place = shape.place(table, column)
            path = place.path[:-1] if place.path[-1] == TEXT_OF_ELEMENT and len(place.path) > 1 else place.path
            array = shape.items[table.name] if place.in_item else ()
            wanted.setdefault((array, path), []).append((table, column))
    return wanted


def _unknown(contract: Contract, found: SourceFields) -> Iterator[Difference]:
    wanted = _wanted(contract)
    arrays = set(shape_of(contract).items.values())
    for (array, path), kind in found.fields.items():
        # What lies below a field that is read as a whole is read with it, and so is a group of Parquet above one.
        is_read = any(known == array and _one_holds_other(path, own) for known, own in wanted)
        is_array = not array and path in arrays
        # Of an array that the contract does not explode the array itself is noted, and not its elements.
        if not is_read and not is_array and (not array or array in arrays):
            name = ".".join((*array, *path))
            yield Difference(Layer.SOURCE, contract.dataset, name, kind, "", Kind.NOTE, _IGNORED)


def _gone(contract: Contract, found: SourceFields) -> Iterator[Difference]:
    present = {(array, path[:length]) for array, path in found.fields for length in range(1, len(path) + 1)}
    for (array, path), columns in _wanted(contract).items():
        if (array, path) in present or (array and not found.elements.get(array)) or _is_in_group(found, path):
            continue
        required = [(table, column) for table, column in columns if not column.may_be_absent]
        table, column = (required or columns)[0]
        where = f"in none of the {found.records} newest records that were looked at"
        effect = f"is {'not in the newest file' if found.is_whole else where}"
        outcome = "files without it are refused, because of" if required else "it is absent, as it may be, from"
        fix = f"{effect}: {outcome} {table.name}.{column.name}; ask the source, or change the contract"
        kind = Kind.BREAKING if required else Kind.NOTE
        yield Difference(Layer.SOURCE, contract.dataset, ".".join((*array, *path)), "", column.type, kind, fix)


def _one_holds_other(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _is_in_group(found: SourceFields, path: Path) -> bool:
    """Whether a field lies in a group of a Parquet file, whose members are not looked at."""
    return len(path) > 1 and found.fields.get(((), path[:1])) == "group"


def _compare_places(contract: Contract, found: SourceFields) -> list[Difference]:
    have, want = len(found.fields), len(_wanted(contract))
    if have == want:
        return []
    kind = Kind.NOTE if have > want else Kind.BREAKING
    fix = "columns are taken by their place: ask the source which one changed"
    return [Difference(Layer.SOURCE, contract.dataset, "columns", f"{have} columns", f"{want} columns", kind, fix)]
