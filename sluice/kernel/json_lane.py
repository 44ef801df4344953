r"""The vector lane of JSON lines: lines that repeat the form of an earlier one are read by Arrow.

Programs write the keys of their objects in one order. The form of a line, made a regular expression, proves of others
that they are well-formed, have the same keys and so none of them twice, hold no escape, and have in each place a text,
or a number that Arrow reads to the last digit. A file may mix a few forms. Lines of any other form are read one by one.
"""

import io
import json
import logging
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, BinaryIO, cast

import pyarrow as pa
from pyarrow import json as arrow_json

from sluice.contract import Contract, JsonSource
from sluice.contract.shape import Group, Leaf, Node, Path, Shape, has_json
from sluice.kernel.arrow import ARROW_REFUSES, Array, pc
from sluice.kernel.chunk import Proven
from sluice.kernel.columns import ColumnProver, TableProver, both
from sluice.kernel.lines import Lines, ends_lines_with_line_feeds
from sluice.kernel.parse.content import RawBytes, file_records, open_binary
from sluice.kernel.parse.parsed import FileNotes, Parsed
from sluice.kernel.parse.reader import json_records
from sluice.kernel.splits import is_utf_8
from sluice.kernel.transposed import Transposer

_logger = logging.getLogger(__name__)

MAX_FORMS = 4
"""How many forms of lines are learned of one file."""

FEWEST = 30
"""Fewer lines are quicker one by one."""

MAX_KEYS = 500
"""A regular expression for more is no quicker than our own reader."""

MAX_PLAIN_BYTES = 1 << 20
"""A longer line has no form."""

_INSIDE = r"[^\"\\\x00-\x1f\x{fffd}]*"
_TEXT = f'"{_INSIDE}"'
_ANY_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_ANYTHING = f"(?:{_TEXT}|{_ANY_NUMBER}|true|false|null)"


class _NoFormError(ValueError):
    """Lines like this one are not read in columns."""


def can_prove(source: JsonSource, shape: Shape) -> bool:
    """Whether the vector lane knows files of this kind."""
    is_plain = not shape.items and not has_json(shape.record)
    return source.records == "lines" and source.match == "exact" and is_utf_8(source.encoding) and is_plain


@dataclass(slots=True)
class _Form:
    """The form of a line.

    Attributes:
        expression: Matches lines that have it.
        schema: What Arrow reads of them.
        literals: Places that hold numbers or booleans.
    """

    expression: str
    schema: pa.Schema
    literals: frozenset[Path]


