"""The process environment that MiniStack reads when it is imported.

MiniStack fixes its ports and folders at import, from the environment; so a process holds one local cloud, and these
variables are set before the first import.
"""

import os
import site
from collections.abc import Mapping
from pathlib import Path

from localcloud import runtimes
from localcloud.config import LocalCloudConfig, endpoint_url
from localcloud.workload import WORKLOAD

SOURCES = Path(__file__).resolve().parents[1]
"""The folder from which this package is imported: a checkout of it, or ``site-packages``."""
LAMBDA_SITE = Path(__file__).resolve().parent / "lambda_site"
# A developer's own AWS settings must not reach jobs and Lambdas that think they talk to the local cloud.
FOREIGN = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "LOCALSTACK_HOSTNAME",
    "LOCALSTACK_PERSISTENCE",
    "SERVICES",
    "AUTH",
    "USE_SSL",
    "EDGE_PORT",
    "MINISTACK_HOST",
)


def hidden_paths() -> list[str]:
    """What jobs and functions must not import from: checkouts that are installed to be edited in place.

    They are on every path then, and a module missing in a zip would be found there and missed only in AWS.
    """
    files = [file for folder in site.getsitepackages() for file in sorted(Path(folder).glob("*.pth"))]
    lines = [line.strip() for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return list(dict.fromkeys(line for line in lines if Path(line).is_absolute() and Path(line).is_dir()))


def aws_variables(config: LocalCloudConfig, port: int, account_id: str | None = None) -> dict[str, str]:
    """What makes any AWS SDK of a child process talk to the local cloud and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url(port),
        "AWS_REGION": config.region,
        "AWS_DEFAULT_REGION": config.region,
        # MiniStack takes a 12-digit access key for the account.
        "AWS_ACCESS_KEY_ID": account_id or config.account_id,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SDK_UA_APP_ID": WORKLOAD,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def ministack_variables(config: LocalCloudConfig, port: int) -> dict[str, str]:
    """MiniStack's own switches: state in our folder, no Docker, no listener beside the endpoint."""
    return {
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": config.region,
        "MINISTACK_ACCOUNT_ID": config.account_id,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(config.services_dir),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(config.s3_dir),
        "LAMBDA_EXECUTOR": "local",
        # Lambda workers run on this interpreter; what an editable install adds to its path is not in their zips.
        "PYTHONPATH": os.pathsep.join([str(LAMBDA_SITE), *runtimes.of_lambda()]),
        # Nothing that is started here imports from the folder that it happens to stand in.
        "PYTHONSAFEPATH": "1",
        # The folder of a function's code is new for each of its processes: compiled code would be written for nobody.
        "PYTHONDONTWRITEBYTECODE": "1",
        "LOCALCLOUD_HIDDEN_PATHS": os.pathsep.join(hidden_paths()),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # MiniStack removes containers that it believes its own; a socket that does not exist keeps it off Docker.
        "DOCKER_HOST": f"unix://{config.state_dir}/no-docker.sock",
    }


def apply_environment(config: LocalCloudConfig, port: int, environ: "os._Environ[str]" = os.environ) -> None:
    """Set this process's environment for MiniStack and for what it starts."""
    for name in [name for name in environ if name in FOREIGN or name.startswith("AWS_ENDPOINT_URL")]:
        del environ[name]
    variables: Mapping[str, str] = aws_variables(config, port) | ministack_variables(config, port)
    environ.update(variables)
