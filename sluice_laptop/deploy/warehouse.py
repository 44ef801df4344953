"""The warehouse's part of the deploy: its credentials and everything that must be in it before the first load."""

import json

from botocore.exceptions import ClientError
from psycopg.conninfo import conninfo_to_dict

from localcloud.errors import LocalCloudError
from sluice.aws.clients import Clients
from sluice.settings import Settings
from sluice_laptop.deploy.made import unless_exists


def keep_secret(clients: Clients, name: str, dsn: str) -> None:
    """Put the warehouse's credentials into Secrets Manager, in the form of the secrets that Redshift manages.

    Source: https://docs.aws.amazon.com/redshift/latest/mgmt/redshift-secrets-manager-integration.html

    Args:
        clients: Clients of the endpoint.
        name: Name of the secret.
        dsn: libpq's connection string of the warehouse.
    """
    login = conninfo_to_dict(dsn)
    credentials = {
        "username": login["user"],
        "password": login["password"],
        "engine": "redshift",
        "host": login["host"],
        "port": int(str(login["port"])),
        "dbname": login["dbname"],
    }
    text = json.dumps(credentials)
    if unless_exists(clients.secretsmanager.create_secret, Name=name, SecretString=text):
        return
    if clients.secretsmanager.get_secret_value(SecretId=name)["SecretString"] != text:
        clients.secretsmanager.put_secret_value(SecretId=name, SecretString=text)


def bootstrap_warehouse(clients: Clients, settings: Settings) -> None:
    """Have the bootstrap function create what the warehouse lacks.

    Raises:
        LocalCloudError: It could not.
    """
    try:
        answer = clients.lambda_.invoke(FunctionName=f"{settings.prefix}bootstrap", Payload=b"{}")
    except ClientError as exc:
        raise LocalCloudError(f"the bootstrap of the warehouse cannot be called: {exc}") from exc
    if answer.get("FunctionError") is not None:
        said = json.loads(answer["Payload"].read())
        raise LocalCloudError(f"the bootstrap of the warehouse failed: {said.get('errorMessage', said)}")
