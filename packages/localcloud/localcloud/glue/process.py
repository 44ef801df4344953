"""A run's process and all that it starts: begun, waited for, and ended without leftovers."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Exit:
    """How a process ended.

    Attributes:
        status: exit status; negative is the signal that ended it.
        timed_out: it was ended because its time was over.
        stopped: it was ended because somebody asked for it.
    """

    status: int
    timed_out: bool = False
    stopped: bool = False


class RunProcess:
    """A process in a group of its own; the group is gone when `wait` returns."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdout: Path, stderr: Path
    ) -> None:
        """Start the process.

        Args:
            command: program and arguments.
            cwd: working directory.
            environment: all of it; nothing is inherited.
            stdout: file for its standard output, and its children's.
            stderr: file for its standard error.
        """
        with stdout.open("ab") as out, stderr.open("ab") as err:
            self._process = subprocess.Popen(  # noqa: S603 - the runner's own command
                command,
                cwd=cwd,
                env=dict(environment),
                # Closed by the kernel when this process dies: that tells the child (see bootstrap).
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id, which is also its group's."""
        return self._process.pid

    def wait(
        self,
        *,
        timeout_seconds: float,
        is_stopped: Callable[[], bool],
        grace_seconds: float,
        serve: Callable[[], None] = lambda: None,
    ) -> Exit:
        """Wait for the end.

        Args:
            timeout_seconds: of running, after which it is ended.
            is_stopped: asked all the time; it is ended when the answer is yes.
            grace_seconds: between asking it to end and killing it.
            serve: done again and again meanwhile; when it raises, the process is ended.
        """
        try:
            return self._wait(time.monotonic() + timeout_seconds, is_stopped, grace_seconds, serve)
        except BaseException:
            self._ended(Exit(self._terminate(grace_seconds)))
            raise

    def _wait(
        self, deadline: float, is_stopped: Callable[[], bool], grace_seconds: float, serve: Callable[[], None]
    ) -> Exit:
        while True:
            serve()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._ended(Exit(self._process.wait(POLL_SECONDS)))
            if is_stopped():
                return self._ended(Exit(self._terminate(grace_seconds), stopped=True))
            if time.monotonic() >= deadline:
                return self._ended(Exit(self._terminate(grace_seconds), timed_out=True))

    def _terminate(self, grace_seconds: float) -> int:
        _signal_group(self.pid, signal.SIGTERM)
        try:
            return self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            _signal_group(self.pid, signal.SIGKILL)
            return self._process.wait()

    def _ended(self, result: Exit) -> Exit:
        """Kill what the process left of its group (the JVM) and close our end of its standard input."""
        _signal_group(self.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        return result


def kill_leftover(pid: int, mark: str) -> bool:
    """Kill the process group of a run whose local cloud died, if it still runs.

    Args:
        pid: of the group's leader, from the run's record.
        mark: a text of its command line, so that a reused process id is not mistaken for it.

    Returns:
        Whether there was one.
    """
    command = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a number from our record
    if mark not in listing.stdout:
        return False
    _signal_group(pid, signal.SIGKILL)
    return True


def _signal_group(group: int, number: signal.Signals) -> None:
    # macOS answers EPERM for a group whose last process is a zombie.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
