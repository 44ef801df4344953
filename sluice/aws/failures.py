"""What an error of AWS means to Sluice: one function that all doors share."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from sluice.errors import AwsBusyError, AwsDeniedError, AwsError, SluiceError
from sluice.failures import Verdict, aws_verdict, client_verdict

_CODE_IN_TEXT = re.compile(r"An error occurred \((\w[\w.]*)\)")


def code_of(exc: Exception) -> str:
    """The service's own error code; empty when the error is not an answer of a service."""
    return str(exc.response.get("Error", {}).get("Code", "")) if isinstance(exc, ClientError) else ""


def is_busy_code(code: str) -> bool:
    """Whether a service's error code says that trying again may succeed."""
    return aws_verdict(code) is Verdict.WORLD


def as_sluice_error(exc: ClientError | BotoCoreError | Boto3Error, action: str) -> SluiceError:
    """Sort an error of boto3 into one of the two families, as `sluice.failures` judges it.

    Args:
        exc: What boto3 raised.
        action: What was being done, for the message: ``read s3://bucket/key``.

    Returns:
        An `AwsBusyError` when trying again may succeed, an `AwsDeniedError` when a right is missing, otherwise an
        `AwsError`.
    """
    message = f"{action}: {exc}"
    verdict = _verdict(exc)
    if verdict is Verdict.WORLD:
        return AwsBusyError(message)
    return AwsDeniedError(message) if verdict is Verdict.DENIED else AwsError(message)


def _verdict(exc: ClientError | BotoCoreError | Boto3Error) -> Verdict:
    if isinstance(exc, ClientError):
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return aws_verdict(code_of(exc), status, str(exc.response.get("Error", {}).get("Message", "")))
    wrapped = _CODE_IN_TEXT.search(str(exc))
    if wrapped is not None:  # An upload in parts; its message has the service's own.
        return aws_verdict(wrapped[1])
    return client_verdict(type(exc).__name__)


@contextmanager
def aws_errors(action: str) -> Iterator[None]:
    """Turn what boto3 raises inside into Sluice's errors.

    Args:
        action: What is being done, for the message.

    Raises:
        AwsBusyError: Trying again may succeed.
        AwsError: It will not; an `AwsDeniedError` for lack of a right.
    """
    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error) as exc:
        raise as_sluice_error(exc, action) from exc
