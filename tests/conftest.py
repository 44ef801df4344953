"""What all layers share: each folder under tests/ is a layer, and the layer is the marker."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests import oldest_sdk

# Examples may take as long as a busy machine makes them take; pytest's own timeout is the limit.
# In CI the examples are the same each time, so that a change is judged by what it changes alone.
settings.register_profile("sluice", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("sluice")

oldest_sdk.install()

LAYERS = ("unit", "spark", "warehouse", "aws", "e2e", "terraform")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with the name of its layer."""
    root = Path(__file__).parent
    for item in items:
        layer = item.path.relative_to(root).parts[0]
        if layer in LAYERS:
            item.add_marker(layer)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: compressed ones carry the time, and all workers must collect the same names."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report what a test has written as UTF-8, the only text that goes from a worker to the terminal."""
    report = yield
    report.sections = [(name, text.encode(errors="replace").decode()) for name, text in report.sections]
    return report


class LayerScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """One worker runs all tests of a layer, so that what they share (a Spark session, a local cloud) is made once.

    Unit tests share nothing: each file goes to whoever is free.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        layer = file.split("/")[1]
        return file if layer == "unit" else layer


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LayerScheduling:
    """Say how tests are shared out when there are several workers."""
    return LayerScheduling(config, log)
