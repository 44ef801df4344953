"""What every line of the logs says beside its message: the dataset, the batch and the claim that it is about.

What works for a dataset, a batch or a claim says so once, with `log_context`; every line below it carries the names,
without its author thinking of them. Lambda, Step Functions and both Glue jobs know the *claim* of a run, from before
the run has started until after it is booked, while Glue's own id exists only in between.

A line is one JSON object, whatever is in its message: line ends and control characters that came in with a file name or
an error of somebody else cannot begin a line of their own, and no text in it is longer than `MAX_TEXT`.
"""

import json
import logging
import math
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TextIO, TypeVar

from sluice.errors import SluiceError

MAX_TEXT = 8_000
"""Characters of one text in a line. CloudWatch cuts events that are too large, and what is cut is not JSON any more."""
MAX_ITEMS = 100
"""Items of one list or object in a line."""
_MAX_DEPTH = 5

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LogContext:
    """What the lines of a piece of work are about; empty where it is about none or nobody knows yet.

    Attributes:
        dataset: The dataset.
        batch: Id of the batch.
        claim: Id of the claim that the run works for.
    """

    dataset: str = ""
    batch: str = ""
    claim: str = ""


_current: ContextVar[LogContext] = ContextVar("sluice_log_context", default=LogContext())  # noqa: B039 - it is frozen


@contextmanager
def log_context(*, dataset: str | None = None, batch: str | None = None, claim: str | None = None) -> Iterator[None]:
    """Name what the lines inside are about; after it, everything is as it was before.

    Args:
        dataset: The dataset; None leaves what the surrounding context says. So do the others.
        batch: Id of the batch.
        claim: Id of the claim.
    """
    given = {"dataset": dataset, "batch": batch, "claim": claim}
    named = {name: value for name, value in given.items() if value is not None}
    token = _current.set(replace(_current.get(), **named))
    try:
        yield
    finally:
        _current.reset(token)


def in_context(function: Callable[[Item], Result]) -> Callable[[Item], Result]:
    """The function, so that its lines are about what the caller's are about, in whatever thread it runs.

    A thread begins with an empty context of its own.
    """
    here = _current.get()

    def run(item: Item) -> Result:
        token = _current.set(here)
        try:
            return function(item)
        finally:
            _current.reset(token)

    return run


def only(batches: Collection[str]) -> str | None:
    """The batch that work on these batches is about: the only one, or None when it is about several or none."""
    return next(iter(batches)) if len(batches) == 1 else None


class ContextFilter(logging.Filter):
    """Puts the context on every record that passes: ``dataset``, ``batch``, ``run``, and ``logger`` for its name.

    It belongs on a handler: a logger's filters do not see the records of its children. What a record has of its own
    (``extra=``) stays.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        fields = {**asdict(_current.get()), "logger": record.name}
        vars(record).update({name: value for name, value in fields.items() if not hasattr(record, name)})
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object per record: when (UTC), how bad, who, what, about what, and the exception if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, object] = {
            "timestamp": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "dataset": getattr(record, "dataset", ""),
            "batch": getattr(record, "batch", ""),
            "claim": getattr(record, "claim", ""),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return to_line(fields)


def to_line(fields: Mapping[str, object]) -> str:
    """One line of JSON in ASCII, every text and list of it within the limits."""
    # ASCII, because a lone surrogate, which a JSON source can hold, cannot be written in any other way.
    return json.dumps(_bounded(fields, 0), ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def log_json_lines(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Have everything that is logged in this process written as JSON lines.

    Args:
        stream: Where to; standard output when None, which in Glue is a log without the lines of Spark's JVM.
        level: The least level that is written.

    Side Effects:
        Replaces the handlers of the root logger.
    """
    handler = logging.StreamHandler(sys.stdout if stream is None else stream)
    handler.addFilter(ContextFilter())
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # It tells of every connection to the JVM that it opens and closes, up to the end of the process.
    logging.getLogger("py4j").setLevel(max(level, logging.WARNING))


@contextmanager
def logged_run(logger: logging.Logger, *, dataset: str, claim: str) -> Iterator[None]:
    """The log context of one run as a whole; an error that ends the run is logged in it before it goes on.

    Of an error that is not ours the line has the class alone: texts of Spark's errors hold values of the input.
    """
    with log_context(dataset=dataset, claim=claim):
        try:
            yield
        except Exception as exc:
            text = exc.named if isinstance(exc, SluiceError) else type(exc).__name__
            logger.error("the run failed: %s", text)  # noqa: TRY400 - the traceback has the text
            raise


def _bounded(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        pairs = list(value.items())[:MAX_ITEMS]
        return {_cut(str(name)): _bounded(item, depth + 1) for name, item in pairs}
    if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        return [_bounded(item, depth + 1) for item in value[:MAX_ITEMS]]
    return _cut(str(value))


def _cut(text: str) -> str:
    """A text of at most `MAX_TEXT` characters: its middle goes, because a traceback says the most at its end."""
    if len(text) <= MAX_TEXT:
        return text
    note = f" [... {len(text)} characters ...] "
    kept = MAX_TEXT - len(note)
    return text[: kept - kept // 2] + note + text[-(kept // 2) :]
