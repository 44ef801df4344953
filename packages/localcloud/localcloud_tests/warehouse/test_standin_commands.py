"""Statements that Redshift and PostgreSQL write differently: users, schemas, cursors, materialized views, refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud_tests.warehouse.client import Sql


@pytest.fixture
def clerks(sql: Sql) -> Iterator[Sql]:
    """A warehouse whose users, groups and roles of these names are gone afterwards."""
    yield sql
    sql.batch("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    for name in ("USER clerk", "USER chief", "GROUP staff", "GROUP all_staff", "ROLE readers"):
        kind, _, role = name.partition(" ")
        sql.ok(f"DROP {kind} IF EXISTS {role}")


def test_a_users_options_are_read_and_those_that_postgresql_has_are_kept(clerks: Sql) -> None:
    clerks.batch("CREATE GROUP staff", "CREATE GROUP all_staff")
    clerks.ok(
        "CREATE USER clerk WITH PASSWORD 'Clerk1234' NOCREATEDB NOCREATEUSER SYSLOG ACCESS RESTRICTED"
        " IN GROUP staff, all_staff VALID UNTIL '2030-01-01' CONNECTION LIMIT 30 SESSION TIMEOUT 120"
    )
    user = "SELECT rolconnlimit, rolvaliduntil::date, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'clerk'"
    assert clerks.rows(user) == [(30, "2030-01-01", False, False)]
    groups = (
        "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
        " JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = 'clerk' ORDER BY 1"
    )
    assert clerks.rows(groups) == [("all_staff",), ("staff",)]
    clerks.ok("ALTER GROUP staff DROP USER clerk")
    assert clerks.rows(groups) == [("all_staff",)]
    clerks.ok("ALTER GROUP staff ADD USER clerk")
    assert clerks.rows(groups) == [("all_staff",), ("staff",)]


@pytest.mark.parametrize(
    ("change", "limit"),
    [
        ("CONNECTION LIMIT 7", 7),
        ("WITH CONNECTION LIMIT UNLIMITED", -1),
        ("NOCREATEDB SYSLOG ACCESS UNRESTRICTED CONNECTION LIMIT 3", 3),
        ("SESSION TIMEOUT 300", 5),
        ("RESET SESSION TIMEOUT", 5),
        ("WITH PASSWORD DISABLE", 5),
        ("SET search_path TO public", 5),
        ("SET query_group = 'night'", 5),
        ("RESET search_path", 5),
    ],
)
def test_a_user_is_altered(clerks: Sql, change: str, limit: int) -> None:
    clerks.batch("CREATE USER clerk PASSWORD DISABLE CONNECTION LIMIT 5", f"ALTER USER clerk {change}")
    assert clerks.rows("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'clerk'") == [(limit,)]
    assert 'role "nobody" does not exist' in clerks.error(f"ALTER USER nobody {change}")


def test_a_user_is_renamed(clerks: Sql) -> None:
    clerks.batch("CREATE USER clerk PASSWORD DISABLE", "ALTER USER clerk WITH RENAME TO chief")
    assert clerks.rows("SELECT rolname FROM pg_roles WHERE rolname IN ('clerk', 'chief')") == [("chief",)]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("CREATE USER clerk PASSWORD DISABLE CREATEUSER", "A user who is a superuser (CREATEUSER) is not supported by"),
        ("CREATE USER clerk PASSWORD DISABLE SYSLOG ACCESS ALL", 'syntax error at or near "ALL"'),
        ("CREATE USER clerk PASSWORD DISABLE SUPERUSER", 'syntax error at or near "SUPERUSER"'),
        ("CREATE USER clerk", "syntax error at end of input"),
        ("ALTER USER sluice SUPERUSER", 'syntax error at or near "SUPERUSER"'),
    ],
)
def test_what_a_user_cannot_be_is_refused(clerks: Sql, statement: str, error: str) -> None:
    assert error in clerks.error(statement)
    assert clerks.rows("SELECT COUNT(*) FROM pg_roles WHERE rolname = 'clerk'") == [(0,)]


def test_grants_say_what_the_grantee_is(clerks: Sql) -> None:
    clerks.batch(
        "CREATE USER clerk PASSWORD DISABLE",
        "CREATE GROUP staff USER clerk",
        "CREATE ROLE readers",
        "CREATE TABLE t (id INT)",
        "GRANT SELECT ON TABLE t TO ROLE readers",
        "GRANT INSERT ON t TO USER clerk",
        "GRANT DELETE ON t TO GROUP staff",
        "GRANT ROLE readers TO clerk",
    )
    privileges = "SELECT has_table_privilege('clerk', 't', '{}')"
    assert [clerks.rows(privileges.format(each)) for each in ("SELECT", "INSERT", "DELETE", "UPDATE")] == [
        [(True,)], [(True,)], [(True,)], [(False,)],
    ]  # fmt: skip
    clerks.batch("REVOKE ROLE readers FROM clerk", "REVOKE INSERT ON t FROM USER clerk")
    assert [clerks.rows(privileges.format(each)) for each in ("SELECT", "INSERT", "DELETE")] == [
        [(False,)], [(False,)], [(True,)],
    ]  # fmt: skip
    clerks.ok("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON PROCEDURES TO GROUP staff")
    clerks.ok("CREATE PROCEDURE p() AS $$ BEGIN NULL; END $$ LANGUAGE plpgsql")
    assert clerks.rows("SELECT has_function_privilege('staff', 'p()', 'EXECUTE')") == [(True,)]
    clerks.ok("DROP SCHEMA public CASCADE")
    clerks.batch("ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM clerk", "CREATE SCHEMA public")


def test_a_schemas_quota_is_read_and_not_watched(sql: Sql) -> None:
    sql.batch(
        "CREATE SCHEMA s1 AUTHORIZATION sluice QUOTA 0.1 TB",
        "CREATE SCHEMA IF NOT EXISTS s1 QUOTA UNLIMITED",
        "CREATE SCHEMA s2 QUOTA 100 MB",
        "ALTER SCHEMA s2 QUOTA 5 GB",
        "ALTER SCHEMA s2 RENAME TO s3",
    )
    assert sql.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 's_' ORDER BY 1") == [("s1",), ("s3",)]
    assert 'schema "s2" does not exist' in sql.error("ALTER SCHEMA s2 QUOTA 5 GB")
    assert 'syntax error at or near "many"' in sql.error("CREATE SCHEMA s4 QUOTA many")


def test_a_cursor_gives_the_rows_of_a_transaction(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1), (2), (3), (4)")
    found = sql.batch(
        "DECLARE c CURSOR FOR SELECT id, NVL(NULL, 7) FROM t ORDER BY id",
        "FETCH NEXT FROM c", "FETCH FORWARD 2 FROM c", "FETCH ALL FROM c", "CLOSE c",
    )  # fmt: skip
    assert [sql.result(f"{found['Id']}:{number}") for number in (2, 3, 4)] == [[(1, 7)], [(2, 7), (3, 7)], [(4, 7)]]
    assert "transaction blocks" in sql.error("DECLARE c CURSOR FOR SELECT 1")
    assert 'syntax error at or near "DELETE"' in sql.error("DECLARE c CURSOR FOR DELETE FROM t")


def test_a_prepared_statement_lives_in_its_session(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id INT, name VARCHAR(10))")
    session = sql.ok("PREPARE put (INT, VARCHAR(10)) AS INSERT INTO t VALUES ($1, $2)", SessionKeepAliveSeconds=60)[
        "SessionId"
    ]
    sql.ok("PREPARE get AS SELECT NVL(name, 'none') FROM t WHERE id = $1", SessionId=session)
    sql.ok("EXECUTE put (1, 'a')", SessionId=session)
    assert sql.rows("EXECUTE get (1)", SessionId=session) == [("a",)]
    sql.ok("DEALLOCATE PREPARE get", SessionId=session)
    assert 'prepared statement "get" does not exist' in sql.error("EXECUTE get (1)", SessionId=session)
    assert "PREPARE of DELETE is not supported by" in sql.error("PREPARE gone AS DELETE FROM t", SessionId=session)


def test_a_materialized_view_changes_when_it_is_refreshed(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    sql.ok(
        "CREATE MATERIALIZED VIEW m BACKUP NO DISTSTYLE ALL SORTKEY (total) AUTO REFRESH NO AS"
        " SELECT NVL(SUM(id), 0) AS total FROM t"
    )
    sql.ok("INSERT INTO t VALUES (2)")
    assert sql.rows("SELECT total FROM m") == [(1,)]
    sql.ok("REFRESH MATERIALIZED VIEW m")
    assert sql.rows("SELECT total FROM m") == [(3,)]
    sql.ok("DROP MATERIALIZED VIEW IF EXISTS m CASCADE")
    assert 'relation "m" does not exist' in sql.error("SELECT total FROM m")
    assert 'syntax error at or near "sometimes"' in sql.error(
        "CREATE MATERIALIZED VIEW m AUTO REFRESH sometimes AS SELECT 1"
    )


def test_small_differences(sql: Sql) -> None:
    sql.batch(
        "CREATE TABLE t (id INT, name VARCHAR(10) DEFAULT NULL) DISTSTYLE EVEN SORTKEY (id)",
        "INSERT INTO t VALUES (1, 'a'), (2, NULL)",
    )
    sql.ok("ALTER TABLE t ADD COLUMN score INT DEFAULT NULL")
    layout = "SELECT diststyle, sortkey_num FROM svv_table_info WHERE \"table\" = 't'"
    assert sql.rows(layout) == [("EVEN", 1)]
    sql.ok("ALTER TABLE t ALTER SORTKEY AUTO")
    assert sql.rows(layout) == [("EVEN", 1)]
    sql.ok("ALTER TABLE t ALTER SORTKEY NONE")
    assert sql.rows(layout) == [("EVEN", 0)]
    query = "SELECT id, score, LAG(name) RESPECT NULLS OVER (ORDER BY id) FROM t ORDER BY id"
    assert sql.rows(query) == [(1, None, None), (2, None, "a")]
    assert sql.rows("SELECT id FROM (t) JOIN (public.t) u USING (id) ORDER BY id") == [(1,), (2,)]
    assert sql.rows(
        "SELECT EXTRACT(day FROM (d)), (d) AT TIME ZONE 'UTC' IS NULL FROM (SELECT DATE '2026-11-20' AS d) x"
    ) == [(20, False)]
    assert sql.rows("SELECT respect FROM (SELECT 1 AS respect) x") == [(1,)]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("SELECT o, i FROM t, t.orders AS o AT i", "Walking through a SUPER value with AT"),
        ("SELECT json_parse('[1]')", "The function JSON_PARSE"),
        ("SELECT * FROM stl_wlm_query", "The system view STL_WLM_QUERY"),
        ("SHOW GRANTS ON TABLE t", "SHOW GRANTS"),
        ("ALTER DATASHARE d ADD SCHEMA public", "ALTER DATASHARE"),
        ("GRANT USAGE ON DATASHARE d TO ACCOUNT '123456789012'", "GRANT ON DATASHARE"),
        ("SHOW DATASHARES LIKE 'sales%'", "SHOW DATASHARES"),
        ("ATTACH RLS POLICY p ON t TO PUBLIC", "ATTACH RLS POLICY"),
        ("CREATE OR REPLACE LIBRARY l LANGUAGE plpythonu FROM 's3://b/k'", "CREATE LIBRARY"),
        (
            "CREATE OR REPLACE EXTERNAL FUNCTION f() RETURNS INT STABLE LAMBDA 'x' IAM_ROLE default",
            "CREATE EXTERNAL FUNCTION",
        ),
        ("COPY t FROM 's3://b/k' IAM_ROLE default LZOP", "COPY with LZOP"),
        ("COPY t FROM 's3://b/k' IAM_ROLE 'not an ARN' AVRO 'auto'", "COPY with AVRO"),
    ],
)
def test_what_only_redshift_has_is_refused_by_its_name(sql: Sql, statement: str, what: str) -> None:
    assert sql.error(statement).partition("\n")[0] == f"ERROR: {what} is not supported by the local stand-in"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM t PIVOT (COUNT(*) FOR a IN (1, 2))",
        "SELECT * FROM t UNPIVOT INCLUDE NULLS (n FOR a IN (b, c))",
        "SELECT * EXCLUDE (a) FROM t",
        "SELECT * FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY a) = 1",
    ],
)
def test_what_needs_the_columns_of_a_table_names_a_missing_one(sql: Sql, statement: str) -> None:
    assert sql.error(statement).startswith('ERROR: relation "t" does not exist')
