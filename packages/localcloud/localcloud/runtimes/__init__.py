"""The libraries that AWS's runtimes have, for the runs and functions of the local cloud.

A job that needs a newer boto3 than Glue has fails on AWS in its first request. So runs and functions get the
versions that the runtime documents (`versions.json`), installed beside the environment's own
(``<environment>/runtimes/<name>``), each from its lock file here: by `bin/setup` in a checkout, else by
``python -m localcloud.runtimes``. Where they are not installed, as in an environment
that pip alone made, the environment's own are used and the log says so.
"""

import json
import logging
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

LOCKS = Path(__file__).resolve().parent
OLDEST = "glue-5.1"
"""Whose SDK is the oldest that functions may meet, and all that Sluice sends is known to it.

AWS lists no version for Lambda, whose runtimes are renewed by themselves
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html); this one is of October 2025. Glue 5.0's is older:
it knows no conditional writes to S3.
"""


@cache
def documented() -> Mapping[str, Mapping[str, Any]]:
    """What AWS's pages say, by the runtime's name: `source`, `python`, and `libraries`."""
    found: Mapping[str, Mapping[str, Any]] = json.loads((LOCKS / "versions.json").read_text(encoding="utf-8"))
    return found


def installed(name: str, environment: Path | None = None) -> Path | None:
    """The folder of a set of libraries; None when it is not installed.

    Args:
        name: Of the lock file.
        environment: The virtual environment; None is this one.
    """
    folder = (environment or Path(sys.prefix)) / "runtimes" / name
    return folder if folder.is_dir() else None


def of_glue(version: str) -> list[str]:
    """What a run of a Glue version has on its path before the environment's libraries.

    Args:
        version: GlueVersion of the job.
    """
    return _path(f"glue-{version}")


def of_lambda() -> list[str]:
    """What functions have on their path before the environment's libraries."""
    return _path(OLDEST)


def _path(name: str) -> list[str]:
    folder = installed(name)
    if folder is None:
        logger.warning("the libraries of AWS's runtimes (%s) are not installed: python -m localcloud.runtimes", name)
        return []
    return [str(folder)]
