"""Arguments, keys, Spark settings and messages of Glue runs, without a run."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.config import GlueSettings
from localcloud.errors import AwsApiError
from localcloud.glue import bootstrap
from localcloud.glue.arguments import check_arguments, merge_arguments, s3_list, script_argv, spark_settings
from localcloud.glue.objects import RemoteObject, can_be_file, files_and_folders, is_temporary, split_location
from localcloud.glue.runs import JobRun, RunStore
from localcloud.glue.spark_conf import base_settings, s3_mounts, with_job_settings, write_conf_folder


def found(key: str) -> RemoteObject:
    return RemoteObject("b", key, '"e"', 1, 0)


def test_the_run_s_arguments_win_and_the_fixed_ones_over_them() -> None:
    merged = merge_arguments({"--a": "1", "--b": "1", "--c": "1"}, {"--b": "2", "--c": "2"}, {"--c": "3"})
    assert merged == {"--a": "1", "--b": "2", "--c": "3"}


def test_the_script_sees_its_identity_and_not_the_launcher_s_arguments() -> None:
    arguments = {"--conf": "x=1", "--extra-py-files": "s3://b/k", "--JOB_NAME": "mine", "--when": "--now"}
    assert script_argv(arguments, job_name="j", run_id="jr_1") == [
        *("--JOB_NAME", "j", "--JOB_ID", "j_j", "--JOB_RUN_ID", "jr_1", "--when", "--now")
    ]


def test_arguments_over_the_limit_are_refused() -> None:
    frame = len('{"--a": ""}')
    assert check_arguments({"--a": "x" * (260 * 1024 - frame)}) != {}
    with pytest.raises(AwsApiError, match="Arguments have 266241 bytes; the limit is 266240"):
        check_arguments({"--a": "x" * (260 * 1024 - frame + 1)})
    with pytest.raises(AwsApiError, match="'--a' does not"):
        check_arguments({"--a": 1})
    assert check_arguments(None) == {}


@pytest.mark.parametrize(
    ("conf", "settings"),
    [
        ("", {}),
        ("a.b=1", {"a.b": "1"}),
        ("a=1 --conf b=x=y  --conf c= ", {"a": "1", "b": "x=y", "c": ""}),
        ("--conf a=1", {"a": "1"}),
        ("a=-Dx=1 -Dy=2", {"a": "-Dx=1 -Dy=2"}),
    ],
)
def test_many_spark_settings_fit_in_one_argument(conf: str, settings: dict[str, str]) -> None:
    assert spark_settings(conf) == settings


def test_a_list_of_locations_is_separated_by_commas() -> None:
    assert s3_list("s3://b/a.zip, s3://b/b.py,") == ["s3://b/a.zip", "s3://b/b.py"]
    assert split_location("s3://b/a/b c.zip") == ("b", "a/b c.zip")
    for bad in ("/tmp/x", "s3://b", "s3://b/", "s3:///k", "http://b/k"):
        with pytest.raises(ValueError, match="is not a location"):
            split_location(bad)


def test_a_job_s_spark_settings_cannot_undo_the_local_s3() -> None:
    base = base_settings(GlueSettings(cores=2), "job", Path("/run")) | s3_mounts(
        {"my.bucket": Path("/run/s3/my.bucket")}
    )
    job = {
        "spark.sql.shuffle.partitions": "9",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.viewfs.mounttable.my.bucket.linkFallback": "file:///",
        "spark.master": "yarn",
        "spark.hadoop.fs.s3a.endpoint.region": "eu-central-1",
    }
    merged = with_job_settings(base, job)
    assert {name: value for name, value in merged.items() if base.get(name) != value} == {
        "spark.sql.shuffle.partitions": "9",
        "spark.hadoop.fs.s3a.endpoint.region": "eu-central-1",
    }
    assert merged["spark.master"] == "local[2]"
    assert merged["spark.hadoop.fs.viewfs.mounttable.my.bucket.linkFallback"] == "file:///run/s3/my.bucket"


def test_java_s_temporary_files_are_in_the_run_s_folder() -> None:
    options = base_settings(GlueSettings(cores=2), "job", Path("/a b"))["spark.driver.extraJavaOptions"]
    # Spark's launcher takes quotes as a shell does.
    assert {"-Djava.io.tmpdir=/a b/tmp", "-XX:-UsePerfData"} <= set(shlex.split(options))


def test_settings_are_written_as_java_reads_properties(tmp_path: Path) -> None:
    write_conf_folder(tmp_path, {"spark.a": "x=y z", "spark.b": "C:\\t\nend"})
    assert (tmp_path / "spark-defaults.conf").read_text() == "spark.a=x=y z\nspark.b=C:\\\\t\\nend\n"


def test_keys_become_files_folders_or_nothing() -> None:
    keys = ["a", "a/b", "c/", "c/d", "e//f", "/g", "h/../i", "./j", "k/.x.crc", "l" * 256, "m/" + "é" * 127, "n/", "n"]
    files, folders, left_out = files_and_folders(map(found, keys))
    assert sorted(files) == ["a/b", "c/d", "m/" + "é" * 127]
    assert folders == {"c", "n"}
    assert sorted(left_out) == sorted(["a", "e//f", "/g", "h/../i", "./j", "k/.x.crc", "l" * 256, "n"])


SEGMENTS = st.sampled_from(["a", "b", "", ".", "..", "é+%", ".c.crc", "_temporary"])


@given(st.lists(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join), unique=True))
def test_files_can_stand_beside_each_other(keys: list[str]) -> None:
    files, folders, left_out = files_and_folders(map(found, keys))
    paths = {Path(key) for key in files}
    parents = {parent for path in paths for parent in path.parents}
    assert not paths & (parents | set(map(Path, folders)))
    assert all(can_be_file(key) and not is_temporary(key) for key in files)
    markers = [key for key in keys if key.endswith("/") and key.removesuffix("/") in folders]
    assert len(files) + len(left_out) + len(set(markers)) == len(keys)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a/.part-0.parquet.crc", True),
        ("a/part.crc", False),
        ("_temporary/0/task/part", True),
        ("t/.spark-staging-1/x", True),
        ("t/_SUCCESS", False),
        ("_staging/run/x.parquet", False),
        ("x._COPYING_", True),
        (".hidden", False),
    ],
)
def test_by_products_of_hadoop_are_known(key: str, expected: bool) -> None:
    assert is_temporary(key) is expected


class Py4JJavaError(Exception):
    """As py4j's, by its name and text."""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "ValueError: one"),
        (KeyError("id"), "KeyError: 'id'"),
        (RuntimeError(), "RuntimeError"),
        (
            Py4JJavaError("An error occurred while calling o1.load.\n: java.io.IOException: gone\n\tat a.b.C"),
            "Py4JJavaError: An error occurred while calling o1.load.: java.io.IOException: gone",
        ),
    ],
)
def test_an_error_is_one_line_that_begins_with_its_class(error: Exception, line: str) -> None:
    assert bootstrap.describe(error) == line


