"""Run by the interpreter of each Lambda worker at its start: hides the checkout, and keeps to the function's memory.

An editable install puts the checkout on every path; a module missing in a function's zip would be found there and
missed only in AWS.

Lambda ends an environment that uses more memory than the function has. Where Linux tells the peak of a process's
memory, a thread here does the same; elsewhere nothing does.
Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

import os
import signal
import sys
import threading
import time

_LOOK_SECONDS = 0.25
_STATUS = "/proc/self/status"

_hidden = os.environ.get("LOCALCLOUD_HIDDEN_PATHS", "").split(os.pathsep)
sys.path[:] = [entry for entry in sys.path if entry not in _hidden]


def _peak_kilobytes() -> int:
    with open(_STATUS, encoding="ascii") as status:  # noqa: PTH123 - each start of a function pays for an import
        return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)


def _watch(most_megabytes: int) -> None:
    while (used := _peak_kilobytes() // 1024) <= most_megabytes:
        time.sleep(_LOOK_SECONDS)
    sys.stderr.write(f"Runtime exited with error: signal: killed. Memory Size: {most_megabytes} MB, used: {used} MB\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)


_memory = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
if _memory.isdecimal() and os.path.exists(_STATUS):  # noqa: PTH110 - as above
    threading.Thread(target=_watch, args=(int(_memory),), name="memory", daemon=True).start()
