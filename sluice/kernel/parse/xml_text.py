"""XML: each element of one name is a record. Document types, entities and outside references are refused."""

from collections.abc import Callable, Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from sluice.contract import XmlSource
from sluice.contract.shape import TEXT_OF_ELEMENT, Group, Items, Node
from sluice.kernel.parse.content import open_binary, unpacking
from sluice.kernel.parse.parsed import BrokenFileError, MalformedRecordError, Parsed, broken_file

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
Extract = Callable[[Element], Any]


class XmlRecords:
    """Reads XML by a contract's shape. Names are local: namespaces and their prefixes do not matter."""

    def __init__(self, source: XmlSource, shape: Group) -> None:
        self._source = source
        self._shape = shape
        self._extract = _group(shape, "")

    def __reduce__(self) -> tuple[type["XmlRecords"], tuple[XmlSource, Group]]:
        """Sent to Spark's workers as what it was made of."""
        return XmlRecords, (self._source, self._shape)

    def file(self, content: bytes) -> Iterator[Parsed]:
        """The records of a whole file.

        An element of the row's name inside another belongs to the outer one.

        Args:
            content: The file's bytes, compressed as the contract says.
        """
        try:
            with unpacking(self._source.compression):
                yield from self._rows(content)
        except BrokenFileError as exc:
            yield broken_file(exc)
        except DefusedXmlException:
            yield broken_file(BrokenFileError("has a document type or entities, which are refused"))
        except (ParseError, LookupError, ValueError):
            yield broken_file(BrokenFileError("is not well-formed XML"))

    def _rows(self, content: bytes) -> Iterator[Parsed]:
        parents: list[Element] = []
        row: Element | None = None
        stream = open_binary(content, self._source.compression)
        for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                parents.append(element)
                if row is None and _local(element.tag) == self._source.row_tag:
                    row = element
                continue
            parents.pop()
            if row is not None and element is row:
                element.tail = None
                yield self._record(element)
                row = None
            if row is None and parents:
                parents[-1].remove(element)

    def _record(self, element: Element) -> Parsed:
        raw_text = tostring(element, encoding="unicode")
        try:
            return Parsed(self._extract(element), raw_text)
        except MalformedRecordError as exc:
            return Parsed(None, raw_text, str(exc))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _of(node: Node, path: str) -> Extract:
    return _group(node, path) if isinstance(node, Group) else _leaf(path)


def _leaf(path: str) -> Extract:
    def take(element: Element) -> str | None:
        if len(element):
            raise MalformedRecordError(f"record: {path} has elements instead of a text")
        return None if _is_nil(element) else element.text or ""

    return take


def _group(node: Group, path: str) -> Extract:
    members = [_member(name, child, f"{path}.{name}" if path else name) for name, child in node.members.items()]

    def take(element: Element) -> tuple[Any, ...]:
        attributes = {f"@{_local(name)}": text for name, text in element.items()}
        children: dict[str, list[Element]] = {}
        for child in element:
            children.setdefault(_local(child.tag), []).append(child)
        return tuple([member(element, attributes, children) for member in members])

    return take


Member = Callable[[Element, dict[str, str], dict[str, list[Element]]], Any]


def _member(name: str, node: Node, path: str) -> Member:
    """How a group finds one of its members in an element."""
    if name == TEXT_OF_ELEMENT:
        return lambda element, _, __: None if _is_nil(element) else _own_text(element)
    if name.startswith("@"):
        return lambda _, attributes, __: attributes.get(name)
    if isinstance(node, Items):
        extract_item = _group(node.element, path)
        return lambda _, __, children: [extract_item(child) for child in children.get(name, ())]
    extract = _of(node, path)

    def only_child(_: Element, __: dict[str, str], children: dict[str, list[Element]]) -> object:
        found = children.get(name, ())
        if len(found) > 1:
            raise MalformedRecordError(f"record: {path} is repeated")
        return extract(found[0]) if found else None

    return only_child


def _own_text(element: Element) -> str:
    """The element's text without that of its children; white space between children is none."""
    parts = [element.text or "", *(child.tail or "" for child in element)]
    return "".join(part for part in parts if part.strip()) if len(element) else parts[0]


def _is_nil(element: Element) -> bool:
    return element.get(_NIL) in ("true", "1")
