"""What an exception of Spark means: its name for messages, and whether trying again may help.

Only class names are taken from Spark's exceptions, because their texts may hold values of the input.
"""

from collections.abc import Iterator

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException, PythonException

from sluice.errors import SluiceError, TransientError

SPARK_ERRORS = (PySparkException, Py4JJavaError)
"""What Spark raises when a job fails; the connection to the JVM itself still works."""

_TRANSIENT = (
    "OutOfMemory",
    "Timeout",
    "Connect",
    "SocketException",
    "UnknownHost",
    "SlowDown",
    "Throttl",
    "ServiceUnavailable",
    "AWSServiceIO",
    "ExecutorLost",
    "FetchFailed",
    "NoSpaceLeft",
)
_MAX_CAUSES = 20


def root_cause(error: BaseException) -> str:
    """Class name of what lies at the bottom of an exception."""
    return next(iter(reversed(list(_causes(error)))), type(error).__name__)


def is_transient(error: BaseException) -> bool:
    """Whether trying again may succeed: memory, network, lost workers."""
    if isinstance(error, SluiceError):
        return isinstance(error, TransientError)
    return any(mark in name for name in _causes(error) for mark in _TRANSIENT)


def is_of_file(error: BaseException) -> bool:
    """Whether the failure to read a file is the file's fault: it stays, and it is not our own code that failed."""
    return not is_transient(error) and not isinstance(error, PythonException)


def describe(error: BaseException) -> str:
    """The error of a batch for people: the class name, then what went wrong, without values of the input."""
    if isinstance(error, SluiceError):
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__}: Spark could not finish the conversion ({root_cause(error)})"


def _causes(error: BaseException) -> Iterator[str]:
    yield type(error).__name__
    java = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    for _ in range(_MAX_CAUSES):
        if java is None:
            return
        try:
            yield str(java.getClass().getSimpleName())
            java = java.getCause()
        except Py4JError:
            return
