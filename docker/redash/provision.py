"""Makes Redash ready: its tables, one administrator, and the warehouse as a data source. It may be run again.

It calls Redash's own commands in this process, not on a command line, where other processes could read the passwords.
"""

import contextlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

SECRETS = Path("/run/sluice")
ADMINISTRATOR = "admin@example.com"
SOURCE = "Sluice warehouse"

Command = Callable[..., str]
"""Runs one of Redash's commands and gives what it said."""


def provision(run: Command, secrets: Path = SECRETS) -> None:
    """Bring Redash to the wanted state.

    Args:
        run: Raises `SystemExit` where Redash refuses.
        secrets: Folder of the passwords.

    Raises:
        SystemExit: Redash refused, or could not reach the warehouse.
    """
    run("database", "create_tables")
    password = (secrets / "redash-admin").read_text(encoding="utf-8")
    try:
        run("users", "create_root", ADMINISTRATOR, "Administrator", "--password", password)
    except SystemExit:
        # The administrator is there: a second run gives the password that the volume holds.
        run("users", "password", ADMINISTRATOR, password)
    options = json.dumps(
        {
            "host": "cloud",
            "port": 5439,
            "user": "sluice",
            "password": (secrets / "warehouse").read_text(encoding="utf-8"),
            "dbname": "warehouse",
        }
    )
    # Nothing but a look keeps Redash from having two sources of one name.
    if f"Name: {SOURCE}\n" in run("ds", "list"):
        run("ds", "edit", SOURCE, "--options", options)
    else:
        run("ds", "new", SOURCE, "--type", "pg", "--options", options)
    run("ds", "test", SOURCE)


def redash_command(*arguments: str) -> str:
    """Run a command of Redash.

    Returns:
        What it printed.

    Raises:
        SystemExit: It refused.
    """
    from redash.cli import manager  # noqa: PLC0415 - is there in Redash's image only

    said = io.StringIO()
    try:
        # It prints the options of a data source with the password.
        with contextlib.redirect_stdout(said):
            manager.main(args=list(arguments), standalone_mode=False)
    except SystemExit as refusal:
        if refusal.code not in (None, 0):
            raise
    return said.getvalue()


def main() -> None:
    """Provision, and say so."""
    provision(redash_command)
    sys.stdout.write(f"Redash is ready: sign in as {ADMINISTRATOR}\n")


if __name__ == "__main__":
    sys.path.insert(0, "/app")
    main()
