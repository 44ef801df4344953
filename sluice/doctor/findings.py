"""What a check finds."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    """There is nothing to judge yet."""
    WARNING = "warning"
    """It works now, but somebody should look."""
    ERROR = "error"
    """Something does not work, or will not when it is needed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: What kind of thing it is.
        what: The thing and its state, in one sentence.
        severity: How bad it is.
        fix: What to do; empty when there is nothing to do.
    """

    area: str
    what: str
    severity: Severity = Severity.OK
    fix: str = ""


def ok(area: str, what: str) -> Finding:
    """Something is as it should be."""
    return Finding(area, what)


def note(area: str, what: str) -> Finding:
    """There is nothing to judge yet."""
    return Finding(area, what, Severity.NOTE)


def warning(area: str, what: str, fix: str) -> Finding:
    """Somebody should look."""
    return Finding(area, what, Severity.WARNING, fix)


def error(area: str, what: str, fix: str) -> Finding:
    """Something does not work."""
    return Finding(area, what, Severity.ERROR, fix)


DEPLOY = "deploy again: `terraform apply` on AWS, `sluice up` on this machine"
"""What fixes whatever the deploy makes."""
