"""Views WITH NO SCHEMA BINDING: what they read is looked up when they are read.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest

from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.conftest import LocalAws
from localcloud_tests.warehouse.lake import Lake

COLUMNS = (
    "SELECT col_name, col_type, col_num FROM pg_get_late_binding_view_cols()"
    " cols (view_schema name, view_name name, col_name name, col_type varchar, col_num int) WHERE view_name = 'v'"
    " ORDER BY col_num"
)


@contextmanager
def reader(sql: Sql, local_aws: LocalAws, *grants: str) -> Iterator[str]:
    """A user with some grants, by the ARN of his secret."""
    name = f"reader_{uuid4().hex[:8]}"
    sql.batch(f"CREATE USER {name} PASSWORD 'Reader123'", *(f"{grant} TO {name}" for grant in grants))
    document = f'{{"username": "{name}", "password": "Reader123"}}'
    secret = local_aws.client("secretsmanager").create_secret(Name=name, SecretString=document)["ARN"]
    try:
        yield str(secret)
    finally:
        sql.batch(*(f"{grant.replace('GRANT', 'REVOKE')} FROM {name}" for grant in grants), f"DROP USER {name}")


def test_a_view_is_made_before_what_it_reads_and_outlives_it(sql: Sql) -> None:
    sql.ok("CREATE VIEW v AS SELECT id, name FROM public.t WITH NO SCHEMA BINDING")
    assert 'relation "public.t" does not exist' in sql.error("SELECT * FROM v")
    sql.batch("CREATE TABLE t (id int, name varchar(5))", "INSERT INTO t VALUES (1, 'a')")
    assert sql.rows("SELECT * FROM v") == [(1, "a")]
    sql.batch("DROP TABLE t", "CREATE TABLE t (id int, name varchar(5))", "INSERT INTO t VALUES (2, 'b')")
    assert sql.rows("SELECT * FROM v") == [(2, "b")]
    sql.ok("DROP TABLE t")
    assert 'relation "public.t" does not exist' in sql.error("SELECT count(*) FROM v")
    sql.ok("DROP VIEW v")
    assert sql.rows("SELECT proname FROM pg_proc WHERE proname LIKE 'view\\\\_%'") == []


def test_its_columns_are_those_of_the_moment(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id int, n decimal(8,2))", "INSERT INTO t VALUES (1, 1.5)")
    sql.ok("CREATE VIEW v AS SELECT * FROM public.t WITH NO SCHEMA BINDING")
    assert sql.rows(COLUMNS) == [("id", "integer", 1), ("n", "numeric(8,2)", 2)]
    sql.batch("ALTER TABLE t ADD COLUMN name varchar(5) DEFAULT 'x'", "ALTER TABLE t DROP COLUMN id")
    assert sql.rows("SELECT * FROM v") == [("1.50", "x")]
    assert sql.rows(COLUMNS) == [("n", "numeric(8,2)", 1), ("name", "character varying(5)", 2)]
    sql.ok("CREATE TABLE copied AS SELECT n / 3 AS third, name FROM v")
    assert sql.rows("SELECT * FROM copied") == [("0.5000000000000", "x")]
    assert 'column "id" does not exist' in sql.error("SELECT id FROM v")


def test_a_view_of_a_view_follows_too_and_names_its_columns(sql: Sql) -> None:
    sql.batch(
        "CREATE TABLE t (id int)",
        "CREATE VIEW w AS (SELECT * FROM public.t) WITH NO SCHEMA BINDING",
        "CREATE VIEW v (one, other) AS SELECT id, count(*) FROM public.w GROUP BY id WITH NO SCHEMA BINDING",
        "INSERT INTO t VALUES (7)",
    )
    assert sql.rows("SELECT one, other FROM v") == [(7, 1)]
    sql.batch("DROP TABLE t", "CREATE TABLE t (id varchar(3))", "INSERT INTO t VALUES ('abc')")
    assert sql.rows("SELECT one, other FROM v") == [("abc", 1)]


def test_it_is_replaced_and_keeps_what_was_granted(sql: Sql, local_aws: LocalAws) -> None:
    sql.batch("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    sql.batch("CREATE VIEW v AS SELECT id FROM public.t WITH NO SCHEMA BINDING", "COMMENT ON VIEW v IS 'what'")
    assert 'relation "v" already exists' in sql.error("CREATE VIEW v AS SELECT 1 AS a WITH NO SCHEMA BINDING")
    with reader(sql, local_aws, "GRANT USAGE ON SCHEMA public", "GRANT SELECT ON v") as secret:
        assert sql.rows("SELECT id FROM v", SecretArn=secret) == [(1,)]
        assert "permission denied for table t" in sql.error("SELECT id FROM t", SecretArn=secret)
        # Whoever reads it finds that it is outdated.
        sql.ok("ALTER TABLE t ADD COLUMN other int")
        sql.ok("CREATE OR REPLACE VIEW v AS SELECT * FROM public.t WITH NO SCHEMA BINDING")
        sql.ok("ALTER TABLE t ADD COLUMN third int")
        assert sql.rows("SELECT * FROM v", SecretArn=secret) == [(1, None, None)]
        assert "must be owner" in sql.error(
            "CREATE OR REPLACE VIEW v AS SELECT 1 AS a WITH NO SCHEMA BINDING", SecretArn=secret
        )
        forged = (
            "SELECT pg_catalog.redshift_bind_late_view('v'::regclass, 'select 1', array_append(null, 'a'),"
            " null, null, 'guess')"
        )
        assert "does not exist" in sql.error(forged, SecretArn=secret)
    assert sql.rows("SELECT * FROM v") == [(1, None, None)]


def test_only_its_owner_or_the_warehouse_binds_it(sql: Sql, local_aws: LocalAws) -> None:
    sql.ok("CREATE VIEW v AS SELECT 1 AS a WITH NO SCHEMA BINDING")
    sql.batch(
        "CREATE USER binder PASSWORD 'Binder123'",
        "GRANT USAGE ON SCHEMA public TO binder",
        "GRANT SELECT ON v TO binder",
    )
    try:
        dsn = local_aws.warehouse.dsn.replace("sluice:local-password@", "binder:Binder123@")
        with psycopg.connect(dsn, autocommit=True) as connection:
            for word in (None, "guess"):
                with pytest.raises(psycopg.errors.RaiseException, match="must be owner of view"):
                    connection.execute(
                        "SELECT redshift_bind_late_view('v'::regclass, 'select 2', '{a}', '{23}', '{-1}', %s)", (word,)
                    )
            assert connection.execute("SELECT * FROM v").fetchall() == [(1,)]
    finally:
        sql.batch("REVOKE USAGE ON SCHEMA public FROM binder", "REVOKE SELECT ON v FROM binder", "DROP USER binder")


def test_it_is_read_in_the_transaction_that_makes_it_and_by_procedures(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id int)", "CREATE TABLE result (id int)", "INSERT INTO t VALUES (1)")
    sql.batch(
        "CREATE VIEW v AS SELECT id FROM public.t WITH NO SCHEMA BINDING",
        "INSERT INTO result SELECT id FROM v",
    )
    sql.ok("CREATE PROCEDURE p() AS $$ BEGIN INSERT INTO result SELECT id FROM v; END $$ LANGUAGE plpgsql")
    sql.batch("DROP TABLE t", "CREATE TABLE t (id smallint)", "INSERT INTO t VALUES (2)")
    sql.ok("CALL p()")
    assert sql.rows("SELECT id FROM result ORDER BY id") == [(1,), (2,)]


def test_tables_have_schemas_that_are_there(sql: Sql) -> None:
    for query in (
        "SELECT * FROM t",
        "SELECT 1 FROM public.a JOIN t ON true",
        "WITH x AS (SELECT * FROM t) SELECT * FROM x",
    ):
        assert sql.error(f"CREATE VIEW v AS {query} WITH NO SCHEMA BINDING").startswith(
            "ERROR: All the relation names inside should be qualified when creating views with no schema binding."
        )
    assert 'schema "nowhere" does not exist' in sql.error(
        "CREATE VIEW v AS SELECT * FROM nowhere.t WITH NO SCHEMA BINDING"
    )
    sql.ok("CREATE VIEW v AS WITH x AS (SELECT 1 AS a) SELECT a FROM x WITH NO SCHEMA BINDING")
    assert sql.rows("SELECT a FROM v") == [(1,)]


def test_it_reads_external_tables_beside_others(sql: Sql, lake: Lake) -> None:
    lake.table("orders", {"id": "bigint"}, ["day"])
    lake.put("orders", "20", rows=pa.table({"id": pa.array([1], pa.int64())}))
    lake.register("orders", "20")
    lake.attach(sql)
    sql.batch("CREATE TABLE t (id bigint)", "INSERT INTO t VALUES (9)")
    sql.ok(
        "CREATE VIEW v AS SELECT id, day FROM spectrum.orders UNION ALL SELECT id, 'now' FROM public.t"
        " WITH NO SCHEMA BINDING"
    )
    assert sql.rows("SELECT * FROM v ORDER BY id") == [(1, "20"), (9, "now")]
    lake.put("orders", "21", rows=pa.table({"id": pa.array([2], pa.int64())}))
    lake.register("orders", "21")
    assert sql.rows("SELECT * FROM v ORDER BY id") == [(1, "20"), (2, "21"), (9, "now")]
    sql.ok('CREATE VIEW p AS SELECT "$path" AS place, * FROM spectrum.orders WITH NO SCHEMA BINDING')
    assert sql.rows("SELECT id FROM p WHERE place LIKE '%/21/%'") == [(2,)]


def test_a_view_is_read_through_the_port(sql: Sql, local_aws: LocalAws) -> None:
    sql.batch("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    sql.ok("CREATE VIEW v AS SELECT id FROM public.t WITH NO SCHEMA BINDING")
    with psycopg.connect(local_aws.warehouse.dsn) as connection:
        assert connection.execute("SELECT id FROM public.v").fetchall() == [(1,)]


def test_its_definition_is_what_made_it(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id int)")
    sql.batch("CREATE VIEW v AS SELECT id FROM public.t WITH NO SCHEMA BINDING", "CREATE VIEW w AS SELECT id FROM t")
    assert sql.rows("SELECT viewname, trim(definition) FROM pg_views WHERE schemaname = 'public' ORDER BY 1") == [
        ("v", "SELECT id FROM public.t with no schema binding;"),
        ("w", "SELECT id\n   FROM t;"),
    ]
    assert sql.rows("SELECT pg_get_viewdef('v'::regclass::oid)") == [
        ("SELECT id FROM public.t with no schema binding;",)
    ]
