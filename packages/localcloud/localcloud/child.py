"""The local cloud as a child process: what tests and the demo use, and what can be killed and started again."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import boto3

from localcloud import errors
from localcloud.config import PASSWORD_ENV, LocalCloudConfig
from localcloud.environment import SOURCES, aws_variables
from localcloud.errors import LocalCloudError
from localcloud.options import to_arguments

STOP_SECONDS = 60.0
ABORT_SECONDS = 5.0


class LocalCloudProcess:
    """`python -m localcloud` with the face of `LocalCloud`; it may be started again after a stop or a kill.

    The child stops by itself when this process dies, whatever way it dies.
    """

    def __init__(self, config: LocalCloudConfig) -> None:
        self.config = config
        self._process: subprocess.Popen[str] | None = None
        self._ready: dict[str, Any] = {}

    @property
    def endpoint_url(self) -> str:
        """The AWS endpoint."""
        return str(self._said("endpoint_url"))

    @property
    def warehouse_dsn(self) -> str | None:
        """A libpq connection string, password included; None without a warehouse."""
        dsn: str | None = self._said("warehouse_dsn")
        return dsn

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 has a type for each service, none for all
        """A boto3 client of the endpoint, as administrator.

        Args:
            service: As boto3 names it.
        """
        variables = aws_variables(self.config, urlsplit(self.endpoint_url).port or 0)
        make: Any = boto3.client  # its overloads know services by literal names only
        return make(
            service,
            endpoint_url=self.endpoint_url,
            region_name=variables["AWS_REGION"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        )

    @property
    def pid(self) -> int:
        """Process id of the local cloud."""
        if self._process is None:
            raise LocalCloudError("the local cloud is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the child was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the child and return when its endpoint answers.

        Raises:
            AlreadyRunningError: another local cloud uses the state directory.
            PortBusyError: a port is taken.
            LocalCloudError: it did not start; the message is its own.
        """
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            # -P: the folder that the user stands in is not a place to import from; it may hold anybody's data.
            [sys.executable, "-P", "-m", "localcloud", "--stop-with-stdin", *to_arguments(self.config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment(),
            text=True,
            # A Ctrl-C in the terminal goes to the foreground group: the parent decides when the child stops.
            start_new_session=True,
        )
        answer = self._first_line()
        if answer.get("ready") is not True:
            # It has saved nothing yet that a clean stop would keep, and what printed something else may not listen.
            self.kill()
            raise _as_error(answer)
        self._ready = answer

    def stop(self) -> None:
        """Stop cleanly: state saved, nothing left running.

        Raises:
            LocalCloudError: it did not end in time and was killed.
        """
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as exc:
            self._process.send_signal(signal.SIGABRT)  # it prints where each of its threads is
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(ABORT_SECONDS)
            self.kill()
            raise LocalCloudError(
                f"the local cloud did not stop within {STOP_SECONDS:.0f} s and was killed; standard error has where "
                "its threads were"
            ) from exc
        self._forget()

    def kill(self) -> None:
        """Kill it with SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._forget()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _forget(self) -> None:
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
        self._process = None
        self._ready = {}

    def _said(self, name: str) -> Any:  # noqa: ANN401 - as JSON has it
        if self._process is None:
            raise LocalCloudError("the local cloud is not running")
        return self._ready[name]

    def _first_line(self) -> dict[str, Any]:
        if self._process is None or self._process.stdout is None:
            raise LocalCloudError("the local cloud is not running")
        line = self._process.stdout.readline()
        if not line:
            return {"message": f"the local cloud ended at its start; see {self.config.log_file}"}
        return _as_fields(line, self.config.log_file)

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        # An entry that is empty or relative would be the folder that the user stands in.
        given = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if Path(entry).is_absolute()]
        environment["PYTHONPATH"] = os.pathsep.join([str(SOURCES), *given])
        if self.config.warehouse_password is not None:
            environment[PASSWORD_ENV] = self.config.warehouse_password
        return environment


def _as_fields(line: str, log_file: Path) -> dict[str, Any]:
    """What the child said; when it is not JSON, a message that says so."""
    try:
        fields = json.loads(line)
    except json.JSONDecodeError:
        fields = None
    if isinstance(fields, dict):
        return fields
    return {
        "message": f"the local cloud answered {line.strip()[:200]!r} at its start, which is not JSON; see {log_file}"
    }


def _as_error(fields: dict[str, Any]) -> LocalCloudError:
    kind = getattr(errors, str(fields.get("error")), LocalCloudError)
    is_ours = isinstance(kind, type) and issubclass(kind, LocalCloudError)
    return (kind if is_ours else LocalCloudError)(str(fields.get("message")))
