"""What readers give, and how they refuse."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

BYTE_ORDER_MARK = "\ufeff"
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


@dataclass(slots=True)
class FileNotes:
    """What a reader learned of one file beside its records; complete when the last record was taken.

    Attributes:
        absent: Places that the contract reads and no record of the file has, as ``customer.id``; each may be absent,
            or else the file is refused. Their columns are null (or their default) in every row of the file.
    """

    absent: tuple[str, ...] = ()


class MalformedRecordError(ValueError):
    """A record cannot be read; the message is the reason, without any value."""


class BrokenFileError(ValueError):
    """A file cannot be read as a whole; the message is the reason, without any value."""


def broken_file(error: BrokenFileError) -> Parsed:
    """The last thing that a reader gives for a file that is not well-formed."""
    return Parsed(None, "", f"file: {error}", is_whole_file=True)


MAX_RAW_TEXT: Final = 64 * 1024
"""Characters that are kept of a record too long to be read."""
_MAX_NAMES = 5
_MAX_NAME = 80
_LEAST_PART = 3


def lacks(what: str, missing: Iterable[str], found: Iterable[str], *, where: str = "") -> BrokenFileError:
    """A file lacks fields that the contract reads.

    Args:
        what: What such a field is called: ``column``, ``field``, ``element``.
        missing: Names that are missing.
        found: Names that are there; the nearest is told, because most such files spell a name otherwise.
        where: Words before the reason.
    """
    missing, found = list(missing), list(dict.fromkeys(found))
    told = [f"{name}{_hint(name, nearest(name, found))}" for name in missing[:_MAX_NAMES]]
    more = f" and {len(missing) - _MAX_NAMES} more" if len(missing) > _MAX_NAMES else ""
    return BrokenFileError(f"{where}lacks {what} {', '.join(told)}{more}")


def _hint(name: str, near: str | None) -> str:
    if near is None:
        return ""
    if near == name:
        return f" (the file has it as one name, {shown(near)}, and a path is read part by part)"
    return f" (nearest in the file: {shown(near)})"


def nearest(name: str, others: Iterable[str]) -> str | None:
    """The name most like another one: the same letters and digits first, then the same ones to a good part."""
    others = list(others)
    plain = _plain(name)
    for other in others:
        if _plain(other) == plain:
            return other
    close = get_close_matches(name.lower(), [other.lower() for other in others], n=1)
    if close:
        return next(other for other in others if other.lower() == close[0])
    return next((other for other in others if len(plain) >= _LEAST_PART and plain in _plain(other)), None)


def shown(name: str) -> str:
    """A name of the file's for a message: quoted, so that blanks are seen, and not longer than a line."""
    return repr(name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}…")


def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in decomposed if character.isalnum())
