"""What CREATE TABLE and ALTER TABLE are made of: columns, constraints, and the layout that only Redshift has.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from localcloud.redshift.dialect.differences import ENCODINGS, ENCODINGS_OF_ALL
from localcloud.redshift.dialect.lexer import Kind, quote_name
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.dialect.rewrite import rewrite
from localcloud.redshift.errors import NotInStandInError, SqlError

_COLUMN_STOPS = (
    "encode", "distkey", "sortkey", "not", "null", "unique", "primary", "references", "collate", "identity",
    "generated", "default", "check", "constraint", ",",
)  # fmt: skip


@dataclass
class Column:
    """One column while its definition is read."""

    name: str
    type: str
    default: str = ""
    identity: str = ""
    not_null: bool = False

    @property
    def sql(self) -> str:
        """The definition as PostgreSQL reads it."""
        parts = [quote_name(self.name), self.type, self.identity, self.default, "NOT NULL" if self.not_null else ""]
        return " ".join(part for part in parts if part)


@dataclass
class Layout:
    """How Redshift would lay the table out: kept for the system views only."""

    style: str = "auto"
    distkey: str = ""
    sortstyle: str = ""
    sortkeys: list[str] = field(default_factory=list)
    encodings: dict[str, str] = field(default_factory=dict)
    primary_key: list[str] = field(default_factory=list)

    @property
    def json(self) -> str:
        """The layout as a JSON text."""
        return json.dumps(self.__dict__, sort_keys=True)

    def check(self, columns: set[str]) -> None:
        """Refuse keys over columns that the table does not have, and a style that contradicts the key."""
        for what, names in (("DISTKEY", [self.distkey]), ("SORTKEY", self.sortkeys)):
            for name in names:
                if name and name not in columns:
                    raise SqlError(f'{what} column "{name}" does not exist')
        if self.style == "key" and not self.distkey:
            raise SqlError("DISTSTYLE KEY requires a DISTKEY column")
        if self.style in {"even", "all"} and self.distkey:
            raise SqlError(f"DISTKEY is not allowed with DISTSTYLE {self.style.upper()}")


def read_table_constraint(reader: Reader, layout: Layout) -> bool:
    """Read a table constraint when one comes next; tell whether it did. None of them is enforced."""
    if reader.take("constraint"):
        reader.name()
    if reader.take("primary", "key"):
        layout.primary_key.extend(reader.names())
    elif reader.looks_at("unique", "("):
        reader.next()
        reader.names()
    elif reader.take("foreign", "key"):
        reader.names()
        reader.expect("references")
        _reference(reader)
    elif reader.looks_at("check", "(") or reader.looks_at("exclude"):
        raise SqlError(f'syntax error at or near "{reader.next().text}"', "Redshift has no such constraint")
    else:
        return False
    return True


def _reference(reader: Reader) -> None:
    reader.table()
    if reader.looks_at("("):
        reader.names()


def read_column_attribute(reader: Reader, column: Column, layout: Layout) -> bool:
    """Read an attribute of a column when one comes next; tell whether it did."""
    if reader.take("not", "null"):
        column.not_null = True
    elif reader.take("default", "null"):
        column.default = "DEFAULT NULL"
    elif reader.take("default"):
        column.default = f"DEFAULT {rewrite(reader.until(*_COLUMN_STOPS))}"
    elif reader.take("encode"):
        layout.encodings[column.name] = _encoding(reader.name(), column)
    elif reader.take("distkey"):
        set_distkey(layout, column.name)
    elif reader.take("sortkey"):
        layout.sortkeys.append(column.name)
    elif reader.take("primary", "key"):
        layout.primary_key.append(column.name)
    elif reader.take("references"):
        _reference(reader)
    else:
        return _identity(reader, column) or _collation(reader) or reader.take("null") or reader.take("unique")
    return True


def _encoding(name: str, column: Column) -> str:
    """An encoding that the column's type may have."""
    if name not in ENCODINGS_OF_ALL and name not in ENCODINGS:
        raise SqlError(f'unrecognized compression encoding "{name}"')
    kind = re.sub(r"\(.*?\)", "", column.type)
    if name not in ENCODINGS_OF_ALL and kind not in ENCODINGS[name]:
        raise SqlError(f'encoding {name} is not supported for column "{column.name}" of type {column.type}')
    return name


def set_distkey(layout: Layout, name: str) -> None:
    """Note the distribution key; there is one at most."""
    if layout.distkey and layout.distkey != name:
        raise SqlError("cannot specify multiple distribution keys")
    if layout.style in {"even", "all"}:
        raise SqlError(f"DISTKEY is not allowed with DISTSTYLE {layout.style.upper()}")
    layout.distkey = name
    layout.style = "key"


def _identity(reader: Reader, column: Column) -> bool:
    always = reader.take("identity")
    if not always and not reader.take("generated", "by", "default", "as", "identity"):
        return False
    seed, step = 1, 1
    if reader.take("("):
        seed = reader.integer()
        reader.expect(",")
        step = reader.integer()
        reader.expect(")")
    if column.type not in {"integer", "bigint"}:
        raise SqlError(f'identity column "{column.name}" must be of type INTEGER or BIGINT')
    kind = "ALWAYS" if always else "BY DEFAULT"
    bound = f" MINVALUE {seed}" if seed < 1 and step > 0 else ""
    column.identity = f"GENERATED {kind} AS IDENTITY (START WITH {seed} INCREMENT BY {step}{bound})"
    return True


def _collation(reader: Reader) -> bool:
    if not reader.take("collate"):
        return False
    if reader.take("case_sensitive") or reader.take("cs"):
        return True
    if reader.take("case_insensitive") or reader.take("ci"):
        raise NotInStandInError("COLLATE CASE_INSENSITIVE")
    raise reader.error()


def read_table_attribute(reader: Reader, layout: Layout) -> bool:
    """Read an attribute of a table when one comes next; tell whether it did."""
    if reader.take("diststyle"):
        style = reader.name()
        if style not in {"auto", "even", "key", "all"}:
            raise SqlError(f'invalid DISTSTYLE "{style}"')
        layout.style = style
    elif reader.take("distkey"):
        (name,) = _one(reader)
        set_distkey(layout, name)
    elif reader.take("backup"):
        if not (reader.take("yes") or reader.take("no")):
            raise reader.error()
    elif reader.take("encode", "auto"):
        pass
    else:
        return _sort_attribute(reader, layout)
    return True


def _keys(reader: Reader) -> tuple[str, ...]:
    """The columns of a key; CREATE TABLE AS may tell their places."""
    opening, number = reader.peek(), reader.peek(1)
    if opening is None or opening.key != "(" or number is None or number.kind is not Kind.NUMBER:
        return reader.names()
    reader.next()
    found = [str(reader.integer())]
    while reader.take(","):
        found.append(str(reader.integer()))
    reader.expect(")")
    return tuple(found)


def _one(reader: Reader) -> tuple[str]:
    names = _keys(reader)
    if len(names) != 1:
        raise SqlError("cannot specify multiple distribution keys")
    return (names[0],)


def _sort_attribute(reader: Reader, layout: Layout) -> bool:
    style = next((word for word in ("compound", "interleaved") if reader.take(word)), "")
    if not reader.take("sortkey"):
        if style:
            raise reader.error()
        return False
    if reader.take("auto"):
        return True
    layout.sortstyle = style or "compound"
    layout.sortkeys.extend(_keys(reader))
    return True
