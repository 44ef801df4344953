"""Asking AWS for something that may not be there."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from botocore.exceptions import ClientError

from sluice.aws.failures import aws_errors, code_of

P = ParamSpec("P")
T = TypeVar("T")

_MISSING = {
    "404",
    "AWS.SimpleQueueService.NonExistentQueue",
    "EntityNotFoundException",
    "NoSuchBucket",
    "NoSuchEntity",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
}


def look_for(thing: str, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """The answer to a question about one thing; None when the service says that there is no such thing.

    Args:
        thing: What is asked for, for the message of another error.
        ask: Calls the service: a method of a client.
        args: Its arguments by position.
        kwargs: Its arguments by name.

    Raises:
        AwsBusyError: The service could not answer now.
        AwsError: It refused.
    """
    with aws_errors(f"look for {thing}"):
        try:
            return ask(*args, **kwargs)
        except ClientError as exc:
            if code_of(exc) in _MISSING:
                return None
            raise
