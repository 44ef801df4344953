"""A local cloud that other machines, or containers, talk to."""

import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from localcloud.child import LocalCloudProcess
from localcloud.config import LocalCloudConfig
from localcloud_tests.aws.cloud import Aws, eventually, let_s3_send, zip_of
from localcloud_tests.aws.conftest import cloud_config
from localcloud_tests.aws.test_restart import listeners
from sluice.settings import Settings
from sluice_laptop import healthy

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the whole of 127.0.0.0/8 is this machine on Linux only"
)

OTHER = "127.0.0.2"
PASSWORD = "a password"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudProcess]:
    """A local cloud on all addresses, with a warehouse."""
    config = cloud_config(tmp_path_factory.mktemp("open"))
    config = replace(config, bind_address="0.0.0.0", with_warehouse=True, warehouse_port=0, warehouse_password=PASSWORD)
    with LocalCloudProcess(config) as running:
        yield running


def _port(cloud: LocalCloudProcess) -> int:
    return int(cloud.endpoint_url.rpartition(":")[2])


def _warehouse_port(cloud: LocalCloudProcess) -> int:
    return int(psycopg.conninfo.conninfo_to_dict(cloud.warehouse_dsn or "")["port"] or 0)


def test_what_it_says_of_itself_stays_this_machine(own: LocalCloudProcess) -> None:
    assert own.endpoint_url == f"http://127.0.0.1:{_port(own)}"
    assert f"@127.0.0.1:{_warehouse_port(own)}/" in (own.warehouse_dsn or "")
    assert listeners(own.pid) == {("0.0.0.0", _port(own)), ("0.0.0.0", _warehouse_port(own))}


def test_urls_have_the_name_that_was_called(own: LocalCloudProcess) -> None:
    Aws(own.endpoint_url).client("sqs").create_queue(QueueName="named")
    for host in (OTHER, "localhost"):
        sqs = Aws(f"http://{host}:{_port(own)}").client("sqs")
        url = sqs.get_queue_url(QueueName="named")["QueueUrl"]
        assert url == f"http://{host}:{_port(own)}/000000000000/named"
        sqs.send_message(QueueUrl=url, MessageBody=host)
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        assert message["Body"] == host


def test_functions_talk_to_it_on_this_machine(own: LocalCloudProcess) -> None:
    functions = Aws(f"http://{OTHER}:{_port(own)}").client("lambda")
    code = "import os\ndef handler(event, context):\n    return os.environ['AWS_ENDPOINT_URL']\n"
    functions.create_function(
        FunctionName="where",
        Runtime="python3.13",
        Handler="code.handler",
        Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": zip_of({"code.py": code})},
    )
    answer = functions.invoke(FunctionName="where")["Payload"].read()
    assert answer == f'"{own.endpoint_url}"'.encode()


def test_the_warehouse_lets_its_user_in_and_its_administrator_never(own: LocalCloudProcess) -> None:
    def login(host: str, user: str, password: str) -> object:
        port = _warehouse_port(own)
        with psycopg.connect(host=host, port=port, user=user, password=password, dbname="warehouse") as connection:
            return connection.execute("SELECT current_user").fetchone()

    assert login(OTHER, "sluice", PASSWORD) == ("sluice",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        login(OTHER, "sluice", "a guess")
    folder = own.config.state_dir / "warehouse"
    for host in (OTHER, "127.0.0.1"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            login(host, "administrator", (folder / "administrator.password").read_text())
    # The PostgreSQL underneath is on 127.0.0.1, whatever address the port is on.
    assert (folder / "pg_hba.conf").read_text() == "host all all 127.0.0.1/32 scram-sha-256\n"
    assert login(OTHER, "sluice", PASSWORD) == ("sluice",)


def test_a_port_that_is_taken_on_any_address_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((OTHER, 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = LocalCloudConfig(tmp_path, port=port, with_warehouse=False, bind_address="0.0.0.0")
        refusal = f"port {port} on 0.0.0.0 is in use; choose another with --port"
        with pytest.raises(Exception, match=refusal):
            LocalCloudProcess(config).start()


def test_it_is_healthy_once_manifests_are_announced(own: LocalCloudProcess) -> None:
    def missing(warehouse_port: int) -> str | None:
        return healthy.missing(_port(own), warehouse_port, own.config.region, Settings())

    assert missing(_warehouse_port(own)) == "bucket sluice-raw cannot be looked at: NoSuchBucket"
    aws = Aws(own.endpoint_url)
    aws.make_bucket("sluice-raw")
    assert missing(_warehouse_port(own)) == "manifests in bucket sluice-raw are not announced yet"
    queue = aws.client("sqs").create_queue(QueueName="manifests")["QueueUrl"]
    arn = let_s3_send(aws.client("sqs"), queue, "sluice-raw")
    announced = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    aws.client("s3").put_bucket_notification_configuration(Bucket="sluice-raw", NotificationConfiguration=announced)
    assert eventually(lambda: missing(_warehouse_port(own)) is None)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert missing(port) == f"the warehouse on port {port} is not ready: ConnectionRefusedError"
