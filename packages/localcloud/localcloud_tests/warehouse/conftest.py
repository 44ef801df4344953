"""The warehouse of this layer: the local Redshift with MiniStack's S3 beside it, reached by ordinary boto3 clients."""

from __future__ import annotations

import asyncio
import functools
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
import pytest
from botocore.config import Config as ClientConfig
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig

from localcloud import registry
from localcloud.iam.judge import Principal
from localcloud.iam.sessions import asking_as
from localcloud.redshift import Warehouse
from localcloud.redshift.credentials import asking_user

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client

    from localcloud_tests.warehouse.client import Sql
    from localcloud_tests.warehouse.lake import Lake

REGION = "eu-central-1"
PASSWORD = "local-password"
CLIENT_OPTIONS = {"region_name": REGION, "aws_access_key_id": "test", "aws_secret_access_key": "test"}

AsgiCall = Callable[..., Awaitable[Any]]


def free_port() -> int:
    """Give a port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def client(service: str, endpoint: str, role: str = "") -> Any:
    """Give a boto3 client of the local cloud that does not retry; with a role, one that acts as it."""
    make: Any = boto3.client
    options = CLIENT_OPTIONS | ({"aws_access_key_id": f"role.{role}"} if role else {})
    return make(service, endpoint_url=endpoint, config=no_retries(), **options)


def no_retries() -> ClientConfig:
    return ClientConfig(retries={"max_attempts": 1, "mode": "standard"}, s3={"addressing_style": "path"})


def role_of(headers: Mapping[str, str]) -> Principal | None:
    """The role that signed a request: of a client whose access key is ``role.`` and its name; else nobody's."""
    kind, _, name = registry.access_key(headers, {}).partition(".")
    return Principal.session(f"arn:aws:iam::000000000000:role/{name}", "test") if kind == "role" else None


def with_warehouse(warehouse: Warehouse) -> AsgiCall:
    """Put a warehouse before MiniStack, without touching MiniStack's registry, which other layers share."""
    from ministack.app import app as ministack

    async def call(scope: dict[str, Any], receive: AsgiCall, send: AsgiCall) -> None:
        headers = {name.decode().lower(): value.decode() for name, value in scope.get("headers", ())}
        if not headers.get("x-amz-target", "").startswith("RedshiftData."):
            await ministack(scope, receive, send)
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        with asking_as(role_of(headers)):
            status, answer_headers, answer = await warehouse.handle_request("POST", "/", headers, body, {})
        pairs = [(name.lower().encode(), value.encode()) for name, value in answer_headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer})

    return call


@dataclass(frozen=True)
class LocalAws:
    """A running endpoint."""

    endpoint: str
    warehouse: Warehouse

    def client(self, service: str, role: str = "") -> Any:
        """Give a boto3 client; with a role, one that acts as it."""
        return client(service, self.endpoint, role)


class _Server:
    """Serves an ASGI application on a thread."""

    def __init__(self, app: AsgiCall, port: int) -> None:
        self._config = ServerConfig()
        self._config.bind = [f"127.0.0.1:{port}"]
        self._config.graceful_timeout = 1
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._port = port
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(serve(self._app, self._config, shutdown_trigger=self._stop.wait))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def start(self) -> None:
        self._thread.start()
        while self._thread.is_alive():
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.02)
        message = f"the server on port {self._port} ended while starting"
        raise RuntimeError(message)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@contextmanager
def warehouse_folder() -> Iterator[Path]:
    """Give a folder for a warehouse.

    Not one of pytest's: each start of pytest takes the search permission for others off its folders, and under root
    PostgreSQL runs as somebody else.
    """
    with tempfile.TemporaryDirectory(prefix="sluice-warehouse-") as name:
        yield Path(name) / "warehouse"


@pytest.fixture(scope="package")
def local_aws() -> Iterator[LocalAws]:
    """A warehouse and an S3 for all tests of this layer."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    kept = functools.cache(client)  # as the local cloud keeps those of each role
    with warehouse_folder() as folder:
        warehouse = Warehouse(
            folder,
            port=free_port(),
            password=PASSWORD,
            s3=lambda _: kept("s3", endpoint),
            glue=lambda _: kept("glue", endpoint),
            secrets=lambda: kept("secretsmanager", endpoint),
            caller=asking_user,
        )
        warehouse.start()
        server = _Server(with_warehouse(warehouse), port)
        try:
            server.start()
            yield LocalAws(endpoint, warehouse)
            server.stop()
        finally:
            warehouse.stop()


@pytest.fixture(scope="package")
def redshift(local_aws: LocalAws) -> RedshiftDataAPIServiceClient:
    """A boto3 client of the Redshift Data API."""
    found: RedshiftDataAPIServiceClient = local_aws.client("redshift-data")
    return found


@pytest.fixture(scope="package")
def s3(local_aws: LocalAws) -> S3Client:
    """A boto3 client of the S3 that COPY reads."""
    found: S3Client = local_aws.client("s3")
    return found


@pytest.fixture
def bucket(s3: S3Client) -> str:
    """A bucket of the test's own."""
    name = f"warehouse-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return name


@pytest.fixture
def sql(redshift: RedshiftDataAPIServiceClient) -> Sql:
    """Runs SQL through the Data API; at the begin of the test there are no tables, and the schemas are as new."""
    from localcloud_tests.warehouse.client import Sql

    runner = Sql(redshift)
    _clean(runner)
    return runner


def _clean(runner: Sql) -> None:
    own = runner.rows(
        "SELECT nspname FROM pg_namespace WHERE nspname NOT IN ('information_schema', 'public') AND nspname !~ '^pg_'"
    )
    statements = [f'DROP SCHEMA "{name}" CASCADE' for (name,) in own]
    runner.batch(*statements, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


def make_pause(warehouse: Warehouse) -> None:
    """Make ``pause(seconds)`` in the schema public, below the dialect: Redshift has nothing that only waits."""
    text = "CREATE FUNCTION public.pause(float8) RETURNS void LANGUAGE sql AS 'SELECT pg_sleep($1)'"
    with psycopg.connect(warehouse.engine_dsn) as connection:
        connection.execute(text)


@pytest.fixture
def pausing(local_aws: LocalAws, sql: Sql) -> None:
    """The warehouse has ``pause(seconds)``."""
    make_pause(local_aws.warehouse)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a warehouse of the test's own."""
    with warehouse_folder() as found:
        yield found


@pytest.fixture
def lake(local_aws: LocalAws, s3: S3Client, bucket: str) -> Lake:
    """A database of the Data Catalog of the test's own, without tables."""
    from localcloud_tests.warehouse.lake import Lake

    return Lake.make(local_aws.client("glue"), s3, bucket)
