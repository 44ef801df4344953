"""What batches cost on AWS: the calls that were counted, the seconds of runs, and the prices of ``prices.toml``.

Counted is what Sluice's functions and jobs ask of the local cloud: the same calls that they make on AWS. Seconds are
this machine's; a Glue run is billed for a minute at least, which is more than nearly all of them take.
"""

import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PRICES = Path(__file__).with_name("prices.toml")
WAREHOUSE = "warehouse"
"""Apart from the others: who has a cluster that runs anyway pays nothing more for a load."""
RPUS = 8
"""Base capacity of Redshift Serverless, as Terraform's default has it."""
LEAST_WORKERS = 2
"""What a run is billed for that never asks for an executor: the job scales by itself, and its number of workers is the
most that it may have. Source: https://docs.aws.amazon.com/glue/latest/dg/auto-scaling.html"""
_LEAST_SECONDS = 60.0
_DPUS = {"G.025X": 0.25, "G.1X": 1.0, "G.2X": 2.0, "G.4X": 4.0}
"""Source: https://docs.aws.amazon.com/glue/latest/dg/worker-types.html."""
_S3_WRITES = {"PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"}
_DYNAMODB_WRITES = {"PutItem": 1, "UpdateItem": 1, "DeleteItem": 1, "BatchWriteItem": 2, "TransactWriteItems": 4}
"""Request units of a call, for items of at most a kilobyte: a transaction here writes two, at two units each."""


@dataclass(frozen=True)
class Usage:
    """What was used of AWS.

    Attributes:
        calls: Requests of functions and jobs, by service (as a signature names it) and operation.
        glue: Seconds of each Glue run, and its DPUs.
        lambdas: Seconds of each invocation of a function, and its memory in GB.
        transitions: States that executions of state machines entered.
        loads: Runs of the load job: each wakes the warehouse for a minute at least.
    """

    calls: Mapping[tuple[str, str], int]
    glue: Sequence[tuple[float, float]]
    lambdas: Sequence[tuple[float, float]]
    transitions: int
    loads: int


def dpus(worker_type: str, workers: int) -> float:
    """DPUs of a job's workers."""
    return _DPUS[worker_type] * workers


def prices() -> dict[str, float]:
    """Dollars by what is paid for."""
    return {name: float(price["usd"]) for name, price in tomllib.loads(PRICES.read_text(encoding="utf-8")).items()}


def bill(usage: Usage, asked: Mapping[str, float]) -> dict[str, float]:
    """Dollars by service, the dearest first.

    Args:
        usage: What was used.
        asked: Prices, as `prices` gives them.
    """
    dollars: defaultdict[str, float] = defaultdict(float)
    for seconds, units in usage.glue:
        dollars["Glue runs"] += max(seconds, _LEAST_SECONDS) / 3600 * units * asked["glue_dpu_hour"]
    for seconds, gigabytes in usage.lambdas:
        dollars["Lambda"] += asked["lambda_request"] + seconds * gigabytes * asked["lambda_gb_second"]
    dollars["Step Functions"] += usage.transitions * asked["states_transition"]
    for (service, operation), count in usage.calls.items():
        name, price = _of_call(service, operation, asked)
        dollars[name] += count * price
    dollars[WAREHOUSE] += usage.loads * _LEAST_SECONDS / 3600 * RPUS * asked["redshift_rpu_hour"]
    return dict(sorted(dollars.items(), key=lambda item: -item[1]))


def _of_call(service: str, operation: str, asked: Mapping[str, float]) -> tuple[str, float]:
    """Who asks for a call, and how much; calls that cost nothing by themselves are of "free calls"."""
    if service == "s3":
        if operation.startswith("Delete"):
            return "free calls", 0.0
        is_write = operation in _S3_WRITES or operation.startswith("List")
        return "S3 requests", asked["s3_write" if is_write else "s3_read"]
    if service == "dynamodb":
        units = _DYNAMODB_WRITES.get(operation)
        return "DynamoDB", asked["dynamodb_read"] if units is None else units * asked["dynamodb_write"]
    if service == "glue" and any(thing in operation for thing in ("Partition", "Table", "Database")):
        return "Data Catalog", asked["glue_catalog_request"]
    per_call = {"sqs": "sqs_request", "sns": "sns_publish", "secretsmanager": "secretsmanager_request"}
    return (service, asked[per_call[service]]) if service in per_call else ("free calls", 0.0)
