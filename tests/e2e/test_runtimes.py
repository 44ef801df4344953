"""The jobs on the libraries of an older Glue: the image that AWS publishes is one of Glue 5.0."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from localcloud import runtimes
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from tests.e2e.stack import Stack

DATASET = "transactions"
HEADER = (
    "transaction_id;order_id;product_id;quantity;unit_price;discount_percent;transaction_date;payment_method;updated_at"
)
FIRST = 7_900_000


@contextmanager
def glue_version(stack: Stack, version: str) -> Iterator[None]:
    """Both jobs on another version of Glue."""
    glue = stack.clients.glue
    names = (stack.settings.convert_job, stack.settings.load_job)
    before = {name: glue.get_job(JobName=name)["Job"] for name in names}
    for name, job in before.items():
        glue.update_job(JobName=name, JobUpdate=_update(job, version))
    try:
        yield
    finally:
        for name, job in before.items():
            glue.update_job(JobName=name, JobUpdate=_update(job, job["GlueVersion"]))


def _update(job: Any, version: str) -> Any:
    kept = ("Role", "Command", "DefaultArguments", "MaxRetries", "Timeout", "WorkerType", "NumberOfWorkers",
            "ExecutionProperty", "JobRunQueuingEnabled")  # fmt: skip
    return {name: job[name] for name in kept if name in job} | {"GlueVersion": version}


@pytest.mark.parametrize(("version", "hour"), [("5.0", "2031-05-06T09")])
def test_a_batch_on_the_libraries_of_an_older_glue(stack: Stack, version: str, hour: str) -> None:
    """Its boto3 knows no conditional writes, which are the functions' and not the jobs'."""
    if runtimes.installed(f"glue-{version}") is None:
        pytest.skip("bin/setup has not installed the libraries of AWS's runtimes")
    before = len(stack.settled(DATASET, 0))
    rows = [
        f"{FIRST + number};ORD-{number:06d};PROD-0001;1;2.50;0;06.05.2031 07:00:00;card;2031-05-06T07:00:00"
        for number in range(3)
    ]
    with glue_version(stack, version):
        stack.send(DATASET, Partition.parse(hour), {"a.csv": "\n".join([HEADER, *rows, ""]).encode()})
        batch = stack.settled(DATASET, before + 1)[-1]
    assert batch.state is BatchState.LOADED, batch.reason
    query = "select transaction_id from transactions where _batch_id = '{}' order by 1"
    assert stack.rows(query.format(batch.batch_id)) == [(FIRST + number,) for number in range(3)]
    runs = stack.clients.glue.get_job_runs(JobName=stack.settings.convert_job)["JobRuns"]
    assert version in {run["GlueVersion"] for run in runs}
