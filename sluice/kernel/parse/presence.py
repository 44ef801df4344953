"""Which of the contract's fields a file has at all. A field that no record has is not null: mostly it was renamed."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sluice.contract.shape import TEXT_OF_ELEMENT, Group, Items, Leaf, Node, Path, place_name
from sluice.kernel.parse.parsed import BrokenFileError, FileNotes, lacks

_MOST_NAMES: Final = 200
"""Names of a file that are kept to tell the nearest one."""


class Presence:
    """Watches the records of one file until each field was seen once; after that it costs nothing."""

    def __init__(self, shape: Group) -> None:
        """Watch for the fields of a shape."""
        self._shape = shape
        self._unseen = dict.fromkeys(_paths(shape, ()))
        self._looked_into: set[Path] = set()
        self._names: dict[Path, dict[Path, None]] = {}
        self._known: dict[tuple[Path, tuple[str, ...]], list[tuple[str, Node]]] = {}

    @property
    def is_complete(self) -> bool:
        """Whether every field was seen."""
        return not self._unseen

    def see(self, record: Mapping[str, Any]) -> None:
        """Take a record into account.

        Args:
            record: Members by the names of the contract; nested objects are mappings and arrays are lists of mappings.
        """
        self._looked_into.add(())
        self._group(self._shape, record, ())

    def _group(self, node: Group, found: Mapping[str, Any], path: Path) -> None:
        keys = (path, tuple(found))
        inner = self._known.get(keys)
        if inner is not None:  # Nothing new but within objects and arrays.
            for name, child in inner:
                self._member(child, found[name], (*path, name))
            return
        if len(self._known) < _MOST_NAMES and len(found) <= _MOST_NAMES:
            nodes = node.members.items()
            self._known[keys] = [
                (name, child) for name, child in nodes if name in found and not isinstance(child, Leaf)
            ]
        for name, child in node.members.items():
            below = (*path, name)
            if name in found:
                self._member(child, found[name], below)
            elif below in self._unseen or isinstance(child, Group):
                names = self._names.setdefault(path, {})
                if len(names) < _MOST_NAMES:
                    names.update(dict.fromkeys((*path, other) for other in found))

    def _member(self, node: Node, value: object, path: Path) -> None:
        if isinstance(node, Leaf):
            self._unseen.pop(path, None)
        elif isinstance(node, Items):
            self._unseen.pop(path, None)
            if not self._unseen_below(path):
                return
            for item in value if isinstance(value, list) else ():
                if TEXT_OF_ELEMENT in node.element.members and not isinstance(item, Mapping):
                    self._looked_into.add(path)
                    self._unseen.pop((*path, TEXT_OF_ELEMENT), None)
                elif isinstance(item, Mapping):
                    self._looked_into.add(path)
                    self._group(node.element, item, path)
        elif isinstance(value, Mapping):
            if self._unseen_below(path):
                self._group(node, value, path)
        else:  # An object that is null says that its members are.
            for inner in self._unseen_below(path):
                self._unseen.pop(inner)

    def _unseen_below(self, path: Path) -> list[Path]:
        return [inner for inner in self._unseen if inner[: len(path)] == path]

    def conclude(self, needed: Iterable[Path], notes: FileNotes | None, what: str) -> None:
        """Say what was never seen. Without a well-formed record nothing is known, and nothing is said.

        Args:
            needed: Places that no file may lack.
            notes: Where to put the places that are absent and may be.
            what: What a place is called.

        Raises:
            BrokenFileError: One that is needed is absent.
        """
        if not self._looked_into:
            return
        absent = [path for path in self._unseen if self._is_known(path)]
        needed = frozenset(needed)
        if missing := [path for path in absent if path in needed]:
            raise self._refusal(missing, what)
        if notes is not None:
            notes.absent = tuple(dict.fromkeys(place_name(path) for path in absent))

    def _is_known(self, path: Path) -> bool:
        """Whether a record could have shown it: what stands in an array that was empty throughout is not known."""
        return all(
            path[:end] in self._looked_into
            for end in range(1, len(path))
            if isinstance(_at(self._shape, path[:end]), Items)
        )

    def _refusal(self, missing: list[Path], what: str) -> BrokenFileError:
        names = [place_name(path) for known in self._names.values() for path in known]
        return lacks(what, [place_name(path) for path in missing], names)


def _paths(node: Group, path: Path) -> Iterable[Path]:
    for name, child in node.members.items():
        below = (*path, name)
        if isinstance(child, Group):
            yield from _paths(child, below)
        else:
            yield below
            if isinstance(child, Items):
                yield from _paths(child.element, below)


def _at(shape: Group, path: Path) -> Node:
    node: Node = shape
    for name in path:
        members = node.members if isinstance(node, Group) else node.element.members if isinstance(node, Items) else {}
        node = members[name]
    return node
