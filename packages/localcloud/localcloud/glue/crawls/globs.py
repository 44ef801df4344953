"""Exclude patterns of crawlers.

Source: https://docs.aws.amazon.com/glue/latest/dg/define-crawler-choose-data-sources.html
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from localcloud.errors import invalid_input


def is_excluded(path: str, patterns: Sequence[str]) -> bool:
    """Whether an object is left out.

    Args:
        path: of the object, relative to the include path.
        patterns: of the target.

    Raises:
        AwsApiError: InvalidInputException, a pattern is malformed.
    """
    return any(compile_glob(pattern).fullmatch(path) is not None for pattern in patterns)


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> re.Pattern[str]:
    r"""Give the regular expression of an exclude pattern.

    ``*`` stays inside a folder and ``**`` crosses folders; ``?`` is one character, ``[a-z]`` and ``[!a]`` are classes,
    ``{a,b}`` is one of its parts (which do not nest), a backslash takes the next character as it is. A leading dot is
    a character like any other.

    Raises:
        AwsApiError: InvalidInputException, it is malformed.
    """
    return re.compile(_Glob(pattern).regex(), re.DOTALL)


class _Glob:
    def __init__(self, pattern: str) -> None:
        self._pattern, self._place, self._in_group = pattern, 0, False

    def regex(self) -> str:
        parts = []
        while self._place < len(self._pattern):
            parts.append(self._next())
        if self._in_group:
            raise self._malformed("a group is not closed")
        return "".join(parts)

    def _next(self) -> str:
        character = self._take()
        if character == "*":
            return self._star()
        if character == "?":
            return "[^/]"
        if character == "[":
            return self._class()
        if character == "\\":
            return re.escape(self._take("a backslash ends it"))
        if character == "{":
            if self._in_group:
                raise self._malformed("groups do not nest")
            self._in_group = True
            return "(?:"
        if self._in_group and character in ",}":
            self._in_group = character == ","
            return "|" if character == "," else ")"
        return re.escape(character)

    def _star(self) -> str:
        if self._pattern[self._place : self._place + 1] != "*":
            return "[^/]*"
        self._place += 1
        return ".*"

    def _class(self) -> str:
        why = "a class is not closed"
        negated = self._pattern[self._place : self._place + 1] in ("!", "^")
        self._place += negated
        members = ""
        while (character := self._take(why)) != "]" or not members:
            # A hyphen makes a range between two characters; at either end it is itself.
            is_range = character == "-" and members and self._pattern[self._place : self._place + 1] != "]"
            members += "-" if is_range else re.escape(character)
        try:
            re.compile(f"[{members}]")
        except re.error as exc:
            raise self._malformed("a range goes backwards") from exc
        return f"(?!/)[{'^' if negated else ''}{members}]"

    def _take(self, why: str = "") -> str:
        if self._place >= len(self._pattern):
            raise self._malformed(why)
        self._place += 1
        return self._pattern[self._place - 1]

    def _malformed(self, why: str) -> Exception:
        return invalid_input(f"The exclude pattern {self._pattern!r} is malformed: {why}")
