"""The vector lane: whole columns of texts proven and cast by Arrow.

A text is *proven* when it is beyond doubt what the row lane would make of it: it has a form that Arrow casts to the
same value, and the value passes every check. Whatever is not proven goes, with its whole record, through the row lane;
so a proof may be as narrow as it likes, and must never be too wide. Arrow's own casts are wider than ours (``0x10`` is
an integer to them), which is why each is given only texts that a regular expression has let pass.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pyarrow as pa

from sluice.contract import Column, Contract, Table
from sluice.contract.sqltype import INTEGER_BITS
from sluice.kernel.arrow import MOMENT, Array, arrow_type, pc
from sluice.kernel.casts import FALSE, TRUE, Cast, caster, in_zone, parquet_caster, reads_plainly
from sluice.kernel.checks import compiled, constant
from sluice.kernel.standard import WHITE_SPACE, default_text, nulls

_DAY = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])"
_LEAP = "(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ISO_DATE = rf"\A(?:[1-9][0-9]{{3}}-(?:{_DAY})|{_LEAP})\z"
_NAIVE = rf"\A(?:[1-9][0-9]{{3}}-(?:{_DAY})|{_LEAP})[T ]{_TIME}Z?\z"
_ZONED = rf"\A[1-8][0-9]{{3}}-(?:{_DAY})[T ]{_TIME}[+-](?:0[0-9]|1[0-7]):?[0-5][0-9]\z"
_DOUBLE = r"\A-?[0-9]{1,17}(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?\z"
_SINGLE = r"\A-?[0-9]{1,17}(?:\.[0-9]{1,17})?\z"

Proven = Array | None
"""Which values are proven; None when all are."""
Cast2 = Callable[[Array], tuple[Array, Proven]]


def both(one: Proven, other: Proven) -> Proven:
    """What is proven by two proofs."""
    if one is None or other is None:
        return other if one is None else one
    return pc.and_(one, other)


def _settled(mask: Array) -> Proven:
    """A mask without nulls; null stands for a value that is not there, against which nothing speaks."""
    if pc.all(mask).as_py() is not False:
        return None
    return pc.fill_null(mask, True)


def _only(texts: Array, proven: Proven) -> Array:
    return texts if proven is None else pc.if_else(proven, texts, pa.scalar(None, texts.type))


def _matching(texts: Array, pattern: str) -> Proven:
    return _settled(pc.match_substring_regex(texts, pattern))


class ColumnProver:
    """Proves and casts the texts of one column."""

    def __init__(self, contract: Contract, table: Table, column: Column) -> None:
        self._column = column
        self._nulls = pa.array(sorted(nulls(contract, column)), pa.string())
        self._longest_null = max((len(text.encode()) for text in nulls(contract, column)), default=-1)
        self._default = default_text(column)
        self._is_needed = column.name in table.not_null
        self._cast = _cast_of(contract, in_zone(contract, column))
        self._checks = _checks(column)
        self.literal = _literal(contract, column)

    def prove(self, texts: Array) -> tuple[Array, Proven]:
        """The values of texts, and which of them are proven; others have any value.

        Args:
            texts: An array of strings.
        """
        texts, proven = self._standardised(texts)
        if self._is_needed and texts.null_count:
            proven = both(proven, texts.is_valid())
        values, of_type = self._cast(texts)
        return values, self._checked(values, both(proven, of_type))

    def prove_literals(self, values: Array) -> tuple[Array, Proven]:
        """The values of numbers or booleans, read as `literal` says, and which of them are proven."""
        proven: Proven = None
        if self._default is not None and values.null_count:
            values = pc.fill_null(values, pa.scalar(caster(self._column)(self._default), values.type))
        if self._is_needed and values.null_count:
            proven = values.is_valid()
        if self._column.sql_type.is_integer:
            values, in_range = _narrowed(self._column, values)
            proven = both(proven, in_range)
        return values, self._checked(values, proven)

    def _checked(self, values: Array, proven: Proven) -> Proven:
        for check in self._checks:
            proven = both(proven, check(values))
        return proven

    def _standardised(self, texts: Array) -> tuple[Array, Proven]:
        proven: Proven = None
        if self._column.trim:
            texts = pc.utf8_trim(texts, characters=WHITE_SPACE)
        if len(self._nulls) and self._shortest(texts) <= self._longest_null:
            is_null = pc.is_in(texts, value_set=self._nulls)
            if pc.any(is_null).as_py():
                texts = pc.if_else(is_null, pa.scalar(None, pa.string()), texts)
        if self._column.case is not None:
            proven = _settled(pc.string_is_ascii(texts))
            texts = pc.ascii_upper(texts) if self._column.case == "upper" else pc.ascii_lower(texts)
        if self._default is not None and texts.null_count:
            texts = pc.fill_null(texts, self._default)
        return texts, proven

    def _shortest(self, texts: Array) -> int:
        shortest: int | None = pc.min(pc.binary_length(texts)).as_py()
        return self._longest_null + 1 if shortest is None else shortest


@dataclass(frozen=True, slots=True)
class Literal:
    """How a number or boolean that stands in JSON without quotes is read.

    Attributes:
        pattern: A regular expression for what is proven.
        kind: The type as which Arrow reads it.
    """

    pattern: str
    kind: pa.DataType


@dataclass(frozen=True, slots=True)
class TableProver:
    """Proves and casts the rows of one table."""

    columns: tuple[ColumnProver, ...]

    @classmethod
    def of(cls, contract: Contract, table: Table) -> "TableProver":
        """The prover of a table."""
        return cls(tuple(ColumnProver(contract, table, column) for column in table.columns))

    def prove(self, texts: Sequence[Array]) -> tuple[list[Array], Proven]:
        """The values of all columns, and which rows are proven."""
        found = [column.prove(array) for column, array in zip(self.columns, texts, strict=True)]
        return [values for values, _ in found], reduce(both, (proven for _, proven in found), None)


def _cast_of(contract: Contract, column: Column) -> Cast2:
    if contract.source.format == "parquet" and column.sql_type.is_temporal:
        return by_distinct(parquet_caster(column), arrow_type(column.sql_type))
    return _vector_cast(column)


def _vector_cast(column: Column) -> Cast2:
    sql_type = column.sql_type
    if sql_type.is_text:
        return _text(sql_type.length or 0, is_char=sql_type.name == "char")
    if not reads_plainly(column):
        return by_distinct(caster(column), arrow_type(sql_type))
    if sql_type.is_integer:
        return _integer(column)
    if sql_type.name == "boolean":
        return _boolean
    if sql_type.name == "timestamp":
        return _timestamp
    if sql_type.name == "date":
        return _by_form(_ISO_DATE, pa.date32())
    if sql_type.name == "decimal":
        return _decimal(column)
    return _by_form(_SINGLE if sql_type.name == "real" else _DOUBLE, arrow_type(sql_type))


def _by_form(pattern: str, kind: pa.DataType) -> Cast2:
    def cast(texts: Array) -> tuple[Array, Proven]:
        proven = _matching(texts, pattern)
        return pc.cast(_only(texts, proven), kind), proven

    return cast


def _text(length: int, *, is_char: bool) -> Cast2:
    def prove(texts: Array) -> tuple[Array, Proven]:
        longest = pc.max(pc.binary_length(texts)).as_py()
        proven = (
            None if longest is None or longest <= length else _settled(pc.less_equal(pc.binary_length(texts), length))
        )
        if is_char:
            proven = both(proven, _settled(pc.string_is_ascii(texts)))
        if _has_nul(texts):
            proven = both(proven, _settled(pc.invert(pc.match_substring(texts, "\0"))))
        return texts, proven

    return prove


def _has_nul(texts: Array) -> bool:
    """Whether a NUL stands anywhere in the memory of these texts; far quicker to tell than for each of them."""
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    memory = [chunk.buffers()[2] for chunk in chunks]
    return any(buffer is not None and b"\0" in buffer.to_pybytes() for buffer in memory)


def _integer(column: Column) -> Cast2:
    def cast(texts: Array) -> tuple[Array, Proven]:
        proven = _matching(texts, r"\A-?[0-9]{1,18}\z")
        values, in_range = _narrowed(column, pc.cast(_only(texts, proven), pa.int64()))
        return values, both(proven, in_range)

    return cast


def _narrowed(column: Column, wide: Array) -> tuple[Array, Proven]:
    """Integers of eight bytes as those of the column's type."""
    bits = INTEGER_BITS[column.sql_type.name]
    if bits == 64:
        return wide, None
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    in_range = _settled(pc.and_(pc.greater_equal(wide, least), pc.less_equal(wide, most)))
    return pc.cast(_only(wide, in_range), arrow_type(column.sql_type)), in_range


