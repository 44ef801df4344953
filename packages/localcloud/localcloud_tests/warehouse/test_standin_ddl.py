"""Tables as Redshift has them: informational keys, layout, its own types and nothing else's."""

from __future__ import annotations

import pytest

from localcloud_tests.warehouse.client import Sql


def test_layout_is_noted_and_shown(sql: Sql) -> None:
    sql.ok(
        "CREATE TABLE IF NOT EXISTS public.orders (id BIGINT NOT NULL ENCODE az64, at TIMESTAMP ENCODE raw,"
        " name VARCHAR(20) ENCODE lzo) BACKUP NO DISTSTYLE KEY DISTKEY (id) COMPOUND SORTKEY (at, id)"
    )
    query = (
        'SELECT "column", type, encoding, distkey, sortkey, "notnull" FROM pg_table_def WHERE tablename = \'orders\''
    )
    expected = [
        ("id", "bigint", "az64", True, 2, True),
        ("at", "timestamp without time zone", "none", False, 1, False),
        ("name", "character varying(20)", "lzo", False, 0, False),
    ]
    assert sql.rows(query) == expected
    sql.ok("CREATE TABLE IF NOT EXISTS orders (other INT) DISTSTYLE ALL")
    assert sql.rows(query) == expected


def test_svv_table_info_shows_tables_with_rows(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id BIGINT DISTKEY SORTKEY, name VARCHAR(99))", "CREATE TABLE empty_one (id INT)")
    query = 'SELECT "schema", "table", diststyle, sortkey1, max_varchar, sortkey_num, tbl_rows FROM svv_table_info'
    assert sql.rows(query) == []
    sql.ok("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    assert sql.rows(query) == [("public", "t", "KEY(id)", "id", 99, 1, "2")]


def test_keys_are_informational_only(sql: Sql) -> None:
    sql.batch(
        "CREATE TABLE p (id INT PRIMARY KEY, code VARCHAR(3) UNIQUE)",
        "CREATE TABLE c (id INT, p INT REFERENCES p (id), n INT, PRIMARY KEY (id, n), UNIQUE (n),"
        " CONSTRAINT fk FOREIGN KEY (p) REFERENCES p)",
        "INSERT INTO p VALUES (1, 'a'), (1, 'a')",
        "INSERT INTO c VALUES (1, 99, 1), (1, 99, 1)",
        "ALTER TABLE c ADD CONSTRAINT more UNIQUE (id)",
        "ALTER TABLE c ADD PRIMARY KEY (id)",
        "ALTER TABLE c DROP CONSTRAINT more",
    )
    assert sql.rows("SELECT count(*) FROM p") == [(2,)]
    assert sql.error("INSERT INTO c VALUES (NULL, 1, 1)") == "ERROR: Cannot insert a NULL value into column id"


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ("INT2", "smallint"),
        ("INTEGER", "integer"),
        ("INT8", "bigint"),
        ("DECIMAL", "numeric(18,0)"),
        ("NUMERIC(38)", "numeric(38,0)"),
        ("FLOAT4", "real"),
        ("FLOAT", "double precision"),
        ("FLOAT(10)", "real"),
        ("DOUBLE PRECISION", "double precision"),
        ("BOOL", "boolean"),
        ("TEXT", "character varying(256)"),
        ("VARCHAR", "character varying(256)"),
        ("VARCHAR(MAX)", "character varying(65535)"),
        ("NVARCHAR(7)", "character varying(7)"),
        ("CHARACTER VARYING(7)", "character varying(7)"),
        ("CHAR", "character(1)"),
        ("BPCHAR", "character(256)"),
        ("TIMESTAMP WITHOUT TIME ZONE", "timestamp without time zone"),
        ("TIMESTAMPTZ", "timestamp with time zone"),
        ("TIME", "time without time zone"),
    ],
)
def test_types_have_redshifts_names_and_defaults(sql: Sql, declared: str, shown: str) -> None:
    sql.ok(f"CREATE TABLE t (x {declared} NULL)")
    assert sql.rows("SELECT type FROM pg_table_def WHERE tablename = 't'") == [(shown,)]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("x UUID", 'unsupported type "uuid"'),
        ("x JSONB", 'unsupported type "jsonb"'),
        ("x JSON", 'unsupported type "json"'),
        ("x BYTEA", 'unsupported type "bytea"'),
        ("x SERIAL", 'unsupported type "serial"'),
        ("x BIGSERIAL", 'unsupported type "bigserial"'),
        ("x INT[]", 'unsupported type "int[]"'),
        ("x TSVECTOR", 'unsupported type "tsvector"'),
        ("x SUPER", "not supported by the local stand-in"),
        ("x VARBYTE(10)", "not supported by the local stand-in"),
        ("x VARCHAR(65536)", "length for type varchar cannot exceed 65535"),
        ("x CHAR(4097)", "length for type character cannot exceed 4096"),
        ("x DECIMAL(39,2)", "NUMERIC precision 39 must be between 1 and 38"),
        ("x DECIMAL(5,6)", "NUMERIC scale 6 must be between 0 and precision 5"),
        ("x INT CHECK (x > 0)", "syntax error"),
        ("x INT, CHECK (x > 0)", "syntax error"),
        ("x INT GENERATED ALWAYS AS IDENTITY", "syntax error"),
        ("x INT GENERATED ALWAYS AS (1) STORED", "syntax error"),
        ("x INT, x INT", 'column "x" specified more than once'),
        ("x INT DISTKEY, y INT DISTKEY", "cannot specify multiple distribution keys"),
        ("x INT COLLATE CASE_INSENSITIVE", "not supported by the local stand-in"),
    ],
)
def test_what_redshift_lacks_is_refused(sql: Sql, column: str, expected: str) -> None:
    assert expected in sql.error(f"CREATE TABLE t ({column})")
    assert sql.rows("SELECT count(*) FROM svv_tables WHERE table_name = 't'") == [(0,)]


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("DISTKEY (nope)", 'DISTKEY column "nope" does not exist'),
        ("SORTKEY (nope)", 'SORTKEY column "nope" does not exist'),
        ("DISTSTYLE KEY", "DISTSTYLE KEY requires a DISTKEY column"),
        ("PARTITION BY RANGE (x)", 'syntax error at or near "PARTITION"'),
        ("INHERITS (y)", 'syntax error at or near "INHERITS"'),
        ("WITH (fillfactor = 70)", "syntax error"),
        ("TABLESPACE x", "syntax error"),
    ],
)
def test_table_attributes_are_redshifts(sql: Sql, tail: str, expected: str) -> None:
    assert expected in sql.error(f"CREATE TABLE t (x INT) {tail}")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX i ON t (id)",
        "CREATE UNIQUE INDEX i ON t (id)",
        "CREATE SEQUENCE s",
        "CREATE TYPE color AS ENUM ('red')",
        "CREATE DOMAIN d AS INT",
        "CREATE EXTENSION vector",
        "CREATE TRIGGER x BEFORE INSERT ON t EXECUTE FUNCTION f()",
        "CREATE UNLOGGED TABLE u (id INT)",
        "DO $$ BEGIN END $$",
        "LISTEN x",
        "REINDEX TABLE t",
        "CLUSTER t",
        "CHECKPOINT",
        "COPY t FROM PROGRAM 'ls'",
        "COPY t TO '/tmp/x'",
        "VALUES (1)",
        "TABLE t",
        "ALTER SYSTEM SET work_mem = '1GB'",
    ],
)
def test_statements_that_redshift_lacks_are_refused(sql: Sql, statement: str) -> None:
    sql.ok("CREATE TABLE t (id INT)")
    error = sql.error(statement)
    assert error.startswith("ERROR: syntax error at or near"), error


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE EXTERNAL SCHEMA spectrum FROM HIVE METASTORE DATABASE 'x' URI 'h' IAM_ROLE default",
        "ALTER MATERIALIZED VIEW v AUTO REFRESH YES",
        "CREATE DATABASE other",
        "ALTER TABLE t APPEND FROM u",
        "CREATE FUNCTION f(a INT) RETURNS INT IMMUTABLE AS $$ return 1 $$ LANGUAGE plpythonu",
        "ANALYZE COMPRESSION t",
        "SET LOCAL timezone TO 'UTC'",
    ],
)
def test_what_the_stand_in_lacks_is_said_plainly(sql: Sql, statement: str) -> None:
    assert "not supported by the local stand-in" in sql.error(statement)


