"""Failing on demand: every call through a door passes two points, before and after it takes effect."""

from collections.abc import Callable
from typing import Any

from sluice.errors import AwsBusyError, StartUnclearError


class CrashError(BaseException):
    """The process is gone: nothing of ours can catch it."""


class Faults:
    """Counts the points that calls pass, and raises at the one that was asked for."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self._at: int | None = None
        self._error: BaseException = CrashError()
        self._named: dict[str, BaseException] = {}
        self._meanwhile: dict[str, Callable[[], object]] = {}

    def arm(self, point: int, error: BaseException | None = None) -> None:
        """Raise once at this point, counted from now, beginning with 0."""
        self.passed.clear()
        self._at = point
        self._error = CrashError(f"at point {point}") if error is None else error

    def fail(self, name: str, error: BaseException) -> None:
        """Raise once at the next point of this name."""
        self._named[name] = error

    def meanwhile(self, name: str, action: Callable[[], object]) -> None:
        """Do something once when the next point of this name is passed: what others do at that very moment."""
        self._meanwhile[name] = action

    def disarm(self) -> None:
        self.passed.clear()
        self._at = None

    def pass_point(self, name: str) -> None:
        number = len(self.passed)
        self.passed.append(name)
        if name in self._meanwhile:
            self._meanwhile.pop(name)()
        if name in self._named:
            raise self._named.pop(name)
        if self._at == number:
            self._at = None
            raise self._error


class Door:
    """Everything behind it, call by call, through the points of `Faults`."""

    def __init__(self, target: object, faults: Faults) -> None:
        self._target = target
        self._faults = faults

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)
        what = f"{type(self._target).__name__}.{name}"

        def call(*arguments: Any, **named: Any) -> Any:
            self._faults.pass_point(f"before {what}")
            result = method(*arguments, **named)
            try:
                self._faults.pass_point(f"after {what}")
            except AwsBusyError as exc:
                # The door to Glue tells a start that was refused from one whose answer was lost.
                is_start = what in {"FakeGlue.start", "FakeMachine.start"}
                raise (StartUnclearError(str(exc)) if is_start else exc) from exc
            return result

        return call
