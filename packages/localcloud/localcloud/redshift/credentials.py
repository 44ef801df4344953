"""The user that a request runs as: who its secret names, or whom IAM's temporary credentials are for.

Source: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-secrets.html,
https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localcloud.iam.sessions import asking_role
from localcloud.redshift.errors import ResourceNotFoundError, ValidationError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


@dataclass(frozen=True)
class Credentials:
    """A user and the password that proves it."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Temporary:
    """A user whom IAM lets in, without a password of his own.

    Attributes:
        username: as the database has it.
        is_made: whether the user is made when the database has none of this name; he may do then what everybody may.
    """

    username: str
    is_made: bool = False


Login = Credentials | Temporary
"""How somebody comes in who is not the owner of the database."""


def iam_user(role: str) -> str:
    """The database user of an IAM role; its name is folded like all others.

    Source: https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentialsWithIAM.html and
    https://docs.aws.amazon.com/redshift/latest/mgmt/query-editor-v2-glue.html (its name)

    Args:
        role: name or ARN of the role.
    """
    return f"iamr:{role.rpartition('/')[2].lower()}"


def asking_user() -> str:
    """The database user of the role whose request is being answered; empty for the administrator."""
    role = asking_role()
    return iam_user(role) if role else ""


def nobody() -> str:
    """Whoever asks is the owner of the database, where nobody knows who asks."""
    return ""


def read_login(
    target: tuple[tuple[str, str], ...], secrets: Callable[[], SecretsManagerClient], caller: str = ""
) -> Login | None:
    """Give how a request comes in; None for the owner of the database.

    Whether a password is right shows when the statement connects, and not before.

    Args:
        target: where the request goes, as `requests.target` gives it.
        secrets: gives the client of Secrets Manager.
        caller: database user of the IAM identity that asks; empty for the administrator of the account, whom the
            warehouse takes for its owner.
            Source: https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-iam-credentials.html

    Raises:
        ResourceNotFoundError: there is no such secret. AWS does not document by which error it says so.
        ValidationError: the secret does not hold what the Data API needs, or is another cluster's.
    """
    named = dict(target)
    secret = named.get("SecretArn")
    if secret is None:
        user = named.get("DbUser")
        if user is not None:
            return Temporary(user.lower())
        return Temporary(caller, is_made=True) if caller else None
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
