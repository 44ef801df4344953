"""Runs and functions have the libraries of AWS's runtimes, and fail where those would."""

import json

import pytest

from localcloud_tests.aws.cloud import Aws, Jobs
from localcloud_tests.aws.machines import Machines

VERSIONS = """
import boto3, botocore, pyarrow
raise SystemExit(f"{boto3.__version__} {botocore.__version__} {pyarrow.__version__}")
"""

# What Glue 6.0 answered to the transactions of the load: botocore knows `Parameters` from 1.42.87 on.
PARAMETERS = """
import boto3
from botocore.exceptions import ParamValidationError
try:
    boto3.client("redshift-data").batch_execute_statement(
        Sqls=["SELECT :a"], Database="d", WorkgroupName="sluice", Parameters=[{"name": "a", "value": "1"}])
except ParamValidationError as error:
    raise ValueError(str(error).splitlines()[1].partition(",")[0])
"""


def test_a_run_has_glue_s_libraries(jobs: Jobs) -> None:
    name = jobs.create("versions", VERSIONS, GlueVersion="6.0")
    assert jobs.run(name)["ErrorMessage"] == "SystemExit: 1.42.84 1.42.84 23.0.1"


def test_a_run_of_glue_5_has_an_older_sdk(jobs: Jobs) -> None:
    name = jobs.create("versions-5", "import boto3\nraise SystemExit(boto3.__version__)", GlueVersion="5.0")
    assert jobs.run(name)["ErrorMessage"] == "SystemExit: 1.34.131"


@pytest.mark.parametrize("version", ["5.0", "6.0"])
def test_a_parameter_that_glue_s_sdk_does_not_know_fails_the_run(jobs: Jobs, version: str) -> None:
    name = jobs.create(f"parameters-{version[0]}", PARAMETERS, GlueVersion=version)
    run = jobs.run(name)
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"] == 'ValueError: Unknown parameter in input: "Parameters"'


def test_a_function_has_the_oldest_sdk(aws: Aws, machines: Machines) -> None:
    code = "import boto3\ndef handler(event, context):\n    return boto3.__version__"
    answer = aws.client("lambda").invoke(FunctionName=machines.function(code))["Payload"].read()
    assert json.loads(answer) == "1.40.61"
