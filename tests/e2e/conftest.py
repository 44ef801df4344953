"""One local cloud for all tests of the pipeline: each test uses a dataset or an hour of its own."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.stack import ROOT, Stack, contracts_with
from tests.iam_calls import keep_calls

FIFTH = sorted((ROOT / "tests" / "fixtures" / "fifth").glob("*.yaml"))


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """The four datasets of the project and four more, each added by its YAML file alone.

    The folder is not pytest's: PostgreSQL runs as another user when the tests run as root, and pytest's folders, which
    it closes to others at each start, would be shut before its nose.
    """
    with TemporaryDirectory(prefix="sluice-e2e-") as name:
        folder = Path(name)
        running = Stack(folder, contracts_with(folder, FIFTH))
        try:
            running.start()
            yield running
        finally:
            running.cloud.stop()
            keep_calls(running.cloud.config.iam_record)
