"""XML as crawlers see it. AWS documents no rule for what is a row, so this one is ours.

A row is the element that is repeated nearest to the root; where none is, the root's only child, or the root itself.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from localcloud.glue.crawls.kinds import NULL, Array, Kind, Struct, merged, widest
from localcloud.glue.crawls.text_values import kind_of_text

_ROWS: Final = 1000
_SCHEMA_INSTANCE: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_OWN_TEXT: Final = "#text"
"""Column of the text of an element that has attributes or children, too."""

_Path = tuple[str, ...]


def read_xml(content: bytes) -> tuple[dict[str, Kind], str] | None:
    """Give the columns of a document and its row tag; None when it is not XML.

    Attributes are columns of their name.

    Args:
        content: the whole document, unpacked.
    """
    try:
        return _read(fromstring(content, forbid_dtd=True))
    except (DefusedXmlException, ParseError, LookupError, ValueError, RecursionError):
        return None


def _read(root: Element) -> tuple[dict[str, Kind], str]:
    row_tag = _row_tag(root)
    rows = list(islice(_rows(root, row_tag), _ROWS))
    repeated = {path for row in rows for path in _repeated(row, ())}
    return merged(_columns(row, (), repeated) for row in rows), row_tag


def _row_tag(root: Element) -> str:
    most: Counter[_Path] = Counter()
    waiting: list[tuple[_Path, Element]] = [((_local(root),), root)]
    while waiting:
        path, element = waiting.pop()
        for name, count in Counter(_local(child) for child in element).items():
            most[*path, name] = max(most[*path, name], count)
        waiting.extend(((*path, _local(child)), child) for child in element)
    repeated = [(len(path), -count, path[-1]) for path, count in most.items() if count > 1]
    if repeated:
        return min(repeated)[2]
    children = list(root)
    is_envelope = len(children) == 1 and (len(children[0]) or children[0].attrib)
    return _local(children[0] if is_envelope else root)


def _rows(element: Element, row_tag: str) -> Iterator[Element]:
    """The rows in a document; one inside another belongs to the outer one."""
    if _local(element) == row_tag:
        yield element
        return
    for child in element:
        yield from _rows(child, row_tag)


def _repeated(element: Element, path: _Path) -> Iterator[_Path]:
    """Paths in a row under which an element stands more than once."""
    counts = Counter(_local(child) for child in element)
    for child in element:
        below = (*path, _local(child))
        if counts[below[-1]] > 1:
            yield below
        yield from _repeated(child, below)


def _columns(element: Element, path: _Path, repeated: set[_Path]) -> dict[str, Kind]:
    found: dict[str, Kind] = {_local_name(name).lower(): kind_of_text(text) for name, text in _attributes(element)}
    children: dict[str, list[Element]] = {}
    for child in element:
        children.setdefault(_local(child), []).append(child)
    for name, group in children.items():
        below = (*path, name)
        kind: Kind = NULL
        for child in group:
            kind = widest(kind, _kind(child, below, repeated))
        found[name.lower()] = Array(kind) if below in repeated else kind
    text = "".join([element.text or "", *(child.tail or "" for child in element)])
    if text.strip():
        found[_OWN_TEXT] = kind_of_text(text)
    return found


def _kind(element: Element, path: _Path, repeated: set[_Path]) -> Kind:
    if len(element) or _attributes(element):
        return Struct(tuple(_columns(element, path, repeated).items()))
    is_nil = element.get(f"{_SCHEMA_INSTANCE}nil") in ("true", "1")
    return NULL if is_nil else kind_of_text(element.text or "")


def _attributes(element: Element) -> list[tuple[str, str]]:
    return [(name, text) for name, text in element.items() if not name.startswith(_SCHEMA_INSTANCE)]


def _local(element: Element) -> str:
    return _local_name(element.tag)


def _local_name(name: str) -> str:
    return name.rpartition("}")[2]
