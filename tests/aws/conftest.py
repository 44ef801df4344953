"""One local cloud for all tests of this layer; tests that stop or kill one start their own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.child import LocalCloudProcess
from localcloud.config import GlueSettings, LocalCloudConfig
from tests.aws.cloud import Aws, Jobs

_numbers = itertools.count(1)


def cloud_config(state_dir: Path) -> LocalCloudConfig:
    """A local cloud on free ports, with two slots and a minute of a second."""
    glue = GlueSettings(slots=2, minute_seconds=1.0)
    return LocalCloudConfig(state_dir, port=0, with_warehouse=False, glue=glue, checkpoint_seconds=0.2)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudProcess]:
    """A running local cloud without a warehouse."""
    with LocalCloudProcess(cloud_config(tmp_path_factory.mktemp("cloud"))) as running:
        yield running


@pytest.fixture(scope="session")
def aws(cloud: LocalCloudProcess) -> Aws:
    """Clients of the running local cloud."""
    return Aws(cloud.endpoint_url)


@pytest.fixture
def bucket(aws: Aws) -> str:
    """A new bucket."""
    return aws.make_bucket(f"bucket-{next(_numbers)}")


@pytest.fixture
def jobs(aws: Aws, bucket: str) -> Jobs:
    """Jobs whose scripts are in the new bucket."""
    return Jobs(aws, bucket)
