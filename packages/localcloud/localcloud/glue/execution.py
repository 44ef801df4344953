"""What one run needs around its process: its folder, script, modules, environment, Spark settings, and its reason."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud import registry, runtimes
from localcloud.clients import Clients
from localcloud.config import LocalCloudConfig
from localcloud.environment import aws_variables, hidden_paths
from localcloud.errors import AwsApiError, LocalCloudError
from localcloud.glue import arguments as glue_arguments
from localcloud.glue.cache import ObjectCache
from localcloud.glue.objects import split_location
from localcloud.glue.process import Exit, RunProcess
from localcloud.glue.runs import JobRun
from localcloud.glue.spark_conf import base_settings, s3_mounts, with_job_settings, write_conf_folder, write_waiting
from localcloud.glue.workspace import Changes, Workspace
from localcloud.iam.door import Door

GLUE: Final = Path(__file__).resolve().parent
SHIM: Final = GLUE / "shim"
BOOTSTRAP: Final = GLUE / "bootstrap.py"
INHERITED = ("PATH", "HOME", "JAVA_HOME", "USER", "LOGNAME", "AWS_CA_BUNDLE", "SSL_CERT_FILE")
MESSAGE_CHARACTERS = 2000


@dataclass(frozen=True)
class RunFiles:
    """Where the parts of a run's folder are."""

    folder: Path

    @property
    def stdout(self) -> Path:
        """Standard output of the process."""
        return self.folder / "stdout.log"

    @property
    def stderr(self) -> Path:
        """Standard error of the process."""
        return self.folder / "stderr.log"

    @property
    def pid(self) -> Path:
        """Process id, while the process runs."""
        return self.folder / "pid"

    @property
    def changes(self) -> Path:
        """What is to be sent to S3."""
        return self.folder / "changes.json"

    @property
    def failure(self) -> Path:
        """The line that says why the script failed."""
        return self.folder / "failure.txt"

    @property
    def work(self) -> Path:
        """All that is removed when the run has ended."""
        return self.folder / "work"

    @property
    def s3(self) -> Path:
        """The run's picture of S3, a folder per bucket."""
        return self.work / "s3"

    @property
    def conf(self) -> Path:
        """Spark's settings."""
        return self.work / "conf"

    @property
    def s3_wanted(self) -> Path:
        """There when the run begins a Spark session, which waits for `s3_ready`."""
        return self.work / "s3.wanted"

    @property
    def s3_ready(self) -> Path:
        """There when `s3` is filled."""
        return self.work / "s3.ready"

    @property
    def modules(self) -> Path:
        """The script and its modules."""
        return self.work / "modules"


