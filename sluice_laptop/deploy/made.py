"""Creating what may exist already."""

from typing import Any

from botocore.exceptions import ClientError

_EXISTS = {
    "AlreadyExistsException",
    "EntityAlreadyExists",
    "IdempotentParameterMismatchException",
    "ResourceConflictException",
    "ResourceExistsException",
    "ResourceInUseException",
    "StateMachineAlreadyExists",
}


def unless_exists(create: Any, **arguments: Any) -> bool:  # noqa: ANN401 - one client method of many
    """Call a create operation; False when the thing exists already."""
    try:
        create(**arguments)
    except ClientError as exc:
        if exc.response["Error"]["Code"] in _EXISTS:
            return False
        raise
    return True
