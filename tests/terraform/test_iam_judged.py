"""What the plan's policies allow and deny, judged as AWS judges: what nobody should get, and what services need."""

import pytest

from localcloud.iam.judge import Principal
from tests.terraform.judged import ACCOUNT, REGION, Judged, role_arn
from tests.terraform.plan import Plan

RAW = f"arn:aws:s3:::sluice-raw-{ACCOUNT}-{REGION}"
PROCESSED = f"arn:aws:s3:::sluice-processed-{ACCOUNT}-{REGION}"
LOGS = f"arn:aws:s3:::sluice-logs-{ACCOUNT}-{REGION}"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000001"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:sluice-manifests"
OBJECTS = f"arn:aws:sns:{REGION}:{ACCOUNT}:sluice-processed-objects"
SUPPORT = f"arn:aws:sns:{REGION}:{ACCOUNT}:sluice-support"
STRANGER = "999900001111"


@pytest.fixture(scope="module")
def judged(serverless: Plan) -> Judged:
    """The policies of the plan with Redshift Serverless."""
    return Judged.of(serverless)


def test_the_code_of_the_jobs_is_nobodys_to_write(judged: Judged) -> None:
    for arn in judged.roles:
        for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"):
            decision = judged.decide(
                Principal.session(arn, "run"), action, f"{PROCESSED}/_sluice/code/load_redshift.py"
            )
            assert not decision.is_allowed, (arn, action)


def test_code_is_denied_even_to_a_role_that_is_allowed_everything(judged: Judged) -> None:
    """The bucket's policy says so, whatever becomes of the roles' own."""
    parser = judged.role("sluice-raw-to-parquet")
    decision = judged.decide(parser, "s3:PutObject", f"{PROCESSED}/_sluice/code/load_redshift.py")
    assert decision.by == (PROCESSED, "CodeStays")


@pytest.mark.parametrize("folder", ["athena", "drift", "loads", "manifests"])
def test_the_parser_of_others_files_writes_no_document_that_is_believed(judged: Judged, folder: str) -> None:
    parser = judged.role("sluice-raw-to-parquet")
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert not judged.decide(parser, action, f"{PROCESSED}/_sluice/{folder}/x.json").is_allowed
    assert judged.decide(parser, "s3:PutObject", f"{PROCESSED}/_sluice/runs/x.json").is_allowed
    assert judged.decide(parser, "s3:PutObject", f"{PROCESSED}/table-files/orders/x.parquet").is_allowed


def test_who_clears_replaced_files_deletes_nothing_else(judged: Judged) -> None:
    sweep = judged.role("sluice-sweep")
    for folder in ("athena", "code", "drift", "loads", "manifests", "runs"):
        assert not judged.decide(sweep, "s3:DeleteObject", f"{PROCESSED}/_sluice/{folder}/x").is_allowed
    assert judged.decide(sweep, "s3:DeleteObject", f"{PROCESSED}/table-files/orders/x.parquet").is_allowed


def test_the_archive_stays(judged: Judged) -> None:
    archive = judged.role("sluice-archive")
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"):
        assert not judged.decide(archive, action, f"{RAW}/archive/orders/x.csv").is_allowed
        assert judged.decide(archive, action, f"{RAW}/orders/x.csv").is_allowed


def test_a_crawler_changes_its_own_tables_only(judged: Judged) -> None:
    crawler = judged.role("sluice-processed-customers")
    table = f"arn:aws:glue:{REGION}:{ACCOUNT}:table/sluice_processed"
    assert judged.decide(crawler, "glue:UpdateTable", f"{table}/customers").is_allowed
    assert not judged.decide(crawler, "glue:UpdateTable", f"{table}/transactions").is_allowed


def test_objects_under_a_foreign_key_are_refused(judged: Judged) -> None:
    """No role could read them."""
    header = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    archive, where = judged.role("sluice-archive"), f"{RAW}/archive/x.csv"
    assert judged.decide(archive, "s3:PutObject", where).is_allowed
    assert judged.decide(archive, "s3:PutObject", where, {header: KEY}).is_allowed
    foreign = f"arn:aws:kms:{REGION}:{STRANGER}:key/theirs"
    assert judged.decide(archive, "s3:PutObject", where, {header: foreign}).by == (RAW, "OwnKeyOnly")


@pytest.mark.parametrize(
    ("service", "action", "resource", "source"),
    [
        ("s3.amazonaws.com", "sqs:SendMessage", QUEUE, RAW),
        ("s3.amazonaws.com", "sns:Publish", OBJECTS, PROCESSED),
        ("logging.s3.amazonaws.com", "s3:PutObject", f"{LOGS}/x", RAW),
    ],
)
def test_a_strangers_bucket_of_our_name_delivers_nothing(
    judged: Judged, service: str, action: str, resource: str, source: str
) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html"""
    keys = {"aws:sourcearn": source, "aws:sourceaccount": ACCOUNT}
    assert judged.decide(Principal(service), action, resource, keys).is_allowed
    assert not judged.decide(Principal(service), action, resource, keys | {"aws:sourceaccount": STRANGER}).is_allowed


def test_eventbridge_reaches_the_support_topic_and_its_key(judged: Judged) -> None:
    """It sends neither aws:SourceArn nor aws:SourceAccount.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html (section SNS),
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    events = Principal("events.amazonaws.com")
    assert judged.decide(events, "sns:Publish", SUPPORT).is_allowed
    context = "kms:encryptioncontext:aws:sns:topicarn"
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert judged.decide(events, action, KEY, {context: SUPPORT}).is_allowed
        assert not judged.decide(events, action, KEY, {context: OBJECTS}).is_allowed
    assert not judged.decide(events, "sns:Publish", OBJECTS).is_allowed


def test_eventbridge_reaches_the_queue_of_dead_letters_and_its_key(judged: Judged) -> None:
    events, queue = Principal("events.amazonaws.com"), f"arn:aws:sqs:{REGION}:{ACCOUNT}:sluice-events"
    keys = {"aws:sourcearn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/sluice-sweep", "aws:sourceaccount": ACCOUNT}
    assert judged.decide(events, "sqs:SendMessage", queue, keys).is_allowed
    assert judged.decide(events, "kms:GenerateDataKey", KEY, keys).is_allowed
    assert not judged.decide(events, "sqs:SendMessage", queue).is_allowed


def test_redshift_takes_its_role_on_for_this_account_only(judged: Judged) -> None:
    """https://docs.aws.amazon.com/redshift/latest/mgmt/cross-service-confused-deputy-prevention.html"""
    trust = judged.trusts[role_arn("sluice-warehouse")]
    [statement] = trust.statements
    assert [(each.operator, each.key, each.values) for each in statement.conditions] == [
        ("stringequals", "aws:sourceaccount", (ACCOUNT,))
    ]


def test_every_policy_is_one_that_the_judge_reads(plan: Plan) -> None:
    judged = Judged.of(plan)
    assert len(judged.roles) == len(judged.trusts) > 15
    assert len(judged.resources) > 10
