"""What a failure means, by the texts and classes of public reports."""

import pytest

from sluice.failures import Sign, Verdict, judge_spark

ABORTED = "Job aborted due to stage failure: Task 3 in stage 7.0 failed 4 times, most recent failure: Lost task 3.3 in "
READ_FAILED = "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file s3://sluice-raw/orders/1.json.gz."

PASSING = {
    "worker out of memory (cudf-spark #5979)": [
        Sign("Py4JJavaError"),
        Sign(
            "SparkException",
            ABORTED
            + "stage 7.0 (TID 24) (10.0.0.7 executor 3): ExecutorLostFailure (executor 3 exited caused by one of "
            "the running tasks) Reason: Command exited with code 137\nDriver stacktrace:",
        ),
    ],
    "container killed (CaffeOnSpark #86, #210)": [
        Sign(
            "SparkException",
            ABORTED + "stage 7.0 (TID 24): ExecutorLostFailure Reason: Container killed by YARN for exceeding memory "
            "limits. 5.5 GB of 5.5 GB physical memory used.",
        )
    ],
    "executor lost (TensorFlowOnSpark #134, #426)": [
        Sign("SparkException", ABORTED + "stage 0.0: ExecutorLostFailure (executor 1 exited) Reason: Remote RPC client")
    ],
    "exit code 143": [Sign("SparkException", "Container from a bad node. Exit status: 143. Killed by external signal")],
    "shuffle lost": [Sign("SparkException", ABORTED + "stage 2.1: FetchFailed(null, shuffleId=0, mapIndex=-1)")],
    "disk full (sparklyr #1390)": [
        Sign("SparkException", ABORTED + "stage 1.0: java.io.IOException: No space left on device"),
        Sign("IOException", "No space left on device"),
    ],
    "TLS reset (iceberg #10340, #4457; scylla-migrator #134)": [
        Sign("SparkException", ABORTED + "stage 1.0"),
        Sign("SparkException", READ_FAILED),
        Sign("SSLException", "Connection reset"),
    ],
    "S3 500 (delta #298)": [
        Sign("SparkException", READ_FAILED),
        Sign("AWSStatus500Exception", "getFileStatus: InternalError (Service: S3, Status Code: 500)"),
    ],
    "S3 SlowDown by EMRFS (aws-glue-samples #20)": [
        Sign("SparkException", READ_FAILED),
        Sign("AmazonS3Exception", "Please reduce your request rate. (Status Code: 503; Error Code: 503 Slow Down)"),
    ],
    "S3 SlowDown by S3A (spark-snowflake #96)": [Sign("AWSServiceThrottledException", "Slow Down")],
    "no response": [Sign("SparkException", READ_FAILED), Sign("AWSNoResponseException", "")],
    "end of the channel": [Sign("SparkException", READ_FAILED), Sign("HttpChannelEOFException", "premature end")],
    "the stream ended": [Sign("SparkException", READ_FAILED), Sign("EOFException", "")],
    "no credentials": [Sign("NoAwsCredentialsException", "Unable to load credentials")],
    "KMS throttled": [
        Sign("AccessDeniedException", "open s3a://b/k: ThrottlingException: rate exceeded"),
        Sign("S3Exception", "KMS throttled (Service: S3, Status Code: 400)"),
    ],
    "the worker's Python": [
        Sign("SparkException", ABORTED + "stage 1.0"),
        Sign("SparkException", "Python worker exited unexpectedly (crashed)"),
        Sign("EOFException", ""),
    ],
    "reset while gzip was read": [
        Sign("SparkException", READ_FAILED),
        Sign("SdkClientException", "Data read has a different length than the expected"),
        Sign("SocketException", "Connection reset"),
    ],
    "a bare SparkException": [Sign("SparkException", "Job aborted.")],
    "a class that nobody knows": [Sign("SparkException", READ_FAILED), Sign("SomethingNewException", "?")],
    "nothing": [],
}

OF_THE_FILE = {
    "cut off gzip": [Sign("SparkException", READ_FAILED), Sign("EOFException", "Unexpected end of input stream")],
    "no gzip": [Sign("SparkException", READ_FAILED), Sign("IOException", "incorrect header check")],
    "damaged gzip": [Sign("SparkException", READ_FAILED), Sign("IOException", "invalid stored block lengths")],
    "no gzip, by Java": [Sign("SparkException", READ_FAILED), Sign("ZipException", "not in gzip format")],
    "no Parquet": [
        Sign("SparkException", READ_FAILED),
        Sign("RuntimeException", "s3://b/1.parquet is not a Parquet file. Expected magic number at tail"),
    ],
    "damaged page": [Sign("SparkException", READ_FAILED), Sign("ParquetDecodingException", "could not read page")],
    "damaged page header": [
        Sign("SparkException", READ_FAILED),
        Sign("IOException", "can not read class org.apache.parquet.format.PageHeader: don't know what type: 15"),
        Sign("TProtocolException", "don't know what type: 15"),
    ],
    "nanoseconds": [
        Sign("AnalysisException"),
        Sign("AnalysisException", "Illegal Parquet type: INT64 (TIMESTAMP(NANOS"),
    ],
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_never_the_files_fault(name: str) -> None:
    assert judge_spark(PASSING[name]) in {Verdict.WORLD, Verdict.RUN}


@pytest.mark.parametrize("name", OF_THE_FILE)
def test_a_file_is_blamed_for_its_own_bytes(name: str) -> None:
    assert judge_spark(OF_THE_FILE[name]) is Verdict.FILE


@pytest.mark.parametrize("name", OF_THE_FILE)
@pytest.mark.parametrize(
    "passing", [name for name in PASSING if PASSING[name] and "bare" not in name and "nobody" not in name]
)
def test_a_cause_that_passes_goes_before_the_files_own(name: str, passing: str) -> None:
    assert judge_spark([*PASSING[passing], *OF_THE_FILE[name]]) in {Verdict.WORLD, Verdict.RUN}


def test_our_own_program_is_no_files_fault() -> None:
    chain = [Sign("PythonException", "Traceback: RecursionError"), Sign("PythonException", "invalid block type")]
    assert judge_spark(chain) is Verdict.FINAL
