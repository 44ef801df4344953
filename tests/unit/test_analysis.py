"""Analysis queries: what each reader is given, and which of the published versions of a row are its current ones."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.analysis import Query, Reader, Schemas, UnknownQueryError, count_rows, queries, query_of, render
from sluice.analysis.quarantine import Span
from sluice.analysis.reference import REFERENCE_FILE, with_reference
from sluice.analysis.render import UnknownTableError, current_versions
from sluice.contract import Column, Contract, CsvSource, Table
from sluice.contract.files import read_contracts
from sluice.contract.model import LoadMode
from sluice.lake.layout import Partition
from tests.unit.test_warehouse_dialect import unparsable

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = read_contracts(ROOT / "contracts")
SCHEMAS = Schemas("published", "spectrum", "public")
STATUS = Query("q", "Status", "How many?", "SELECT COUNT(*) AS n FROM {{things}} AS t\nORDER BY n")


def contract_of(load: LoadMode) -> Contract:
    """A daily dataset with one table."""
    key = () if load == "append" else ("id",)
    columns = (Column("id", "bigint"), Column("version", "bigint"), Column("note", "varchar(9)"))
    order = () if load == "append" else ("version",)
    table = Table("things", columns, primary_key=key, order_by=order, load=load)
    return Contract("things", CsvSource("things/%Y-%m-%d"), (table,))


def test_the_warehouse_is_asked_for_its_tables() -> None:
    sql = render(STATUS, Reader.REDSHIFT, {"things": contract_of("upsert")}, SCHEMAS)
    assert sql == 'SELECT COUNT(*) AS n FROM "public"."things" AS t\nORDER BY n'


@pytest.mark.parametrize(("reader", "schema"), [(Reader.ATHENA, "published"), (Reader.SPECTRUM, "spectrum")])
def test_files_are_asked_for_current_versions_of_the_wanted_partitions(reader: Reader, schema: str) -> None:
    span = Span(Partition.parse("2026-11-20"), None)
    assert render(STATUS, reader, {"things": contract_of("upsert")}, SCHEMAS, span) == "\n".join(
        [
            'WITH "current_things" AS (',
            'SELECT "id", "version", "note", "_batch_id", "_source_file"',
            "FROM (",
            (
                'SELECT "id", "version", "note", "_batch_id", "_source_file", '
                'ROW_NUMBER() OVER (PARTITION BY "id" ORDER BY "version" DESC NULLS LAST, '
                '"_batch_id" DESC NULLS LAST, "_source_file" DESC NULLS LAST) AS "_chosen"'
            ),
            f'FROM "{schema}"."things"',
            "WHERE \"year\" >= '2026' AND \"year\" || '-' || \"month\" || '-' || \"day\" >= '2026-11-20'",
            ") AS published_rows",
            'WHERE "_chosen" = 1',
            ")",
            'SELECT COUNT(*) AS n FROM "current_things" AS t',
            "ORDER BY n",
        ]
    )


def test_a_span_is_nothing_that_the_warehouses_tables_know() -> None:
    with pytest.raises(ValueError, match="have no partitions"):
        render(STATUS, Reader.REDSHIFT, {"things": contract_of("upsert")}, SCHEMAS, Span())


def test_a_table_of_no_contract_is_named() -> None:
    with pytest.raises(UnknownTableError, match="query q reads table things, which no contract has"):
        render(STATUS, Reader.ATHENA, CONTRACTS, SCHEMAS)


def test_an_unknown_query_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownQueryError, match=r"no query 'nothing' \(known: best_customers, .*top_products\)"):
        query_of("nothing")


@pytest.mark.parametrize("text", ["SELECT 1", "-- Title\nSELECT 1", "-- Title\n-- Question?"])
def test_a_file_without_title_question_or_statement_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"q\.sql: a query has a title, a question and a statement"):
        Query.parse("q", text)


def test_there_are_more_than_a_dozen_and_each_reads_tables_of_the_contracts() -> None:
    tables = {table.name for contract in CONTRACTS.values() for table in contract.tables}
    assert len(queries()) > 12
    assert all(query.tables and tables.issuperset(query.tables) for query in queries())
    assert tables == {table for query in queries() for table in query.tables}


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.name)
def test_every_query_is_redshifts_sql_and_leaves_no_order_to_chance(query: Query) -> None:
    for reader in (Reader.REDSHIFT, Reader.SPECTRUM):
        assert unparsable(render(query, reader, CONTRACTS, SCHEMAS)) == []
    assert "\nORDER BY " in query.sql


def test_the_page_of_the_queries_is_current() -> None:
    page = (ROOT / REFERENCE_FILE).read_text(encoding="utf-8")
    assert page == with_reference(page), "run `make docs` and commit docs/queries.md"


# Which version is the current one

Version = tuple[int, int, int, int]
"""Id, version, day of the partition, and the number of the partition's batch."""
DAYS = ("2026-11-20", "2026-11-21")
versions = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 1), st.integers(1, 2)), unique=True, max_size=12
)


