"""Queries across a stop and a kill of the local cloud: results stay, and what ran has failed."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.child import LocalCloudProcess
from localcloud_tests.aws.cloud import Aws, eventually
from localcloud_tests.aws.conftest import cloud_config
from localcloud_tests.aws.queries import ENDLESS, Queries


def stop(cloud: LocalCloudProcess) -> None:
    cloud.stop()


def kill(cloud: LocalCloudProcess) -> None:
    time.sleep(1.0)  # some checkpoints
    cloud.kill()


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (stop, "CANCELLED the local cloud stops"),
        (kill, "FAILED GENERIC_INTERNAL_ERROR: the local cloud stopped while the query ran"),
    ],
)
def test_queries_after_an_end(tmp_path: Path, end: Callable[[LocalCloudProcess], None], state: str) -> None:
    config = cloud_config(tmp_path / "state")
    with LocalCloudProcess(config) as first:
        aws = Aws(first.endpoint_url)
        before = Queries(aws, aws.make_bucket("queries"))
        before.create_database()
        done = before.run("SELECT 1 AS a, NULL AS b").execution
        endless = before.start(ENDLESS)
        eventually(lambda: before.get(endless)["Status"]["State"] == "RUNNING")
        end(first)
    with LocalCloudProcess(config) as second:
        after = Queries(Aws(second.endpoint_url), before.bucket)
        assert after.get(done["QueryExecutionId"]) == done
        result = after.aws.client("athena").get_query_results(QueryExecutionId=done["QueryExecutionId"])
        assert result["ResultSet"]["Rows"][1] == {"Data": [{"VarCharValue": "1"}, {}]}
        status = after.get(endless)["Status"]
        assert f"{status['State']} {status['StateChangeReason']}" == state
        assert after.rows("SELECT 2") == [("2",)]
