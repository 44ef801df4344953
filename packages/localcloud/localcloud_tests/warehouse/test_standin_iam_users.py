"""Who comes in by IAM: a role's own database user, with what was granted to it and nothing else.

Source: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.lake import Lake

if TYPE_CHECKING:
    from localcloud_tests.warehouse.conftest import LocalAws

USER = "SELECT current_user"
RENAME = "ALTER TABLE public.kept RENAME COLUMN id TO key"


@pytest.fixture
def role() -> str:
    """Name of a role that nobody else has."""
    return f"Part-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def part(local_aws: LocalAws, role: str, sql: Sql) -> Iterator[Sql]:
    """The Data API as that role."""
    yield Sql(local_aws.client("redshift-data", role))
    if sql.rows(f"SELECT 1 FROM pg_user WHERE usename = 'iamr:{role.lower()}'"):
        sql.ok("DROP TABLE IF EXISTS public.kept")
        sql.ok(f'REVOKE ALL ON SCHEMA public FROM "IAMR:{role}"')
        sql.ok(f'DROP USER "IAMR:{role}"')


def test_a_role_without_a_secret_is_its_own_user_and_may_nothing(part: Sql, sql: Sql, role: str) -> None:
    sql.ok("CREATE TABLE kept (id INT)")

    assert part.rows(USER) == [(f"iamr:{role.lower()}",)]
    assert sql.rows(USER) == [("sluice",)], "the administrator of the account is the owner"
    assert part.rows("SELECT DISTINCT trim(user_name) FROM stv_sessions WHERE process = pg_backend_pid()") == [
        (f"iamr:{role.lower()}",)
    ]
    for statement in (
        "SELECT * FROM public.kept",
        "INSERT INTO public.kept VALUES (1)",
        "DROP TABLE public.kept",
        RENAME,
        "CREATE SCHEMA mine",
        "CREATE USER another PASSWORD DISABLE",
    ):
        assert "permission denied" in part.error(statement) or "must be owner" in part.error(statement), statement
    assert sql.rows("SELECT * FROM public.kept") == []


def test_a_role_may_what_was_granted_to_it_and_it_may_be_taken_away(part: Sql, sql: Sql, role: str) -> None:
    sql.ok("CREATE TABLE kept (id INT)")
    sql.ok(f'CREATE USER "IAMR:{role}" PASSWORD DISABLE')
    sql.ok(f'GRANT USAGE ON SCHEMA public TO "IAMR:{role}"')
    sql.ok(f'GRANT SELECT, INSERT ON public.kept TO "IAMR:{role}"')

    part.ok("INSERT INTO public.kept VALUES (1)")
    assert part.rows("SELECT * FROM public.kept") == [(1,)]
    assert "permission denied" in part.error("DELETE FROM public.kept")

    sql.ok(f'REVOKE SELECT ON public.kept FROM "IAMR:{role}"')
    assert "permission denied" in part.error("SELECT * FROM public.kept")


def test_alter_is_granted_by_itself(part: Sql, sql: Sql, role: str) -> None:
    sql.ok("CREATE TABLE kept (id INT, name VARCHAR(3))")
    sql.ok(f'CREATE USER "IAMR:{role}" PASSWORD DISABLE')
    sql.ok(f'GRANT USAGE ON SCHEMA public TO "IAMR:{role}"')
    sql.ok(f'GRANT SELECT, ALTER ON ALL TABLES IN SCHEMA public TO "IAMR:{role}"')

    part.ok("ALTER TABLE public.kept ADD COLUMN more INT")
    part.ok("ALTER TABLE public.kept ALTER COLUMN name TYPE VARCHAR(9)")
    assert part.batch_error(RENAME, "SELECT nothing FROM public.kept") != ""
    part.batch(RENAME, USER)
    assert part.rows("SELECT key, name, more FROM public.kept") == []
    assert part.rows(USER) == [(f"iamr:{role.lower()}",)]
    columns = "SELECT column_name, character_maximum_length FROM svv_columns WHERE table_name = 'kept' ORDER BY 1"
    assert sql.rows(columns) == [("key", None), ("more", None), ("name", 9)]
    # What stands beside it is somebody else's still.
    for statement in (
        "DROP TABLE public.kept",
        "TRUNCATE public.kept",
        "DELETE FROM public.kept",
        f'ALTER TABLE public.kept OWNER TO "IAMR:{role}"',
    ):
        assert "permission denied" in part.error(statement) or "must be owner" in part.error(statement), statement
    assert ("kept", "ALTER") in sql.rows(
        f"SELECT relation_name, privilege_type FROM svv_relation_privileges WHERE identity_name = 'iamr:{role.lower()}'"
    )

    sql.ok(f'REVOKE ALTER ON TABLE public.kept FROM "IAMR:{role}"')
    assert "must be owner" in part.error("ALTER TABLE public.kept DROP COLUMN more")


def test_what_a_role_makes_is_its_own_and_the_owner_of_the_database_may_remove_it(
    part: Sql, sql: Sql, role: str
) -> None:
    part.rows(USER)  # the first login makes the user
    sql.ok(f'GRANT CREATE, USAGE ON SCHEMA public TO "IAMR:{role}"')
    part.ok("CREATE TABLE public.own (id INT)")
    part.ok("INSERT INTO public.own VALUES (7)")
    owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'own'"
    assert sql.rows(owner) == [(f"iamr:{role.lower()}",)]
    assert sql.rows("SELECT * FROM public.own") == [(7,)]
    sql.ok("DROP TABLE public.own")
    assert sql.rows(owner) == []


def test_a_procedure_is_called_by_whom_it_was_granted_to(part: Sql, sql: Sql, role: str) -> None:
    sql.ok("CREATE TABLE kept (id INT)")
    body = "AS $$ BEGIN INSERT INTO public.kept VALUES (1); END; $$ LANGUAGE plpgsql SECURITY DEFINER"
    sql.ok(f"CREATE OR REPLACE PROCEDURE public.fill() {body}")
    part.rows(USER)
    sql.ok(f'GRANT USAGE ON SCHEMA public TO "IAMR:{role}"')
    try:
        assert "permission denied for procedure fill" in part.error("CALL public.fill()")
        sql.ok(f'GRANT EXECUTE ON PROCEDURE public.fill() TO "IAMR:{role}"')
        sql.ok(f"CREATE OR REPLACE PROCEDURE public.fill() {body}")
        part.ok("CALL public.fill()")
        assert sql.rows("SELECT * FROM public.kept") == [(1,)]
    finally:
        sql.ok("DROP PROCEDURE public.fill()")


def test_the_history_names_who_ran_a_statement(part: Sql, sql: Sql, role: str) -> None:
    part.ok("SELECT 'by a part' AS said")
    found = sql.rows("SELECT DISTINCT usename FROM pg_user WHERE usename LIKE 'iamr:%'")
    assert (f"iamr:{role.lower()}",) in found
    ran = sql.rows(
        "SELECT u.usename FROM sys_query_history h JOIN pg_user u ON u.usesysid = h.user_id "
        "WHERE h.query_text = 'SELECT ''by a part'' AS said'"
    )
    assert ran == [(f"iamr:{role.lower()}",)]


def test_the_user_that_a_request_names_is_there_or_does_not_come_in(sql: Sql) -> None:
    def run(user: str) -> dict[str, object]:
        answer = sql.client.execute_statement(Sql=USER, ClusterIdentifier="mine", Database="warehouse", DbUser=user)
        return sql.wait(answer["Id"])

    name = f"clerk_{uuid.uuid4().hex[:8]}"
    failed = run(name)
    assert (failed["Status"], failed["Error"]) == (
        "FAILED",
        f'FATAL: password authentication failed for user "{name}"',
    )
    sql.ok(f"CREATE USER {name} PASSWORD DISABLE")
    sql.ok(f"ALTER USER {name} SET search_path TO aside")
    try:
        found = run(name.upper())
        assert found["Status"] == "FINISHED"
        assert sql.result(str(found["Id"])) == [(name,)]
    finally:
        sql.ok(f"DROP USER {name}")
    assert run("administrator")["Status"] == "FAILED"


def test_an_external_schema_is_used_by_whom_it_was_granted_to(part: Sql, sql: Sql, role: str, lake: Lake) -> None:
    lake.attach(sql)
    lake.table("t", {"id": "bigint"})
    lake.put("t", rows=pa.table({"id": [7]}))
    part.rows(USER)

    assert "permission denied for schema spectrum" in part.error("SELECT id FROM spectrum.t")
    assert part.rows("SELECT schemaname FROM svv_external_schemas") == []
    sql.ok(f'GRANT USAGE ON SCHEMA spectrum TO "IAMR:{role}"')
    assert part.rows("SELECT id FROM spectrum.t") == [(7,)]
    assert part.rows("SELECT schemaname FROM svv_external_schemas") == [("spectrum",)]
    sql.ok(f'REVOKE USAGE ON SCHEMA spectrum FROM "IAMR:{role}"')


@pytest.mark.parametrize(
    "statement",
    [
        "SET SESSION AUTHORIZATION sluice",
        "RESET SESSION AUTHORIZATION",
        "SELECT set_config('session_authorization', 'sluice', false)",
        "SELECT set_config('session_' || 'authorization', 'administrator', false)",
        "SELECT set_config('role', 'administrator', false)",
    ],
)
def test_a_session_stays_its_users(part: Sql, statement: str, role: str) -> None:
    batch = part.run_batch(statement, "CREATE SCHEMA mine")
    assert batch["Status"] == "FAILED"
    assert "permission denied" in batch["Error"] or "SET SESSION AUTHORIZATION is not supported" in batch["Error"]
    session = part.ok("SELECT 1", SessionKeepAliveSeconds=30)["SessionId"]
    assert part.run(statement, SessionId=session)["Status"] == "FAILED"
    assert part.rows(USER, SessionId=session) == [(f"iamr:{role.lower()}",)]
