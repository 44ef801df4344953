"""The real thing: Terraform deploys to a local cloud, a batch of each dataset goes through, and all is taken down.

Nothing but ``terraform apply`` makes a resource here: a resource that is missing in the configuration is missing.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sluice.batch import BatchState
from sluice.layout import Partition
from sluice.simulator import DATASETS, Sender, SimulatorOptions, Truth, simulate
from tests.terraform.applied import AppliedStack
from tests.terraform.workspace import Workspace

HOUR = Partition(datetime(2027, 8, 1, 4, tzinfo=UTC))
OPTIONS = SimulatorOptions(start=HOUR, rows=20, files=1)
PATIENCE_SECONDS = 420.0

# What is in an account that nobody has touched, and the log groups that Glue makes and all its jobs share. Source:
# https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
NOT_OURS = {"log groups": ["/aws-glue/jobs/error", "/aws-glue/jobs/output"], "workgroups": ["primary"]}


@pytest.fixture
def stack(workspace: Workspace) -> Iterator[AppliedStack]:
    """The local cloud with what Terraform made. As for the tests of the pipeline, the folder is not pytest's."""
    with TemporaryDirectory(prefix="sluice-apply-") as name:
        applied = AppliedStack(Path(name), workspace)
        try:
            applied.start()
            yield applied
        finally:
            applied.cloud.stop()


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_what_is_applied_takes_batches_in_stays_as_planned_and_goes_away(stack: AppliedStack) -> None:
    truth = Truth(stack.contracts)
    sender = Sender(stack.clients.s3, stack.settings.raw_bucket, truth)
    for dataset in DATASETS:
        sender.send(simulate(stack.contracts[dataset], HOUR, OPTIONS))
    assert {dataset: _ends(stack, dataset) for dataset in DATASETS} == {
        dataset: [BatchState.ARCHIVED if stack.contracts[dataset].archive else BatchState.LOADED]
        for dataset in DATASETS
    }
    for table, contract in truth.tables.items():
        names = contract.table(table).column_names
        expected = [tuple(version.row[name] for name in names) for version in truth.rows(table).values()]
        rows = stack.rows(f"select {', '.join(names)} from {table}")
        assert (table, sorted(rows, key=repr)) == (table, sorted(expected, key=repr))

    stack.check_unchanged()

    stack.destroy()
    assert stack.left_behind() == NOT_OURS


def _ends(stack: AppliedStack, dataset: str) -> list[BatchState]:
    return [batch.state for batch in stack.settled(dataset, 1, PATIENCE_SECONDS)]
