"""The errors of the stand-in: what the API answers, what a statement fails with, and what keeps it from starting."""

from __future__ import annotations

import re

from localcloud.errors import CloudError


class WarehouseStartError(CloudError):
    """The warehouse cannot start; the message says why and what to do."""


class WarehouseRunningError(WarehouseStartError):
    """Another process runs the warehouse of this folder."""


class SqlError(CloudError):
    """A statement that fails; its text is what ``DescribeStatement`` shows as ``Error``.

    Args:
        message: in Redshift's words.
        detail: more about it.
        sqlstate: its code where the message does not tell.
    """

    severity = "ERROR"

    def __init__(self, message: str, detail: str = "", sqlstate: str = "") -> None:
        self.message = message
        self.detail = detail
        self._sqlstate = sqlstate
        super().__init__(f"{self.severity}: {message}" + (f"\n  Detail: {detail}" if detail else ""))

    @property
    def sqlstate(self) -> str:
        """Its code of five characters, for drivers; what Redshift has no code of PostgreSQL's for is XX000.

        Source: https://www.postgresql.org/docs/8.0/errcodes-appendix.html
        """
        return self._sqlstate or next((state for state, text in _STATES if text.search(self.message)), "XX000")


_STATES = tuple(
    (state, re.compile(pattern))
    for state, pattern in (
        ("42601", r"^syntax error|^unterminated "),
        ("0A000", r"not supported"),
        ("3D000", r"^database .* does not exist"),
        ("3F000", r"^schema .* does not exist"),
        ("42703", r"^column .* does not exist"),
        ("42P01", r"does not exist"),
        ("42701", r"specified more than once"),
        ("42P07", r"already exists"),
        ("42501", r"^permission denied|^Not authorized"),
        ("25001", r"cannot run inside a transaction block"),
    )
)


class LoginError(SqlError):
    """The database does not let a user in; the statement that came with this user fails."""

    severity = "FATAL"

    def __init__(self, message: str, sqlstate: str = "28000") -> None:
        super().__init__(message, sqlstate=sqlstate)


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