def test_the_bootstrap_and_the_shim_need_nothing_of_ours() -> None:
    folder = Path(bootstrap.__file__).parent
    program = (
        f"import sys; sys.path[:0] = [{str(folder / 'shim')!r}, {str(folder)!r}]\n"
        "import bootstrap, awsglue.utils, awsglue.transforms\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('localcloud', 'sluice', 'boto3', 'pyspark')])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout == "[]\n"


def a_run() -> JobRun:
    return JobRun(
        id="jr_1",
        job_name="j",
        account_id="000000000000",
        region="eu-central-1",
        arguments={"--a": "é"},
        job_arguments={"--a": "é"},
        script_location="s3://b/k",
        state="RUNNING",
        started_on=10.0,
        last_modified_on=12.5,
        max_concurrent_runs=1,
        max_retries=0,
        timeout_minutes=1,
        queuing_enabled=False,
        running_since=11.0,
        shown={"GlueVersion": "6.0"},
    )


def test_a_run_is_the_same_after_a_restart(tmp_path: Path) -> None:
    RunStore(tmp_path).save(a_run())
    assert RunStore(tmp_path).all() == [a_run()]
    assert [path.name for path in (tmp_path / "jr_1").iterdir()] == ["run.json"]


def test_a_run_shows_what_get_job_run_shows() -> None:
    assert a_run().to_response() == {
        "Id": "jr_1",
        "Attempt": 0,
        "JobName": "j",
        "JobRunQueuingEnabled": False,
        "StartedOn": 10.0,
        "LastModifiedOn": 12.5,
        "JobRunState": "RUNNING",
        "Arguments": {"--a": "é"},
        "PredecessorRuns": [],
        "ExecutionTime": 2,
        "Timeout": 1,
        "LogGroupName": "/aws-glue/jobs",
        "GlueVersion": "6.0",
    }
