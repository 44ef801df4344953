"""The health queries and the load history, run in the warehouse on rows that are well and on rows that are not."""

from dataclasses import replace

from localcloud_tests.warehouse.client import Sql
from sluice.contract import parse_contract
from sluice.warehouse.fixed import fixed_sql
from sluice.warehouse.health import bad_keys, freshness, loads_by_table, rows_per_load
from sluice.warehouse.history import COLUMNS, select_history
from tests.unit.contract_data import plain_contract

TABLE = parse_contract(plain_contract(), "parcels.yaml").tables[0]
_AUDIT = (
    ("parcels", "parcels", "parcels.2026112013.1", "2026-11-20T13", 10, 6, 3, 1, "DATEADD(hour, -2, GETDATE())"),
    ("parcels", "parcels", "parcels.2026112014.1", "2026-11-20T14", 10, 6, 3, 0, "DATEADD(hour, -1, GETDATE())"),
    ("letters", "letters", "letters.2026110113.1", "2026-11-01T13", 5, 5, 0, 0, "DATEADD(day, -9, GETDATE())"),
)


def _audit(sql: Sql) -> None:
    """Two loads of today, of which the second lost a row, and one of long ago."""
    values = ", ".join(
        f"('{dataset}', 'public', '{table}', '{batch}', '{label}', 'upsert', 'c1', {staged}, {new}, {known}, "
        f"{stale}, {at})"
        for dataset, table, batch, label, staged, new, known, stale, at in _AUDIT
    )
    statements = fixed_sql("audit")
    sql.batch(statements["create_schema"], statements["create_table"], f"INSERT INTO sluice.load_audit VALUES {values}")


def test_null_and_doubled_keys_are_counted(sql: Sql) -> None:
    sql.ok('CREATE TABLE parcels (parcel_id varchar(20), "_batch_id" varchar(256))')
    keys = bad_keys("public", TABLE)
    within_batches = bad_keys("public", replace(TABLE, load="append"))
    assert keys is not None
    assert within_batches is not None
    assert sql.rows(keys) == [("parcels", 0, 0)]
    sql.ok("INSERT INTO parcels VALUES ('a', 'b1'), ('a', 'b2'), ('b', 'b1'), ('b', 'b1'), ('c', 'b1'), (NULL, 'b1')")
    assert sql.rows(keys) == [("parcels", 1, 2)]
    # With append, a key may come again in another batch.
    assert sql.rows(within_batches) == [("parcels", 1, 1)]


def test_a_table_without_a_key_has_no_query() -> None:
    assert bad_keys("public", replace(TABLE, primary_key=())) is None


def test_freshness_has_a_row_per_dataset(sql: Sql) -> None:
    _audit(sql)
    letters, parcels = sql.rows(freshness())
    assert (letters[:2], parcels[:2]) == (("letters", "2026-11-01T13"), ("parcels", "2026-11-20T14"))
    # DATEDIFF counts the minutes that begin in between, and this test takes some time.
    assert 9 * 24 * 60 <= letters[3] <= 9 * 24 * 60 + 5
    assert 60 <= parcels[3] <= 65


def test_rows_of_loads_account_for_every_row(sql: Sql) -> None:
    _audit(sql)
    found = [(row[2], row[-1]) for row in sql.rows(rows_per_load())]
    assert found == [("parcels.2026112014.1", 1), ("parcels.2026112013.1", 0)]
    assert len(sql.rows(rows_per_load(10))) == 3
    assert [(name, loads, int(rows), bad) for name, loads, rows, bad in sql.rows(loads_by_table())] == [
        ("parcels", 2, 20, 1)
    ]


def test_the_history_is_newest_first_and_filtered(sql: Sql) -> None:
    _audit(sql)
    batch = COLUMNS.index("batch_id")

    def batches(limit: int = 10, **filters: str) -> list[str]:
        query = select_history(limit=limit, **filters)
        parameters = [{"name": name, "value": value} for name, value in query.parameters.items()]
        return [row[batch] for row in sql.rows(query.sql, **({"Parameters": parameters} if parameters else {}))]

    newest, older, oldest = _AUDIT[1][2], _AUDIT[0][2], _AUDIT[2][2]
    assert batches() == [newest, older, oldest]
    assert batches(limit=1) == [newest]
    assert batches(dataset="letters") == batches(table="letters") == [oldest]
    assert batches(batch=older) == [older]
    assert batches(since="2999-01-01 00:00:00") == []
    assert batches(dataset="parcels", since="2000-01-01 00:00:00") == [newest, older]
