"""One local cloud per state directory, and a clear word to the second one."""

import errno
import fcntl
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from localcloud.config import HOST
from localcloud.errors import AlreadyRunningError, LocalCloudError, PortBusyError

ORPHAN_SECONDS = 30.0
"""How long a local cloud whose parent was killed has to end."""
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Running:
    """What a running local cloud says about itself in its lock file."""

    pid: int
    endpoint_url: str
    warehouse_port: int | None
    parent: int | None = None

    @classmethod
    def of_this_process(cls, endpoint_url: str, warehouse_port: int | None) -> "Running":
        """What this process writes about itself."""
        return cls(os.getpid(), endpoint_url, warehouse_port, os.getppid())

    @classmethod
    def from_file(cls, path: Path) -> "Running | None":
        """Read a lock file; None when its holder has not written it yet."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(int(fields["pid"]), str(fields["endpoint_url"]), fields["warehouse_port"], fields.get("parent"))
        except (OSError, ValueError, KeyError):
            return None

    @property
    def is_orphan(self) -> bool:
        """Whether who started it is gone: a local cloud in the foreground ends then by itself, which takes a moment."""
        if self.parent is None:
            return False
        try:
            os.kill(self.parent, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


def own_folder(folder: Path) -> None:
    """Make the state directory, or close an existing one to other users of the machine (mode 0700).

    Raw data, quarantined rows, logs and the saved secrets lie in it.

    Raises:
        LocalCloudError: it belongs to somebody else, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as exc:
        raise LocalCloudError(
            f"state directory {folder}: {exc.strerror}; it has to be a folder of your own, choose one with --state-dir"
        ) from exc


class StateLock:
    """An advisory lock on a state directory; the kernel drops it when its holder dies."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "lock"
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock; an orphan that holds it is waited for, because it is on its way out.

        Raises:
            AlreadyRunningError: a living process holds it; nothing was changed.
        """
        give_up = time.monotonic() + ORPHAN_SECONDS
        while not self._try():
            running = Running.from_file(self.path)
            if running is None or not running.is_orphan or time.monotonic() > give_up:
                raise AlreadyRunningError(self._refusal())
            time.sleep(_POLL_SECONDS)

    def _try(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        file = os.fdopen(descriptor, "r+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def describe(self, running: Running) -> None:
        """Write down who holds the lock; only for the message to a second start."""
        if self._file is None:
            raise AssertionError("describe() needs the lock")
        self._file.seek(0)
        self._file.truncate()
        json.dump(running.__dict__, self._file)
        self._file.flush()

    def release(self) -> None:
        """Drop the lock. The file stays: removing it would let two starts lock two files of one name."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.close()
            self._file = None

    def _refusal(self) -> str:
        running = Running.from_file(self.path)
        if running is None:
            return f"already running: another local cloud is starting on {self.path.parent}"
        return (
            f"already running: pid {running.pid}, endpoint {running.endpoint_url}, state directory {self.path.parent}"
        )


def claim_port(port: int, option: str, address: str = HOST) -> int:
    """Check that a port is free, or pick a free one for 0.

    Args:
        port: The port.
        option: The option that changes it.
        address: What will listen there.

    Raises:
        PortBusyError: someone listens there; the message names the option that changes it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: without it a port of a server just stopped looks taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as exc:
            if exc.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            reason = "is in use" if exc.errno == errno.EADDRINUSE else "may not be opened by this user"
            raise PortBusyError(f"port {port} on {address} {reason}; choose another with {option}") from exc
        return int(probe.getsockname()[1])
