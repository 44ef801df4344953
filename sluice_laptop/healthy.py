"""`python -m sluice_laptop.healthy`: whether a local cloud on this machine is deployed to and its warehouse answers.

It is the health check of the container: exit status 0 or 1, and a line that says what is missing.
"""

import socket
import sys

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.config import HOST, endpoint_url
from localcloud.options import from_options, parser
from sluice.aws.clients import Clients
from sluice.settings import Settings

_SECONDS = 5.0


def missing(port: int, warehouse_port: int, region: str, settings: Settings) -> str | None:
    """What a local cloud lacks before work can be sent to it; None when it is ready.

    Args:
        port: Of the AWS endpoint.
        warehouse_port: Of the warehouse.
        region: AWS region.
        settings: Names of what is deployed.
    """
    for name, number in (("AWS endpoint", port), ("warehouse", warehouse_port)):
        try:
            socket.create_connection((HOST, number), _SECONDS).close()
        except OSError as exc:
            return f"the {name} on port {number} is not ready: {type(exc).__name__}"
    clients = Clients.of_local_cloud(endpoint_url(port), region)
    try:
        # The notification is the last thing that a deploy makes.
        found = clients.s3.get_bucket_notification_configuration(Bucket=settings.raw_bucket)
    except (BotoCoreError, ClientError) as exc:
        return f"bucket {settings.raw_bucket} cannot be looked at: {type(exc).__name__}"
    if not found.get("QueueConfigurations"):
        return f"manifests in bucket {settings.raw_bucket} are not announced yet"
    return None


def main(arguments: list[str] | None = None) -> int:
    """Look once.

    Args:
        arguments: Of the command line; None takes the process's own.

    Returns:
        The exit status.
    """
    config = from_options(parser().parse_args(arguments))
    lacks = missing(config.port, config.warehouse_port, config.region, Settings.from_environment())
    sys.stdout.write(f"{lacks or 'ready'}\n")
    return 0 if lacks is None else 1


if __name__ == "__main__":
    sys.exit(main())
