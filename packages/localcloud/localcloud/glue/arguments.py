"""Arguments of a Glue run: what wins, what is too much, and what the script sees."""

import json
from collections.abc import Mapping

from localcloud.errors import invalid_input

# Source: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
MAX_ARGUMENT_BYTES = 260 * 1024
MAX_NAME_LENGTH = 255
# Glue keeps these for itself: they change how the script is started, the script does not get them.
LAUNCHER_ARGUMENTS = frozenset({"--extra-py-files", "--extra-files", "--conf", "--scriptLocation"})
# They ask for software that a laptop has no wheel or jar store for; a run says that it goes on without.
UNSUPPORTED_ARGUMENTS = (
    "--additional-python-modules",
    "--python-virtual-env",
    "--python-virtual-env-storage-prefix",
    "--extra-jars",
)


def check_job_name(name: object) -> str:
    """A job's name, if it is one.

    Raises:
        AwsApiError: InvalidInputException for an empty, overlong or unprintable name.
    """
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise invalid_input(f"JobName must be a string of 1 to {MAX_NAME_LENGTH} characters")
    if any(ord(character) < 0x20 and character != "\t" for character in name):
        raise invalid_input(f"JobName {name!r} has a control character")
    return name


def check_arguments(arguments: object) -> dict[str, str]:
    """A run's Arguments, if Glue would take them.

    Raises:
        AwsApiError: InvalidInputException for more than 260 KB or for keys or values that are no strings.
    """
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        raise invalid_input("Arguments must be a map of strings")
    for key, value in arguments.items():
        if not isinstance(key, str) or not key or not isinstance(value, str):
            raise invalid_input(f"Arguments must map names to strings, but {key!r} does not")
    size = len(json.dumps(dict(arguments), ensure_ascii=False).encode())
    if size > MAX_ARGUMENT_BYTES:
        raise invalid_input(f"Arguments have {size} bytes; the limit is {MAX_ARGUMENT_BYTES}")
    return dict(arguments)


def merge_arguments(
    defaults: Mapping[str, str], run: Mapping[str, str], non_overridable: Mapping[str, str]
) -> dict[str, str]:
    """All arguments of a run: the run's win over the job's defaults, the non-overridable ones over both."""
    return {**defaults, **run, **non_overridable}


def script_argv(arguments: Mapping[str, str], *, job_name: str, run_id: str) -> list[str]:
    """The script's command line as Glue passes it: the job's identity first, then each argument and its value.

    A script reads `--JOB_NAME` with getResolvedOptions; Glue says that nobody sets it, so a run's own is left out.
    """
    identity = {"--JOB_NAME": job_name, "--JOB_ID": f"j_{job_name}", "--JOB_RUN_ID": run_id}
    given = {
        name: value for name, value in arguments.items() if name not in LAUNCHER_ARGUMENTS and name not in identity
    }
    return [part for pair in (identity | given).items() for part in pair]


def spark_settings(conf: str) -> dict[str, str]:
    """Spark settings of Glue's one `--conf` value: `a=1 --conf b=2`.

    Source: https://docs.aws.amazon.com/glue/latest/dg/auto-scaling.html
    """
    settings = {}
    for setting in f" {conf.strip()}".split(" --conf "):
        name, _, value = setting.strip().partition("=")
        if name.strip():
            settings[name.strip()] = value.strip()
    return settings


def s3_list(value: str) -> list[str]:
    """The locations of a comma-separated argument such as --extra-py-files."""
    return [location.strip() for location in value.split(",") if location.strip()]
