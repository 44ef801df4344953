"""The local cloud as a client of its own endpoint: the runner and the warehouse reach S3 as anybody does."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from localcloud.config import LocalCloudConfig
from localcloud.environment import aws_variables
from localcloud.workload import OWN

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

POOL = 32
# Local and fast: path style, no checksums over aws-chunked bodies, enough connections for parallel downloads.
LOCAL = Config(  # type: ignore[call-arg] # the types know no user_agent_appid
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    max_pool_connections=POOL,
    retries={"mode": "standard", "max_attempts": 3},
    user_agent_appid=OWN,
)


class _Maker:
    """Makes clients from one session, which reads a service's model once; one at a time, as boto3 wants it."""

    def __init__(self) -> None:
        self._session: Any = boto3.session.Session()
        self._lock = threading.Lock()

    def make(self, service: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - boto3 makes a class per service
        with self._lock:
            return self._session.client(service, **arguments)


class Clients:
    """boto3 clients of one local cloud, made once and shared between threads (boto3 clients may be)."""

    def __init__(self, config: LocalCloudConfig, port: int, maker: _Maker | None = None) -> None:
        self._config, self._port = config, port
        self._maker = maker or _Maker()
        variables = aws_variables(config, port)
        self._arguments: dict[str, Any] = {
            "endpoint_url": variables["AWS_ENDPOINT_URL"],
            "region_name": variables["AWS_REGION"],
            "aws_access_key_id": variables["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": variables["AWS_SECRET_ACCESS_KEY"],
            "config": LOCAL,
        }
        self._lock = threading.Lock()
        self._made: dict[str, Any] = {}
        self._others: dict[tuple[str, str], Clients] = {}
        self._sessions: dict[str, Clients] = {}

    def of(self, account_id: str, region: str) -> "Clients":
        """The clients of another account or region of the same endpoint."""
        if (account_id, region) == (self._config.account_id, self._config.region):
            return self
        with self._lock:
            if (account_id, region) not in self._others:
                config = replace(self._config, account_id=account_id, region=region)
                self._others[account_id, region] = Clients(config, self._port, self._maker)
            return self._others[account_id, region]

    def acting(self, session: Mapping[str, str]) -> "Clients":
        """The clients of whoever holds a session of a role: the endpoint judges what they ask.

        Args:
            session: Access keys by the names of their variables, as `Sessions.open` gives them.
        """
        key = session["AWS_ACCESS_KEY_ID"]
        with self._lock:
            if key not in self._sessions:
                clients = Clients(self._config, self._port, self._maker)
                clients._arguments |= {name.lower(): value for name, value in session.items()}
                self._sessions[key] = clients
            return self._sessions[key]

    def s3(self) -> "S3Client":
        """The S3 client."""
        client: S3Client = self._client("s3")
        return client

    def glue(self) -> "GlueClient":
        """The Glue client."""
        client: GlueClient = self._client("glue")
        return client

    def secretsmanager(self) -> "SecretsManagerClient":
        """The Secrets Manager client."""
        client: SecretsManagerClient = self._client("secretsmanager")
        return client

    def sqs(self) -> Any:  # noqa: ANN401 - its types are no dependency
        """The SQS client."""
        return self._client("sqs")

    def logs(self) -> Any:  # noqa: ANN401 - its types are no dependency
        """The CloudWatch Logs client."""
        return self._client("logs")

    def _client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes a class per service
        with self._lock:
            if service not in self._made:
                self._made[service] = self._maker.make(service, self._arguments)
            return self._made[service]
