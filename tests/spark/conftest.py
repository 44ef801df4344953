"""One Spark session for all tests, and S3 as a folder behind Hadoop's mount table."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from glue_jobs.conversion.session import configure
from tests.spark.lake import BUCKETS, Lake


@pytest.fixture(scope="session")
def s3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder behind ``s3://``, one folder per bucket."""
    folder = tmp_path_factory.mktemp("s3")
    for bucket in BUCKETS:
        (folder / bucket).mkdir()
    return folder


@pytest.fixture(scope="session")
def spark(s3_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session as the Glue job has it, on two cores and without a network."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").appName("sluice-tests")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.local.dir": str(tmp_path_factory.mktemp("local")),
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "spark.hadoop.fs.viewfs.overload.scheme.target.s3.impl": "org.apache.hadoop.fs.LocalFileSystem",
        **{
            f"spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback": (s3_folder / bucket).as_uri()
            for bucket in BUCKETS
        },
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    configure(session)
    try:
        yield session
    finally:
        gateway: Any = session.sparkContext._gateway
        session.stop()
        # Spark leaves its JVM to end some time after this process has; nothing may outlive the tests.
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=60)


@pytest.fixture
def lake(spark: SparkSession, s3_folder: Path) -> Lake:
    """Empty buckets and an empty catalog."""
    return Lake(spark, s3_folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """PySpark leaves the sockets of `collect` to the garbage collector."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))
            item.add_marker(
                pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
            )