def batch_id(day: int, batch: int) -> str:
    return f"things.{DAYS[day].replace('-', '')}.{batch:020d}"


def current(load: LoadMode, rows: Iterable[Version]) -> list[tuple[int, int, str]]:
    """What DuckDB finds among published rows."""
    contract = contract_of(load)
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            'CREATE TABLE things (id BIGINT, version BIGINT, note VARCHAR, "_batch_id" VARCHAR, "_source_file" VARCHAR,'
            ' "year" VARCHAR, "month" VARCHAR, "day" VARCHAR)'
        )
        for number, version, day, batch in rows:
            values = [number, version, "", batch_id(day, batch), "s3://raw/f", *DAYS[day].split("-")]
            connection.execute("INSERT INTO things VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        sql = current_versions(contract, contract.tables[0], "things", Span())
        query = f'SELECT id, version, "_batch_id" FROM ({sql}) AS found ORDER BY ALL'
        [(counted,)] = connection.execute(
            count_rows(contract, contract.tables[0], Reader.ATHENA, Schemas("main", "s", "r"))
        ).fetchall()
        found = connection.execute(query).fetchall()
    assert counted == len(found)
    return found


@given(versions)
def test_of_a_key_the_newest_version_counts_and_then_the_newest_batch(rows: Sequence[Version]) -> None:
    newest: dict[int, tuple[int, str]] = {}
    for number, version, day, batch in rows:
        newest[number] = max(newest.get(number, (0, "")), (version, batch_id(day, batch)))
    assert current("upsert", rows) == sorted((number, *best) for number, best in newest.items())


@given(versions)
def test_of_an_appended_partition_the_newest_batch_counts(rows: Sequence[Version]) -> None:
    newest = {day: max(batch for _, _, place, batch in rows if place == day) for _, _, day, _ in rows}
    kept = [(n, v, batch_id(day, batch)) for n, v, day, batch in rows if batch == newest[day]]
    assert current("append", rows) == sorted(kept)


@given(versions)
def test_of_a_refreshed_table_the_newest_batch_counts(rows: Sequence[Version]) -> None:
    newest = max((batch_id(day, batch) for _, _, day, batch in rows), default="")
    kept = [(n, v, batch_id(day, batch)) for n, v, day, batch in rows if batch_id(day, batch) == newest]
    assert current("full_refresh", rows) == sorted(kept)


def test_a_span_leaves_other_partitions_out() -> None:
    contract, day = contract_of("upsert"), Partition(datetime(2026, 11, 21, tzinfo=UTC), is_hourly=False)
    sql = current_versions(contract, contract.tables[0], "things", Span(day, day))
    assert "\"day\" <= '2026-11-21'" in sql.replace("\"year\" || '-' || \"month\" || '-' || ", "")
