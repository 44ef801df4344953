"""The health queries in the documents, and as SQL of Redshift."""

from pathlib import Path

import pytest

from sluice.contract.files import read_contract, read_contracts
from sluice.doctor.reference import EXAMPLE_CONTRACT, REFERENCE_FILE, HealthQuery, health_queries, with_reference
from sluice.lake.layout import Partition
from sluice.settings import Settings
from sluice.warehouse.fixed import fixed_sql
from sluice.warehouse.health import loads_by_table
from sluice.warehouse.history import HistoryQuery, select_history
from tests.unit.test_warehouse_dialect import unparsable

ROOT = Path(__file__).resolve().parents[2]
DAY = Partition.parse("2026-11-20")
QUERIES = list(health_queries(read_contracts(ROOT / "contracts"), Settings(), DAY))


def test_the_queries_of_the_page_are_current() -> None:
    page = (ROOT / REFERENCE_FILE).read_text(encoding="utf-8")
    contract = read_contract(ROOT / EXAMPLE_CONTRACT)
    assert page == with_reference(page, contract), "run `make docs` and commit docs/operations.md"
    made = with_reference(page, contract).partition("sluice.doctor.reference")[2]
    assert made.count("```sql") == 2 + len(contract.tables) + 2


def test_a_page_without_the_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="the page has no line"):
        with_reference("# Running Sluice\n", read_contract(ROOT / EXAMPLE_CONTRACT))


@pytest.mark.parametrize("query", [q for q in QUERIES if q.engine == "redshift"], ids=lambda query: query.title)
def test_every_query_of_the_warehouse_is_redshifts_sql(query: HealthQuery) -> None:
    assert unparsable(query.sql) == []


@pytest.mark.parametrize("sql", [loads_by_table(7), *fixed_sql("live").values()])
def test_what_the_doctor_asks_is_redshifts_sql(sql: str) -> None:
    assert unparsable(sql.replace(":schema_name", "'x'")) == []


def test_the_load_history_binds_every_filter() -> None:
    everything = select_history(limit=5)
    assert everything.parameters == {}
    assert "WHERE" not in everything.sql
    some = select_history(dataset="orders", table="order_items", batch="b", since="2026-11-20 13:00:00", limit=5)
    assert some == HistoryQuery(
        everything.sql.replace(
            "\nORDER BY",
            '\nWHERE "dataset" = :dataset AND "table_name" = :table_name AND "batch_id" = :batch_id '
            'AND "loaded_at" >= CAST(:since AS timestamp)\nORDER BY',
        ),
        {"dataset": "orders", "table_name": "order_items", "batch_id": "b", "since": "2026-11-20 13:00:00"},
    )
    assert everything.sql.endswith('ORDER BY "loaded_at" DESC, "batch_id" DESC, "table_name"\nLIMIT 5')
    assert unparsable(some.sql.replace(":since", "'x'").replace(":batch_id", "'x'")) == []
