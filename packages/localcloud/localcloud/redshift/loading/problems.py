"""What is wrong with a record of a text file, in the codes and words of the load errors.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html for the codes; the words are those
that Redshift's users report, as no page lists them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One error.

    Attributes:
        code: of the load error reference.
        reason: in words, at most 100 characters of them are kept.
    """

    code: int
    reason: str


class LoadProblem(Exception):  # noqa: N818 - it ends a record and not the command
    """A value or a record that cannot be loaded."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


@dataclass(frozen=True)
class LoadError:
    """An error as the system views show it.

    Attributes:
        column: its name, type and length; empty texts when the record itself is the fault.
        position: of the field in the record, in characters from 0 on.
    """

    url: str
    line: int
    problem: Problem
    column: str
    type: str
    length: str
    position: int
    raw_line: str
    raw_value: str
