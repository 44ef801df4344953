"""Target tables: how they are made, and their columns as the warehouse has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sluice.contract.model import RedshiftHints, Table
from sluice.contract.sqltype import SqlType
from sluice.warehouse.quoting import OWN_SCHEMA, identifier, lines, literal, names, qualified


@dataclass(frozen=True)
class Target:
    """One table of the warehouse and the contract that it follows.

    Attributes:
        dataset: The dataset that publishes the table.
        schema: Schema of the table.
        table: The table's contract.
    """

    dataset: str
    schema: str
    table: Table

    @cached_property
    def sql(self) -> str:
        """The table's name with its schema."""
        return qualified(self.schema, self.table.name)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of all stored columns in the order of the Parquet files."""
        return tuple(self.table.stored_types)

    @cached_property
    def loads(self) -> str:
        """The table's own account of its loads, which every load locks: see ``books.sql``."""
        return qualified(OWN_SCHEMA, f"loads_{self.table.name}")

    @cached_property
    def dates(self) -> str:
        """The days that its loads changed: see ``books.sql``."""
        return qualified(OWN_SCHEMA, f"dates_{self.table.name}")

    @property
    def is_meant(self) -> str:
        """The condition that a row of these two is about the table, and not about its namesake in another schema."""
        return f'"table_schema" = {literal(self.schema)}'

    def column(self, name: str) -> str:
        """A column where other tables take part. Redshift's MERGE and DELETE know the target by its own name only."""
        return f"{identifier(self.table.name)}.{identifier(name)}"

    def __str__(self) -> str:
        return f"{self.schema}.{self.table.name}"


@dataclass(frozen=True)
class LiveColumn:
    """A column as the warehouse has it.

    Attributes:
        name: Its name.
        type: Its type as Redshift writes it, such as ``character varying(20)``.
        sql_type: The type in a contract's terms; None for one that no contract can name.
    """

    name: str
    type: str
    sql_type: SqlType | None

    @classmethod
    def from_catalog(cls, row: Sequence[object]) -> "LiveColumn":
        """Read a row of the statement ``columns`` in ``catalog.sql``."""
        name, data_type, length, precision, scale = row
        text = str(data_type)
        if text.startswith("character"):
            text = f"{text}({length})"
        elif text == "numeric":
            text = f"{text}({precision},{scale})"
        try:
            return cls(str(name), text, SqlType.parse(text.removesuffix(" without time zone")))
        except ValueError:
            return cls(str(name), text, None)


def create_target(target: Target) -> tuple[str, ...]:
    """The statements that make the target and its schema when they do not exist.

    Only key columns are NOT NULL: Redshift cannot take that back, and a contract may stop requiring a value. No primary
    key is declared: it would be informational, and a column under a constraint cannot be widened.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html and
    https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
    """
    table = target.table
    encodings = {column.name: _encoding(column.encode) for column in table.columns}
    columns = [
        f"{identifier(name)} {sql_type.redshift}{encodings.get(name, '')}{_nullability(table, name)}"
        for name, sql_type in table.stored_types.items()
    ]
    create = lines(
        f"CREATE TABLE IF NOT EXISTS {target.sql} (",
        ",\n".join(columns),
        f") {_storage(table.redshift)}",
    )
    # Everybody has the schema public, but not everybody may create schemas.
    schema = () if target.schema == "public" else (f"CREATE SCHEMA IF NOT EXISTS {identifier(target.schema)}",)
    return (*schema, create)


def _storage(hints: RedshiftHints) -> str:
    text = f"DISTSTYLE {hints.distribution.upper()}"
    if hints.dist_key is not None:
        text += f" DISTKEY ({identifier(hints.dist_key)})"
    if hints.sort_key:
        text += f" COMPOUND SORTKEY ({names(hints.sort_key)})"
    return text


def add_column(target: Target, name: str, sql_type: SqlType) -> str:
    """The statement that adds a column of the contract's encoding.

    Args:
        target: The table and its contract.
        name: The column.
        sql_type: Its type.
    """
    declared = {column.name: column for column in target.table.columns}
    encoding = _encoding(declared[name].encode) if name in declared else ""
    return f"ALTER TABLE {target.sql} ADD COLUMN {identifier(name)} {sql_type.redshift}{encoding}"


def _encoding(encode: str | None) -> str:
    # AUTO is the table's way to choose encodings, not one that a column can name.
    return "" if encode is None or encode.lower() == "auto" else f" ENCODE {encode.lower()}"


def _nullability(table: Table, name: str) -> str:
    return " NOT NULL" if name in table.primary_key else ""
