"""Entry of the command line: runs a command, and turns every error into a line or two that a person can act on."""

import sys

from botocore.exceptions import BotoCoreError, ClientError

from sluice.cli.app import app
from sluice.cli.session import GlobalOptions
from sluice.cli.terminal import say_error
from sluice.errors import SluiceError


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process: 0 done, 1 failed, 2 called wrongly.

    Args:
        arguments: What stands after ``sluice``; None takes the process's own.

    Raises:
        SystemExit: Always.
    """
    options = GlobalOptions()
    try:
        app(args=arguments, prog_name="sluice", obj=options)
    except (SluiceError, ClientError, BotoCoreError) as exc:
        _fail(exc, str(exc), options)
    except Exception as exc:  # noqa: BLE001 - the last place where an error can become words
        _fail(
            exc,
            f"unexpected {type(exc).__name__}: {exc}\nRun it again with `sluice --debug ...` to see where.",
            options,
        )


def _fail(exc: Exception, message: str, options: GlobalOptions) -> None:
    if options.debug:
        raise exc
    say_error(message)
    sys.exit(1)
