"""A bad day of AWS: the plan is a function of its seed, and each service errs in its own words and protocol."""

import asyncio
import json
import threading
from collections import Counter
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from localcloud.faults.answers import answer_of
from localcloud.faults.asked import Operation, operation_of
from localcloud.faults.injector import DROP, FaultInjector
from localcloud.faults.install import with_failures, with_fate
from localcloud.faults.journal import Journal, Tally
from localcloud.faults.plan import OF_EVENTS, OF_REQUESTS, FaultPlan, Kind
from localcloud.gate import Receive, Scope, Send
from localcloud.options import from_options, parser, to_arguments

ALWAYS = FaultPlan(rate=1.0)
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=000000000000/20261120/eu-central-1/{}/aws4_request, SignedHeaders=host"
PROTOCOLS = {
    "s3": "rest-xml",
    "dynamodb": "json",
    "glue": "json",
    "redshift-data": "json",
    "secretsmanager": "json",
    "stepfunctions": "json",
    "athena": "json",
    "sqs": "json",
    "sns": "query",
    "lambda": "rest-json",
    "events": "json",
}
SIGNED = {"stepfunctions": "states"}


# --- The plan -----------------------------------------------------------------------------------------------------


@given(st.integers(), st.integers(0, 10_000), st.sampled_from(["s3", "glue"]))
def test_a_fate_depends_on_seed_operation_and_number_alone(seed: int, number: int, service: str) -> None:
    plan, same = FaultPlan(seed=seed, rate=0.3), FaultPlan(seed=seed, rate=0.3)
    assert plan.fate(service, "Get", number, OF_REQUESTS) == same.fate(service, "Get", number, OF_REQUESTS)


def test_the_rate_is_kept_and_every_kind_comes() -> None:
    plan = FaultPlan(seed=3, rate=0.05)
    fates = Counter(plan.fate("s3", "GetObject", number, OF_REQUESTS) for number in range(20_000))
    assert 900 < 20_000 - fates.pop(None) < 1_100
    assert set(fates) == set(OF_REQUESTS)
    others = FaultPlan(seed=4, rate=0.05)
    assert [plan.fate("s3", "GetObject", number, OF_REQUESTS) for number in range(200)] != [
        others.fate("s3", "GetObject", number, OF_REQUESTS) for number in range(200)
    ]


def test_a_plan_is_of_some_places_and_kinds() -> None:
    plan = FaultPlan(rate=1.0, kinds=(Kind.RESET, Kind.LATE), places=("s3", "glue:StartJobRun"))
    assert plan.fate("s3", "GetObject", 0, OF_REQUESTS) is Kind.RESET
    assert plan.fate("glue", "StartJobRun", 0, OF_REQUESTS) is Kind.RESET
    assert plan.fate("glue", "GetJobRun", 0, OF_REQUESTS) is None
    assert plan.fate("s3", "event", 0, OF_EVENTS) is Kind.LATE


def test_without_a_rate_nothing_goes_wrong() -> None:
    assert {FaultPlan().fate("s3", "GetObject", number, OF_REQUESTS) for number in range(1_000)} == {None}


@given(
    st.builds(
        FaultPlan,
        seed=st.integers(-(2**40), 2**40),
        rate=st.floats(0, 1),
        kinds=st.lists(st.sampled_from(Kind), min_size=1).map(tuple),
        places=st.lists(st.text()).map(tuple),
        late_seconds=st.floats(0, 100),
    )
)
def test_a_plan_is_read_as_it_was_written(plan: FaultPlan) -> None:
    assert FaultPlan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "JSON object"),
        ('{"rates": 1}', "no field 'rates'"),
        ('{"rate": 2}', "not between 0 and 1"),
        ('{"rate": "much"}', "rate: 'much' is not a number"),
        ('{"kinds": []}', "kinds: none"),
        ('{"kinds": ["rain"]}', "'rain' is not a valid Kind"),
        ('{"places": "s3"}', "places: 's3' is not a list"),
        ('{"late_seconds": -1}', "negative"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FaultPlan.from_json(text)


def test_the_local_cloud_is_told_by_an_option_or_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = FaultPlan(seed=7, rate=0.05, places=("s3",))
    assert from_options(parser().parse_args([])).faults == FaultPlan()
    config = from_options(parser().parse_args(["--faults", plan.to_json()]))
    assert config.faults == plan
    assert from_options(parser().parse_args(list(to_arguments(config)))).faults == plan
    monkeypatch.setenv("LOCALCLOUD_FAULTS", plan.to_json())
    assert from_options(parser().parse_args([])).faults == plan


# --- What a request asks for --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "headers", "body", "name"),
    [
        ("dynamodb", "POST", "/", "", {"x-amz-target": "DynamoDB_20120810.PutItem"}, b"{}", "PutItem"),
        ("s3", "GET", "/raw/a/b.csv", "", {}, b"", "GetObject"),
        ("s3", "HEAD", "/raw/a/b.csv", "", {}, b"", "HeadObject"),
        ("s3", "PUT", "/raw/a", "", {}, b"x", "PutObject"),
        ("s3", "PUT", "/raw/a", "", {"x-amz-copy-source": "/raw/b"}, b"", "CopyObject"),
        ("s3", "PUT", "/raw/a", "partNumber=1&uploadId=2", {}, b"x", "UploadPart"),
        ("s3", "PUT", "/raw/a", "partNumber=1&uploadId=2", {"x-amz-copy-source": "/raw/b"}, b"", "UploadPartCopy"),
        ("s3", "POST", "/raw/a", "uploads", {}, b"", "CreateMultipartUpload"),
        ("s3", "POST", "/raw/a", "uploadId=2", {}, b"", "CompleteMultipartUpload"),
        ("s3", "DELETE", "/raw/a", "uploadId=2", {}, b"", "AbortMultipartUpload"),
        ("s3", "DELETE", "/raw/a", "", {}, b"", "DeleteObject"),
        ("s3", "GET", "/raw", "list-type=2&prefix=a", {}, b"", "ListObjectsV2"),
        ("s3", "POST", "/raw", "delete", {}, b"", "DeleteObjects"),
        (
            *("sns", "POST", "/", "", {"content-type": "application/x-www-form-urlencoded"}),
            *(b"Action=Publish&Message=a", "Publish"),
        ),
        ("lambda", "POST", "/2015-03-31/functions/f/invocations", "", {}, b"{}", "POST functions"),
    ],
)
def test_an_operation_is_known(
    service: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes, name: str
) -> None:
    signed = {**headers, "authorization": AUTHORIZATION.format(service)}
    found = operation_of(method, path, query, signed, body)
    assert found == Operation(service, name, is_head=method == "HEAD")
    assert operation_of(method, path, query, headers, body) is None


