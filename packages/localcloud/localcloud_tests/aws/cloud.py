"""What tests do with a local cloud: clients of its endpoint, and Glue jobs from a script's text."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import boto3

T = TypeVar("T")
REGION = "eu-central-1"
FINAL = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")


def eventually(look: Callable[[], T], seconds: float = 30.0) -> T:
    """The first true answer of `look`; fails with the last one when the time is over."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        time.sleep(0.05)
    return answer


def zip_of(files: Mapping[str, str]) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def let_s3_send(sqs: Any, url: str, bucket: str) -> str:
    """Give a queue the policy without which S3 takes no notification to it; its ARN."""
    arn = str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return arn


@dataclass
class Aws:
    """Clients of one endpoint, made when first used."""

    endpoint_url: str
    _made: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A boto3 client."""
        if service not in self._made:
            make: Any = boto3.client  # its overloads know services by literal names only
            self._made[service] = make(
                service,
                endpoint_url=self.endpoint_url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self._made[service]

    def make_bucket(self, name: str) -> str:
        """A bucket, if it is not there."""
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Keys of a bucket's objects."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def body(self, bucket: str, key: str) -> bytes:
        """An object's body."""
        content: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content


@dataclass(frozen=True)
class Jobs:
    """Glue jobs made of scripts."""

    aws: Aws
    bucket: str

    def create(self, name: str, script: str, **definition: Any) -> str:
        """A job that runs a script."""
        key = f"scripts/{name}.py"
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=script.encode())
        command = {"Name": "glueetl", "ScriptLocation": f"s3://{self.bucket}/{key}"}
        self.aws.client("glue").create_job(Name=name, Role="role", Command=command, **definition)
        return name

    def start(self, name: str, **request: Any) -> str:
        """Start a run; its id."""
        return str(self.aws.client("glue").start_job_run(JobName=name, **request)["JobRunId"])

    def get(self, name: str, run_id: str) -> dict[str, Any]:
        """A run."""
        run: dict[str, Any] = self.aws.client("glue").get_job_run(JobName=name, RunId=run_id)["JobRun"]
        return run

    def wait(self, name: str, run_id: str, *states: str, seconds: float = 120.0) -> dict[str, Any]:
        """The run when it has one of the states, or has ended."""
        wanted = {*states, *FINAL}

        def look() -> dict[str, Any] | None:
            run = self.get(name, run_id)
            return run if run["JobRunState"] in wanted else None

        run = eventually(look, seconds)
        assert run is not None
        return run

    def run(self, name: str, **request: Any) -> dict[str, Any]:
        """Start a run and wait for its end."""
        return self.wait(name, self.start(name, **request))
