"""What the local cloud refuses, and how a refusal becomes an AWS error response."""


class CloudError(Exception):
    """Base of every error that this package raises on purpose; the message says what to do."""


class LocalCloudError(CloudError):
    """The local cloud cannot start or has failed."""


class AlreadyRunningError(LocalCloudError):
    """Another local cloud uses the same state directory."""


class BrokenStateError(LocalCloudError):
    """A saved state is not whole; the message names the file."""


class PortBusyError(LocalCloudError):
    """A port that the local cloud needs is taken."""


class AwsApiError(CloudError):
    """An error that an AWS API answers with; the handler turns it into the response."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Keep what the response needs.

        Args:
            code: the exception name of the service model, such as EntityNotFoundException.
            message: what the caller reads.
            status: HTTP status.
        """
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class StateError(CloudError):
    """A state of a state machine has failed, and nothing caught it."""

    def __init__(self, error: str, cause: str) -> None:
        """Keep what the execution ends with.

        Args:
            error: name of the error, such as States.TaskFailed.
            cause: what happened.
        """
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


def invalid_input(message: str) -> AwsApiError:
    """Glue's error for a request that breaks a rule."""
    return AwsApiError("InvalidInputException", message)


def not_found(message: str) -> AwsApiError:
    """Glue's error for a name that does not exist."""
    return AwsApiError("EntityNotFoundException", message)
