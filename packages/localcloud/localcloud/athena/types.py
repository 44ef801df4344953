"""Types of the Data Catalog, and what DuckDB and Athena call them.

Source: https://docs.aws.amazon.com/athena/latest/ug/data-types.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from localcloud.athena.errors import QueryError
from localcloud.athena.results import Kind

_TOKEN = re.compile(r"\s*([\w ]+|[<>(),:])")
_DUCKDB = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "decimal": "DECIMAL",
    "string": "VARCHAR",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
_SAME = {"integer": "int", "real": "float", "double precision": "double", "long": "bigint"}
_ATHENA = {"int": "integer", "float": "real", "string": "varchar", "binary": "varbinary", "timestamp": "timestamp(3)"}
_NESTED = ("array", "map", "struct")


@dataclass(frozen=True)
class Type:
    """A type of a catalog column.

    Attributes:
        base: Hive's name of it, without parameters; `int` also for `integer`.
        arguments: precision and scale, or a length.
        children: the types of an array's elements, of a map's keys and values, of a struct's fields.
        names: of a struct's fields.
    """

    base: str
    arguments: tuple[int, ...] = ()
    children: tuple["Type", ...] = ()
    names: tuple[str, ...] = ()

    @property
    def duckdb(self) -> str:
        """DuckDB's name of the type."""
        inner = [child.duckdb for child in self.children]
        if self.base == "array":
            return f"{inner[0]}[]"
        if self.base == "map":
            return f"MAP({inner[0]}, {inner[1]})"
        if self.base == "struct":
            return f"STRUCT({', '.join(f'{quote(n)} {t}' for n, t in zip(self.names, inner, strict=True))})"
        if self.base == "decimal":
            return f"DECIMAL({self.precision}, {self.scale})"
        return _DUCKDB[self.base]

    @property
    def athena(self) -> str:
        """Athena's name of the type in messages and in SHOW COLUMNS."""
        inner = [child.athena for child in self.children]
        if self.base == "struct":
            return f"row({', '.join(f'{n} {t}' for n, t in zip(self.names, inner, strict=True))})"
        if inner:
            return f"{self.base}({', '.join(inner)})"
        if self.base == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return _ATHENA.get(self.base, self.base) + (f"({self.arguments[0]})" if self.arguments else "")

    @property
    def hive(self) -> str:
        """The name of the type in definitions of tables."""
        inner = [child.hive for child in self.children]
        if self.base == "struct":
            return f"struct<{','.join(f'{name}:{child}' for name, child in zip(self.names, inner, strict=True))}>"
        if inner:
            return f"{self.base}<{','.join(inner)}>"
        if self.base == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return self.base + (f"({self.arguments[0]})" if self.arguments else "")

    @property
    def precision(self) -> int:
        """Digits of a decimal."""
        return self.arguments[0] if self.arguments else 10

    @property
    def scale(self) -> int:
        """Digits of a decimal after the point."""
        return self.arguments[1] if len(self.arguments) > 1 else 0


#: DuckDB's types that a table of Hive can have, by their names in Hive.
_OF_KIND = {
    "boolean": "boolean", "tinyint": "tinyint", "smallint": "smallint", "integer": "int", "bigint": "bigint",
    "hugeint": "bigint", "ubigint": "bigint", "uinteger": "bigint", "float": "float", "double": "double",
    "varchar": "string", "blob": "binary", "date": "date", "timestamp": "timestamp",
}  # fmt: skip


def hive_type(kind: Kind) -> str | None:
    """The type of a column of a table that holds values of a query; None when a table of Hive has none for them.

    Args:
        kind: of the values.
    """
    if kind.mark or kind.id == "tuple":
        return None
    inner = [hive_type(child) for child in kind.children]
    if any(one is None for one in inner):
        return None
    if kind.id == "decimal":
        return f"decimal({kind.precision},{kind.scale})"
    if kind.id in ("list", "array"):
        return f"array<{inner[0]}>"
    if kind.id == "map":
        return f"map<{inner[0]},{inner[1]}>"
    if kind.id == "struct":
        return f"struct<{','.join(f'{name.lower()}:{one}' for name, one in zip(kind.names, inner, strict=True))}>"
    return _OF_KIND.get(kind.id)


def quote(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"{}"'.format(name.replace('"', '""'))


def literal(text: str) -> str:
    """A text as a literal of SQL."""
    return "'{}'".format(text.replace("'", "''"))


def parse_type(text: str) -> Type:
    """A type of a catalog column.

    Args:
        text: as the catalog has it, such as array<decimal(10,2)>.

    Raises:
        QueryError: it is none.
    """
    tokens = [token.strip().lower() for token in _TOKEN.findall(text)]
    if "".join(tokens).replace(" ", "") != re.sub(r"\s", "", text).lower():
        raise _no_type(text)
    reader = iter([*tokens, ""])
    try:
        found, following = _type(reader, text)
    except StopIteration as error:
        raise _no_type(text) from error
    if following:
        raise _no_type(text)
    return found


def _type(tokens: Iterator[str], whole: str) -> tuple[Type, str]:
    name = next(tokens)
    base = _SAME.get(name, name)
    following = next(tokens)
    if base in _NESTED:
        if following != "<":
            raise _no_type(whole)
        return _nested(base, tokens, whole)
    if base not in _DUCKDB:
        raise _no_type(whole)
    if following != "(":
        return Type(base), following
    arguments = []
    mark = ","
    while mark == ",":
        argument = next(tokens)
        if not argument.isdecimal():
            raise _no_type(whole)
        arguments.append(int(argument))
        mark = next(tokens)
    if mark != ")":
        raise _no_type(whole)
    return Type(base, tuple(arguments)), next(tokens)


def _nested(base: str, tokens: Iterator[str], whole: str) -> tuple[Type, str]:
    names, children, mark = [], [], ","
    while mark == ",":
        if base == "struct":
            names.append(next(tokens))
            if next(tokens) != ":":
                raise _no_type(whole)
        child, mark = _type(tokens, whole)
        children.append(child)
    if mark != ">" or (base != "struct" and len(children) != {"array": 1, "map": 2}[base]):
        raise _no_type(whole)
    return Type(base, (), tuple(children), tuple(names)), next(tokens)


def _no_type(text: str) -> QueryError:
    return QueryError("HIVE_INVALID_METADATA", f"{text!r} is not a type that the local stand-in of Athena knows")
