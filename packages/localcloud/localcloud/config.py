"""What the local cloud needs to know before it starts."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.faults.plan import FaultPlan

HOST = "127.0.0.1"
"""Where everything that the local cloud starts reaches it, whatever it listens on."""
PASSWORD_ENV = "LOCALCLOUD_WAREHOUSE_PASSWORD"  # noqa: S105 - the name of a variable, not a password


def _cores() -> int:
    return os.cpu_count() or 1


@dataclass(frozen=True)
class GlueSettings:
    """How Glue runs use this machine.

    Attributes:
        slots: runs that may be active at once; further ones stay WAITING.
        cores: Spark threads of one run.
        driver_memory: heap of a run's JVM, in Spark's notation.
        memory_mib: most memory of each process of a run; 0 sets no bound. Linux alone keeps it.
        minute_seconds: length of a minute of a job's Timeout; tests shorten it.
        stop_grace_seconds: time between asking a run's process to end and killing it.
    """

    slots: int = field(default_factory=lambda: min(4, _cores()))
    cores: int = field(default_factory=lambda: min(4, _cores()))
    driver_memory: str = "1g"
    memory_mib: int = 0
    minute_seconds: float = 60.0
    stop_grace_seconds: float = 5.0


@dataclass(frozen=True)
class LocalCloudConfig:
    """Where the local cloud keeps its state and what it listens on.

    Attributes:
        state_dir: everything that survives a restart; nothing is written elsewhere.
        port: of the AWS endpoint; 0 picks a free one.
        warehouse_port: of the warehouse's PostgreSQL protocol; 0 picks a free one.
        bind_address: IPv4 address that the endpoint and the warehouse listen on. Other machines get in with any other
            than the default, and the endpoint asks nobody for a password: it is for containers, whose ports are
            published on 127.0.0.1. 0.0.0.0 is all addresses; what is started here needs 127.0.0.1 to be one of them.
        host_names: by which clients may call the endpoint, beside localhost and the loopback addresses; a container's
            name. Any other name in a request's Host header is refused (see `localcloud.gate`).
        warehouse_password: None takes LOCALCLOUD_WAREHOUSE_PASSWORD, or else one made once per state directory.
        warehouse_names: of the workgroup, or the cluster, that the Data API knows.
        warehouse_role: name of the warehouse's default role, as which COPY and Spectrum read.
        region: region of requests that name none.
        account_id: account of requests whose access key is no account id.
        glue: how Glue runs use this machine.
        with_warehouse: False leaves the warehouse out (it costs a second at start).
        checkpoint_seconds: how often changed service state is saved.
        faults: which answers and events go wrong (see `localcloud.faults`); none by default.
        wait_scale: length of a second of a state machine's Wait states and pauses between retries; tests shorten it.
        iam: `enforce` answers AccessDenied to what a role may not do, as AWS; `audit` only writes it down.
    """

    state_dir: Path
    port: int = 4566
    warehouse_port: int = 5439
    bind_address: str = HOST
    host_names: tuple[str, ...] = ()
    warehouse_password: str | None = field(default=None, repr=False)
    warehouse_names: tuple[str, ...] = ("sluice",)
    warehouse_role: str = "sluice-warehouse"
    region: str = "eu-central-1"
    account_id: str = "000000000000"
    glue: GlueSettings = field(default_factory=GlueSettings)
    with_warehouse: bool = True
    checkpoint_seconds: float = 5.0
    wait_scale: float = 1.0
    iam: str = "audit"
    faults: FaultPlan = field(default_factory=FaultPlan)

    @property
    def log_file(self) -> Path:
        """Where MiniStack, hypercorn and the runner log."""
        return self.state_dir / "logs" / "localcloud.log"

    @property
    def iam_record(self) -> Path:
        """What roles and services asked for, and what was decided."""
        return self.state_dir / "logs" / "iam.jsonl"

    @property
    def services_dir(self) -> Path:
        """MiniStack's saved service states."""
        return self.state_dir / "services"

    @property
    def s3_dir(self) -> Path:
        """The bodies of S3 objects."""
        return self.state_dir / "s3"

    @property
    def glue_dir(self) -> Path:
        """One folder per Glue run."""
        return self.state_dir / "glue"

    @property
    def crawls_dir(self) -> Path:
        """One folder per crawler."""
        return self.state_dir / "crawls"


def endpoint_url(port: int) -> str:
    """The AWS endpoint of a local cloud on `port`."""
    return f"http://{HOST}:{port}"


def resolve_password(config: LocalCloudConfig) -> str:
    """The warehouse's password: given, from the environment, or made once and kept (mode 0600).

    Side Effects:
        Takes the variable out of this process's environment, which every Lambda function would inherit.
    """
    from_environment = os.environ.pop(PASSWORD_ENV, None)
    given = config.warehouse_password or from_environment
    if given:
        return given
    path = config.state_dir / "warehouse.password"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(18))
    return path.read_text(encoding="utf-8").strip()
