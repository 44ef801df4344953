"""Thrift's compact protocol, as far as it is needed to read a document whose meaning is known elsewhere.

Values become plain Python: numbers, bytes, lists, and a structure as its fields by number. Nothing that the document
says makes the reader keep more than `MAX_VALUES`, go deeper than `MAX_DEPTH`, or do more than the document is long.

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

import struct
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

Value: TypeAlias = "bool | int | float | bytes | list[Value] | Fields | None"
Fields: TypeAlias = "dict[int, Value]"

MAX_DEPTH: Final = 16
"""Structures and lists inside each other; Parquet's own need seven."""
MAX_VALUES: Final = 500_000
"""Values that one document may have beside those that are passed by; the schema of 1,600 columns has some 15,000."""

_STOP, _TRUE, _FALSE, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 9, 10, 11, 12
_LONG_LIST = 15
_LAST_BYTE = 0x80
_INT_BITS = 64


class CompactError(ValueError):
    """The bytes are no document of the protocol; the message says where."""


@dataclass(slots=True)
class CompactReader:
    """Reads values one after the other.

    Attributes:
        content: The document.
        place: The next byte to read.
    """

    content: bytes
    place: int = 0
    _kept: int = 0
    _is_keeping: bool = True

    def document(self, skipped: Collection[int] = ()) -> Fields:
        """The document's structure.

        Args:
            skipped: Numbers of fields of it that are passed by; their value is None.

        Raises:
            CompactError: There is no well-formed one.
        """
        return self._struct(MAX_DEPTH, skipped)

    def _struct(self, depth: int, skipped: Collection[int] = ()) -> Fields:
        self._check(depth)
        fields: Fields = {}
        number = 0
        while (header := self._byte()) != _STOP:
            delta, kind = header >> 4, header & 0x0F
            number = number + delta if delta else self._zigzag()
            if kind in (_TRUE, _FALSE):
                fields[number] = kind == _TRUE
            else:
                fields[number] = self._value(kind, depth - 1, is_kept=number not in skipped)
            if not self._is_keeping:
                fields.clear()
        return fields

    def _value(self, kind: int, depth: int, *, is_kept: bool = True) -> Value:
        """One value; of one that is not kept nothing stays, however much there is in it."""
        if not is_kept:
            self._is_keeping = False
            self._value(kind, depth)
            self._is_keeping = True
            return None
        self._kept += self._is_keeping
        if self._kept > MAX_VALUES:
            raise CompactError(f"byte {self.place}: more than {MAX_VALUES} values")
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _MAP:
            return self._map(depth)
        if kind == _STRUCT:
            return self._struct(depth)
        read = _PLAIN.get(kind)
        if read is None:
            raise CompactError(f"byte {self.place}: {kind} is not a type")
        return read(self)

    def _list(self, depth: int) -> list[Value]:
        self._check(depth)
        header = self._byte()
        kind, size = header & 0x0F, header >> 4
        if size == _LONG_LIST:
            size = self._varint()
        self._check_size(size)
        return self._collected(self._element(kind, depth - 1) for _ in range(size))

    def _map(self, depth: int) -> list[Value]:
        """Pairs one after the other; no field of Parquet's metadata is a map."""
        self._check(depth)
        size = self._varint()
        if size == 0:
            return []
        self._check_size(size)
        kinds = self._byte()
        pairs = ([self._element(kind, depth - 1) for kind in (kinds >> 4, kinds & 0x0F)] for _ in range(size))
        return self._collected(pairs)

    def _collected(self, values: Iterator[Value]) -> list[Value]:
        if self._is_keeping:
            return list(values)
        deque(values, maxlen=0)
        return []

    def _element(self, kind: int, depth: int) -> Value:
        # Outside of a structure a truth value has a byte of its own.
        return self._byte() == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, size: int) -> bytes:
        end = self.place + size
        if end > len(self.content):
            raise CompactError(
                f"byte {self.place}: {size} bytes were expected, {len(self.content) - self.place} follow"
            )
        found = self.content[self.place : end]
        self.place = end
        return found

    def _varint(self) -> int:
        number = 0
        for shift in range(0, _INT_BITS + 6, 7):
            byte = self._byte()
            number |= (byte & ~_LAST_BYTE) << shift
            if byte < _LAST_BYTE:
                return number
        raise CompactError(f"byte {self.place}: a number of more than {_INT_BITS} bits")

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _signed_byte(self) -> int:
        return int.from_bytes(self._bytes(1), signed=True)

    def _double(self) -> float:
        found: float = struct.unpack("<d", self._bytes(8))[0]
        return found

    def _binary(self) -> bytes:
        return self._bytes(self._varint())

    def _uuid(self) -> bytes:
        return self._bytes(16)

    def _check(self, depth: int) -> None:
        if depth <= 0:
            raise CompactError(f"byte {self.place}: nested deeper than {MAX_DEPTH}")

    def _check_size(self, size: int) -> None:
        # Every element takes a byte at least.
        if size > len(self.content) - self.place:
            raise CompactError(f"byte {self.place}: {size} elements cannot be in what follows")


_PLAIN: Final[Mapping[int, Callable[[CompactReader], Value]]] = {
    3: CompactReader._signed_byte,
    4: CompactReader._zigzag,
    5: CompactReader._zigzag,
    6: CompactReader._zigzag,
    7: CompactReader._double,
    8: CompactReader._binary,
    13: CompactReader._uuid,
}
