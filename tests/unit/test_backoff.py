"""Trying again: how often, how long between, and after which errors."""

from collections.abc import Callable

import pytest

from sluice.backoff import Backoff
from sluice.errors import AwsBusyError, ConflictError, TransientError, WarehouseError


def failing(error: Exception, times: int) -> tuple[Callable[[int], str], list[int]]:
    tried: list[int] = []

    def action(attempt: int) -> str:
        tried.append(attempt)
        if len(tried) <= times:
            raise error
        return f"answer {attempt}"

    return action, tried


def backoff(slept: list[float], attempts: int = 5) -> Backoff:
    return Backoff(attempts, base_seconds=1, cap_seconds=3, sleep=slept.append, random=lambda: 0.5)


def test_the_first_answer_is_given_and_delays_double_up_to_the_cap() -> None:
    slept: list[float] = []
    action, tried = failing(AwsBusyError("busy"), times=4)

    assert backoff(slept).call(action) == "answer 5"
    assert tried == [1, 2, 3, 4, 5]
    assert slept == [0.5, 1.0, 1.5, 1.5]


def test_the_last_error_is_raised_when_the_tries_are_used_up() -> None:
    slept: list[float] = []
    action, tried = failing(AwsBusyError("busy"), times=9)

    with pytest.raises(AwsBusyError, match="busy"):
        backoff(slept, attempts=3).call(action)
    assert tried == [1, 2, 3]
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("error", "retry_on"), [(WarehouseError("no"), TransientError), (ConflictError("other"), AwsBusyError)]
)
def test_other_errors_are_not_tried_again(error: Exception, retry_on: type[TransientError]) -> None:
    slept: list[float] = []
    action, tried = failing(error, times=9)

    with pytest.raises(type(error)):
        backoff(slept).call(action, retry_on)
    assert (tried, slept) == ([1], [])


def test_the_jitter_is_over_the_whole_delay() -> None:
    shares = iter((0.0, 0.25, 0.75))
    patience = Backoff(base_seconds=2, random=lambda: next(shares))

    assert [patience.delay_seconds(2) for _ in range(3)] == [0.0, 1.0, 3.0]
