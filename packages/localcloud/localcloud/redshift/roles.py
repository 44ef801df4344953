"""The roles that COPY and external schemas name: who reads the files and the catalog for a statement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from localcloud.errors import AwsApiError
from localcloud.redshift.errors import SqlError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

    from localcloud.clients import Clients
    from localcloud.iam.acting import Acting

Client = TypeVar("Client")
OfRole = Callable[[str], Client]
"""Gives a client that acts as the role that IAM_ROLE names: ``default``, ``SESSION``, or ARNs with commas."""

# A role of Serverless trusts the second, one of a cluster the first.
# Source: https://docs.aws.amazon.com/redshift/latest/mgmt/redshift-serverless-iam.html
PRINCIPALS = ("redshift.amazonaws.com", "redshift-serverless.amazonaws.com")
SESSION = "RedshiftIamRoleSession"


@dataclass(frozen=True)
class Roles:
    """Clients of the roles that statements name.

    Attributes:
        acting: takes the roles on.
        default: the warehouse's default role, by its name.
        scope: account and region of the warehouse.
    """

    acting: Acting
    default: str
    scope: tuple[str, str]

    def s3(self, role: str) -> S3Client:
        """The S3 client of a role.

        Raises:
            SqlError: the warehouse may not take the role on.
        """
        return self._clients(role).s3()

    def glue(self, role: str) -> GlueClient:
        """The client of the Data Catalog of a role.

        Raises:
            SqlError: the warehouse may not take the role on.
        """
        return self._clients(role).glue()

    def _clients(self, role: str) -> Clients:
        if role == "SESSION":
            # The caller's own identity, who is the administrator or has been asked at the door.
            return self.acting.clients.of(*self.scope)
        # Of a chain, the last one reads.
        name = self.default if role == "default" else role.rpartition(",")[2]
        try:
            return self.acting.take_on(name, PRINCIPALS, SESSION, self.scope)
        except AwsApiError as error:
            raise SqlError(f"Not authorized to get credentials of role {name}", error.message) from error
