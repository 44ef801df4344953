"""What became of a statement, in the four words that are counted.

A fixture presumes tables, users, functions and buckets that no warehouse has, and names things twice: where the
stand-in complains of nothing else, it has accepted the statement. What comes after the name is not judged then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_NOT_HERE = "is not supported by the local stand-in"
_REDSHIFT_HAS_NOT = "Redshift does not have this function of PostgreSQL"
_NAME = r"(?:\"[^\"]*\"|[\w.$#]+)"
#: What a statement may presume. A function counts when it stands in a schema or has the prefix of users' functions.
#: Source: https://docs.aws.amazon.com/redshift/latest/dg/udf-naming-udfs.html
_MISSING = tuple(
    re.compile(pattern)
    for pattern in (
        rf"relation {_NAME} does not exist",
        rf"(?:table|view|schema|role|user|group|database|type|index|sequence) {_NAME} does not exist",
        rf"column {_NAME} does not exist",
        rf"column {_NAME} of relation {_NAME} does not exist",
        rf"missing FROM-clause entry for table {_NAME}",
        r"procedure [\w.]+\(.*\) does not exist",
        r"function (?:\w+\.\w+|f_\w+)\(.*\) does not exist",
        r"could not find a (?:function|procedure) named .*",
        rf"prepared statement {_NAME} does not exist",
        rf"cursor {_NAME} does not exist",
        rf"{_NAME} is not an external table",
        # An earlier statement of the file has taken the name.
        rf"(?:relation|schema|role|user|group|view|procedure) {_NAME} already exists",
        r"S3ServiceException: The specified (?:bucket|key) does not exist.*",
        r"External Catalog Error\..*",
    )
)


class Verdict(StrEnum):
    """What became of a statement."""

    RUNS = "runs"
    ACCEPTED = "accepted"
    NOT_HERE = "not here"
    ERROR = "error"


@dataclass(frozen=True)
class Outcome:
    """What became of one statement.

    Attributes:
        verdict: in one word.
        reason: the first line of the error without its particulars; empty when the statement runs.
    """

    verdict: Verdict
    reason: str = ""


def judge(error: str | None) -> Outcome:
    """Judge a statement.

    Args:
        error: what it failed with, None when it finished.
    """
    if error is None:
        return Outcome(Verdict.RUNS)
    message = error.partition("\n")[0].removeprefix("ERROR: ")
    if _NOT_HERE in message:
        return Outcome(Verdict.NOT_HERE, message.partition(f" {_NOT_HERE}")[0])
    if _REDSHIFT_HAS_NOT not in error and any(pattern.fullmatch(message) for pattern in _MISSING):
        return Outcome(Verdict.ACCEPTED, _general(message))
    return Outcome(Verdict.ERROR, message)


def _general(message: str) -> str:
    """Give a message without the names in it, so that those of one kind are counted together."""
    if message.startswith(("S3ServiceException", "External Catalog Error")):
        return "a bucket or catalog does not exist"
    if message.endswith("is not an external table"):
        return "external table does not exist"
    kind = re.sub(r"\(.*\)", "", message)
    return re.sub(r" (?:\"[^\"]*\"|(?<=function )\S+|(?<=procedure )\S+)", "", kind)
