"""Glue: what a job may be made of.

Sources: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-job.html (MaxCapacity, WorkerType,
NumberOfWorkers), https://docs.aws.amazon.com/glue/latest/dg/release-notes.html (versions),
https://docs.aws.amazon.com/glue/latest/dg/worker-types.html
"""

from collections.abc import Mapping
from typing import Any

from localcloud.errors import invalid_input
from localcloud.refusals.asking import Asked, Service, read_json, refuse_json

VERSIONS = ("0.9", "1.0", "2.0", "3.0", "4.0", "5.0", "5.1", "6.0", "auto")
WORKER_TYPES = (
    *("Standard", "G.025X", "G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X"),
    *("R.1X", "R.2X", "R.4X", "R.8X", "Z.2X"),
)
LEAST_WORKERS = 2
"""A Spark job has a driver and at least one executor."""


def _job(asked: Asked) -> None:
    update = asked.params.get("JobUpdate")
    job: Mapping[str, Any] = update if isinstance(update, dict) else asked.params
    version, worker_type = job.get("GlueVersion"), job.get("WorkerType")
    if version is not None and version not in VERSIONS:
        raise invalid_input(f"Glue version {version} is not supported.")
    if worker_type is not None and worker_type not in WORKER_TYPES:
        raise invalid_input(f"Worker type {worker_type} is not supported.")
    if job.get("MaxCapacity") is not None and (worker_type or job.get("NumberOfWorkers")):
        raise invalid_input("Please do not set Max Capacity if using Worker Type and Number of Workers.")
    if (worker_type is None) != (job.get("NumberOfWorkers") is None):
        raise invalid_input("Please set both Worker Type and Number of Workers.")
    workers = job.get("NumberOfWorkers")
    is_spark = (job.get("Command") or {}).get("Name") == "glueetl"
    if is_spark and workers is not None and int(workers) < LEAST_WORKERS:
        raise invalid_input(f"Number of Workers has to be at least {LEAST_WORKERS} for a Spark job.")


SERVICE = Service("glue", read_json, refuse_json, {"CreateJob": [_job], "UpdateJob": [_job]})
