"""The boto3 clients, each made at its first use and kept."""

from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

_RETRYING = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=32,
)
# StartJobRun has no idempotency token: a call that is repeated after a lost answer starts a second run.
_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=30)


@dataclass(frozen=True)
class Clients:
    """Clients of one account and region; they are safe to share between threads.

    Whatever is None comes from the environment in boto3's usual way, ``AWS_REGION`` and ``AWS_ENDPOINT_URL`` included.

    Attributes:
        endpoint: URL of the local cloud.
        region: AWS region.
        access_key: Access key id; the local cloud takes any.
        secret_key: The secret that goes with it.
    """

    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @classmethod
    def of_local_cloud(cls, endpoint: str, region: str) -> "Clients":
        """Clients of a local cloud, which takes any key; the caller's own must not reach it.

        Args:
            endpoint: URL of the local cloud.
            region: AWS region.
        """
        return cls(endpoint, region, "local", "local")

    @cached_property
    def session(self) -> boto3.Session:
        """The session that all clients come from."""
        return boto3.Session(self.access_key, self.secret_key, region_name=self.region)

    @cached_property
    def s3(self) -> "S3Client":
        """Objects."""
        with self._lock:
            return self.session.client("s3", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """The ledger's database."""
        with self._lock:
            return self.session.client("dynamodb", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def glue(self) -> "GlueClient":
        """The Data Catalog, and everything of job runs except starting them."""
        with self._lock:
            return self.session.client("glue", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def glue_once(self) -> "GlueClient":
        """Glue without retries, to start job runs."""
        with self._lock:
            return self.session.client("glue", endpoint_url=self.endpoint, config=_ONCE)

    @cached_property
    def redshift_data(self) -> "RedshiftDataAPIServiceClient":
        """The warehouse."""
        with self._lock:
            return self.session.client("redshift-data", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def athena(self) -> "AthenaClient":
        """Queries on the published files."""
        with self._lock:
            return self.session.client("athena", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def sqs(self) -> "SQSClient":
        """Queues."""
        with self._lock:
            return self.session.client("sqs", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def sns(self) -> "SNSClient":
        """Notifications to people."""
        with self._lock:
            return self.session.client("sns", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def lambda_(self) -> "LambdaClient":
        """Functions."""
        with self._lock:
            return self.session.client("lambda", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def events(self) -> "EventBridgeClient":
        """Event rules."""
        with self._lock:
            return self.session.client("events", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def stepfunctions(self) -> "SFNClient":
        """State machines."""
        with self._lock:
            return self.session.client("stepfunctions", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def sts(self) -> "STSClient":
        """Who the caller is."""
        with self._lock:
            return self.session.client("sts", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def secretsmanager(self) -> "SecretsManagerClient":
        """Secrets."""
        with self._lock:
            return self.session.client("secretsmanager", endpoint_url=self.endpoint, config=_RETRYING)

    @cached_property
    def iam(self) -> "IAMClient":
        """Roles."""
        with self._lock:
            return self.session.client("iam", endpoint_url=self.endpoint, config=_RETRYING)
