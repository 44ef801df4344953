"""Lake Formation as it is in an account that never used it: everybody whom IAM allows, and IAM alone decides.

New databases and tables are granted to the group ``IAMAllowedPrincipals`` there. What would change that is refused,
because nothing here would heed it: a catalog that looks governed and is not would be the worst of answers.
Source: https://docs.aws.amazon.com/lake-formation/latest/dg/change-settings.html
"""

from collections.abc import Mapping

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.registry import Response
from localcloud.routing import error_response, json_response

NAME = "lakeformation"
_EVERYBODY = [
    {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]},
]
_SETTINGS = {
    "DataLakeAdmins": [],
    "ReadOnlyAdmins": [],
    "CreateDatabaseDefaultPermissions": _EVERYBODY,
    "CreateTableDefaultPermissions": _EVERYBODY,
    "Parameters": {"CROSS_ACCOUNT_VERSION": "1"},
    "TrustedResourceOwners": [],
}


async def answer(
    _method: str, path: str, _headers: dict[str, str], _body: bytes, _query: Mapping[str, list[str]]
) -> Response:
    """Answer what the settings are, and refuse everything else."""
    operation = path.strip("/")
    if operation == "GetDataLakeSettings":
        return json_response({"DataLakeSettings": _SETTINGS})
    return error_response(
        AwsApiError(
            "OperationNotSupportedException",
            f"Lake Formation's {operation or 'requests'} are not in the local cloud: IAM alone decides on its catalog, "
            "as in an account that grants everything to IAMAllowedPrincipals",
            400,
        )
    )


def install_lake_formation() -> None:
    """Answer requests to Lake Formation, which MiniStack would take for S3's."""
    registry.add_service(NAME, answer)
