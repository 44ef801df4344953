"""The errors of the stand-in: what the API answers, what a statement fails with, and what keeps it from starting."""

from __future__ import annotations

from localcloud.errors import CloudError


class WarehouseStartError(CloudError):
    """The warehouse cannot start; the message says why and what to do."""


class WarehouseRunningError(WarehouseStartError):
    """Another process runs the warehouse of this folder."""


class SqlError(CloudError):
    """A statement that fails; its text is what ``DescribeStatement`` shows as ``Error``."""

    def __init__(self, message: str, detail: str = "") -> None:
        self.message = message
        self.detail = detail
        super().__init__(f"ERROR: {message}" + (f"\n  Detail: {detail}" if detail else ""))


class LoginError(SqlError):
    """The database does not let a user in; the statement that came with this user fails."""

    def __str__(self) -> str:
        return f"FATAL: {self.message}"


class NotInStandInError(SqlError):
    """Redshift can do it, the stand-in cannot."""

    def __init__(self, what: str, instead: str = "") -> None:
        super().__init__(f"{what} is not supported by the local stand-in", f"nearest: {instead}" if instead else "")


class ApiError(CloudError):
    """A request that the Data API answers with an exception."""

    code = "InternalServerException"


class ValidationError(ApiError):
    """The request itself is wrong."""

    code = "ValidationException"


class SerializationError(ApiError):
    """The request is not JSON object."""

    code = "SerializationException"


class ResourceNotFoundError(ApiError):
    """The named statement, session, workgroup or database does not exist."""

    code = "ResourceNotFoundException"


class ActiveStatementsExceededError(ApiError):
    """Too many statements are active."""

    code = "ActiveStatementsExceededException"


class ActiveSessionsExceededError(ApiError):
    """Too many sessions are open."""

    code = "ActiveSessionsExceededException"