# --- Answers ------------------------------------------------------------------------------------------------------


def parsed(client: str, kind: Kind) -> tuple[str, int, str]:
    """Code, status and message as botocore reads them."""
    service = SIGNED.get(client, client)
    status, headers, body = answer_of(Operation(service, "Any"), kind)
    model = botocore.session.get_session().get_service_model(client)
    shape: Any = model.operation_model(model.operation_names[0]).output_shape
    found: Any = create_parser(PROTOCOLS[client]).parse(
        {"status_code": status, "headers": HeadersDict(headers), "body": body}, shape
    )
    return found["Error"]["Code"], status, found["Error"]["Message"]


@pytest.mark.parametrize(
    ("client", "kind", "code", "status"),
    [
        ("s3", Kind.THROTTLED, "SlowDown", 503),
        ("s3", Kind.INTERNAL, "InternalError", 500),
        ("s3", Kind.UNAVAILABLE, "ServiceUnavailable", 503),
        ("s3", Kind.EXPIRED, "ExpiredToken", 400),
        ("dynamodb", Kind.THROTTLED, "ProvisionedThroughputExceededException", 400),
        ("dynamodb", Kind.INTERNAL, "InternalServerError", 500),
        ("dynamodb", Kind.UNAVAILABLE, "ServiceUnavailable", 503),
        ("dynamodb", Kind.EXPIRED, "ExpiredTokenException", 400),
        ("glue", Kind.THROTTLED, "ThrottlingException", 400),
        ("glue", Kind.INTERNAL, "InternalServiceException", 500),
        ("redshift-data", Kind.THROTTLED, "ThrottlingException", 400),
        ("redshift-data", Kind.INTERNAL, "InternalServerException", 500),
        ("stepfunctions", Kind.THROTTLED, "ThrottlingException", 400),
        ("stepfunctions", Kind.EXPIRED, "ExpiredTokenException", 403),
        ("sns", Kind.THROTTLED, "Throttled", 429),
        ("sns", Kind.INTERNAL, "InternalError", 500),
        ("lambda", Kind.THROTTLED, "TooManyRequestsException", 429),
        ("sqs", Kind.THROTTLED, "RequestThrottled", 403),
        ("secretsmanager", Kind.INTERNAL, "InternalServiceError", 500),
        ("athena", Kind.THROTTLED, "TooManyRequestsException", 400),
        ("events", Kind.INTERNAL, "InternalException", 500),
    ],
)
def test_a_service_errs_as_its_own_client_expects(client: str, kind: Kind, code: str, status: int) -> None:
    found, answered, message = parsed(client, kind)
    assert (found, answered) == (code, status)
    assert message


def test_the_answer_to_a_head_request_has_no_body() -> None:
    status, _, body = answer_of(Operation("s3", "HeadObject", is_head=True), Kind.THROTTLED)
    assert (status, body) == (503, b"")


# --- The injector -------------------------------------------------------------------------------------------------