def test_varchar_counts_bytes_in_every_way_in(sql: Sql) -> None:
    too_long = "ERROR: value too long for type character varying(4)"
    sql.ok("CREATE TABLE t (id INT, name VARCHAR(4))")
    sql.ok("INSERT INTO t VALUES (1, 'ää'), (2, 'abcd')")
    assert sql.error("INSERT INTO t VALUES (3, 'äää')") == too_long
    assert sql.error("UPDATE t SET name = 'äää'") == too_long
    sql.ok("CREATE TABLE u (id INT, name VARCHAR(9))")
    sql.ok("INSERT INTO u VALUES (1, 'ääää'), (4, 'äää')")
    merge = (
        "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET name = u.name"
        " WHEN NOT MATCHED THEN INSERT VALUES (u.id, u.name)"
    )
    assert sql.error(merge).startswith("ERROR: value too long for type character varying(4)")
    sql.ok("CREATE TABLE copied (LIKE t)")
    assert sql.error("INSERT INTO copied VALUES (3, 'äää')") == too_long
    sql.ok("CREATE TABLE derived AS SELECT * FROM t")
    assert sql.error("INSERT INTO derived VALUES (3, 'äää')") == too_long
    sql.ok("ALTER TABLE derived ADD COLUMN more VARCHAR(4)")
    assert sql.error("UPDATE derived SET more = 'äää'") == too_long
    assert sql.rows("SELECT id, name FROM t ORDER BY id") == [(1, "ää"), (2, "abcd")]


