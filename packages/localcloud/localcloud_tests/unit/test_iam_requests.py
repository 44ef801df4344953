"""What requests to the endpoint ask for: actions and resources, and nothing that is guessed."""

import json
from typing import Any

import pytest

from localcloud.iam.judge import Decision, Principal, Reason, Request
from localcloud.iam.record import Question, Record, questions
from localcloud.iam.requests import Call, Check, UnknownRequestError, checks, workgroup

ACCOUNT, REGION = "000000000000", "eu-central-1"
GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"
TARGET = {"x-amz-target": "Service.Operation"}


def _call(service: str, operation: str, body: object = None, **more: Any) -> Call:
    fields = {"method": "POST", "path": "/", "headers": TARGET, "query": {}} | more
    return Call(service, operation, body=json.dumps(body or {}).encode(), account=ACCOUNT, region=REGION, **fields)


def _asked(call: Call) -> list[tuple[str, str]]:
    return [(check.action, check.resource) for check in checks(call)]


def test_a_partition_is_its_catalog_database_and_table() -> None:
    """https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html"""
    call = _call("glue", "GetPartitions", {"DatabaseName": "raw", "TableName": "orders"})
    assert _asked(call) == [
        ("glue:GetPartitions", f"{GLUE}:catalog"),
        ("glue:GetPartitions", f"{GLUE}:database/raw"),
        ("glue:GetPartitions", f"{GLUE}:table/raw/orders"),
    ]


def test_tables_jobs_and_crawlers() -> None:
    assert _asked(_call("glue", "GetTable", {"DatabaseName": "raw", "Name": "orders"}))[-1] == (
        "glue:GetTable",
        f"{GLUE}:table/raw/orders",
    )
    assert _asked(_call("glue", "StartJobRun", {"JobName": "j"})) == [("glue:StartJobRun", f"{GLUE}:job/j")]
    assert _asked(_call("glue", "GetCrawler", {"Name": "c"})) == [("glue:GetCrawler", f"{GLUE}:crawler/c")]


def test_a_transaction_is_the_single_calls_that_it_holds() -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html"""
    items = [{"Put": {"TableName": "t"}}, {"Update": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "u"}}]
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table"
    assert _asked(_call("dynamodb", "TransactWriteItems", {"TransactItems": items})) == [
        ("dynamodb:PutItem", f"{table}/t"),
        ("dynamodb:UpdateItem", f"{table}/t"),
        ("dynamodb:ConditionCheckItem", f"{table}/u"),
    ]
    assert _asked(_call("dynamodb", "Query", {"TableName": "t", "IndexName": "by"})) == [
        ("dynamodb:Query", f"{table}/t/index/by")
    ]


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        (
            {"operation": "PutObject", "headers": {"x-amz-copy-source": "/from/a%20b?versionId=v"}},
            [
                ("s3:PutObject", "arn:aws:s3:::to/x y"),
                ("s3:GetObjectVersion", "arn:aws:s3:::from/a b"),
                ("s3:GetObjectVersionTagging", "arn:aws:s3:::from/a b"),
                ("s3:PutObjectTagging", "arn:aws:s3:::to/x y"),
            ],
        ),
        (
            {
                "operation": "PutObject",
                "headers": {"x-amz-copy-source": "from/a", "x-amz-tagging-directive": "REPLACE"},
            },
            [("s3:PutObject", "arn:aws:s3:::to/x y"), ("s3:GetObject", "arn:aws:s3:::from/a")],
        ),
        ({"operation": "GetObject", "headers": {}, "method": "GET"}, [("s3:GetObject", "arn:aws:s3:::to/x y")]),
    ],
)
def test_a_copy_reads_what_it_copies_and_its_tags(more: dict[str, Any], asked: list[tuple[str, str]]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
    assert _asked(_call("s3", **({"method": "PUT", "path": "/to/x%20y"} | more))) == asked


def test_a_listing_has_its_prefix() -> None:
    call = _call("s3", "ListBucket", path="/b", method="GET", headers={}, query={"prefix": ["a/"]})
    assert checks(call) == [Check("s3:ListBucket", "arn:aws:s3:::b", {"s3:prefix": "a/"})]


def test_deleting_many_is_deleting_each() -> None:
    body = b"<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>v</VersionId></Object></Delete>"
    call = Call("s3", "DeleteObject", "POST", "/b", {}, body, {"delete": [""]}, ACCOUNT, REGION)
    assert _asked(call) == [("s3:DeleteObject", "arn:aws:s3:::b/a"), ("s3:DeleteObjectVersion", "arn:aws:s3:::b/b")]


def test_a_batch_of_messages_is_the_right_of_one() -> None:
    url = f"http://127.0.0.1:1/{ACCOUNT}/q"
    assert _asked(_call("sqs", "SendMessageBatch", {"QueueUrl": url})) == [
        ("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:q")
    ]


def test_a_workgroup_is_known_by_its_id() -> None:
    [first, *_] = checks(_call("redshift-data", "ExecuteStatement", {"WorkgroupName": "sluice"}))
    assert first.resource == f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:{workgroup('sluice')}"
    assert "sluice" not in workgroup("sluice")


def test_everybody_may_ask_who_they_are() -> None:
    assert checks(_call("sts", "GetCallerIdentity")) == []


@pytest.mark.parametrize(("service", "operation"), [("ec2", "DescribeVpcs"), ("s3", "")])
def test_what_cannot_be_read_is_refused(service: str, operation: str) -> None:
    with pytest.raises(UnknownRequestError, match=service):
        checks(_call(service, operation))


def test_a_question_is_written_once_and_read_again(tmp_path: Any) -> None:
    record = Record(tmp_path / "logs" / "iam.jsonl")
    request = Request(
        Principal("s3.amazonaws.com"), "sqs:SendMessage", "q", {"aws:currenttime": "1", "aws:x": ("a", "b")}
    )
    for _ in range(2):
        record.add(request, Decision(Reason.ALLOWED, ("queue", "S3")))
    lasting = Request(request.principal, request.action, request.resource, {"aws:x": ("a", "b")})
    assert questions(tmp_path / "logs" / "iam.jsonl") == [Question(lasting, True, ("queue", "S3"))]
    assert questions(tmp_path / "none.jsonl") == []
