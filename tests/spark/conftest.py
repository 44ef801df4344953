"""One Spark session for all tests that need one, and S3 as a folder."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from glue_jobs.conversion.spark import Limits, SparkEngine
from localcloud.glue.spark_conf import JVM_OPTIONS
from tests.spark.lake import Lake


@pytest.fixture(scope="package")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session as the Glue job has it, on two cores and without a network."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").appName("sluice-tests")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": " ".join(JVM_OPTIONS),
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.local.dir": str(tmp_path_factory.mktemp("local")),
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        gateway: Any = session.sparkContext._gateway
        session.stop()
        # Spark leaves its JVM to end some time after this process has; nothing may outlive the tests.
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=60)


ENGINES = ("process", "spark", "spark-shared")


@pytest.fixture(params=ENGINES)
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """Empty buckets and an empty catalog, once for each engine."""
    return make_lake(request, tmp_path, request.param)


@pytest.fixture
def process_lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """The same without Spark, for what the engines have in common or what is patched in this process."""
    return make_lake(request, tmp_path, "process")


@pytest.fixture
def spark_lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """Spark, every batch divided among several tasks."""
    return make_lake(request, tmp_path, "spark-shared")


def make_lake(request: pytest.FixtureRequest, folder: Path, engine: str) -> Lake:
    """A lake whose runs go through an engine."""
    if engine == "process":
        return Lake(folder, None)
    session: SparkSession = request.getfixturevalue("spark")
    limits = Limits(shuffle_from_bytes=1, share_bytes=40, max_shares=3) if engine == "spark-shared" else Limits()
    return Lake(folder, lambda contract, objects, at: SparkEngine(session, contract, objects, at, limits))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """PySpark leaves the sockets of `collect` to the garbage collector."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))
            item.add_marker(
                pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
            )
