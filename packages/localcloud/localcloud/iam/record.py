"""What was asked and decided: one line for each different question, for the person and for the tests."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from localcloud.iam.judge import Decision, Principal, Request

# They tell one moment from another, and no question from another.
_MOMENTARY = {"aws:currenttime", "aws:epochtime"}


MOST_QUESTIONS = 100_000
"""A local cloud that runs for weeks does not fill the disk."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and what became of it.

    Attributes:
        request: What was asked.
        is_allowed: Whether it was.
        by: Policy and statement that decided.
    """

    request: Request
    is_allowed: bool
    by: tuple[str, str] | None

    def to_json(self) -> str:
        """One line."""
        request = self.request
        fields = {
            "principal": request.principal.arn,
            "account": request.principal.account,
            "role": request.principal.role_arn,
            "action": request.action,
            "resource": request.resource,
            "context": dict(request.context),
            "allowed": self.is_allowed,
            "by": self.by,
        }
        return json.dumps(fields, sort_keys=True)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The question of a line."""
        plain: Mapping[str, Any] = json.loads(line)
        principal = Principal(plain["principal"], plain["account"], plain["role"])
        keys = {name: tuple(value) if isinstance(value, list) else value for name, value in plain["context"].items()}
        request = Request(principal, plain["action"], plain["resource"], keys)
        return cls(request, plain["allowed"], None if plain["by"] is None else (plain["by"][0], plain["by"][1]))


class Record:
    """A file of questions; one that was asked before is not written again."""

    def __init__(self, path: Path) -> None:
        """Begin, or go on with, a file.

        Args:
            path: Of the file; its folder is made when the first question is asked.
        """
        self._path = path
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def add(self, request: Request, decision: Decision) -> None:
        """Write a question down.

        Args:
            request: What was asked.
            decision: What was decided.
        """
        context = {name: value for name, value in request.context.items() if name not in _MOMENTARY}
        line = Question(replace(request, context=context), decision.is_allowed, decision.by).to_json()
        with self._lock:
            if line in self._seen or len(self._seen) >= MOST_QUESTIONS:
                return
            self._seen.add(line)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")


def questions(path: Path) -> list[Question]:
    """The questions of a file, oldest first; none when there is no file."""
    if not path.exists():
        return []
    return [Question.from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
