"""Samples of XML: which element is a record, which elements are repeated in it, and the records."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from sluice.contract.shape import TEXT_OF_ELEMENT
from sluice.errors import SampleError
from sluice.infer.observed import Path, Tree
from sluice.infer.opened import Sample

_SCHEMA_INSTANCE: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_LOOKED_AT: Final = 100_000
"""Elements among which the record is looked for."""


@dataclass(slots=True)
class XmlRecords:
    """The records of one file. Names are local, as for the conversion.

    Attributes:
        sample: The file.
        row_tag: Name of the element that is a record.
        malformed: Records that could not be read so far; XML has none, only files that are not well-formed.
    """

    sample: Sample
    row_tag: str
    malformed: int = 0

    def elements(self) -> Iterator[Element]:
        """The elements that are records; one inside another belongs to the outer one.

        Raises:
            SampleError: The file is not well-formed, or has a document type.
        """
        parents: list[Element] = []
        row: Element | None = None
        for event, element in _events(self.sample):
            if event == "start":
                parents.append(element)
                if row is None and _local(element.tag) == self.row_tag:
                    row = element
                continue
            parents.pop()
            if element is row:
                yield element
                row = None
            if row is None and parents:
                parents[-1].remove(element)

    def repeated(self, element: Element) -> set[Path]:
        """Paths in a record under which an element stands more than once."""
        found: set[Path] = set()
        _find_repeated(element, (), found)
        return found

    def tree(self, element: Element, repeated: frozenset[Path]) -> dict[str, Tree]:
        """A record as a tree, with an array wherever elements are repeated in any record."""
        return _members(element, (), repeated)


def row_tag_of(sample: Sample) -> str:
    """The element that is repeated nearest to the root; of several the most frequent one.

    Without one it is the root's only child, if that has children or attributes, or else the root itself.

    Raises:
        SampleError: The file is not well-formed.
    """
    most: Counter[Path] = Counter()
    root = ""
    path: list[str] = []
    has_parts: set[Path] = set()
    counts: list[Counter[str]] = []
    for number, (event, element) in enumerate(_events(sample)):
        if event == "end":
            for name, count in counts.pop().items():
                most[*path, name] = max(most[*path, name], count)
            path.pop()
            element.clear()
        else:
            name = _local(element.tag)
            root = root or name
            if counts:
                counts[-1][name] += 1
            has_parts.add(tuple(path))
            path.append(name)
            has_parts.update({tuple(path)} if element.keys() else ())
            counts.append(Counter())
        if number > _LOOKED_AT:
            break
    while counts:
        for name, count in counts.pop().items():
            most[*path, name] = max(most[*path, name], count)
        path.pop()
    repeated = [(len(place), -count, place[-1]) for place, count in most.items() if count > 1]
    if repeated:
        return min(repeated)[2]
    below = [place for place in most if len(place) == 2]
    return below[0][-1] if len(below) == 1 and below[0] in has_parts else root


def _events(sample: Sample) -> Iterator[tuple[str, Element]]:
    with sample.binary() as stream:
        try:
            yield from iterparse(stream, events=("start", "end"), forbid_dtd=True)
        except DefusedXmlException as exc:
            raise SampleError(f"{sample.path}: has a document type or entities, which are refused") from exc
        except (ParseError, LookupError, ValueError) as exc:
            raise SampleError(f"{sample.path}: is not well-formed XML") from exc


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _children(element: Element) -> dict[str, list[Element]]:
    found: dict[str, list[Element]] = {}
    for child in element:
        found.setdefault(_local(child.tag), []).append(child)
    return found


def _find_repeated(element: Element, path: Path, found: set[Path]) -> None:
    for name, children in _children(element).items():
        if len(children) > 1:
            found.add((*path, name))
        for child in children:
            _find_repeated(child, (*path, name), found)


def _members(element: Element, path: Path, repeated: frozenset[Path]) -> dict[str, Tree]:
    members: dict[str, Tree] = {
        f"@{_local(name)}": text for name, text in element.items() if not name.startswith(_SCHEMA_INSTANCE)
    }
    for name, children in _children(element).items():
        below = (*path, name)
        parts = [_part(child, below, repeated) for child in children]
        members[name] = parts if below in repeated else parts[0]
    own = _own_text(element)
    if own is not None and own.strip():
        members[TEXT_OF_ELEMENT] = own
    return members


def _part(element: Element, path: Path, repeated: frozenset[Path]) -> Tree:
    is_nil = element.get(f"{_SCHEMA_INSTANCE}nil") in ("true", "1")
    if len(element) or any(not name.startswith(_SCHEMA_INSTANCE) for name in element.keys()):  # noqa: SIM118
        return _members(element, path, repeated)
    return None if is_nil else element.text or ""


def _own_text(element: Element) -> str | None:
    parts = [element.text or "", *(child.tail or "" for child in element)]
    return "".join(part for part in parts if part.strip()) if len(element) else parts[0]
