"""Runs one query: plan on empty tables, prune, list and fetch files, check them, and let DuckDB answer."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
from sqlglot import exp

from localcloud.athena import information
from localcloud.athena.catalog import Catalog, Partition, TableDefinition
from localcloud.athena.dialect.columns import column_names, is_named
from localcloud.athena.dialect.functions import create_macros
from localcloud.athena.dialect.messages import plan_error, run_error
from localcloud.athena.dialect.oracle import UnknownTypesError
from localcloud.athena.dialect.query import PlannedScan, Query, read_query, to_duckdb
from localcloud.athena.dialect.sides import refuse_unlike_sides
from localcloud.athena.dialect.typed import rewrite_typed
from localcloud.athena.errors import QueryCancelledError, not_here
from localcloud.athena.objects import FileGoneError, Objects, TableFile
from localcloud.athena.results import Answer, Kind, ResultColumn, result_column, text_of
from localcloud.athena.scan import Read
from localcloud.athena.types import quote

T = TypeVar("T")
TRIES = 5
"""How often files are listed when one goes away between its listing and its reading."""
_MANY = 10  # so many partitions are listed with one listing of their table's folder
_SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET default_null_order = 'nulls_last'",
    "SET integer_division = true",
    "SET threads = 2",
    "SET autoinstall_known_extensions = false",
)
# Without these a scan's filters would be out of sight, and an empty table would be no scan at all.
_PLANNING = "SET disabled_optimizers = 'statistics_propagation,filter_pushdown,empty_result_pullup'"


@dataclass
class Control:
    """How a running query is stopped, and what it may scan.

    Attributes:
        limit_bytes: most bytes that it may scan; None for no limit.
    """

    limit_bytes: int | None = None
    _connection: duckdb.DuckDBPyConnection | None = None
    _reason: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self, reason: str) -> None:
        """End the query as soon as may be."""
        with self._lock:
            self._reason = self._reason or reason
            if self._connection is not None:
                self._connection.interrupt()

    @property
    def reason(self) -> str | None:
        """Why the query is to end; None when it is not."""
        return self._reason

    def check(self) -> None:
        """Raise when the query is to end.

        Raises:
            QueryCancelledError: it is.
        """
        if self._reason is not None:
            raise QueryCancelledError(self._reason)

    def check_bytes(self, scanned: int) -> None:
        """Raise when a query would scan more than it may."""
        if self.limit_bytes is not None and scanned > self.limit_bytes:
            raise QueryCancelledError("Bytes scanned limit was exceeded")

    def watch(self, connection: duckdb.DuckDBPyConnection | None) -> None:
        """Say which connection is to be interrupted."""
        with self._lock:
            self._connection = connection


@dataclass(frozen=True)
class Shape:
    """The columns of a query.

    Attributes:
        names: of the columns; of those without one, by their place.
        named: whether the query names them.
        kinds: their types.
    """

    names: tuple[str, ...]
    named: tuple[bool, ...]
    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class Explained:
    """How a query would run.

    Attributes:
        plan: DuckDB's, as JSON.
        names: of the columns.
        scans: tables and the partitions that are read of them, by their names in the plan.
    """

    plan: Any
    names: tuple[str, ...]
    scans: Mapping[str, tuple[TableDefinition, tuple[Partition, ...]]]


@dataclass(frozen=True)
class Rows:
    """The rows of a query, to be written.

    Attributes:
        table: the columns that were asked for.
        scanned_bytes: that were read of the tables' files.
    """

    table: pa.Table
    scanned_bytes: int


class Engine:
    """Answers queries.

    Args:
        catalog: where tables are found.
        objects: where files are found.
    """

    def __init__(self, catalog: Catalog, objects: Objects) -> None:
        self.catalog = catalog
        self._objects = objects

    def query(self, sql: str, database: str, control: Control, parameters: Sequence[str] = ()) -> Answer:
        """Answer one query.

        Args:
            sql: in Athena's dialect.
            database: of tables that are named without one.
            control: stops it.
            parameters: SQL of the values for its question marks.

        Raises:
            QueryError: it fails.
            QueryCancelledError: it was stopped, or would have scanned too much.
        """
        return self._tried(sql, database, control, parameters, _Run.answer)

    def rows(
        self,
        sql: str,
        database: str,
        control: Control,
        parameters: Sequence[str],
        accept: Callable[[Shape], Mapping[str, str]],
    ) -> Rows:
        """Give the rows of a query as they are to be written.

        Args:
            sql: in Athena's dialect.
            database: of tables that are named without one.
            control: stops it.
            parameters: SQL of the values for its question marks.
            accept: gives, for the columns of the query, DuckDB's expressions of the columns to write by name, in which
                the query's are c0, c1 and so on; it is called before a file is read and may raise.

        Raises:
            QueryError: it fails.
            QueryCancelledError: it was stopped, or would have scanned too much.
        """
        return self._tried(sql, database, control, parameters, lambda run, folder: run.rows(folder, accept))

    def shape(self, sql: str, database: str, control: Control, parameters: Sequence[str] = ()) -> Shape:
        """Give the columns of a query, of which nothing is read.

        Raises:
            QueryError: it cannot be run.
        """
        return self._tried(sql, database, control, parameters, lambda run, _: run.shape())

    def explain(self, sql: str, database: str, control: Control, parameters: Sequence[str] = ()) -> Explained:
        """Give the plan of a query, of which nothing is read but the catalog.

        Raises:
            QueryError: it cannot be run.
        """
        return self._tried(sql, database, control, parameters, lambda run, _: run.explain())

    def _tried(
        self,
        sql: str,
        database: str,
        control: Control,
        parameters: Sequence[str],
        finish: "Callable[[_Run, Path], T]",
    ) -> T:
        query = read_query(sql, database, self.catalog.table, parameters)
        for attempt in range(TRIES):
            try:
                return self._attempt(query, sql, control, finish)
            except FileGoneError:
                # Who replaces files puts the new ones down first: the next listing has them.
                if attempt == TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def _attempt(self, query: Query, sql: str, control: Control, finish: "Callable[[_Run, Path], T]") -> T:
        with duckdb.connect(":memory:") as connection, self._objects.workspace() as folder:
            control.watch(connection)
            try:
                return finish(_Run(self, connection, query, sql, control), folder)
            except duckdb.InterruptException as error:
                control.check()
                raise QueryCancelledError(str(error)) from error
            finally:
                control.watch(None)

    def files(self, table: TableDefinition, partitions: Sequence[Partition], control: Control) -> Iterator[TableFile]:
        """The files of partitions of a table, partition by partition, in the order of their names."""
        locations = [partition.location for partition in partitions]
        known = (
            self._objects.listed_by_folder(table.location, locations)
            if table.location and len(locations) >= _MANY
            else {}
        )
        for partition in partitions:
            control.check()
            found = known.get(partition.location)
            for file in self._objects.listed(partition.location) if found is None else found:
                yield TableFile(file, partition.values)

    def fetch(self, files: Sequence[TableFile], folder: Path) -> list[Path]:
        """The files' bodies on disk."""
        return self._objects.fetch(files, folder)


