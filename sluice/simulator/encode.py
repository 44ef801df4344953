"""Records as text, in the formats of contracts."""

import bz2
import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from typing import Any, BinaryIO, Final, TextIO
from xml.sax.saxutils import escape

from sluice.contract import Contract, CsvSource, JsonSource, ParquetSource, XmlSource
from sluice.simulator.parquet import ParquetEncoder
from sluice.simulator.record import Node, Tree, find

_SUFFIX: Final = {"none": "", "gzip": ".gz", "bzip2": ".bz2"}
_ATTRIBUTE_ENTITIES: Final = {'"': "&quot;", "\n": "&#10;"}


def encoder(contract: Contract, *, is_typed: bool) -> "Encoder | ParquetEncoder":
    """What writes the files of a contract.

    Args:
        contract: The contract.
        is_typed: Whether the columns of Parquet have the contract's types, which hold no bad value.
    """
    if isinstance(contract.source, ParquetSource):
        return ParquetEncoder(contract, is_typed=is_typed)
    return Encoder(contract, contract.source)


class Encoder:
    """Writes the files of one contract in a format of texts.

    Args:
        contract: The contract.
        source: Its source.
    """

    def __init__(self, contract: Contract, source: CsvSource | JsonSource | XmlSource) -> None:
        self._source = source
        self._header = [column.path for column in contract.tables[0].columns]

    @property
    def suffix(self) -> str:
        """How names of the files end."""
        return f".{self._source.format}{_SUFFIX[self._source.compression]}"

    def record(self, written: Tree) -> str:
        """One record as text, without what separates it from the next."""
        if isinstance(self._source, CsvSource):
            return _csv_line(self._source, [_text(find(written, path)) for path in self._header])
        if isinstance(self._source, JsonSource):
            return json.dumps(written, ensure_ascii=False, default=_json_number)
        return _element(self._source.row_tag, written)

    def write(self, records: Iterable[str], stream: BinaryIO) -> None:
        """Write a whole file of records."""
        with self._text_stream(stream) as text:
            before, between, after = self._frame()
            text.write(before)
            for index, record in enumerate(records):
                text.write(between if index else "")
                text.write(record)
            text.write(after)

    def _frame(self) -> tuple[str, str, str]:
        if isinstance(self._source, CsvSource):
            return (f"{_csv_line(self._source, self._header)}\n" if self._source.header else ""), "\n", "\n"
        if isinstance(self._source, JsonSource):
            # The last line has no end on purpose: readers must take it all the same.
            return ("[", ",\n", "]\n") if self._source.records == "array" else ("", "\n", "")
        opening = '<?xml version="1.0" encoding="UTF-8"?>\n<!-- <export> -->\n<records>\n'
        return opening, "\n", "\n</records>\n"

    @contextmanager
    def _text_stream(self, stream: BinaryIO) -> Iterator[TextIO]:
        """Text over the byte stream, which stays open."""
        encoding = "UTF-8" if isinstance(self._source, XmlSource) else self._source.encoding
        with self._compressed(stream) as inner:
            text = io.TextIOWrapper(inner, encoding=encoding, newline="")
            yield text
            text.flush()
            text.detach()

    def _compressed(self, stream: BinaryIO) -> AbstractContextManager[Any]:
        if self._source.compression == "gzip":
            # Neither name nor time in the header: the same content gives the same bytes.
            return gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0)
        return bz2.BZ2File(stream, "wb") if self._source.compression == "bzip2" else nullcontext(stream)


def _csv_line(source: CsvSource, fields: list[str]) -> str:
    buffer = io.StringIO()
    doubled = source.escape == source.quote
    csv.writer(
        buffer,
        delimiter=source.delimiter,
        quotechar=source.quote,
        escapechar=None if doubled else source.escape,
        doublequote=doubled,
        # Fields with a character of the line's end are quoted; the end itself is not wanted here.
        lineterminator="\r\n",
    ).writerow(fields)
    return buffer.getvalue().removesuffix("\r\n")


def _text(node: Node) -> str:
    if isinstance(node, bool):
        return str(node).lower()
    return "" if node is None else str(node)


def _json_number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{value!r} has no form in JSON")


def _element(tag: str, tree: Mapping[str, Node]) -> str:
    attributes = "".join(
        f' {name[1:]}="{_attribute(_text(node))}"'
        for name, node in tree.items()
        if name.startswith("@") and node is not None
    )
    children = "".join(_child(name, node) for name, node in tree.items() if not name.startswith("@"))
    return f"<{tag}{attributes}>{children}</{tag}>" if children else f"<{tag}{attributes}/>"


def _attribute(text: str) -> str:
    """Escape only what must be: a bare ``>`` is allowed in an attribute, and trips readers that scan for it."""
    return escape(text, _ATTRIBUTE_ENTITIES).replace("&gt;", ">")


def _child(name: str, node: Node) -> str:
    if isinstance(node, dict):
        return _element(name, node)
    if isinstance(node, list):
        return "".join(_element(name, element) for element in node)
    text = _text(node)
    if "<" in text and "]]>" not in text:
        return f"<{name}><![CDATA[{text}]]></{name}>"
    return f"<{name}>{escape(text)}</{name}>" if text else f"<{name}/>"
