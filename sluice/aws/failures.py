"""What an error of AWS means to Sluice: one function that all doors share."""

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError

from sluice.errors import AwsBusyError, AwsError, SluiceError

_BUSY_CODES = {
    "ActiveSessionsExceededException",
    "ActiveStatementsExceededException",
    "ActiveWaitingRequestsExceededException",
    "BatchExecuteStatementException",
    "ConcurrentModificationException",
    "ConditionalRequestConflict",
    "DatabaseConnectionException",
    "ExecuteStatementException",
    "ExecutionLimitExceeded",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceException",
    "InternalServerException",
    "KMSThrottlingException",
    "KmsThrottlingException",
    "LimitExceededException",
    "OperationTimeoutException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}


def code_of(exc: Exception) -> str:
    """The service's own error code; empty when the error is not an answer of a service."""
    return str(exc.response.get("Error", {}).get("Code", "")) if isinstance(exc, ClientError) else ""


def is_busy_code(code: str) -> bool:
    """Whether a service's error code says that trying again may succeed."""
    return code in _BUSY_CODES


def as_sluice_error(exc: ClientError | BotoCoreError, action: str) -> SluiceError:
    """Sort an error of boto3 into one of the two families.

    Args:
        exc: What boto3 raised.
        action: What was being done, for the message: ``read s3://bucket/key``.

    Returns:
        An `AwsBusyError` when trying again may succeed, otherwise an `AwsError`.
    """
    message = f"{action}: {exc}"
    if isinstance(exc, ClientError):
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        is_busy = is_busy_code(code_of(exc)) or status >= 500 or status == 429
    else:
        is_busy = isinstance(exc, AwsConnectionError | HTTPClientError)
    return AwsBusyError(message) if is_busy else AwsError(message)


@contextmanager
def aws_errors(action: str) -> Iterator[None]:
    """Turn what boto3 raises inside into Sluice's errors.

    Args:
        action: What is being done, for the message.

    Raises:
        AwsBusyError: Trying again may succeed.
        AwsError: It will not.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as exc:
        raise as_sluice_error(exc, action) from exc
    except Boto3Error as exc:  # An upload in parts; its message has the service's own.
        raise AwsError(f"{action}: {exc}") from exc
