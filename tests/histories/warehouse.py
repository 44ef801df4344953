"""A warehouse in memory that runs the product's own SQL, on DuckDB, as the Data API would.

Redshift's words that DuckDB does not have are taken out or answered here: distribution, sort keys, encodings, ``LOCK``
(nobody else is at work), ``COPY`` and the catalog views. The procedures of the aggregates are not run: what they would
write is worked out from their definition, see `DuckWarehouse.sums_of`.
"""

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sluice.aws.data_api import _failure
from sluice.aws.data_api_values import ResultSet
from sluice.contract.model import BATCH_ID, Contract
from sluice.errors import MissingObjectError
from sluice.warehouse.aggregate import Plan, plans
from tests.doubles.world import FakeWarehouse, MemoryDocuments
from tests.histories.contents import Plain

SCHEMA = "public"
_STORAGE = re.compile(r"\s+(?:DISTSTYLE \w+|DISTKEY \([^)]*\)|COMPOUND SORTKEY \([^)]*\)|ENCODE \w+)")
_CREATE = re.compile(r'CREATE TABLE IF NOT EXISTS "public"\."(\w+)" \(\n(.*)\n\)', re.DOTALL)
_COLUMN = re.compile(r'"(\w+)" (\w+(?: precision)?)(?:\(([\d,]+)\))?')
_ALTER = re.compile(r'ALTER TABLE "public"\."(\w+)" (?:ADD COLUMN|ALTER COLUMN) (.*)', re.DOTALL)
_COPY = re.compile(r"COPY (\S+)\nFROM '([^']+)'\n.*MANIFEST", re.DOTALL)
_LONG_NAMES = {"varchar": "character varying", "decimal": "numeric", "timestamp": "timestamp without time zone"}

PublishedRows = Callable[[str], Iterable[tuple[str, Plain]]]
"""Gives the rows that readers are shown of a table, each with the digits of its partition's day."""
Answer = list[tuple[Any, ...]]
Sums = list[tuple[Any, ...]]


