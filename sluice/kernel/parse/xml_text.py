"""XML: each element of one name is a record. Document types, entities and outside references are refused."""

import io
from collections.abc import Callable, Collection, Iterator
from typing import Any, BinaryIO, Final, cast
from xml.etree.ElementTree import Element, ParseError, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from sluice.contract import XmlSource
from sluice.contract.shape import TEXT_OF_ELEMENT, Group, Items, Leaf, Node, Path
from sluice.kernel.parse.content import MAX_RECORD_CHARACTERS, RawBytes, file_records, open_binary
from sluice.kernel.parse.parsed import BrokenFileError, FileNotes, MalformedRecordError, Parsed, nearest, shown
from sluice.kernel.parse.presence import Presence
from sluice.kernel.parse.values import spelt

MAX_DEPTH: Final = 200
"""Elements inside each other within a record. What is nested deeper is written by no source, and Python's own functions
on trees end at a thousand."""

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_XML_NAMESPACE = "{http://www.w3.org/XML/1998/namespace}"
_MOST_NAMES = 200
Extract = Callable[[Element], Any]


class XmlRecords:
    """Reads XML by a contract's shape. Names are local: namespaces and their prefixes do not matter."""

    def __init__(
        self, source: XmlSource, shape: Group, needed: Collection[Path] = (), *, allow_empty: bool = False
    ) -> None:
        """Read by a shape.

        Args:
            source: The contract's source.
            shape: What to take of each record.
            needed: Places that a file with records must have.
            allow_empty: Whether a file may have no record.
        """
        self._source, self._shape, self._needed = source, shape, frozenset(needed)
        self._allow_empty = allow_empty
        self._ignores_case = source.match == "ignore_case"
        self._extract = _group(shape, "", ignores_case=self._ignores_case)

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to other processes as what it was made of."""
        return _again, (self._source, self._shape, self._needed, self._allow_empty)

    def file(self, stream: BinaryIO, notes: FileNotes | None = None) -> Iterator[Parsed]:
        """The records of a whole file; the last one may be the news that the file is refused.

        An element of the row's name inside another belongs to the outer one.

        Args:
            stream: The file's bytes from its beginning, compressed as the contract says.
            notes: Where to put what else is learned of the file.
        """
        return file_records(lambda raw: self._read(raw, notes), stream, self._source.compression, may_be_empty=False)

    def _read(self, raw: RawBytes, notes: FileNotes | None) -> Iterator[Parsed]:
        presence = Presence(self._shape)
        try:
            yield from self._rows(_Bounded(open_binary(raw, self._source.compression)), presence)
        except DefusedXmlException:
            raise BrokenFileError("has a document type or entities, which are refused") from None
        except BrokenFileError:
            raise
        except ParseError as exc:
            raise BrokenFileError("is not well-formed XML") from exc
        except (LookupError, ValueError) as exc:
            raise BrokenFileError(
                "is in an encoding that cannot be read; XML is read in UTF-8, UTF-16 and encodings of one byte"
            ) from exc
        presence.conclude(self._needed, notes, "element")

    def _rows(self, stream: "_Bounded", presence: Presence) -> Iterator[Parsed]:
        parents: list[Element] = []
        names: dict[str, None] = {}
        row: Element | None = None
        depth = deepest = rows = 0
        for event, element in iterparse(cast("BinaryIO", stream), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                parents.append(element)
                depth += 1
                deepest = max(deepest, depth)
                if row is None:
                    stream.mark()
                    if self._is_row(element):
                        row, depth, deepest = element, 0, 0
                    elif not rows and len(names) < _MOST_NAMES:
                        names[_local(element.tag)] = None
                continue
            parents.pop()
            depth -= 1
            if row is not None and element is row:
                element.tail = None
                yield self._record(element, presence, deepest)
                rows += 1
                row = None
            if row is None:
                stream.mark()
                if parents:
                    parents[-1].remove(element)
        if not rows and not self._allow_empty:
            near = nearest(self._source.row_tag, names)
            told = "" if near is None else f"; nearest: {shown(near)}"
            raise BrokenFileError(f"has no element {self._source.row_tag}{told}")

    def _is_row(self, element: Element) -> bool:
        name, row_tag = _local(element.tag), self._source.row_tag
        return name == row_tag or (self._ignores_case and name.casefold() == row_tag.casefold())

    def _record(self, element: Element, presence: Presence, depth: int) -> Parsed:
        if depth > MAX_DEPTH:
            return Parsed(None, "", f"record: more than {MAX_DEPTH} elements inside each other")
        raw_text = tostring(element, encoding="unicode")
        try:
            if not presence.is_complete:
                presence.see(_tree(self._shape, element, ignores_case=self._ignores_case))
            return Parsed(self._extract(element), raw_text)
        except MalformedRecordError as exc:
            return Parsed(None, raw_text, str(exc))


def _again(source: XmlSource, shape: Group, needed: Collection[Path], allow_empty: bool) -> XmlRecords:
    return XmlRecords(source, shape, needed, allow_empty=allow_empty)


class _Bounded(io.RawIOBase):
    """A stream that ends in a refusal when too much of it is one record, or one text outside of records."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream, self._since_mark = stream, 0

    def mark(self) -> None:
        """Nothing of what was read is held any longer."""
        self._since_mark = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            BrokenFileError: Too many were read since the last mark.
        """
        found = self._stream.read(size)
        self._since_mark += len(found)
        if self._since_mark > MAX_RECORD_CHARACTERS:
            raise BrokenFileError(
                f"has a record, or a text outside of records, of more than {MAX_RECORD_CHARACTERS} bytes"
            )
        return found


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _of(node: Node, path: str, *, ignores_case: bool) -> Extract:
    return _group(node, path, ignores_case=ignores_case) if isinstance(node, Group) else _leaf(path)


def _leaf(path: str) -> Extract:
    def take(element: Element) -> str | None:
        if len(element):
            raise MalformedRecordError(f"record: {path} has elements instead of a text")
        return None if _is_nil(element) else element.text or ""

    return take


def _group(node: Group, path: str, *, ignores_case: bool) -> Extract:
    members = [
        _member(name, child, f"{path}.{name}" if path else name, ignores_case=ignores_case)
        for name, child in node.members.items()
    ]
    names = tuple(node.members) if ignores_case else ()

    def take(element: Element) -> tuple[Any, ...]:
        attributes, children = spelt(_attributes(element), names), spelt(_children(element), names)
        return tuple([member(element, attributes, children) for member in members])

    return take


Attributes = dict[str, list[str]]
Children = dict[str, list[Element]]
Member = Callable[[Element, Attributes, Children], Any]


def _attributes(element: Element) -> Attributes:
    """Values by local name, with ``@`` before it. An attribute without a prefix is the one of that name.

    Attributes of XML itself (``xml:lang``, ``xml:id``) mean something else than those of their local names.
    Source: https://www.w3.org/TR/xml-names/#defaulting: an attribute without a prefix is in no namespace.
    """
    found: Attributes = {}
    for name, text in element.items():
        if name.startswith("{") and not name.startswith(_XML_NAMESPACE):
            found.setdefault(f"@{_local(name)}", []).append(text)
    for name, text in element.items():
        if not name.startswith("{"):
            found[f"@{name}"] = [text]
    return found


def _children(element: Element) -> Children:
    found: Children = {}
    for child in element:
        found.setdefault(_local(child.tag), []).append(child)
    return found


def _member(name: str, node: Node, path: str, *, ignores_case: bool) -> Member:
    """How a group finds one of its members in an element."""
    if name == TEXT_OF_ELEMENT:
        return lambda element, _, __: None if _is_nil(element) else _own_text(element)
    if isinstance(node, Items):
        extract_item = _group(node.element, path, ignores_case=ignores_case)
        return lambda _, __, children: [extract_item(child) for child in children.get(name, ())]
    extract = _of(node, path, ignores_case=ignores_case)

    def only_attribute(_: Element, attributes: Attributes, __: Children) -> object:
        return _only(attributes.get(name, []), path)

    def only_child(_: Element, __: Attributes, children: Children) -> object:
        child = _only(children.get(name, []), path)
        return None if child is None else extract(child)

    return only_attribute if name.startswith("@") else only_child


def _only(found: list[Any], path: str) -> Any:  # noqa: ANN401 - a text or an element
    if len(found) > 1:
        raise MalformedRecordError(f"record: {path} is repeated")
    return found[0] if found else None


def _tree(node: Group, element: Element, *, ignores_case: bool) -> dict[str, Any]:
    """What an element has, as far as a shape asks for it; other names stand for themselves."""
    names = tuple(node.members) if ignores_case else ()
    children = spelt(_children(element), names)
    found: dict[str, Any] = {TEXT_OF_ELEMENT: "", **spelt(_attributes(element), names), **children}
    for name, child in node.members.items():
        if isinstance(child, Leaf) or name not in children:
            continue
        inner = child.element if isinstance(child, Items) else child
        trees = [_tree(inner, each, ignores_case=ignores_case) for each in children[name]]
        found[name] = trees if isinstance(child, Items) else trees[0]
    return found


def _own_text(element: Element) -> str:
    """The element's text without that of its children; white space between children is none."""
    parts = [element.text or "", *(child.tail or "" for child in element)]
    return "".join(part for part in parts if part.strip()) if len(element) else parts[0]


def _is_nil(element: Element) -> bool:
    return element.get(_NIL) in ("true", "1")
