"""Runs a deployed job as Glue does, in Glue's own image: `run_job.py JOB [--repeat] [--name value ...]`.

The job's definition, its script, its libraries and its default arguments come from the endpoint, so that what runs is
what is deployed. It needs Python's standard library and boto3 alone, and knows nothing of Sluice but its documents.
"""

import argparse
import json
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

NAMES = {"raw_to_parquet": "convert_job", "load_redshift": "load_job"}
"""Each script, and the setting that names its job; the job's name is that of SLUICE_<SETTING>, or the default."""
DEFAULTS = {"convert_job": "sluice-raw-to-parquet", "load_job": "sluice-load-redshift"}

_S3A = "org.apache.hadoop.fs.s3a"
# Glue reads these itself; the script does not get them.
_LAUNCHER_ARGUMENTS = ("--extra-py-files", "--extra-files", "--conf", "--scriptLocation")


def s3_settings(endpoint: str, region: str) -> dict[str, str]:
    """Spark's settings that bring `s3://` to an endpoint that is not AWS's: by S3A, as Glue does from 5.1 on.

    The image's own default (EMRFS) knows no other endpoint. The credentials stay in the environment.

    Source: https://hadoop.apache.org/docs/r3.4.1/hadoop-aws/tools/hadoop-aws/connecting.html
    """
    return {
        "spark.hadoop.fs.s3.impl": f"{_S3A}.S3AFileSystem",
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": f"{_S3A}.S3A",
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": region,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(urlsplit(endpoint).scheme == "https").lower(),
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
        ),
    }


def spark_command(
    script: Path, libraries: Sequence[Path], settings: Mapping[str, str], arguments: Mapping[str, str]
) -> list[str]:
    """The command line that runs a script as Glue does.

    Args:
        script: The entry script.
        libraries: Zips of `--extra-py-files`.
        settings: Spark's settings.
        arguments: All arguments of the run, the job's name included.
    """
    conf = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    modules = ["--py-files", ",".join(map(str, libraries))] if libraries else []
    given = [part for name, value in arguments.items() if name not in _LAUNCHER_ARGUMENTS for part in (name, value)]
    return ["spark-submit", "--master", "local[*]", *conf, *modules, str(script), *given]


def job_arguments(words: Sequence[str]) -> dict[str, str]:
    """Arguments of a run: `--name value` each.

    Raises:
        SystemExit: They are no pairs.
    """
    names, values = words[::2], words[1::2]
    if len(names) != len(values) or not all(name.startswith("--") for name in names):
        raise SystemExit(f"arguments of a job come in pairs of --name and value, not as {' '.join(words)!r}")
    return dict(zip(names, values, strict=True))


def repeated(glue: Any, s3: Any, job: str, bucket: str) -> dict[str, str]:  # noqa: ANN401 - boto3's clients
    """Arguments that do the newest successful conversion again, under a claim of its own.

    A claim is converted once. The new one has the same batches, and nobody waits for its end: it publishes the same
    rows in new files, and changes neither the ledger nor the warehouse.

    Args:
        glue: Client of Glue.
        s3: Client of S3.
        job: Name of the conversion's job.
        bucket: Bucket of the processed data.

    Raises:
        SystemExit: No conversion has succeeded yet.

    Side Effects:
        Writes the new claim's input document.
    """
    runs = glue.get_job_runs(JobName=job)["JobRuns"]
    done = [run for run in runs if run["JobRunState"] == "SUCCEEDED"]
    if not done:
        raise SystemExit(f"no run of {job} has succeeded yet: send data first (sluice send)")
    newest = max(done, key=lambda run: run["StartedOn"])["Arguments"]
    claim = newest["--claim_id"]
    again = f"{claim}-{uuid.uuid4().hex[:8]}"
    task = json.loads(s3.get_object(Bucket=bucket, Key=f"_sluice/runs/{claim}/input.json")["Body"].read())
    body = json.dumps({**task, "claim_id": again}).encode()
    s3.put_object(Bucket=bucket, Key=f"_sluice/runs/{again}/input.json", Body=body)
    return {**newest, "--claim_id": again}


def download(s3: Any, url: str, folder: Path) -> Path:  # noqa: ANN401 - boto3's client
    """Fetch an object into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = urlsplit(url)
    path = folder / parts.path.rpartition("/")[2]
    path.write_bytes(s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read())
    return path


def prepare(words: Sequence[str], folder: Path) -> list[str]:
    """Fetch what a job needs.

    Args:
        words: The command line: the script's name, `--repeat`, the run's arguments.
        folder: Where the script and its libraries go.

    Returns:
        The command that runs the job.

    Raises:
        SystemExit: The command line makes no sense.
    """
    parser = argparse.ArgumentParser(prog="glue-job", description=__doc__, allow_abbrev=False)
    parser.add_argument("job", choices=sorted(NAMES))
    parser.add_argument("--repeat", action="store_true", help="do the newest successful conversion again")
    options, rest = parser.parse_known_args(list(words))
    if options.repeat and options.job != "raw_to_parquet":
        parser.error("a load needs no --repeat: give it the --claim_id and the --dataset of one that was done")
    setting = NAMES[options.job]
    name = os.environ.get(f"SLUICE_{setting.upper()}", DEFAULTS[setting])
    glue, s3 = boto3.client("glue"), boto3.client("s3")
    definition = glue.get_job(JobName=name)["Job"]
    arguments = dict(definition.get("DefaultArguments", {}))
    if options.repeat:
        bucket = json.loads(arguments["--settings"])["processed_bucket"]
        arguments |= repeated(glue, s3, name, bucket)
    arguments |= job_arguments(rest)
    script = download(s3, definition["Command"]["ScriptLocation"], folder)
    zips = [url.strip() for url in arguments.get("--extra-py-files", "").split(",") if url.strip()]
    libraries = [download(s3, url, folder / "libraries") for url in zips]
    settings = s3_settings(os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_REGION"])
    return spark_command(script, libraries, settings, {"--JOB_NAME": name, **arguments})


def main() -> None:
    """Run the job in place of this process; its exit status is the job's."""
    command = prepare(sys.argv[1:], Path(os.environ.get("TMPDIR", "/tmp")) / "sluice-job")  # noqa: S108 - the image's own
    os.execvp(command[0], command)  # noqa: S606 - the arguments are a list


if __name__ == "__main__":
    main()