def _decimal(column: Column) -> Cast2:
    scale = column.sql_type.scale or 0
    whole = (column.sql_type.precision or 0) - scale
    before = f"[0-9]{{1,{whole}}}" if whole else "0"
    after = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    return _by_form(rf"\A-?{before}{after}\z", arrow_type(column.sql_type))


def _boolean(texts: Array) -> tuple[Array, Proven]:
    words = pa.array([*TRUE, *FALSE], pa.string())
    place = pc.index_in(pc.ascii_lower(texts), value_set=words)
    proven = _settled(pc.or_(place.is_valid(), texts.is_null()))
    return pc.less(place, len(TRUE)), proven


def _timestamp(texts: Array) -> tuple[Array, Proven]:
    naive = pc.match_substring_regex(texts, _NAIVE)
    if pc.all(naive).as_py() is not False:
        return _in_utc(texts), None
    zoned = pc.match_substring_regex(texts, _ZONED)
    nothing = pa.scalar(None, pa.string())
    with_offset = pc.cast(pc.if_else(zoned, texts, nothing), MOMENT)
    without = _in_utc(pc.if_else(naive, texts, nothing))
    return pc.coalesce(without, with_offset), _settled(pc.or_(naive, zoned))


def _in_utc(texts: Array) -> Array:
    return pc.cast(pc.cast(pc.utf8_rtrim(texts, characters="Z"), pa.timestamp("us")), MOMENT)


