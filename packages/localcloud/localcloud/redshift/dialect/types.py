"""Column types: Redshift's names and limits, written as PostgreSQL reads them.

Source: https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
"""

from __future__ import annotations

from localcloud.redshift.dialect.differences import (
    DEFAULT_VARCHAR_BYTES,
    MAX_CHAR_BYTES,
    MAX_DECIMAL_DIGITS,
    MAX_VARCHAR_BYTES,
    MISSING_TYPES,
)
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.errors import NotInStandInError, SqlError

_PLAIN = {
    "smallint": "smallint",
    "int2": "smallint",
    "integer": "integer",
    "int": "integer",
    "int4": "integer",
    "bigint": "bigint",
    "int8": "bigint",
    "real": "real",
    "float4": "real",
    "float8": "double precision",
    "boolean": "boolean",
    "bool": "boolean",
    "date": "date",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
}
_VARCHAR = frozenset({"varchar", "nvarchar", "text"})
_CHAR = frozenset({"char", "character", "nchar", "bpchar"})


def read_type(reader: Reader, column: str) -> str:
    """Read a column type and give PostgreSQL's name of it.

    Args:
        reader: stands at the type.
        column: the column, for the error message.

    Raises:
        SqlError: Redshift has no such type, or a length is out of its limits.
    """
    word = reader.name()
    if word in _PLAIN:
        result = _PLAIN[word]
    elif word == "double":
        reader.expect("precision")
        result = "double precision"
    elif word == "float":
        result = _float(reader)
    elif word in {"decimal", "numeric", "dec"}:
        result = _decimal(reader)
    elif word in {"timestamp", "time"}:
        result = _time(reader, word)
    elif word in _VARCHAR or (word in {"character", "char"} and reader.take("varying")):
        result = _varchar(reader)
    elif word in _CHAR:
        result = _char(reader, word)
    elif word in MISSING_TYPES or (word == "binary" and reader.take("varying")):
        raise NotInStandInError(f"The type {word.upper()} of column {column}")
    else:
        raise SqlError(f'Column "{column}" has unsupported type "{word}".')
    if reader.looks_at("["):
        raise SqlError(f'Column "{column}" has unsupported type "{word}[]".')
    return result


def _float(reader: Reader) -> str:
    digits = _arguments(reader, 1)
    return "real" if digits and digits[0] <= 24 else "double precision"


def _decimal(reader: Reader) -> str:
    arguments = _arguments(reader, 2)
    precision = arguments[0] if arguments else 18
    scale = arguments[1] if len(arguments) > 1 else 0
    if not 1 <= precision <= MAX_DECIMAL_DIGITS:
        raise SqlError(f"NUMERIC precision {precision} must be between 1 and {MAX_DECIMAL_DIGITS}")
    if not 0 <= scale <= precision:
        raise SqlError(f"NUMERIC scale {scale} must be between 0 and precision {precision}")
    return f"numeric({precision},{scale})"


def _time(reader: Reader, word: str) -> str:
    if reader.take("with", "time", "zone"):
        return f"{word} with time zone"
    reader.take("without", "time", "zone")
    return f"{word} without time zone"


def _varchar(reader: Reader) -> str:
    width = DEFAULT_VARCHAR_BYTES
    if reader.take("(", "max", ")"):
        width = MAX_VARCHAR_BYTES
    elif arguments := _arguments(reader, 1):
        width = arguments[0]
    if width > MAX_VARCHAR_BYTES:
        raise SqlError(f"length for type varchar cannot exceed {MAX_VARCHAR_BYTES}")
    if width < 1:
        raise SqlError("length for type varchar must be at least 1")
    return f"character varying({width})"


def _char(reader: Reader, word: str) -> str:
    arguments = _arguments(reader, 1)
    width = arguments[0] if arguments else (DEFAULT_VARCHAR_BYTES if word == "bpchar" else 1)
    if width > MAX_CHAR_BYTES:
        raise SqlError(f"length for type character cannot exceed {MAX_CHAR_BYTES}")
    if width < 1:
        raise SqlError("length for type character must be at least 1")
    return f"character({width})"


def _arguments(reader: Reader, most: int) -> tuple[int, ...]:
    if not reader.take("("):
        return ()
    found = [reader.integer()]
    while len(found) < most and reader.take(","):
        found.append(reader.integer())
    reader.expect(")")
    return tuple(found)
