"""A Glue run on stock PySpark: what it sees of S3, what it leaves there, and what is left of it when it is killed."""

import io
import os
import signal
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from localcloud.child import LocalCloudProcess
from localcloud_tests.aws.cloud import Aws, Jobs, eventually, zip_of

COPY = """
import sys
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
import shipped

args = getResolvedOptions(sys.argv, ["JOB_NAME", "source", "target"])
glue = GlueContext(SparkContext.getOrCreate())
job = Job(glue)
job.init(args["JOB_NAME"], args)
spark = glue.spark_session
frame = spark.read.csv(args["source"], header=True, schema="id int, name string, at timestamp")
named = frame.selectExpr("id", "upper(name) AS name", "at", "input_file_name() AS file")
named.coalesce(1).write.parquet(args["target"])
names = ["spark.sql.session.timeZone", "spark.sql.ansi.enabled", "spark.sql.shuffle.partitions", "spark.custom"]
hadoop = spark._jvm.org.apache.hadoop.fs
path = hadoop.Path(args["target"] + "/../settings.txt")
stream = path.getFileSystem(spark._jsc.hadoopConfiguration()).create(path, True)
stream.write(bytearray("\\n".join([shipped.WORD] + [spark.conf.get(name) for name in names]).encode()))
stream.close()
doomed = hadoop.Path(args["source"] + "/doomed.csv")
doomed.getFileSystem(spark._jsc.hadoopConfiguration()).delete(doomed, False)
job.commit()
"""

SLEEP = """
import os, sys, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(1).write.parquet(sys.argv[sys.argv.index("--target") + 1])
print(spark._jvm.java.lang.ProcessHandle.current().pid(), flush=True)
time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_run_reads_and_writes_s3_as_glue_does(aws: Aws, jobs: Jobs) -> None:
    s3, bucket = aws.client("s3"), jobs.bucket
    odd = "in/day=2026-11-20/a b+c%20é.csv"
    s3.put_object(Bucket=bucket, Key=odd, Body=b"id,name,at\n1,anna,2026-11-20 13:00:00\n")
    s3.put_object(Bucket=bucket, Key="in/doomed.csv", Body=b"id,name,at\n")
    s3.put_object(Bucket=bucket, Key="in/folder/", Body=b"")
    s3.put_object(Bucket=bucket, Key="settings.txt", Body=b"old")
    s3.put_object(Bucket=bucket, Key="lib.zip", Body=zip_of({"shipped.py": "WORD = 'from the zip'"}))
    jobs.create(
        "copy",
        COPY,
        DefaultArguments={
            "--extra-py-files": f"s3://{bucket}/lib.zip",
            "--conf": "spark.sql.shuffle.partitions=7 --conf spark.custom=a=b",
            "--source": "overridden",
        },
    )

    run = jobs.run("copy", Arguments={"--source": f"s3://{bucket}/in", "--target": f"s3://{bucket}/out"})

    assert (run["JobRunState"], run.get("ErrorMessage")) == ("SUCCEEDED", None)
    written = aws.keys(bucket, "out/")
    assert [key.rpartition(".")[2] for key in written] == ["out/_SUCCESS", "parquet"]
    assert aws.keys(bucket, "in/") == [odd, "in/folder/"], "the deletion is sent, the folder marker stays"
    assert aws.body(bucket, "settings.txt").decode().split("\n") == ["from the zip", "UTC", "true", "7", "a=b"]
    (row,) = _rows(aws, bucket, written[1])
    assert row == {
        "id": 1,
        "name": "ANNA",
        "at": datetime.fromisoformat("2026-11-20T13:00:00"),
        "file": f"s3://{bucket}/in/day=2026-11-20/a%20b+c%2520é.csv",
    }


@pytest.mark.parametrize("ending", ["kill", "stop"])
def test_an_ended_run_leaves_what_it_had_written_and_no_process(
    ending: str, cloud: LocalCloudProcess, aws: Aws, jobs: Jobs
) -> None:
    name = jobs.create(f"sleep-{ending}", SLEEP)
    before = aws.keys(jobs.bucket)
    run_id = jobs.start(name, Arguments={"--target": f"s3://{jobs.bucket}/out"})
    folder = cloud.config.glue_dir / run_id
    jvm = int(eventually(lambda: _text(folder / "stdout.log"), 60))
    pid = int(_text(folder / "pid"))
    assert is_alive(pid)
    assert is_alive(jvm)

    if ending == "kill":
        os.kill(pid, signal.SIGKILL)
    else:
        answer = aws.client("glue").batch_stop_job_run(JobName=name, JobRunIds=[run_id])
        assert answer["SuccessfulSubmissions"] == [{"JobName": name, "JobRunId": run_id}]
        assert answer["Errors"] == []
    run = jobs.wait(name, run_id)

    expected = {
        "kill": ("FAILED", "ProcessKilledError: the job's process was ended by SIGKILL; is the machine out of memory?"),
        "stop": ("STOPPED", None),
    }
    assert (run["JobRunState"], run.get("ErrorMessage")) == expected[ending]
    eventually(lambda: not is_alive(jvm))
    left = [key for key in aws.keys(jobs.bucket) if key not in before]
    assert left[0] == "out/_SUCCESS", "what was written stays, as on S3"
    assert sum(len(_rows(aws, jobs.bucket, key)) for key in left[1:]) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["run.json", "stderr.log", "stdout.log"]


def _text(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _rows(aws: Aws, bucket: str, key: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(io.BytesIO(aws.body(bucket, key))).to_pylist()
    return rows
