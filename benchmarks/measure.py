"""What a command costs: wall time, CPU seconds and peak memory of its whole tree of processes."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_EVERY_SECONDS = 0.05
LIMIT_SECONDS = 300.0
"""Far more than any command takes; whatever hangs is ended."""


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        wall: Seconds from its start to its end, imports and start of a JVM included.
        cpu: CPU seconds, user and system, of it and all that it started. The kernel's account of the processes that
            were waited for, or the sum of what was last seen of each process, whichever is more.
        peak_mb: Most resident memory of the tree at one moment, looked at every 50 ms; what processes share counts
            once for each.
        answer: The JSON object that it printed as its last line; empty when none was asked for.
    """

    wall: float
    cpu: float
    peak_mb: float
    answer: Mapping[str, Any]


class CommandFailedError(Exception):
    """A command ended with an error; the message has the end of what it said."""


def run(
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    *,
    limit_seconds: float = LIMIT_SECONDS,
    with_answer: bool = True,
) -> Cost:
    """Run a command and account for it; nothing of it is left.

    Args:
        command: Program and arguments.
        cwd: Where it runs.
        environment: What is added to this process's own.
        limit_seconds: After which it is ended.
        with_answer: Whether its last line is an answer.

    Raises:
        CommandFailedError: It failed, or took longer than the limit.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - ours
            command, cwd=cwd, env={**os.environ, **environment}, stdout=out, stderr=err, start_new_session=True
        )
        try:
            status, used, seen, peak = _watch(process, began + limit_seconds)
        finally:
            _end(process)
        wall = time.monotonic() - began
        out.seek(0)
        err.seek(0)
        said, complaint = out.read().decode(), err.read().decode()
    if status != 0:
        raise CommandFailedError(f"{' '.join(command)} ended with {status}: {complaint[-2000:]}")
    return Cost(wall, max(used, seen), peak, json.loads(said.strip().splitlines()[-1]) if with_answer else {})


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill what is left of a command's group of processes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        process.wait()


def _watch(process: "subprocess.Popen[bytes]", until: float) -> tuple[int, float, float, float]:
    """Exit status, CPU seconds by the kernel's account and as seen, and peak memory, when it has ended."""
    seen: dict[tuple[int, float], float] = {}
    peak = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_utime + usage.ru_stime, sum(seen.values()), peak / 2**20
        if time.monotonic() > until:
            raise CommandFailedError("it took longer than it may")
        peak = max(peak, _look(process.pid, seen))
        time.sleep(_EVERY_SECONDS)


def _look(pid: int, seen: dict[tuple[int, float], float]) -> int:
    """Note the CPU seconds of each process of a tree; gives the tree's resident bytes."""
    total = 0
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    for process in tree:
        try:
            with process.oneshot():
                times = process.cpu_times()
                seen[process.pid, process.create_time()] = times.user + times.system
                total += process.memory_info().rss
        except psutil.Error:
            continue
    return total