@dataclass(frozen=True)
class _Run:
    engine: Engine
    connection: duckdb.DuckDBPyConnection
    query: Query
    sql: str
    control: Control

    def answer(self, folder: Path) -> Answer:
        text, partitions = self._bound()
        scanned = self._read(folder, text, partitions)
        columns, rows = self._rows(text)
        return Answer(columns, rows, scanned)

    def rows(self, folder: Path, accept: Callable[[Shape], Mapping[str, str]]) -> Rows:
        text, partitions = self._bound()
        shape = self._shape(text)
        wanted = accept(shape)
        scanned = self._read(folder, text, partitions)
        columns = ", ".join(f"{expression} AS {quote(name)}" for name, expression in wanted.items())
        places = ", ".join(f"c{place}" for place in range(len(shape.names)))
        try:
            found = self.connection.sql(f"SELECT {columns} FROM ({text}) AS r({places})")  # noqa: S608 - the query
            return Rows(found.to_arrow_table(), scanned)
        except duckdb.Error as error:
            self.control.check()
            raise run_error(error) from error

    def shape(self) -> Shape:
        text, _ = self._bound()
        return self._shape(text)

    def explain(self) -> Explained:
        text, partitions = self._bound()
        plan = self._plan(text)
        scans = {
            planned.scan.view: (planned.scan.table, tuple(self._pruned(planned, found)))
            for planned, found in zip(self.query.scans, partitions, strict=True)
            if not (planned.is_list or planned.is_information)
        }
        return Explained(plan, self._shape(text).names, scans)

    def _bound(self) -> tuple[str, list[tuple[Partition, ...]]]:
        """The query as DuckDB's, and the partitions of the tables that it names."""
        for setting in _SETTINGS:
            self.connection.execute(setting)
        create_macros(self.connection, to_duckdb(self.query.tree))
        partitions = [self._partitions(planned) for planned in self.query.scans]
        typed = self._typed()
        refuse_unlike_sides(self.connection, typed)
        return to_duckdb(typed), partitions

    def _read(self, folder: Path, text: str, partitions: Sequence[Sequence[Partition]]) -> int:
        """Put the files that a query reads in place of the empty tables; give the bytes that it reads."""
        used = _used(self._plan(text))
        scanned = 0
        for planned, all_partitions in zip(self.query.scans, partitions, strict=True):
            if planned.is_list or planned.is_information:
                continue
            left = self._pruned(planned, all_partitions)
            files = list(self.engine.files(planned.scan.table, left, self.control))
            target = folder / planned.scan.view
            target.mkdir()
            bodies = self.engine.fetch(files, target)
            names = used.get(planned.scan.view, ())
            read = Read.of(planned.scan.table, names, zip(files, bodies, strict=True), self.control.check)
            scanned += read.scanned_bytes
            self.control.check_bytes(scanned)
            planned.scan.create_full(self.connection, read)
        self.control.check()
        return scanned

    def _shape(self, text: str) -> Shape:
        try:
            kinds, names = self._described(text)
        except duckdb.Error as error:
            self.control.check()
            raise plan_error(error, self.sql) from error
        return Shape(tuple(column_names(names)), tuple(is_named(name) for name in names), tuple(kinds))

    def _partitions(self, planned: PlannedScan) -> tuple[Partition, ...]:
        if planned.is_information:
            planned.scan.create_empty(self.connection)
            marks = ", ".join("?" for _ in planned.scan.columns)
            shown = list(information.rows(planned.scan.table.name, self.engine.catalog))
            if shown:
                self.connection.executemany(f"INSERT INTO {planned.scan.view} VALUES ({marks})", shown)  # noqa: S608
            return ()
        found = self.engine.catalog.partitions(planned.scan.table)
        if planned.is_list:
            relation = planned.scan.partition_relation(self.connection, found)
            # A table, not a view: of what lies outside of DuckDB the types cannot be asked.
            self.connection.execute(
                f'CREATE TABLE {planned.scan.view} AS SELECT * EXCLUDE ("$place") FROM {relation}'  # noqa: S608
            )
        else:
            planned.scan.create_empty(self.connection)
        return found

    def _typed(self) -> exp.Expression:
        tree = self.query.tree.copy()
        try:
            return rewrite_typed(self.connection, tree)
        except UnknownTypesError as error:
            self.control.check()
            # Most often the query is wrong: then planning says what is.
            self._plan(to_duckdb(self.query.tree))
            raise not_here("a query whose types DuckDB does not tell") from error

    def _plan(self, text: str) -> Any:  # noqa: ANN401 - JSON
        """The plan of a query; wrong names and types show here, before a file is read."""
        self.connection.execute(_PLANNING)
        try:
            [(_, plan)] = self.connection.execute(f"EXPLAIN (FORMAT json) {text}").fetchall()
        except duckdb.Error as error:
            self.control.check()
            raise plan_error(error, self.sql) from error
        self.connection.execute("RESET disabled_optimizers")
        return json.loads(plan)

    def _pruned(self, planned: PlannedScan, partitions: Sequence[Partition]) -> list[Partition]:
        """The partitions that the query's conditions leave."""
        table, wanted = planned.scan.table, planned.conditions
        if not table.keys or not partitions:
            return list(partitions)
        relation = planned.scan.partition_relation(self.connection, partitions)
        conditions = [*wanted.always, *(part for part in wanted.unless_joined if self._rejects_nulls(planned, part))]
        if not conditions:
            return list(partitions)
        where = " AND ".join(f"({to_duckdb(part)})" for part in conditions)
        alias = to_duckdb(exp.to_identifier(wanted.alias, quoted=True))
        sql = f'SELECT "$place" FROM {relation} AS {alias} WHERE {where} ORDER BY 1'  # noqa: S608 - names are quoted
        try:
            return [partitions[place] for (place,) in self.connection.execute(sql).fetchall()]
        except duckdb.Error as error:
            raise run_error(error) from error

    def _rejects_nulls(self, planned: PlannedScan, part: exp.Expr) -> bool:
        keys = ", ".join(
            f'CAST(NULL AS {key.type.duckdb}) AS "{key.name}"' for key in planned.scan.table.keys
        )  # names of the catalog
        alias = to_duckdb(exp.to_identifier(planned.conditions.alias, quoted=True))
        sql = f"SELECT coalesce({to_duckdb(part)}, false) FROM (SELECT {keys}) AS {alias}"  # noqa: S608
        row = self.connection.execute(sql).fetchone()
        return row is not None and not row[0]

    def _rows(self, text: str) -> tuple[tuple[ResultColumn, ...], list[list[str | None]]]:
        try:
            kinds, names = self._described(text)
            plain = ", ".join(
                f"CAST(c{n} AS TIMESTAMP)" if kind.id == "timestamp with time zone" else f"c{n}"
                for n, kind in enumerate(kinds)
            )
            if any(kind.id == "timestamp with time zone" for kind in kinds):
                places = ", ".join(f"c{n}" for n in range(len(kinds)))
                text = f"SELECT {plain} FROM ({text}) AS r({places})"  # noqa: S608 - the query itself
            result = self.connection.execute(text)
            rows: list[list[str | None]] = []
            while batch := result.fetchmany(10_000):
                self.control.check()
                rows += [[text_of(v, kind) for v, kind in zip(row, kinds, strict=True)] for row in batch]
        except duckdb.Error as error:
            self.control.check()
            raise run_error(error) from error
        columns = zip(column_names(names), kinds, strict=True)
        return tuple(result_column(name, kind) for name, kind in columns), rows

    def _described(self, text: str) -> tuple[list[Kind], list[str]]:
        found: Any = self.connection.execute(f"({text}) LIMIT 0").description
        return [Kind.of(column[1]) for column in found], [str(column[0]) for column in found]


def _used(plan: Any) -> Mapping[str, list[str]]:  # noqa: ANN401 - JSON
    """The columns that a query reads of each table."""
    used: dict[str, list[str]] = {}
    for node in _nodes(plan):
        about = node.get("extra_info") or {}
        view = str(about.get("Table", "")).rpartition(".")[2]
        columns = about.get("Projections") or []
        if view:
            used.setdefault(view, []).extend([columns] if isinstance(columns, str) else columns)
    return used


def _nodes(plan: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    for node in plan:
        yield node
        yield from _nodes(node.get("children") or [])
