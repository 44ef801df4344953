"""What readers give, and how they refuse."""

from typing import Any, NamedTuple

UNDECODABLE = "\ufffd"
"""What decoders put in place of bytes that the encoding does not have."""


class Parsed(NamedTuple):
    """One record, well-formed or not, or the news that the whole file is not well-formed.

    Attributes:
        record: Values in the order of the contract's shape, all leaves text; None when malformed.
        raw_text: The record as the source wrote it.
        error: Why it is malformed; None when it is well-formed.
        is_whole_file: Whether `error` is about the file; then none of its records counts.
    """

    record: tuple[Any, ...] | None
    raw_text: str
    error: str | None = None
    is_whole_file: bool = False


class MalformedRecordError(ValueError):
    """A record cannot be read; the message is the reason, without any value."""


class BrokenFileError(ValueError):
    """A file cannot be read as a whole; the message is the reason, without any value."""


def broken_file(error: BrokenFileError) -> Parsed:
    """The last thing that a reader gives for a file that is not well-formed."""
    return Parsed(None, "", f"file: {error}", is_whole_file=True)
