"""What all layers share: each folder under tests/ is a layer, and the layer is the marker."""

import os
from collections import defaultdict
from collections.abc import Generator

import pytest
from hypothesis import settings
from xdist.remote import Producer

from localcloud.runtimes import oldest_sdk
from localcloud_tests.models import keep_models
from tests.scheduling import LAYERS, LayerScheduling, layer_of

# Examples may take as long as a busy machine makes them take; pytest's own timeout is the limit.
# In CI the examples are the same each time, so that a change is judged by what it changes alone.
settings.register_profile("sluice", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("sluice")
keep_models()

# `DataApi` sends it only to a client whose model has it.
oldest_sdk.install({"redshift-data": {"WaitTimeSeconds"}})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with the name of its layer."""
    for item in items:
        if (layer := layer_of(item.nodeid)) in LAYERS:
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


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LayerScheduling:
    """Say how tests are shared out when there are several workers."""
    return LayerScheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many seconds each layer took on each worker, beside the slowest tests."""
    if not config.option.durations:
        return
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for report in (found for reports in terminalreporter.stats.values() for found in reports):
        if isinstance(report, pytest.TestReport):
            worker = getattr(report, "worker_id", "") or "here"
            seconds[layer_of(report.nodeid), worker] += report.duration
    terminalreporter.section("seconds of layers by worker")
    for (layer, worker), taken in sorted(seconds.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{taken:8.1f}s {layer:10} {worker}")