class JsonLane:
    """Reads JSON lines of one contract, in columns where it can."""

    def __init__(self, contract: Contract, shape: Shape, transposer: Transposer) -> None:
        """Read by a contract for which `can_prove` holds; lines of other forms go to the transposer."""
        self._transposer = transposer
        source = contract.source
        self._compression = source.compression if isinstance(source, JsonSource) else "none"
        self._records = json_records(contract, shape)
        self._shape = shape.record
        self._tables: list[tuple[TableProver, list[Path]]] = []
        self._readers: dict[Path, list[ColumnProver]] = {}
        for table in contract.tables:
            prover = TableProver.of(contract, table)
            paths = [shape.place(table, column).path for column in table.columns]
            self._tables.append((prover, paths))
            for path, column in zip(paths, prover.columns, strict=True):
                self._readers.setdefault(path, []).append(column)

    def file(self, stream: BinaryIO, notes: FileNotes | None = None) -> Iterator[Proven | Parsed]:
        """The records of a whole file, as those of `JsonRecords.file`."""

        def read(raw: RawBytes) -> Iterator[Proven | Parsed]:
            content = cast("io.BufferedReader", open_binary(raw, self._compression))
            if not ends_lines_with_line_feeds(content):
                yield from self._records.unpacked(content, notes)
                return
            self._records.begin()
            forms: list[_Form] = []
            lines = Lines(content)
            while (block := lines.block()) is not None:
                yield from self._block(block, forms)
            self._records.conclude(notes)

        return file_records(read, stream, self._compression, may_be_empty=True)

    def _block(self, block: bytes, forms: list[_Form]) -> Iterator[Proven | Parsed]:
        if not block.isascii():
            block = block.decode("utf-8", "replace").encode()
        if forms and block.endswith(b"\n") and _have_all(block, forms[0]):
            proven, odd = self._formed(block, forms[0])
            yield from proven
            yield from (parsed for _, parsed in odd)
            return
        texts = block.removesuffix(b"\n").split(b"\n")
        found: list[tuple[int, Parsed]] = []
        formless: list[tuple[int, Parsed]] = []
        for form, numbers in self._by_form(texts, forms, formless):
            proven, odd = self._formed(b"".join([texts[number] + b"\n" for number in numbers]), form)
            yield from proven
            found += [(numbers[row], parsed) for row, parsed in odd]
        others, rest = self._transposer.proven([parsed for _, parsed in formless])
        if others is not None:
            yield others
        numbers_of = {id(parsed): number for number, parsed in formless}
        found += [(numbers_of[id(parsed)], parsed) for parsed in rest]
        yield from (parsed for _, parsed in sorted(found, key=itemgetter(0)))

    def _by_form(
        self, texts: Sequence[bytes], forms: list[_Form], formless: list[tuple[int, Parsed]]
    ) -> Iterator[tuple[_Form, list[int]]]:
        """The lines of each form, by their numbers; the others are read and put aside."""
        array = pa.array(texts, pa.string())
        rest: Array = pa.array(range(len(texts)), pa.int64())
        known = 0
        while len(rest) >= FEWEST:
            if known == len(forms) and not self._learn(texts, rest, forms):
                break
            form = forms[known]
            known += 1
            lines = array.take(rest)
            has_form = pc.match_substring_regex(lines, rf"\A{form.expression}\z")
            has_form = pc.and_(has_form, pc.less_equal(pc.binary_length(lines), MAX_PLAIN_BYTES))
            numbers = rest.filter(has_form).to_pylist()
            rest = rest.filter(pc.invert(has_form))
            if numbers:
                yield form, numbers
        for number in rest.to_pylist():
            text = texts[number].decode()
            if text and not text.isspace():
                formless.append((number, self._records.line(text.rstrip("\r\n"))))

    def _learn(self, texts: Sequence[bytes], rest: Array, forms: list[_Form]) -> bool:
        """Learn the form of one of the first lines that have none yet; whether there is a new one."""
        if len(forms) == MAX_FORMS:
            return False
        for number in rest[:3].to_pylist():
            text = texts[number].decode()
            parsed = None if not text or text.isspace() else self._records.line(text.rstrip("\r\n"))
            if parsed is not None and parsed.error is None:
                try:
                    forms.append(self._form(text))
                except _NoFormError:
                    continue
                return True
        return False

    def _formed(self, block: bytes, form: _Form) -> tuple[list[Proven], list[tuple[int, Parsed]]]:
        """Records of lines that have a form: those that are proven in columns, and the others with their numbers."""
        try:
            proven, rows = self._proven(block, form)
        except ARROW_REFUSES:
            _logger.exception("lines that were proven are read one by one")
            proven, rows = [], list(range(block.count(b"\n")))
        if not rows:
            return proven, []
        lines = block.removesuffix(b"\n").split(b"\n")
        return proven, [(row, self._records.line(lines[row].decode().rstrip("\r\n"))) for row in rows]

    def _proven(self, block: bytes, form: _Form) -> tuple[list[Proven], list[int]]:
        """What is proven of lines that have a form, and the numbers of the others."""
        values = _read(block, form.schema)
        columns: list[list[Array]] = []
        mask = None
        for prover, paths in self._tables:
            of_table = []
            for column, path in zip(prover.columns, paths, strict=True):
                found = _at(values, path)
                if found is None:
                    found = pa.nulls(values.num_rows, pa.string())
                array, proven = column.prove_literals(found) if path in form.literals else column.prove(found)
                of_table.append(array)
                mask = both(mask, proven)
            columns.append(of_table)
        if mask is None:
            return [Proven(values.num_rows, columns)], []
        columns = [[column.filter(mask) for column in of_table] for of_table in columns]
        return [Proven(len(columns[0][0]), columns)], pc.indices_nonzero(pc.invert(mask)).to_pylist()

    def _form(self, text: str) -> _Form:
        """The form of a line.

        Raises:
            _NoFormError: It has none.
        """
        pairs = json.loads(text, object_pairs_hook=_Pairs)
        if not isinstance(pairs, _Pairs) or text.count('":') > MAX_KEYS:
            raise _NoFormError
        literals: set[Path] = set()
        space = " ?" if '": ' in text or '", "' in text else ""
        expression, fields = self._object(pairs, self._shape, (), space, literals)
        return _Form(expression + r"\r?", pa.schema(fields), frozenset(literals))

    def _object(
        self, pairs: "_Pairs", shape: Group, path: Path, space: str, literals: set[Path]
    ) -> tuple[str, list[Any]]:
        parts, fields = [], []
        for key, value in pairs:
            node = shape.members.get(key)
            below = (*path, key)
            if node is None:
                expression = _ignored(value)
            elif isinstance(node, Group):
                if not isinstance(value, _Pairs):
                    raise _NoFormError
                expression, members = self._object(value, node, below, space, literals)
                fields.append(pa.field(key, pa.struct(members)))
            else:
                expression, kind = self._leaf(node, value, below, literals)
                fields.append(pa.field(key, cast("Any", kind)))
            parts.append(f'"{_escaped(key)}":{space}{expression}')
        return r"\{" + f",{space}".join(parts) + r"\}", fields

    def _leaf(self, node: Node, value: object, path: Path, literals: set[Path]) -> tuple[str, pa.DataType]:
        if not isinstance(node, Leaf) or isinstance(value, _Pairs | list):
            raise _NoFormError
        readers = self._readers[path]
        literal = readers[0].literal
        if isinstance(value, str) or (value is None and literal is None):
            return f"(?:{_TEXT}|null)", pa.string()
        if literal is None or any(reader.literal != literal for reader in readers):
            raise _NoFormError
        if value is not None and isinstance(value, bool) != (literal.kind == pa.bool_()):
            raise _NoFormError
        literals.add(path)
        return f"(?:{literal.pattern}|null)", literal.kind


