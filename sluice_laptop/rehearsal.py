"""`make sandbox-rehearsal`: the check of an AWS account, command for command, against a local cloud of its own.

What it proves is the check itself: that it deploys, compares, takes everything down, and fails when something differs.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from localcloud.child import LocalCloudProcess
from localcloud.config import LocalCloudConfig
from localcloud.environment import SOURCES, aws_variables

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = "terraform/examples/local"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rehearsal.

    Args:
        arguments: Of the command line, for the check itself; None takes the process's own.

    Returns:
        The check's exit status.
    """
    _, given = argparse.ArgumentParser(prog="rehearsal", add_help=False).parse_known_args(arguments)
    # Not below the checkout: Spark's scripts take no folder with blanks, and the state is thrown away.
    with TemporaryDirectory(prefix="sluice-rehearsal-") as name:
        config = LocalCloudConfig(Path(name) / "state", port=0, warehouse_port=0, wait_scale=0.1, iam="enforce")
        with LocalCloudProcess(config) as cloud:
            return _check(cloud, Path(name), given)


def _check(cloud: LocalCloudProcess, folder: Path, given: Sequence[str]) -> int:
    port = urlsplit(cloud.endpoint_url).port or 0
    variables = {"endpoint": cloud.endpoint_url, "warehouse_credentials": _credentials(cloud.warehouse_dsn or "")}
    command = [sys.executable, "-P", "-m", "deploy.sandbox_check", f"--configuration={CONFIGURATION}"]
    file = folder / "variables.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(variables), encoding="utf-8")
    command += [f"--variables-file={file}"]
    command += ["--work=build/rehearsal/work", "--report=build/rehearsal/report.json", "--patience-seconds=900", *given]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = clean | aws_variables(cloud.config, port) | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(SOURCES)])}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603 - our own module


def _credentials(dsn: str) -> str:
    """What the warehouse's secret holds."""
    login = conninfo_to_dict(dsn)
    names = {"username": "user", "password": "password", "host": "host", "dbname": "dbname"}
    values = {name: login[key] for name, key in names.items()}
    return json.dumps(values | {"engine": "redshift", "port": int(str(login["port"]))})


if __name__ == "__main__":
    sys.exit(main())
