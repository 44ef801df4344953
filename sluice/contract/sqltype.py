"""The column types of a contract: Redshift's names, and what each is called by Spark and by the Data Catalog.

Source: Redshift's data types (https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html); the catalog
speaks Hive's names.
"""

import re
from dataclasses import dataclass

_ALIASES = {
    "smallint": "smallint",
    "int2": "smallint",
    "integer": "integer",
    "int": "integer",
    "int4": "integer",
    "bigint": "bigint",
    "int8": "bigint",
    "decimal": "decimal",
    "numeric": "decimal",
    "real": "real",
    "float4": "real",
    "double precision": "double precision",
    "double": "double precision",
    "float8": "double precision",
    "float": "double precision",
    "boolean": "boolean",
    "bool": "boolean",
    "char": "char",
    "character": "char",
    "varchar": "varchar",
    "character varying": "varchar",
    "date": "date",
    "timestamp": "timestamp",
}
_CATALOG = {"integer": "int", "real": "float", "double precision": "double"}
_FORM = re.compile(r"\s*([a-z][a-z0-9 ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*")

MAX_DECIMAL_PRECISION = 38
MAX_CHAR_BYTES = 4096
MAX_VARCHAR_BYTES = 65535
INTEGER_BITS = {"smallint": 16, "integer": 32, "bigint": 64}


@dataclass(frozen=True, slots=True)
class SqlType:
    """One column type.

    Attributes:
        name: Canonical Redshift name without its arguments, such as ``decimal``.
        precision: Digits in all, for decimals.
        scale: Digits after the point, for decimals.
        length: Largest length in UTF-8 bytes, for ``char`` and ``varchar``.
    """

    name: str
    precision: int | None = None
    scale: int | None = None
    length: int | None = None

    @classmethod
    def parse(cls, text: str) -> "SqlType":
        """Read a type as a contract writes it.

        Args:
            text: For example ``varchar(20)``, ``decimal(12,2)`` or ``double precision``; case does not matter.

        Raises:
            ValueError: The text names no known type, or its arguments are out of Redshift's range.
        """
        match = _FORM.fullmatch(text.lower())
        name = _ALIASES.get(re.sub(r"\s+", " ", match[1])) if match else None
        if match is None or name is None:
            known = ", ".join(sorted(set(_ALIASES.values())))
            raise ValueError(f"unknown type {text!r} (known: {known})")
        arguments = tuple(int(part) for part in match.groups()[1:] if part is not None)
        return cls._with_arguments(name, arguments, text)

    @classmethod
    def _with_arguments(cls, name: str, arguments: tuple[int, ...], text: str) -> "SqlType":
        if name == "decimal":
            precision, scale = (*arguments, *(18, 0)[len(arguments) :])
            if not (1 <= precision <= MAX_DECIMAL_PRECISION and 0 <= scale <= precision):
                raise ValueError(
                    f"{text!r}: a decimal has 1 to {MAX_DECIMAL_PRECISION} digits, at most all of them after the point"
                )
            return cls(name, precision=precision, scale=scale)
        if name in ("char", "varchar"):
            largest, default = (MAX_CHAR_BYTES, 1) if name == "char" else (MAX_VARCHAR_BYTES, 256)
            length = arguments[0] if arguments else default
            if len(arguments) > 1 or not 1 <= length <= largest:
                raise ValueError(f"{text!r}: {name} takes a length of 1 to {largest} bytes")
            return cls(name, length=length)
        if arguments:
            raise ValueError(f"{text!r}: {name} takes no arguments")
        return cls(name)

    @property
    def is_text(self) -> bool:
        """Whether values are character strings."""
        return self.name in ("char", "varchar")

    @property
    def is_integer(self) -> bool:
        """Whether values are whole numbers of a fixed width."""
        return self.name in INTEGER_BITS

    @property
    def is_temporal(self) -> bool:
        """Whether values are dates or timestamps, so that a ``format`` applies."""
        return self.name in ("date", "timestamp")

    def widens(self, other: "SqlType") -> bool:
        """Whether a column of the other type can become one of this type, which holds all its values and more.

        A longer ``varchar``, and a ``decimal`` with no digit less on either side of the point.
        """
        if self == other or self.name != other.name:
            return False
        if self.name == "varchar":
            return (self.length or 0) > (other.length or 0)
        if self.name != "decimal":
            return False
        mine, theirs = (self.precision or 0, self.scale or 0), (other.precision or 0, other.scale or 0)
        return mine[1] >= theirs[1] and mine[0] - mine[1] >= theirs[0] - theirs[1]

    @property
    def redshift(self) -> str:
        """The type in Redshift's DDL."""
        return f"{self.name}{self._arguments()}"

    @property
    def catalog(self) -> str:
        """The type in a Data Catalog column (Hive's names)."""
        return f"{_CATALOG.get(self.name, self.name)}{self._arguments()}"

    def __str__(self) -> str:
        return self.redshift

    def _arguments(self) -> str:
        if self.precision is not None:
            return f"({self.precision},{self.scale})"
        return "" if self.length is None else f"({self.length})"