class _Pairs(list[tuple[str, Any]]):
    """An object as its members in order."""


def _ignored(value: object) -> str:
    if isinstance(value, _Pairs | list):
        raise _NoFormError
    return _ANYTHING


def _escaped(key: str) -> str:
    """A key as part of a regular expression of RE2's.

    Raises:
        _NoFormError: The key is not written as it is.
    """
    if any(character in '"\\\ufffd' or character < " " for character in key):
        raise _NoFormError
    return "".join(character if character.isalnum() else f"\\x{{{ord(character):x}}}" for character in key)


def _have_all(block: bytes, form: _Form) -> bool:
    """Whether all lines of a block have a form."""
    whole = pa.StringArray.from_buffers(1, pa.py_buffer(struct.pack("<ii", 0, len(block))), pa.py_buffer(block))
    return bool(pc.match_substring_regex(whole, rf"\A(?:{form.expression}\n)*\z")[0].as_py())


def _read(block: bytes, schema: pa.Schema) -> pa.Table:
    if not len(schema):
        return pa.table({"": pa.nulls(block.count(b"\n"))})
    return arrow_json.read_json(
        cast("BinaryIO", pa.BufferReader(block)),
        read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
        parse_options=arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    ).combine_chunks()


def _at(values: pa.Table, path: Path) -> Array | None:
    """The column at a path; None when the form has none there."""
    found: Any = values[path[0]] if path[0] in values.column_names else None
    for name in path[1:]:
        if found is None or found.type.get_field_index(name) < 0:
            return None
        found = pc.struct_field(found, [name])
    return found
