"""What became of a statement, beside what AWS documents of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from localcloud.fidelity.corpus import Case

#: What a refusal says that is the stand-in's own: AWS would answer the statement.
_NOT_HERE = ("not supported by the local stand-in", "not in the local stand-in")


class Verdict(StrEnum):
    """What became of a statement."""

    RIGHT = "RIGHT"
    REFUSED_CLEARLY = "REFUSED CLEARLY"
    TAKEN_WRONGLY = "TAKEN WRONGLY"
    WRONG_VALUE = "WRONG VALUE"
    OBSCURE = "OBSCURE"


@dataclass(frozen=True)
class Answer:
    """What a stand-in answers.

    Attributes:
        error: the whole message; empty when the statement succeeded.
        rows: as texts.
        types: of the columns.
        names: of the columns.
    """

    error: str = ""
    rows: tuple[tuple[str | None, ...], ...] = ()
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A statement and its verdict.

    Attributes:
        reason: what differs; empty when the statement is RIGHT.
    """

    case: Case
    verdict: Verdict
    reason: str = ""


def judge(case: Case, answer: Answer) -> Judged:
    """Judge one answer."""
    outcome = case.outcome
    if answer.error:
        return _judge_error(case, answer.error)
    if outcome.is_refused:
        return Judged(case, Verdict.TAKEN_WRONGLY, f"answers {_shown(answer.rows)}")
    for what, expected, found in (
        ("rows", outcome.rows, answer.rows),
        ("types", outcome.types or None, answer.types),
        ("names", outcome.names or None, answer.names),
    ):
        if expected is not None and expected != found:
            return Judged(case, Verdict.WRONG_VALUE, f"{what} {_shown(found)} instead of {_shown(expected)}")
    return Judged(case, Verdict.RIGHT)


def _judge_error(case: Case, error: str) -> Judged:
    first = error.partition("\n")[0]
    is_own = any(words in error for words in _NOT_HERE)
    if case.outcome.is_refused:
        # That the stand-in has not what AWS has not either misleads nobody; words that are known are held to.
        is_right = is_own or case.outcome.words.lower() in error.lower()
        return Judged(case, Verdict.RIGHT) if is_right else Judged(case, Verdict.OBSCURE, first)
    return Judged(case, Verdict.REFUSED_CLEARLY if is_own else Verdict.OBSCURE, first)


def _shown(found: object) -> str:
    text = str(found)
    return text if len(text) <= 200 else f"{text[:200]}…"