def by_distinct(cast: Cast, kind: pa.DataType) -> Cast2:
    """A cast of the row lane, done once for each different text."""

    def prove(texts: Array) -> tuple[Array, Proven]:
        distinct, index = _distinct(texts)
        values = pa.array([cast(text) for text in distinct], kind).take(index)
        return values, _settled(pc.or_(values.is_valid(), texts.is_null()))

    return prove


def _distinct(texts: Array) -> tuple[list[Any], Array]:
    """The different texts, and for each text which of them it is."""
    encoded = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    encoded = encoded.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices


def _checks(column: Column) -> list[Callable[[Array], Proven]]:
    sql_type = column.sql_type
    found: list[Callable[[Array], Proven]] = []
    if column.allowed:
        allowed = pa.array([constant(sql_type, item) for item in column.allowed], arrow_type(sql_type))
        found.append(lambda values: _settled(pc.or_(pc.is_in(values, value_set=allowed), values.is_null())))
    if column.pattern is not None:
        pattern = compiled(column.pattern)
        matches = by_distinct(lambda text: pattern.fullmatch(text) is not None or None, pa.bool_())
        found.append(lambda values: matches(values)[1])
    if column.min is not None:
        least = _bound(column, constant(sql_type, column.min))
        found.append(lambda values: _settled(pc.greater_equal(values, least)))
    if column.max is not None:
        most = _bound(column, constant(sql_type, column.max))
        found.append(lambda values: _settled(pc.less_equal(values, most)))
    return found


def _bound(column: Column, value: object) -> object:
    is_floating = isinstance(value, float)
    return pa.scalar(value, pa.float64() if is_floating else arrow_type(column.sql_type))


_WHOLE = "-?(?:0|[1-9][0-9]{{0,{}}})"
_NUMBER = re.compile(r"[-+0-9.]")


def _literal(contract: Contract, column: Column) -> Literal | None:
    """How JSON's numbers and booleans are read for a column; None where they are not, and only texts are."""
    sql_type, default = column.sql_type, default_text(column)
    if sql_type.is_text or sql_type.is_temporal or not reads_plainly(column):
        return None
    if default is not None and caster(column)(default) is None:
        return None
    null_texts = nulls(contract, column)
    if sql_type.name == "boolean":
        return None if null_texts & {"true", "false"} else Literal("true|false", pa.bool_())
    if any(_NUMBER.match(text) for text in null_texts):
        return None
    if sql_type.is_integer:
        return Literal(_WHOLE.format(17), pa.int64())
    kind = arrow_type(sql_type)
    if sql_type.name == "decimal":
        scale = sql_type.scale or 0
        whole = (sql_type.precision or 0) - scale
        before = _WHOLE.format(whole - 1) if whole else "-?0"
        return Literal(before + (rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""), kind)
    exponent = "" if sql_type.name == "real" else "(?:[eE][+-]?[0-9]{1,2})?"
    return Literal(_WHOLE.format(16) + r"(?:\.[0-9]{1,17})?" + exponent, kind)
