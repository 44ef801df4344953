"""What an exception of Spark means: its name for messages, and whether trying again may help.

Texts of Spark's exceptions are judged and never told, because they may hold values of the input.
"""

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException

from sluice.errors import SluiceError, TransientError
from sluice.failures import Sign, Verdict, spark_verdict

SPARK_ERRORS = (PySparkException, Py4JJavaError)
"""What Spark raises when a job fails; the connection to the JVM itself still works."""

_MAX_CAUSES = 20


def root_cause(error: BaseException) -> str:
    """Class name of what lies at the bottom of an exception."""
    return _chain(error)[-1].name


def is_transient(error: BaseException) -> bool:
    """Whether trying again may succeed: memory, network, lost workers, and everything that nobody knows."""
    if isinstance(error, SluiceError):
        return isinstance(error, TransientError)
    return spark_verdict(_chain(error)) in {Verdict.WORLD, Verdict.RUN}


def is_of_file(error: BaseException) -> bool:
    """Whether the failure to read a file is certainly the file's own fault."""
    return not isinstance(error, SluiceError) and spark_verdict(_chain(error)) is Verdict.FILE


def describe(error: BaseException) -> str:
    """The error of a batch for people: the class name, then what went wrong, without values of the input."""
    if isinstance(error, SluiceError):
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__}: Spark could not finish the conversion ({root_cause(error)})"


def _chain(error: BaseException) -> list[Sign]:
    """The exception and its causes in the JVM, the outermost first; texts of Python's own exceptions are left out."""
    java = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    signs = [Sign(type(error).__name__, "" if java is not None else str(error))]
    for _ in range(_MAX_CAUSES):
        if java is None:
            break
        try:
            signs.append(Sign(str(java.getClass().getSimpleName()), str(java.getMessage() or "")))
            java = java.getCause()
        except (Py4JError, OSError):
            break
    return signs
