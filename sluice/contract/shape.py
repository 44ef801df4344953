"""Which values of a source record a contract reads: all its column paths, put together into one tree.

Readers take from a record what the tree names and leave the rest; every leaf is text. So a field that appears in the
source some day, and that no column asks for, changes nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Union

from sluice.contract.model import ROOT_PREFIX, Column, Contract, Table

TEXT_OF_ELEMENT = "#text"
"""Name of an XML element's own text, where its attributes or children are read as well."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One text.

    Attributes:
        is_json: Whether it is the JSON of whatever stands there.
    """

    is_json: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A nested object: its members by name, in the order in which the contract first names them."""

    members: dict[str, "Node"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Items:
    """An array of objects, each of which becomes a row."""

    element: Group


Node = Union[Leaf, Group, Items]  # noqa: UP007 - the names are only known at run time
Path = tuple[str, ...]


class ShapeError(ValueError):
    """Two paths of a contract exclude each other."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column's value stands.

    Attributes:
        in_item: Whether the path starts at the element of the exploded array; otherwise at the record.
        path: Names to follow.
    """

    in_item: bool
    path: Path


@dataclass(frozen=True, slots=True)
class Shape:
    """The tree of one contract, and where each column finds its value in it."""

    record: Group
    items: dict[str, Path]
    places: dict[tuple[str, str], Place]

    def place(self, table: Table, column: Column) -> Place:
        """Where a column's value stands."""
        return self.places[table.name, column.name]


def shape_of(contract: Contract) -> Shape:
    """The tree of a contract.

    Raises:
        ShapeError: A path is a text for one column and an object or array for another.
    """
    items = {table.name: _split(contract, table.explode) for table in contract.tables if table.explode is not None}
    places = {
        (table.name, column.name): _place(contract, table, column)
        for table in contract.tables
        for column in table.columns
    }
    if contract.source.format == "xml":
        places = _with_own_texts(places, items)
    record = Group()
    for path in items.values():
        _member(record, path, Items(Group()))
    for (table_name, column_name), place in places.items():
        start = _items_at(record, items[table_name]).element if place.in_item else record
        _member(start, place.path, Leaf(contract.table(table_name).column(column_name).json))
    return Shape(record, items, places)


def has_json(node: Node) -> bool:
    """Whether a part of a shape is taken as JSON."""
    if isinstance(node, Leaf):
        return node.is_json
    return any(map(has_json, (node if isinstance(node, Group) else node.element).members.values()))


def _place(contract: Contract, table: Table, column: Column) -> Place:
    in_item = table.explode is not None and not column.path.startswith(ROOT_PREFIX)
    return Place(in_item, _split(contract, column.path))


def _split(contract: Contract, path: str) -> Path:
    """Names of a path; a CSV column has one, whatever characters it holds."""
    name = path.removeprefix(ROOT_PREFIX)
    return (name,) if contract.source.format == "csv" else tuple(name.split("."))


def _with_own_texts(places: dict[tuple[str, str], Place], items: dict[str, Path]) -> dict[tuple[str, str], Place]:
    """In XML an element has a text beside attributes: ``price`` is its text even where ``price.@currency`` is read."""
    every = {_full(place, items.get(key[0])) for key, place in places.items()} | set(items.values())
    parents = {path[:end] for path in every for end in range(1, len(path))}
    return {
        key: Place(place.in_item, (*place.path, TEXT_OF_ELEMENT))
        if _full(place, items.get(key[0])) in parents
        else place
        for key, place in places.items()
    }


def _full(place: Place, items: Path | None) -> Path:
    return (*(items or ()), *place.path) if place.in_item else place.path


def _member(start: Group, path: Path, node: Node) -> None:
    """Put a node at a path, with the groups that lead there."""
    group = start
    for index, name in enumerate(path[:-1]):
        child = group.members.setdefault(name, Group())
        if not isinstance(child, Group):
            what = "an array that is exploded" if isinstance(child, Items) else "read as a text"
            raise ShapeError(f"{'.'.join(path)}: {'.'.join(path[: index + 1])} is {what}")
        group = child
    found = group.members.setdefault(path[-1], node)
    if type(found) is not type(node):
        raise ShapeError(f"{'.'.join(path)}: is both a text and an object or array")
    if isinstance(found, Leaf) and found != node:
        raise ShapeError(f"{'.'.join(path)}: is both a single value and JSON")


def _items_at(record: Group, path: Path) -> Items:
    node: Node = record
    for name in path:
        if not isinstance(node, Group):
            break
        node = node.members[name]
    if not isinstance(node, Items):
        raise ShapeError(f"{'.'.join(path)}: is not an array of its own")
    return node


def needed_places(contract: Contract, shape: Shape) -> frozenset[Path]:
    """Places that no file may lack: they fill a column, or are the array of a table, that may not be absent.

    Paths begin at the record; one in an exploded array goes through the array's name.
    """
    found = {
        _full(shape.place(table, column), shape.items.get(table.name))
        for table in contract.tables
        for column in table.columns
        if not column.may_be_absent
    }
    arrays = {
        shape.items[table.name] for table in contract.tables if table.name in shape.items and not table.may_be_absent
    }
    return frozenset(found | arrays)


def columns_at(contract: Contract, shape: Shape, places: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Columns by table whose values stand at these places.

    Args:
        contract: The contract.
        shape: Its shape.
        places: Places as `sluice.kernel.parse.FileNotes.absent` has them.
    """
    wanted = set(places)
    found: dict[str, tuple[str, ...]] = {}
    for table in contract.tables:
        items = shape.items.get(table.name)
        names = tuple(
            column.name for column in table.columns if place_name(_full(shape.place(table, column), items)) in wanted
        )
        if names:
            found[table.name] = names
    return found


def place_name(path: Path) -> str:
    """A path as people write it."""
    return ".".join(name for name in path if name != TEXT_OF_ELEMENT)


def leaf_names(shape: Shape) -> Iterator[str]:
    """Names of the record's own texts; for CSV these are its columns, in the contract's order."""
    return (name for name, node in shape.record.members.items() if isinstance(node, Leaf))