class Inner:
    """An application that notes bodies and answers with eight bytes."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        self.asked.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"etag", b"e")]})
        await send({"type": "http.response.body", "body": b"12345678"})


def ask(kind: Kind | None, *, agent: str = "Boto3/1 app/localcloud-workload") -> tuple[list[bytes], list[Any], Journal]:
    """What the inner application got, what was sent (a `drop` at its place), and the journal."""
    journal = Journal(FaultPlan() if kind is None else FaultPlan(rate=1.0, kinds=(kind,)))
    inner, sent = Inner(), list[Any]()
    parts: list[dict[str, Any]] = [{"body": b"ab", "more_body": True}, {"body": b"cd"}]

    async def receive() -> Any:
        return {"type": "http.request", **parts.pop(0)}

    async def send(event: Any) -> None:
        sent.append(event)

    async def drop() -> None:
        sent.append("drop")

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/raw/a",
        "query_string": b"",
        "headers": [(b"user-agent", agent.encode()), (b"authorization", AUTHORIZATION.format("s3").encode())],
        "extensions": {DROP: drop},
    }
    asyncio.run(FaultInjector(inner, journal)(scope, receive, send))
    return inner.asked, sent, journal


def test_without_a_plan_a_request_passes() -> None:
    asked, sent, journal = ask(None)
    assert asked == [b"ab"]  # as it came: nobody has read ahead
    assert [event["type"] for event in sent] == ["http.response.start", "http.response.body"]
    assert journal.tallies() == ()


def test_requests_of_others_pass_on_a_bad_day() -> None:
    asked, sent, journal = ask(Kind.RESET, agent="Boto3/1 app/localcloud")
    assert (asked, len(sent), journal.tallies()) == ([b"ab"], 2, ())


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.INTERNAL, Kind.UNAVAILABLE, Kind.EXPIRED])
def test_what_is_refused_is_not_done(kind: Kind) -> None:
    asked, (start, body), journal = ask(kind)
    status, _, expected = answer_of(Operation("s3", "GetObject"), kind)
    assert (asked, start["status"], body["body"]) == ([], status, expected)
    assert journal.tallies() == (Tally("s3", "GetObject", 1, {kind: 1}),)


def test_a_reset_does_nothing_and_sends_nothing() -> None:
    assert ask(Kind.RESET)[:2] == ([], ["drop"])


def test_a_lost_answer_leaves_the_work_done() -> None:
    assert ask(Kind.LOST_ANSWER)[:2] == ([b"abcd"], ["drop"])


def test_a_cut_answer_promises_more_than_it_gives() -> None:
    asked, (start, body, end), _ = ask(Kind.CUT_ANSWER)
    assert asked == [b"abcd"]
    assert start["headers"] == [(b"etag", b"e"), (b"content-length", b"8")]
    assert (body["body"], body["more_body"], end) == (b"1234", True, "drop")


# --- Events and tasks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "at_once", "later"), [(None, 1, 0), (Kind.LATE, 0, 1), (Kind.TWICE, 1, 1)])
def test_events_are_late_or_come_twice(kind: Kind | None, at_once: int, later: int) -> None:
    plan = FaultPlan() if kind is None else FaultPlan(rate=1.0, kinds=(kind,), late_seconds=0.0)
    seen: list[tuple[str, str]] = []
    by_timer = threading.Event()
    caller = threading.current_thread()

    def deliver(event: str, *, bucket: str) -> None:
        seen.append((event, bucket))
        if threading.current_thread() is not caller:
            by_timer.set()

    journal = Journal(plan)
    with_fate(deliver, journal, "s3", "event")("e", bucket="raw")
    assert later == 0 or by_timer.wait(10)
    assert seen == [("e", "raw")] * (at_once + later)
    assert journal.tallies() == (Tally("s3", "event", 1, {} if kind is None else {kind: 1}),)


@pytest.mark.parametrize(
    ("kind", "error", "is_done"),
    [
        (Kind.THROTTLED, "Lambda.TooManyRequestsException", False),
        (Kind.INTERNAL, "Lambda.ServiceException", False),
        (Kind.LOST_ANSWER, "Lambda.SdkClientException", True),
    ],
)
def test_a_state_machine_s_function_fails(
    kind: Kind, error: str, is_done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcloud.registry.state_failure", lambda name, _: RuntimeError(name))
    done: list[Any] = []

    def invoke(resource: str, arguments: Any) -> Any:
        done.append((resource, arguments))
        return {}

    faulty = with_failures(invoke, Journal(FaultPlan(rate=1.0, kinds=(kind,))))
    with pytest.raises(RuntimeError, match=error):
        faulty("arn:aws:states:::lambda:invoke", {"FunctionName": "f"})
    assert done == ([("arn:aws:states:::lambda:invoke", {"FunctionName": "f"})] if is_done else [])
    assert faulty("arn:aws:states:::glue:startJobRun.sync", {}) == {}


def test_a_tally_is_read_as_it_was_written() -> None:
    tally = Tally("glue", "StartJobRun", 9, {Kind.RESET: 2})
    assert Tally.from_fields(json.loads(json.dumps(tally.to_fields()))) == tally


def test_another_plan_begins_to_count_anew() -> None:
    journal = Journal(ALWAYS)
    assert journal.next_fate("s3", "GetObject", OF_REQUESTS) is not None
    journal.follow(FaultPlan())
    assert journal.tallies() == ()
    assert journal.next_fate("s3", "GetObject", OF_REQUESTS) is None
