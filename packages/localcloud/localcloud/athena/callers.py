"""Clients that act as who submitted a query: Athena has no rights of its own.

Source: https://docs.aws.amazon.com/athena/latest/ug/security-iam-athena.html
"""

from typing import TYPE_CHECKING

from localcloud.clients import Clients
from localcloud.iam.sessions import Sessions, asking

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client


class Callers:
    """Gives the clients of the caller in whose name the present thread acts.

    Args:
        clients: the local cloud's own, for the administrator.
        sessions: of roles.
    """

    def __init__(self, clients: Clients, sessions: Sessions) -> None:
        self._clients = clients
        self._sessions = sessions

    def glue(self) -> "GlueClient":
        """The client of the Data Catalog."""
        return self._of_caller().glue()

    def s3(self) -> "S3Client":
        """The client of S3."""
        return self._of_caller().s3()

    def _of_caller(self) -> Clients:
        principal = asking()
        if principal is None:
            return self._clients
        name = principal.arn.rpartition("/")[2]
        return self._clients.acting(self._sessions.open(principal.role_arn, name))