def test_a_varchar_can_be_widened(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT, name VARCHAR(4))", "INSERT INTO t VALUES (1, 'abcd')")
    sql.ok("ALTER TABLE t ALTER COLUMN name TYPE VARCHAR(8)")
    sql.ok("INSERT INTO t VALUES (2, 'ääää')")
    assert sql.error("INSERT INTO t VALUES (3, 'äääää')").endswith("character varying(8)")
    assert "too long" in sql.error("ALTER TABLE t ALTER COLUMN name TYPE VARCHAR(2)")
    assert "is not supported" in sql.error("ALTER TABLE t ALTER COLUMN id TYPE BIGINT")
    assert "is not a VARCHAR column" in sql.error("ALTER TABLE t ALTER COLUMN id TYPE VARCHAR(10)")
    assert sql.rows("SELECT name FROM t ORDER BY id") == [("abcd",), ("ääää",)]


def test_columns_are_added_one_at_a_time(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    sql.ok("ALTER TABLE t ADD COLUMN a VARCHAR(5) DEFAULT 'x' ENCODE lzo")
    sql.ok("ALTER TABLE t ADD b INT NOT NULL DEFAULT 3")
    assert sql.rows("SELECT * FROM t") == [(1, "x", 3)]
    assert "syntax error" in sql.error("ALTER TABLE t ADD COLUMN c INT, ADD COLUMN d INT")
    assert "syntax error" in sql.error("ALTER TABLE t ADD COLUMN IF NOT EXISTS c INT")
    assert "must have a non-null default expression" in sql.error("ALTER TABLE t ADD COLUMN c INT NOT NULL")
    assert 'column "a" of relation "t" already exists' in sql.error("ALTER TABLE t ADD COLUMN a INT")
    encodings = "SELECT \"column\", encoding FROM pg_table_def WHERE tablename = 't'"
    assert sql.rows(encodings) == [("id", "az64"), ("a", "lzo"), ("b", "az64")]


def test_tables_can_be_renamed_and_changed(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT, a INT, b INT) DISTSTYLE EVEN", "INSERT INTO t VALUES (1, 2, 3)")
    sql.ok("ALTER TABLE t RENAME COLUMN a TO c")
    sql.ok("ALTER TABLE t DROP COLUMN b RESTRICT")
    sql.ok("ALTER TABLE t ALTER DISTKEY id")
    sql.ok("ALTER TABLE t ALTER COMPOUND SORTKEY (c, id)")
    sql.ok("ALTER TABLE t ALTER COLUMN c ENCODE zstd")
    sql.ok("ALTER TABLE t RENAME TO u")
    assert sql.rows("SELECT \"column\", encoding, distkey, sortkey FROM pg_table_def WHERE tablename = 'u'") == [
        ("id", "none", True, 2),
        ("c", "zstd", False, 1),
    ]
    assert sql.rows("SELECT * FROM u") == [(1, 2)]


def test_like_takes_columns_not_null_and_layout_but_no_defaults_unless_asked(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id INT NOT NULL DISTKEY, a VARCHAR(5) DEFAULT 'x', PRIMARY KEY (id)) SORTKEY (id)")
    sql.ok("CREATE TABLE u (LIKE t)")
    sql.ok("CREATE TABLE v (LIKE t INCLUDING DEFAULTS)")
    sql.batch("INSERT INTO u (id) VALUES (1)", "INSERT INTO v (id) VALUES (1)")
    assert sql.rows("SELECT * FROM u") == [(1, None)]
    assert sql.rows("SELECT * FROM v") == [(1, "x")]
    assert "Cannot insert a NULL value" in sql.error("INSERT INTO u VALUES (NULL, 'a')")
    layout = 'SELECT "column", distkey, sortkey, "notnull" FROM pg_table_def WHERE tablename = \'u\''
    assert sql.rows(layout) == [("id", True, 1, True), ("a", False, 0, False)]


def test_create_table_as_takes_names_and_layout(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (a, b) DISTKEY (a) SORTKEY (b) AS SELECT 1, 'x'::varchar(3) UNION ALL SELECT 2, 'y'")
    assert sql.rows("SELECT a, b FROM t ORDER BY a") == [(1, "x"), (2, "y")]
    assert sql.rows("SELECT \"column\", distkey, sortkey FROM pg_table_def WHERE tablename = 't'") == [
        ("a", True, 0),
        ("b", False, 1),
    ]


@pytest.mark.parametrize("head", ["CREATE TEMP TABLE x", "CREATE LOCAL TEMPORARY TABLE x", "CREATE TABLE #x"])
def test_temporary_tables(sql: Sql, head: str) -> None:
    name = head.rsplit(maxsplit=1)[-1]
    found = sql.batch(f"{head} (id INT)", f"INSERT INTO {name} VALUES (1)", f"SELECT id FROM {name}")
    assert sql.result(f"{found['Id']}:3") == [(1,)]
    assert "does not exist" in sql.error(f"SELECT * FROM {name}")
    assert "cannot create temporary relation" in sql.error("CREATE TEMP TABLE public.x (id INT)")


def test_identity_counts_from_its_seed_and_takes_no_value(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (n BIGINT IDENTITY(0, 10), d BIGINT GENERATED BY DEFAULT AS IDENTITY(1, 1), a INT)")
    sql.batch("INSERT INTO t (a) VALUES (7), (8)", "INSERT INTO t (d, a) VALUES (99, 9)")
    assert sql.rows("SELECT * FROM t ORDER BY a") == [(0, 1, 7), (10, 2, 8), (20, 99, 9)]
    assert "ERROR" in sql.error("INSERT INTO t (n, a) VALUES (5, 5)")


def test_names_are_folded_even_when_quoted(sql: Sql) -> None:
    sql.ok('CREATE TABLE "Order" ("Select" INT, Plain INT)')
    sql.ok('INSERT INTO "ORDER" ("SELECT", plain) VALUES (1, 2)')
    found = sql.ok('SELECT "Select", PLAIN AS "Total" FROM "order"')
    columns = sql.client.get_statement_result(Id=found["Id"])["ColumnMetadata"]
    assert [column["name"] for column in columns] == ["select", "total"]


def test_schemas_views_grants_and_users(sql: Sql) -> None:
    sql.batch(
        "CREATE SCHEMA IF NOT EXISTS sluice",
        "CREATE TABLE sluice.t (id INT)",
        "INSERT INTO sluice.t VALUES (1)",
        "CREATE OR REPLACE VIEW v AS SELECT id FROM sluice.t",
        "COMMENT ON TABLE sluice.t IS 'the table'",
        "CREATE USER reader_of_tests PASSWORD DISABLE",
        "CREATE GROUP group_of_tests",
        "GRANT USAGE ON SCHEMA sluice TO reader_of_tests",
        "GRANT SELECT ON ALL TABLES IN SCHEMA sluice TO GROUP group_of_tests",
        "REVOKE ALL ON ALL TABLES IN SCHEMA sluice FROM GROUP group_of_tests",
        "REVOKE ALL ON SCHEMA sluice FROM reader_of_tests",
        "DROP USER reader_of_tests",
        "DROP GROUP group_of_tests",
    )
    assert sql.rows("SELECT * FROM v") == [(1,)]
    sql.batch("DROP VIEW v", "DROP TABLE IF EXISTS sluice.t", "DROP TABLE IF EXISTS sluice.t", "DROP SCHEMA sluice")


def test_procedures_are_called(sql: Sql) -> None:
    sql.batch(
        "CREATE TABLE t (id INT, at TIMESTAMP)",
        """
        CREATE OR REPLACE PROCEDURE fill(start_id INT, amount INT) AS $$
        DECLARE
            n INT;
        BEGIN
            DELETE FROM t;
            FOR n IN 0 .. amount - 1 LOOP
                INSERT INTO t VALUES (start_id + n, DATEADD(day, n, '2026-11-20'::timestamp));
            END LOOP;
        END;
        $$ LANGUAGE plpgsql
        """,
    )
    sql.ok("CALL fill(:start, 3)", Parameters=[{"name": "start", "value": "5"}])
    assert sql.rows("SELECT id, at FROM t ORDER BY id") == [
        (5, "2026-11-20 00:00:00"),
        (6, "2026-11-21 00:00:00"),
        (7, "2026-11-22 00:00:00"),
    ]
    sql.batch_error("CALL fill(100, 1)", "SELECT 1/0")
    assert sql.rows("SELECT count(*) FROM t") == [(3,)]
    sql.ok("DROP PROCEDURE fill(INT, INT)")


def test_a_procedure_may_commit_only_outside_a_transaction_block(sql: Sql) -> None:
    sql.batch(
        "CREATE TABLE t (id INT)",
        "CREATE PROCEDURE p() AS $$ BEGIN INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2);"
        " RAISE EXCEPTION 'stop'; END; $$ LANGUAGE plpgsql",
    )
    assert "stop" in sql.error("CALL p()")
    assert sql.rows("SELECT id FROM t") == [(1,)]
    assert "invalid transaction termination" in sql.batch_error("CALL p()")
    assert sql.rows("SELECT id FROM t") == [(1,)]


def test_system_views_have_the_columns_that_tools_ask_for(sql: Sql) -> None:
    sql.batch("CREATE SCHEMA sluice", "CREATE TABLE sluice.t (id INT NOT NULL, name VARCHAR(20))")
    assert sql.rows(
        "SELECT column_name, data_type, character_maximum_length, is_nullable FROM svv_columns"
        " WHERE table_schema = 'sluice' ORDER BY ordinal_position"
    ) == [("id", "integer", None, "NO"), ("name", "character varying", 20, "YES")]
    assert sql.rows("SELECT table_type FROM svv_tables WHERE table_schema = 'sluice'") == [("BASE TABLE",)]
    assert sql.rows("SELECT * FROM pg_table_def WHERE schemaname = 'sluice'") == []
    shown = "SET search_path TO sluice", 'SELECT tablename, "column" FROM pg_table_def'
    found = sql.batch(*shown)
    assert sql.result(f"{found['Id']}:2") == [("t", "id"), ("t", "name")]
    assert sql.rows("SELECT db_name, isolation_level FROM stv_db_isolation_level") == [
        ("warehouse", "Snapshot Isolation")
    ]
