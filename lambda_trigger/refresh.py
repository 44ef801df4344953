"""The refresh of the aggregates in pages: one state of the state machine hands at most 256 KiB to the next.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

MAX_PAGE_BYTES = 128 * 1024
"""Half of what a state may hand on: it hands on its input beside the page."""
MAX_PAGE_STATEMENTS = 100


@dataclass(frozen=True, slots=True)
class RefreshPage:
    """Some of the statements of a refresh.

    Attributes:
        statements: Each the complete arguments of a statement.
        next: Number of the first statement of the next page; None when this is the last.
    """

    statements: tuple[dict[str, object], ...]
    next: int | None


def page_of(statements: Sequence[dict[str, object]], start: int) -> RefreshPage:
    """The page that begins with a statement.

    Args:
        statements: All statements.
        start: Number of the page's first statement, from 0.
    """
    taken: list[dict[str, object]] = []
    size_bytes = 0
    for statement in statements[start : start + MAX_PAGE_STATEMENTS]:
        size_bytes += len(json.dumps(statement))
        if taken and size_bytes > MAX_PAGE_BYTES:
            break
        taken.append(statement)
    end = start + len(taken)
    return RefreshPage(tuple(taken), end if end < len(statements) else None)
