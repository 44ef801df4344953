"""How a query fails: with a name and a text as Athena shows them in StateChangeReason."""

from localcloud.errors import CloudError


class QueryError(CloudError):
    """A query that fails."""

    def __init__(self, name: str, message: str) -> None:
        """Keep what the caller reads.

        Args:
            name: of the error, such as COLUMN_NOT_FOUND.
            message: what happened.
        """
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


class QueryCancelledError(CloudError):
    """A query that was stopped, or that would have scanned more than it may."""


def not_here(what: str) -> QueryError:
    """The error for what Athena can do and the stand-in cannot.

    Args:
        what: the statement, function or feature.
    """
    return QueryError("NOT_SUPPORTED", f"{what} is not in the local stand-in of Athena")


def bad_data(message: str) -> QueryError:
    """The error for a file that does not fit its table."""
    return QueryError("HIVE_BAD_DATA", message)
