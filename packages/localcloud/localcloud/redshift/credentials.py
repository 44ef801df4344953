"""The user that a request runs as: the owner of the temporary credentials, or who its secret names.

Source: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-secrets.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localcloud.redshift.errors import ResourceNotFoundError, ValidationError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


@dataclass(frozen=True)
class Credentials:
    """A user and the password that proves it."""

    username: str
    password: str = field(repr=False)


def read_credentials(
    target: tuple[tuple[str, str], ...], secrets: Callable[[], SecretsManagerClient]
) -> Credentials | None:
    """Give the credentials in the secret that a request names; None when it names none.

    Whether they are right shows when the statement connects, and not before.

    Args:
        target: where the request goes, as `requests.target` gives it.
        secrets: gives the client of Secrets Manager.

    Raises:
        ResourceNotFoundError: there is no such secret. AWS does not document by which error it says so.
        ValidationError: the secret does not hold what the Data API needs, or is another cluster's.
    """
    named = dict(target)
    secret = named.get("SecretArn")
    if secret is None:
        return None
    fields = _parsed(_read(secret, secrets()))
    username, password = fields.get("username"), fields.get("password")
    if not (isinstance(username, str) and username and isinstance(password, str) and password):
        raise ValidationError("username and password in secret cannot be empty")
    cluster = named.get("ClusterIdentifier")
    if cluster is not None and fields.get("dbClusterIdentifier", cluster) != cluster:
        raise ValidationError("ClusterIdentifier must match the cluster identifier in the secret")
    return Credentials(username, password)


def no_secrets() -> SecretsManagerClient:
    """Refuse a request with a secret, where there is no Secrets Manager.

    Raises:
        ValidationError: always.
    """
    raise ValidationError("SecretArn is not supported here: the local stand-in runs without Secrets Manager")


def _read(secret: str, client: SecretsManagerClient) -> str:
    try:
        return client.get_secret_value(SecretId=secret).get("SecretString", "")
    except ClientError as error:
        # The service's own message names the secret; it never holds its value.
        refusal = error.response["Error"]
        if refusal["Code"] == "ResourceNotFoundException":
            raise ResourceNotFoundError(refusal["Message"]) from None
        raise ValidationError(refusal["Message"]) from None


def _parsed(text: str) -> Mapping[str, object]:
    """The fields of a secret; none when it is not JSON object. The error of a parser would quote the secret."""
    try:
        fields = json.loads(text)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
