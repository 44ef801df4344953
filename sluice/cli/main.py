"""Entry of the command line: runs a command, and turns every error into a line or two that a person can act on."""

import sys
from typing import NoReturn

from sluice.cli.app import app
from sluice.cli.options import GlobalOptions
from sluice.errors import SluiceError
from sluice.root import make_importable


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process: 0 done, 1 failed, 2 called wrongly.

    Args:
        arguments: What stands after ``sluice``; None takes the process's own.

    Raises:
        SystemExit: Always.
    """
    make_importable()
    options = GlobalOptions()
    try:
        app(args=arguments, prog_name="sluice", obj=options)
    except SluiceError as exc:
        _fail(exc, str(exc), options)
    except Exception as exc:  # noqa: BLE001 - the last place where an error can become words
        if _is_of_aws(exc):
            _fail(exc, str(exc), options)
        _fail(
            exc,
            f"unexpected {type(exc).__name__}: {exc}\nRun it again with `sluice --debug ...` to see where.",
            options,
        )


def _is_of_aws(exc: Exception) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - most commands end without an error

    return isinstance(exc, BotoCoreError | ClientError)


def _fail(exc: Exception, message: str, options: GlobalOptions) -> NoReturn:
    from sluice.terminal import say_error  # noqa: PLC0415 - it imports rich

    if options.debug:
        raise exc
    say_error(message)
    sys.exit(1)
