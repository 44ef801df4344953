"""One local cloud for all tests of this layer; tests that stop or kill one start their own."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud.child import LocalCloudProcess
from localcloud.config import GlueSettings, LocalCloudConfig
from localcloud_tests.aws.cloud import Aws, Jobs
from localcloud_tests.aws.machines import Machines

_numbers = itertools.count(1)


def cloud_config(state_dir: Path) -> LocalCloudConfig:
    """A local cloud on free ports, with two slots, a minute of a second, and short waits."""
    glue = GlueSettings(slots=2, minute_seconds=1.0)
    return LocalCloudConfig(state_dir, port=0, with_warehouse=False, glue=glue, checkpoint_seconds=0.2, wait_scale=0.05)


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudProcess]:
    """A running local cloud without a warehouse.

    Nobody kills it: it need not save its state, which grows with every test, as often as those that are killed.
    """
    config = replace(cloud_config(tmp_path_factory.mktemp("cloud")), checkpoint_seconds=5.0)
    with LocalCloudProcess(config) as running:
        yield running


@pytest.fixture(scope="package")
def aws(cloud: LocalCloudProcess) -> Aws:
    """Clients of the running local cloud."""
    return Aws(cloud.endpoint_url)


@pytest.fixture(scope="package")
def scheduled(aws: Aws) -> str:
    """A function that a schedule calls every minute; whoever asks for it early shortens the wait of its test."""
    function = Machines(aws).function("import json\ndef handler(event, context):\n    print(json.dumps(event))")
    arn = aws.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    aws.client("events").put_rule(Name="every-minute", ScheduleExpression="rate(1 minute)")
    aws.client("events").put_targets(Rule="every-minute", Targets=[{"Id": "function", "Arn": arn}])
    return function


@pytest.fixture
def machines(aws: Aws) -> Machines:
    """State machines of the running local cloud."""
    return Machines(aws)


@pytest.fixture
def bucket(aws: Aws) -> str:
    """A new bucket."""
    return aws.make_bucket(f"bucket-{next(_numbers)}")


@pytest.fixture
def jobs(aws: Aws, bucket: str) -> Jobs:
    """Jobs whose scripts are in the new bucket."""
    return Jobs(aws, bucket)
