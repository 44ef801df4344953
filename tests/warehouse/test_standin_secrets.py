"""Who a request runs as: the caller's own role, or the user whose secret it names."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud_tests.warehouse.client import TARGET, Sql
from localcloud_tests.warehouse.conftest import PASSWORD, REGION
from sluice.aws.clients import Clients
from sluice.aws.data_api import Address, DataApi
from sluice.backoff import Backoff
from sluice.errors import AwsError, WarehouseBusyError
from sluice_laptop.deploy.warehouse import keep_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient

    from localcloud_tests.warehouse.conftest import LocalAws

OWN = {"username": "sluice", "password": PASSWORD, "engine": "redshift", "dbname": "warehouse"}
USER = "SELECT current_user"


@pytest.fixture
def secret(local_aws: LocalAws) -> Callable[[object], str]:
    """Stores a secret; gives its ARN."""

    def store(value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        made = local_aws.client("secretsmanager").create_secret(Name=f"test/{uuid.uuid4().hex}", SecretString=text)
        return str(made["ARN"])

    return store


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_secret_is_taken_by_arn_and_by_name(sql: Sql, secret: Callable[[object], str], local_aws: LocalAws) -> None:
    arn = secret(OWN)
    name = local_aws.client("secretsmanager").describe_secret(SecretId=arn)["Name"]
    for given in (arn, name):
        found = sql.ok(USER, SecretArn=given)
        assert found["SecretArn"] == given
        assert sql.result(found["Id"]) == [("sluice",)]
        assert PASSWORD not in repr(found)


def test_the_statement_runs_as_the_user_of_the_secret(sql: Sql, secret: Callable[[object], str]) -> None:
    name = f"reader_{uuid.uuid4().hex[:8]}"
    sql.ok(f"CREATE USER {name} PASSWORD 'Reader-2-secret'")
    sql.ok("CREATE TABLE hidden (id INT)")
    try:
        reader = secret({"username": name, "password": "Reader-2-secret"})
        assert sql.rows(USER, SecretArn=reader) == [(name,)]
        assert "permission denied" in sql.error("SELECT * FROM public.hidden", SecretArn=reader)
        assert sql.rows(USER) == [("sluice",)]
    finally:
        sql.ok(f"DROP USER {name}")


@pytest.mark.parametrize(
    ("change", "user"),
    [
        ({"password": "Wrong-1-password"}, "sluice"),
        ({"username": "nobody_knows"}, "nobody_knows"),
        ({"username": "administrator"}, "administrator"),
    ],
)
def test_wrong_credentials_fail_the_statement(
    sql: Sql, secret: Callable[[object], str], change: dict[str, str], user: str
) -> None:
    arn = secret(OWN | change)
    assert sql.error(USER, SecretArn=arn) == f'FATAL: password authentication failed for user "{user}"'
    error = sql.batch_error(USER, USER, SecretArn=arn)
    assert error == f'FATAL: password authentication failed for user "{user}"'
    assert refusal(lambda: sql.client.list_schemas(SecretArn=arn, **TARGET)) == (
        "ValidationException",
        f'password authentication failed for user "{user}"',
    )


@pytest.mark.parametrize(
    "value",
    [
        {"password": PASSWORD},
        {"username": "sluice"},
        OWN | {"password": ""},
        OWN | {"username": 7},
        ["sluice", PASSWORD],
        f"sluice:{PASSWORD}",
    ],
    ids=["no user", "no password", "empty", "no text", "list", "no json"],
)
def test_a_secret_without_credentials_is_refused_and_nothing_runs(
    sql: Sql, secret: Callable[[object], str], value: object
) -> None:
    arn = secret(value)
    refused = refusal(lambda: sql.client.execute_statement(Sql="CREATE TABLE t (id INT)", SecretArn=arn, **TARGET))
    assert refused == ("ValidationException", "username and password in secret cannot be empty")
    assert sql.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_secret_that_is_not_there_is_refused(sql: Sql) -> None:
    code, message = refusal(lambda: sql.client.execute_statement(Sql=USER, SecretArn="never/made", **TARGET))
    assert code == "ResourceNotFoundException"
    assert "secret" in message


def test_a_clusters_secret_is_for_that_cluster(sql: Sql, secret: Callable[[object], str]) -> None:
    arn = secret(OWN | {"dbClusterIdentifier": "mine"})

    def run(cluster: str) -> dict[str, Any]:
        answer: dict[str, Any] = sql.client.execute_statement(
            Sql=USER, ClusterIdentifier=cluster, Database="warehouse", SecretArn=arn
        )
        return sql.wait(answer["Id"])

    assert run("mine")["Status"] == "FINISHED"
    assert refusal(lambda: run("another")) == (
        "ValidationException",
        "ClusterIdentifier must match the cluster identifier in the secret",
    )


def test_a_session_stays_the_user_that_opened_it(sql: Sql, secret: Callable[[object], str]) -> None:
    first = sql.ok("CREATE TEMP TABLE mine (id INT)", SecretArn=secret(OWN), SessionKeepAliveSeconds=30)
    assert sql.rows("SELECT count(*) FROM mine", SessionId=first["SessionId"]) == [(0,)]


def test_the_deploys_secret_opens_the_warehouse_and_is_renewed(sql: Sql, local_aws: LocalAws) -> None:
    clients = Clients.of_local_cloud(local_aws.endpoint, REGION)
    name = f"test/{uuid.uuid4().hex}"

    def stored() -> dict[str, object]:
        found: dict[str, object] = json.loads(clients.secretsmanager.get_secret_value(SecretId=name)["SecretString"])
        return found

    keep_secret(clients, name, "postgresql://sluice:an%20%2F%40old%25one@127.0.0.1:1/warehouse")
    assert stored() == {
        "engine": "redshift",
        "host": "127.0.0.1",
        "port": 1,
        "dbname": "warehouse",
        "username": "sluice",
        "password": "an /@old%one",
    }
    keep_secret(clients, name, local_aws.warehouse.dsn)
    assert stored()["password"] == PASSWORD
    assert sql.rows(USER, SecretArn=name) == [("sluice",)]


def test_our_door_comes_in_with_the_secret_of_the_settings(
    redshift: RedshiftDataAPIServiceClient, secret: Callable[[object], str]
) -> None:
    patience = Backoff(attempts=2, base_seconds=0.01)

    def door(name: str) -> DataApi:
        return DataApi(redshift, Address("warehouse", workgroup="sluice", secret=name), patience)

    assert door(secret(OWN)).rows(USER) == [("sluice",)]
    # A rotation changes the password first and the secret a moment later, so the refusal passes.
    with pytest.raises(WarehouseBusyError, match="password authentication failed"):
        door(secret(OWN | {"password": "Wrong-1-password"})).rows(USER)
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        door("never/made").rows(USER)
