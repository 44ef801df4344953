"""`python -m localcloud`: run the local cloud until a signal, or until the parent goes away.

Prints one line of JSON when it is ready, and one when it cannot start (exit status 1). The warehouse's password is in
it only with ``--stop-with-stdin``, which is for the process that started this one.
"""

import faulthandler
import json
import os
import queue
import signal
import sys
import threading
import traceback
from urllib.parse import urlsplit

from localcloud.errors import CloudError
from localcloud.options import from_options, parser
from localcloud.server import LocalCloud

LOOK_SECONDS = 0.5


def main(arguments: list[str] | None = None) -> int:
    """Run the local cloud in the foreground.

    Args:
        arguments: of the command line; None takes the process's own.

    Returns:
        The exit status.
    """
    faulthandler.enable()
    options = parser().parse_args(arguments)
    # No event: a signal may come while this thread holds the event's lock, for which its handler would then wait.
    # Source: https://docs.python.org/3/library/queue.html#queue.SimpleQueue.put
    done = queue.SimpleQueue[None]()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.put(None))
    if options.stop_with_stdin:
        threading.Thread(target=_wait_for_parent, args=(done,), daemon=True).start()
    # Whatever this process and its children write is the user's alone, whatever the user's own mask says.
    os.umask(0o077)
    cloud = LocalCloud(from_options(options))
    try:
        cloud.start()
    except CloudError as error:
        _say({"ready": False, "error": type(error).__name__, "message": str(error)})
        return 1
    try:
        _say(
            {
                "ready": True,
                "pid": os.getpid(),
                "endpoint_url": cloud.endpoint_url,
                "warehouse_dsn": shown_dsn(cloud.warehouse_dsn, is_private=options.stop_with_stdin),
            }
        )
        # In pieces: a signal that another thread gets, such as one of DuckDB's, does not wake this one.
        while not _is_told(done):
            pass
    finally:
        cloud.stop()
    return 0


def shown_dsn(dsn: str | None, *, is_private: bool) -> str | None:
    """The warehouse's address as it is printed.

    Args:
        dsn: With its password.
        is_private: Whether only a parent process reads it; what a terminal or a container prints stays in logs.
    """
    if dsn is None or is_private:
        return dsn
    return dsn.replace(f":{urlsplit(dsn).password}@", "@", 1)


def _is_told(done: queue.SimpleQueue[None]) -> bool:
    try:
        done.get(timeout=LOOK_SECONDS)
    except queue.Empty:
        return False
    return True


def _wait_for_parent(done: queue.SimpleQueue[None]) -> None:
    sys.stdin.buffer.read()
    done.put(None)


def _say(fields: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def _status() -> int:
    """The exit status of `main`; what it did not expect is printed here, before the exit."""
    try:
        status = main()
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - the process's entry point, which says all of it
        traceback.print_exc()
        return 1
    return status


if __name__ == "__main__":
    # Threads that MiniStack left waiting would hold the interpreter's own exit up; all state is saved by now.
    os._exit(_status())