class Execution:
    """One run from its preparation to its changes in S3."""

    def __init__(
        self,
        run: JobRun,
        folder: Path,
        *,
        config: LocalCloudConfig,
        port: int,
        clients: Clients,
        cache: ObjectCache,
        door: Door,
    ) -> None:
        self.run = run
        self.files = RunFiles(folder)
        self._config = config
        self._port = port
        self._clients = clients
        self._door = door
        self._principal = door.sessions.holder(run.role, run.id)
        self._workspace = Workspace(self.files.s3, cache, clients.s3, self._may_read)

    def prepare(self) -> None:
        """Fetch script and modules, and write Spark's settings.

        Buckets are fetched when the run begins a Spark session (see `serve`): most scripts need none.

        Raises:
            LocalCloudError: the script or a module is not in S3, or the job's role may not be taken on or not read it.
        """
        self._require_trust()
        shutil.rmtree(self.files.work, ignore_errors=True)
        for folder in (self.files.s3, self.files.modules, self.files.work / "tmp", self.files.work / "cwd"):
            folder.mkdir(parents=True)
        script = self._download(self.run.script_location, self.files.modules)
        given = self.run.job_arguments
        modules = [
            self._download(location, self.files.modules / str(number))
            for number, location in enumerate(glue_arguments.s3_list(given.get("--extra-py-files", "")))
        ]
        for location in glue_arguments.s3_list(given.get("--extra-files", "")):
            self._download(location, self.files.work / "cwd")
        self._write_spark_conf(self._workspace.buckets())
        self._write_specification(script)
        self._module_paths = [path if path.suffix in (".zip", ".egg", ".whl") else path.parent for path in modules]

    def launch(self) -> RunProcess:
        """Start the process."""
        for name in glue_arguments.UNSUPPORTED_ARGUMENTS:
            if self.run.job_arguments.get(name):
                with self.files.stderr.open("a", encoding="utf-8") as log:
                    log.write(f"WARN the local cloud does not install what {name} asks for\n")
        process = RunProcess(
            [sys.executable, "-P", str(BOOTSTRAP), str(self.files.work / "run.json")],
            cwd=self.files.work / "cwd",
            environment=self._environment(),
            stdout=self.files.stdout,
            stderr=self.files.stderr,
        )
        self.files.pid.write_text(str(process.pid), encoding="utf-8")
        return process

    def serve(self) -> None:
        """Fill the run's picture of S3 once a Spark session waits for it.

        Raises:
            ClientError: S3 did not answer.
        """
        if self.files.s3_wanted.exists() and not self.files.s3_ready.exists():
            self._fill()

    def _fill(self) -> None:
        self._workspace.fetch()
        self.files.s3_ready.touch()

    def record_changes(self) -> None:
        """Write down what the run did to S3; after this, `send` is a matter of time.

        Raises:
            LocalCloudError: the job's role may not do it; then nothing is sent.
        """
        changes = self._workspace.changes()
        for upload in changes.uploads:
            self._require("s3:PutObject", upload.bucket, upload.key)
        for deletion in changes.deletions:
            self._require("s3:DeleteObject", deletion.bucket, deletion.key)
        changes.save(self.files.changes)

    def leave(self) -> None:
        """Bring to S3 what a run that ended badly had written by then; S3A writes through, and nobody takes it back."""
        if self.files.s3_ready.exists():
            changes = self._workspace.changes()
            uploads = tuple(one for one in changes.uploads if self._may("s3:PutObject", one.bucket, one.key))
            gone = tuple(one for one in changes.deletions if self._may("s3:DeleteObject", one.bucket, one.key))
            self._workspace.send(Changes(uploads, gone))

    def send(self) -> None:
        """Bring the written-down changes to S3."""
        if self.files.changes.exists():
            self._workspace.send(Changes.load(self.files.changes))

    def clean(self) -> None:
        """Remove what only the running process needed; logs and the record stay."""
        self.files.pid.unlink(missing_ok=True)
        shutil.rmtree(self.files.work, ignore_errors=True)

    def failure_message(self, exit_: Exit) -> str:
        """Why the process failed, in one line that begins with a class name."""
        if self.files.failure.exists():
            return self.files.failure.read_text(encoding="utf-8")[:MESSAGE_CHARACTERS]
        if exit_.status < 0:
            number = signal.Signals(-exit_.status)
            why = "; is the machine out of memory?" if number is signal.SIGKILL else ""
            return f"ProcessKilledError: the job's process was ended by {number.name}{why}"
        return f"ProcessExitError: the job's process ended with status {exit_.status}"

    def _download(self, location: str, folder: Path) -> Path:
        s3 = self._clients.s3()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            bucket, key = split_location(location)
            self._require("s3:GetObject", bucket, key)
            path = folder / key.rpartition("/")[2]
            path.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except (ValueError, s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket) as exc:
            raise LocalCloudError(f"{location} cannot be read: {exc}") from exc
        return path

    def _require_trust(self) -> None:
        """Take on the job's role.

        Raises:
            LocalCloudError: The role does not let Glue, in the words that people report (data-lakes-on-aws issue 312).
        """
        try:
            with registry.request_scope(self.run.account_id, self.run.region):
                self._door.require_trust("glue.amazonaws.com", self.run.role)
        except AwsApiError as error:
            message = f"failed to execute with exception Role {self.run.role} should be given assume role permissions"
            raise LocalCloudError(f"{message} for Glue Service.") from error

    def _require(self, action: str, bucket: str, key: str) -> None:
        with registry.request_scope(self.run.account_id, self.run.region), _told_as_failures():
            self._door.require(self._principal, action, f"arn:aws:s3:::{bucket}/{key}")

    def _may_read(self, bucket: str, key: str) -> bool:
        return self._may("s3:GetObject", bucket, key)

    def _may(self, action: str, bucket: str, key: str) -> bool:
        with registry.request_scope(self.run.account_id, self.run.region):
            return self._door.may(self._principal, action, f"arn:aws:s3:::{bucket}/{key}")

    def _write_spark_conf(self, buckets: list[str]) -> None:
        settings = base_settings(self._config.glue, self.run.job_name, self.files.work)
        own = glue_arguments.spark_settings(self.run.job_arguments.get("--conf", ""))
        mounts = s3_mounts({bucket: self._workspace.bucket_folder(bucket) for bucket in buckets})
        write_conf_folder(self.files.conf, with_job_settings(settings, own) | mounts)
        if any(character.isspace() for character in str(self.files.conf)):
            self._fill()  # Spark's scripts find no spark-env.sh in such a folder.
        else:
            write_waiting(self.files.conf, self.files.s3_wanted, self.files.s3_ready)

    def _write_specification(self, script: Path) -> None:
        self.files.failure.unlink(missing_ok=True)
        argv = glue_arguments.script_argv(self.run.job_arguments, job_name=self.run.job_name, run_id=self.run.id)
        specification = {
            "script": str(script),
            "argv": argv,
            "failure_file": str(self.files.failure),
            "hidden_paths": hidden_paths(),
            "memory_mib": self._config.glue.memory_mib,
        }
        (self.files.work / "run.json").write_text(json.dumps(specification), encoding="utf-8")

    def _environment(self) -> Mapping[str, str]:
        libraries = runtimes.of_glue(str((self.run.shown or {}).get("GlueVersion", "")))
        python_path = os.pathsep.join([*map(str, self._module_paths), str(SHIM), *libraries])
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return (
            inherited
            | aws_variables(self._config, self._port, self.run.account_id)
            | self._door.sessions.open(self.run.role, self.run.id)
            | {
                "AWS_REGION": self.run.region,
                "AWS_DEFAULT_REGION": self.run.region,
                "PYTHONPATH": python_path,
                "PYTHONUNBUFFERED": "1",
                "PYTHONSAFEPATH": "1",
                "PYSPARK_PYTHON": sys.executable,
                "PYSPARK_DRIVER_PYTHON": sys.executable,
                "SPARK_CONF_DIR": str(self.files.conf),
                "SPARK_LOCAL_DIRS": str(self.files.work / "tmp"),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "TMPDIR": str(self.files.work / "tmp"),
                "TZ": "UTC",
                # Java takes the encoding of file names from the locale.
                "LC_ALL": "C.UTF-8",
            }
        )


@contextmanager
def _told_as_failures() -> Iterator[None]:
    """A denial ends the run, with AWS's words as its reason."""
    try:
        yield
    except AwsApiError as error:
        raise LocalCloudError(f"{error.code}: {error.message}") from error
