"""The warehouse beside the AWS endpoint: reached by both its doors, and kept over a restart."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from localcloud.child import LocalCloudProcess
from localcloud.errors import PortBusyError
from localcloud_tests.aws.cloud import Aws, eventually
from localcloud_tests.aws.conftest import cloud_config
from sluice.aws.clients import Clients
from sluice_laptop.deploy.warehouse import keep_secret


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalCloudProcess]:
    config = replace(cloud_config(tmp_path / "state"), with_warehouse=True, warehouse_port=0)
    with LocalCloudProcess(config) as cloud:
        yield cloud


def query(cloud: LocalCloudProcess, sql: str) -> list[tuple[Any, ...]]:
    """Rows by PostgreSQL's protocol, as psql or a BI tool gets them."""
    assert cloud.warehouse_dsn is not None
    with psycopg.connect(cloud.warehouse_dsn) as connection:
        return connection.execute(sql).fetchall()


def by_data_api(cloud: LocalCloudProcess, sql: str, **more: str) -> dict[str, Any]:
    """The end of a statement sent through the Redshift Data API."""
    client = Aws(cloud.endpoint_url).client("redshift-data")
    statement = client.execute_statement(WorkgroupName="sluice", Database="warehouse", Sql=sql, **more)["Id"]

    def look() -> dict[str, Any] | None:
        described: dict[str, Any] = client.describe_statement(Id=statement)
        return described if described["Status"] in ("FINISHED", "FAILED", "ABORTED") else None

    described = eventually(look)
    assert described is not None
    return described


def test_both_doors_lead_to_one_warehouse_that_survives(own: LocalCloudProcess) -> None:
    assert by_data_api(own, "create table public.t (id int)")["Status"] == "FINISHED"
    assert by_data_api(own, "insert into public.t values (1), (2)")["Status"] == "FINISHED"
    assert query(own, "select id from public.t order by id") == [(1,), (2,)]
    own.stop()
    own.start()
    assert query(own, "select id from public.t order by id") == [(1,), (2,)]
    own.kill()
    own.start()
    assert query(own, "select id from public.t order by id") == [(1,), (2,)]


def test_a_secret_of_the_local_cloud_opens_its_warehouse(own: LocalCloudProcess) -> None:
    assert own.warehouse_dsn is not None
    clients = Clients.of_local_cloud(own.endpoint_url, own.config.region)
    keep_secret(clients, "sluice/warehouse", own.warehouse_dsn)
    wrong = {"username": "sluice", "password": "never-the-password"}
    clients.secretsmanager.create_secret(Name="wrong", SecretString=json.dumps(wrong))
    assert by_data_api(own, "select 1", SecretArn="sluice/warehouse")["Status"] == "FINISHED"
    refused = by_data_api(own, "select 1", SecretArn="wrong")
    assert (refused["Status"], refused["Error"]) == (
        "FAILED",
        'FATAL: password authentication failed for user "sluice"',
    )


def test_a_busy_warehouse_port_is_named_with_its_option(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = LocalCloudProcess(replace(cloud_config(tmp_path), with_warehouse=True, warehouse_port=port))
        with pytest.raises(PortBusyError) as refused:
            busy.start()
    assert str(refused.value) == f"port {port} on 127.0.0.1 is in use; choose another with --warehouse-port"


def test_a_workgroup_or_cluster_that_is_not_there(own: LocalCloudProcess) -> None:
    client = Aws(own.endpoint_url).client("redshift-data")
    calls = ((client.execute_statement, {"Sql": "SELECT 1"}), (client.batch_execute_statement, {"Sqls": ["SELECT 1"]}))
    for address in ({"WorkgroupName": "another"}, {"ClusterIdentifier": "another"}):
        for call, request in calls:
            with pytest.raises(ClientError) as caught:
                call(Database="warehouse", **address, **request)
            error = caught.value.response["Error"]
            words = "Redshift endpoint doesn't exist in this region."
            assert (error["Code"], error["Message"]) == ("ValidationException", words)
    assert client.list_statements(Status="ALL")["Statements"] == []
