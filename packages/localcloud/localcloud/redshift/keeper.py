"""`python keeper.py <process id> <folder>`: ends a PostgreSQL server when the process that started it is gone.

The owner holds the other end of this process's standard input, which ends however the owner ends, SIGKILL included. It
is run by its path, with nothing but the standard library, so that it is up at once and costs a few megabytes.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

_ORDERS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
_STEP_SECONDS, _POLL_SECONDS = 15.0, 0.05


def main(process_id: int, folder: str) -> None:
    """Wait until the owner is gone, then end its server: in order first, then by force."""
    sys.stdin.buffer.read()
    data = str(Path(folder) / "data")
    for order in _ORDERS:
        with suppress(ProcessLookupError):
            if is_server(process_id, data):
                os.kill(process_id, order)
        deadline = time.monotonic() + _STEP_SECONDS
        while is_server(process_id, data) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def is_server(process_id: int, data: str) -> bool:
    """Whether a process is the server of a folder, not a stranger with a number that is used again."""
    listing = Path(f"/proc/{process_id}/cmdline")
    try:
        command = listing.read_bytes().split(b"\0")
    except OSError:
        if Path("/proc/self").exists():
            return False
        asked = ["/bin/ps", "-o", "command=", "-p", str(process_id)]
        shown = subprocess.run(asked, check=False, capture_output=True)  # noqa: S603 - a number only
        command = shown.stdout.split()
    return data.encode() in command


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