class DuckWarehouse(FakeWarehouse):
    """Keeps the promises of `sluice.aws.data_api.DataApi` that loads use, and those of the tasks of the state machine.

    Args:
        documents: Where COPY reads.
        contracts: Gives the contracts of today.
        published: What Spectrum shows.

    Attributes:
        sums: The rows of each aggregate, by aggregate and day.
    """

    def __init__(
        self, documents: MemoryDocuments, contracts: Callable[[], Mapping[str, Contract]], published: PublishedRows
    ) -> None:
        super().__init__()
        self.sums: dict[str, dict[date, Sums]] = {}
        self._documents, self._contracts, self._published = documents, contracts, published
        self._types: dict[str, dict[str, tuple[str, str]]] = {}
        self._ended: dict[str, Exception | None] = {}
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("CREATE SCHEMA public; CREATE SCHEMA sluice")

    # What the Data API offers

    def execute(self, sql: str, parameters: Mapping[str, str] | None = None, *, label: str, token: str = "") -> ResultSet:  # fmt: skip  # noqa: E501
        if token:
            self.transaction([sql], label=label, token=token)
            return ResultSet((), ())
        return ResultSet((), tuple(self.rows(sql, parameters, label=label)))

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None, *, label: str) -> Answer:  # noqa: ARG002
        if "FROM svv_tables" in sql:
            return self._query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'sluice' ORDER BY 1")
        if "FROM svv_columns" in sql:
            assert parameters is not None
            return self._columns(parameters["table_name"])
        if "FROM pg_depend" in sql:
            return []  # There are no views.
        return self._query(sql)

    def transaction(self, statements: Sequence[str], *, label: str, token: str) -> None:
        """Run statements, all or none; the same token again is the same submission."""
        if token not in self._ended:
            self._ended[token] = self._attempt(statements, label)
        error = self._ended[token]
        if error is not None:
            raise error

    # What tests look at

    def table(self, name: str) -> list[Plain]:
        """All rows of a target."""
        if name not in self._types:
            return []
        found = self._connection.execute(f'SELECT * FROM "public"."{name}"')
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]

    def audited(self, table: str) -> list[str]:
        """The batches in the account of a target, as often as they stand there."""
        if not self._query(f"SELECT 1 FROM duckdb_tables() WHERE table_name = 'loads_{table}'"):
            return []
        return [name for (name,) in self._query(f"SELECT batch_id FROM sluice.loads_{table} ORDER BY 1")]

    def staging_tables(self) -> list[str]:
        """Staging tables that are there."""
        return [
            name for (name,) in self._query("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'stage_%'")
        ]

    def sums_of(self, plan: Plan, day: date) -> Sums:
        """What an aggregate is made of on a day: the newest published versions of the facts, and of what they refer to.

        As the procedures have it: the target tells which rows there are, of which day, and when each arrived; the
        published files of that day of arrival give the versions.
        """
        table = plan.facts.table
        current = {
            _key(row, table.primary_key): _arrived(row)
            for row in self.table(table.name)
            if _day(row.get(plan.date_column)) == day
        }
        facts = self._newest(table.name, table.primary_key, table.order_by, current)
        for link in plan.links:
            dimension = link.target.table
            wanted = {fact[link.dimension.key] for fact in facts}
            arrived = {
                _key(row, dimension.primary_key): _arrived(row)
                for row in self.table(dimension.name)
                if row[link.dimension.key] in wanted
            }
            found = self._newest(dimension.name, dimension.primary_key, dimension.order_by, arrived)
            by_key = {row[link.dimension.key]: tuple(row[name] for name in link.dimension.columns) for row in found}
            facts = [fact | {f"*{dimension.name}": by_key.get(fact[link.dimension.key])} for fact in facts]
        left_out = {BATCH_ID, "_source_file"}
        return sorted(
            (tuple((name, value) for name, value in sorted(fact.items()) if name not in left_out) for fact in facts),
            key=repr,
        )

    def fresh_sums(self) -> dict[str, dict[date, Sums]]:
        """Every aggregate made again, for all days that have facts."""
        return {
            plan.aggregate.name: {day: found for day in self._days(plan) if (found := self.sums_of(plan, day))}
            for plan in plans(self._contracts(), SCHEMA)
        }

    def _days(self, plan: Plan) -> set[date]:
        found = (_day(row[plan.date_column]) for row in self.table(plan.facts.table.name))
        return {day for day in found if day is not None}

    # How it works

    def _run(self, statement_id: str, arguments: dict[str, Any]) -> None:
        super()._run(statement_id, arguments)
        (dates,) = (item["Value"] for item in arguments["Parameters"] if item["Name"] == "dates")
        name = arguments["StatementName"].removeprefix("refresh ")
        (plan,) = (plan for plan in plans(self._contracts(), SCHEMA) if plan.aggregate.name == name)
        for text in dates.split(","):
            day = date.fromisoformat(text)
            self.sums.setdefault(name, {})[day] = self.sums_of(plan, day)

    def _newest(
        self, table: str, key: Sequence[str], order_by: Sequence[str], current: Mapping[tuple[Any, ...], str]
    ) -> list[Plain]:
        found: dict[tuple[Any, ...], Plain] = {}
        for arrived, row in self._published(table):
            name = _key(row, key)
            if current.get(name) == arrived:
                rank = [row[column] for column in (*order_by, BATCH_ID)]
                if name not in found or rank > [found[name][column] for column in (*order_by, BATCH_ID)]:
                    found[name] = row
        return list(found.values())

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def _attempt(self, statements: Sequence[str], label: str) -> Exception | None:
        types = {table: dict(columns) for table, columns in self._types.items()}
        self._connection.execute("BEGIN")
        try:
            for sql in statements:
                self._one(sql)
        except (MissingObjectError, duckdb.Error) as exc:
            # What nobody expects here is told by the double's own words, which no rule of failures knows.
            self._connection.execute("ROLLBACK")
            self._types = types
            return _failure({"Status": "FAILED", "Error": f"ERROR: {exc}"}, label)
        self._connection.execute("COMMIT")
        for (name,) in self._query("SELECT table_name FROM duckdb_tables() WHERE temporary"):
            self._connection.execute(f'DROP TABLE temp."{name}"')
        return None

    def _one(self, sql: str) -> None:
        if sql.startswith("LOCK "):
            return
        if (copy := _COPY.fullmatch(sql)) is not None:
            self._copy(copy[1], copy[2])
            return
        if (create := _CREATE.match(sql)) is not None and create[1] not in self._types:
            self._types[create[1]] = dict(map(_column, create[2].split(",\n")))
        elif (alter := _ALTER.match(sql)) is not None:
            name, kind = _column(alter[2].replace(" TYPE ", " "))
            self._types[alter[1]][name] = kind
        self._connection.execute(_STORAGE.sub("", sql).replace("GETDATE()", "now()::timestamp"))

    def _columns(self, table: str) -> list[tuple[Any, ...]]:
        found = []
        for name, (kind, size) in self._types.get(table, {}).items():
            length, precision, scale = None, None, None
            if kind == "varchar":
                length = int(size)
            elif kind == "decimal":
                precision, scale = map(int, size.split(","))
            found.append((name, _LONG_NAMES.get(kind, kind), length, precision, scale))
        return found

    def _copy(self, table: str, url: str) -> None:
        for entry in json.loads(self._documents.read(url))["entries"]:
            staged = parquet_table(self._documents.fetch(entry["url"])[0])
            self._connection.register("_copied", staged)
            self._connection.execute(f"INSERT INTO {table} SELECT * FROM _copied")
            self._connection.unregister("_copied")


def parquet_table(content: bytes) -> pa.Table:
    """The rows of a Parquet file, moments without a time zone as tables of the warehouse have them."""
    found = pq.read_table(io.BytesIO(content))
    for place, column in enumerate(found.schema):
        if pa.types.is_timestamp(column.type):
            found = found.set_column(place, column.name, found.column(place).cast(pa.timestamp("us")))
    return found


def _column(text: str) -> tuple[str, tuple[str, str]]:
    match = _COLUMN.match(text)
    assert match is not None, text
    return match[1], (match[2].lower(), match[3] or "")


def _key(row: Plain, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _arrived(row: Plain) -> str:
    return str(row[BATCH_ID]).split(".")[1][:8]


def _day(value: object) -> date | None:
    return value if isinstance(value, date) else None
