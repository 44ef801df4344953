"""One table of one query in DuckDB: first empty, to plan the query; then with the files that the plan reads.

Partition values come from the catalog, never from the path, and have the catalog's types.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from localcloud.athena import parquet, texts
from localcloud.athena.catalog import Column, Partition, TableDefinition
from localcloud.athena.errors import QueryError
from localcloud.athena.objects import TableFile
from localcloud.athena.types import Type, literal, quote

HIDDEN: Mapping[str, Type] = {
    "$path": Type("string"),
    "$file_size": Type("bigint"),
    "$file_modified_time": Type("timestamp"),
    "$partition": Type("string"),
}
"""Columns that `*` does not show. The type of "$file_modified_time" has a time zone on AWS."""
Check = Callable[[], None]


@dataclass(frozen=True)
class Scan:
    """A table where a query names it.

    Attributes:
        view: its name in DuckDB.
        table: in the catalog.
        hidden: the hidden columns that the query names.
    """

    view: str
    table: TableDefinition
    hidden: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, in the order of the view."""
        return (*self.table.all_columns, *(Column(name, HIDDEN[name]) for name in self.hidden))

    def create_empty(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make an empty table, for planning."""
        columns = ", ".join(f"{quote(column.name)} {column.type.duckdb}" for column in self.columns)
        connection.execute(f"CREATE TABLE {self.view} ({columns})")

    def create_full(self, connection: duckdb.DuckDBPyConnection, read: "Read") -> None:
        """Put a view on the files in place of the empty table."""
        connection.execute(f"DROP TABLE {self.view}")
        parts = [self._part(connection, number, part) for number, part in enumerate(_grouped(read))]
        if not parts:
            nulls = ", ".join(f"CAST(NULL AS {column.type.duckdb}) AS {quote(column.name)}" for column in self.columns)
            parts = [f"SELECT {nulls} WHERE false"]
        connection.execute(f"CREATE VIEW {self.view} AS {' UNION ALL '.join(parts)}")

    def partition_relation(self, connection: duckdb.DuckDBPyConnection, partitions: Sequence[Partition]) -> str:
        """The values of partitions as a relation: the keys as columns, and the partition's place as `"$place"`.

        Raises:
            QueryError: a value is none of its key's type.
        """
        name = f"{self.view}_partitions"
        columns: list[pa.Array[Any]] = [pa.array(range(len(partitions)), pa.int64())]
        columns += [pa.array([p.values[n] for p in partitions], pa.string()) for n in range(len(self.table.keys))]
        names = ["$place", *(key.name for key in self.table.keys)]
        connection.register(name, pa.table(dict(zip(names, columns, strict=True))))
        for key in self.table.keys:
            _check_values(connection, name, key)
        keys = [f"CAST({quote(key.name)} AS {key.type.duckdb}) AS {quote(key.name)}" for key in self.table.keys]
        return f"(SELECT {', '.join([*keys, quote('$place')])} FROM {name})"  # noqa: S608 - quoted names

    def _part(self, connection: duckdb.DuckDBPyConnection, number: int, part: "_Part") -> str:
        about = f"{self.view}_files_{number}"
        connection.register(about, _about(self.table, part.files))
        keys = {key.name for key in self.table.keys}
        outer = []
        for column in self.columns:
            source = f"about.{quote(column.name)}" if column.name in keys or column.name in HIDDEN else None
            if source is None and column.name in part.expressions:
                outer.append(f"body.{quote(column.name)}")
            else:
                outer.append(f"CAST({source or 'NULL'} AS {column.type.duckdb}) AS {quote(column.name)}")
        inner = ['file_index AS "$file"', *(f"{e} AS {quote(n)}" for n, e in part.expressions.items())]
        paths = ", ".join(literal(str(path)) for path in part.paths)
        body = f"SELECT {', '.join(inner)} FROM read_parquet([{paths}])"  # noqa: S608 - quoted names
        return (
            f"SELECT {', '.join(outer)} FROM ({body}) AS body "  # noqa: S608 - quoted names
            f'JOIN {about} AS about ON body."$file" = about."$file"'
        )


@dataclass
class Read:
    """The files that a query reads of a table, fetched and looked at.

    Attributes:
        used: the columns that the query reads.
        files: which.
        paths: where their bodies are, as Parquet.
        expressions: for each file, DuckDB's expression of each column that is read, by name.
        scanned_bytes: of all files.
    """

    used: tuple[Column, ...]
    files: list[TableFile] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    expressions: list[Mapping[str, str]] = field(default_factory=list)
    scanned_bytes: int = 0

    @classmethod
    def of(
        cls,
        table: TableDefinition,
        used: Iterable[str],
        files: Iterable[tuple[TableFile, Path]],
        check: Check,
    ) -> "Read":
        """Look at the files of a table.

        Args:
            table: in the catalog.
            used: names of the columns that the query reads.
            files: the files and where their bodies are.
            check: called before each file; raises when the query is to end.

        Raises:
            QueryError: a file does not fit the table.
        """
        # Of a struct, DuckDB names the fields that are read: geo.lat, geo.place.name.
        names = {part for name in used for part in (name, name.partition(".")[0])}
        read = cls(tuple(column for column in table.columns if column.name in names))
        for file, path in files:
            check()
            if "parquet" in table.serde.lower():
                read._add_parquet(file, path)
            else:
                read._add_text(table, file, path)
        return read

    def _add_parquet(self, file: TableFile, path: Path) -> None:
        footer = parquet.read_footer(path, file.url)
        parquet.check_columns(footer, self.used, file.url)
        self.scanned_bytes += footer.scanned(column.name for column in self.used)
        self._add(file, path, {column.name: parquet.expression(column, footer) for column in self.used})

    def _add_text(self, table: TableDefinition, file: TableFile, path: Path) -> None:
        target = path.with_name(f"{path.name}.parquet")
        texts.write_fields(table, path, file.url, target)
        self.scanned_bytes += file.found.size
        numbered = {column.name: number for number, column in enumerate(table.columns)}
        self._add(
            file,
            target,
            {c.name: texts.field_expression(table, numbered[c.name], c) for c in self.used},
        )

    def _add(self, file: TableFile, path: Path, expressions: Mapping[str, str]) -> None:
        self.files.append(file)
        self.paths.append(path)
        self.expressions.append(expressions)


@dataclass
class _Part:
    """Files whose columns are read in the same way."""

    expressions: Mapping[str, str]
    files: list[TableFile] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


def _grouped(read: Read) -> list[_Part]:
    parts: dict[tuple[str, ...], _Part] = {}
    for file, path, expressions in zip(read.files, read.paths, read.expressions, strict=True):
        part = parts.setdefault(tuple(expressions.values()), _Part(expressions))
        part.files.append(file)
        part.paths.append(path)
    return list(parts.values())


def _about(table: TableDefinition, files: Sequence[TableFile]) -> pa.Table:
    """What is known of each file beside its content: partition values and hidden columns."""
    columns: dict[str, pa.Array[Any]] = {"$file": pa.array(range(len(files)), pa.uint64())}
    for number, key in enumerate(table.keys):
        columns[key.name] = pa.array([file.values[number] for file in files], pa.string())
    columns["$path"] = pa.array([file.url for file in files], pa.string())
    columns["$file_size"] = pa.array([file.found.size for file in files], pa.int64())
    moments = [datetime.fromtimestamp(file.found.modified_ns / 1e9, UTC).replace(tzinfo=None) for file in files]
    columns["$file_modified_time"] = pa.array(moments, pa.timestamp("us"))
    columns["$partition"] = pa.array([partition_name(table, file.values) for file in files], pa.string())
    return pa.table(columns)


def partition_name(table: TableDefinition, values: Sequence[str | None]) -> str:
    """A partition as Hive writes it: year=2026/month=11."""
    null = "__HIVE_DEFAULT_PARTITION__"
    pairs = zip(table.keys, values, strict=True)
    return "/".join(f"{key.name}={null if value is None else value}" for key, value in pairs)


def _check_values(connection: duckdb.DuckDBPyConnection, relation: str, key: Column) -> None:
    name = quote(key.name)
    wrong = connection.execute(
        f"SELECT {name} FROM {relation} WHERE {name} IS NOT NULL "  # noqa: S608 - quoted names
        f"AND TRY_CAST({name} AS {key.type.duckdb}) IS NULL LIMIT 1"
    ).fetchone()
    if wrong is not None:
        raise QueryError(
            "HIVE_INVALID_PARTITION_VALUE",
            f"Invalid partition value '{wrong[0]}' for {key.type.athena.upper()} partition key: {key.name}",
        )
