"""`awsglue.utils` as of Glue 6.0."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

# Source: aws-glue-libs, awsglue/utils.py and awsglue/job.py.
BOOKMARK_NAMES = ("job-bookmark-option", "job-bookmark-from", "job-bookmark-to")
RESERVED_NAMES = (*BOOKMARK_NAMES, "JOB_ID", "JOB_RUN_ID", "SECURITY_CONFIGURATION", "encryption-type")
# Glue adds these to the result by itself when the run has them.
GIVEN_ANYWAY = ("JOB_ID", "JOB_RUN_ID", "SECURITY_CONFIGURATION", *BOOKMARK_NAMES, "RedshiftTempDir", "TempDir")


class GlueArgumentError(Exception):
    """An argument that a script needs is missing or malformed."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise GlueArgumentError(message)


def getResolvedOptions(  # noqa: N802 - Glue's name
    args: Sequence[str], options: Sequence[str], allow_abbrev: bool = False
) -> dict[str, str]:
    """The named arguments of a command line, all of which must be there.

    Others are ignored, `-` in a name becomes `_` in the result, values are strings.

    Args:
        args: the command line, `sys.argv`.
        options: names without the leading dashes.
        allow_abbrev: must stay false: Glue 6.0 takes no shortened names.

    Raises:
        GlueArgumentError: an argument is missing, or shortened names are asked for.
        RuntimeError: a name is Glue's own.
    """
    if allow_abbrev:
        raise GlueArgumentError("shortened argument names are not supported")
    for name in options:
        if name in RESERVED_NAMES:
            raise RuntimeError(f"Using reserved arguments {name}")
    parser = _Parser(allow_abbrev=False, add_help=False)
    for name in GIVEN_ANYWAY:
        if name not in options:
            parser.add_argument(f"--{name}", default=argparse.SUPPRESS)
    for name in options:
        parser.add_argument(f"--{name}", required=True)
    found, _ = parser.parse_known_args(list(args[1:]))
    return vars(found)
