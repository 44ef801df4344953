"""What AWS refuses, the local cloud refuses in its words, and nothing has changed then."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.refusals import SERVICES
from localcloud_tests.aws.cloud import REGION, Aws, let_s3_send, zip_of
from localcloud_tests.aws.machines import ROLE

ACCOUNT = "000000000000"
NO_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
CODE = {"code.py": "def handler(event, context):\n    return event\n"}


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """Code and message of a call's refusal."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_every_check_is_of_a_service_that_is_there(aws: Aws, bucket: str) -> None:
    assert [service.name for service in SERVICES] == ["events", "lambda", "glue", "logs", "s3", "iam", "states", "sns"]
    assert all(checks for service in SERVICES for checks in service.checks.values())


# --- S3 -----------------------------------------------------------------------------------------------------------


def test_s3_a_key_that_does_not_exist(aws: Aws, bucket: str) -> None:
    s3 = aws.client("s3")
    words = ("KMS.NotFoundException", f"Key '{NO_KEY}' does not exist")
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": NO_KEY}
    assert refused(s3.put_object, Bucket=bucket, Key="a", Body=b"x", **encrypted) == words
    assert refused(s3.create_multipart_upload, Bucket=bucket, Key="a", **encrypted) == words
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": NO_KEY}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert refused(s3.put_object, Bucket=bucket, Key="a", Body=b"x") == words
    assert aws.keys(bucket) == []


def test_s3_a_key_that_exists_is_taken_by_id_arn_and_alias(aws: Aws, bucket: str) -> None:
    s3, kms = aws.client("s3"), aws.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=f"alias/{bucket}", TargetKeyId=key["KeyId"])
    alias = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/{bucket}"
    for name in (key["KeyId"], key["Arn"], f"alias/{bucket}", alias):
        s3.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=name)
    assert aws.keys(bucket) == ["a"]


def test_s3_a_key_of_more_than_1024_bytes(aws: Aws, bucket: str) -> None:
    s3 = aws.client("s3")
    words = ("KeyTooLongError", "Your key is too long")
    for key in ("k" * 1025, "ä" * 513):
        assert refused(s3.put_object, Bucket=bucket, Key=key, Body=b"") == words
        assert refused(s3.create_multipart_upload, Bucket=bucket, Key=key) == words
    s3.put_object(Bucket=bucket, Key="k" * 200 + "/" + "ä" * 100, Body=b"")
    assert len(aws.keys(bucket)) == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"Resource": "arn:aws:s3:::another/*"}, "Policy has invalid resource"),
        ({"Resource": ["arn:aws:s3:::{bucket}/*", "*"]}, "Policy has invalid resource"),
        ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/nobody"}}, "Invalid principal in policy"),
    ],
)
def test_s3_a_policy_of_another_bucket_or_for_nobody(
    aws: Aws, bucket: str, changed: dict[str, Any], words: str
) -> None:
    s3 = aws.client("s3")
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::{bucket}/*"}

    def policy(statement: dict[str, Any]) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]}).replace("{bucket}", bucket)

    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=policy(statement | changed)) == (
        "MalformedPolicy",
        words,
    )
    assert refused(s3.get_bucket_policy, Bucket=bucket)[0] == "NoSuchBucketPolicy"
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(statement))
    s3.delete_bucket_policy(Bucket=bucket)


def _notification(arn: str, *rules: dict[str, Any]) -> dict[str, Any]:
    kind = "Topic" if ":sns:" in arn else "Queue"
    return {f"{kind}Configurations": [{f"{kind}Arn": arn} | rule for rule in rules]}


def _filtered(events: list[str], **rules: str) -> dict[str, Any]:
    return {"Events": events, "Filter": {"Key": {"FilterRules": [{"Name": n, "Value": v} for n, v in rules.items()]}}}


CREATED, PUT, REMOVED = ["s3:ObjectCreated:*"], ["s3:ObjectCreated:Put"], ["s3:ObjectRemoved:*"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Events": CREATED}, {"Events": CREATED}),
        (_filtered(CREATED, prefix="a/"), _filtered(PUT, prefix="a/b/")),
        (_filtered(CREATED, suffix=".json"), _filtered(CREATED, prefix="a/")),
        (_filtered(CREATED, suffix="t.json"), _filtered(CREATED, suffix=".json")),
    ],
)
def test_s3_notifications_that_overlap(aws: Aws, bucket: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    s3, sqs = aws.client("s3"), aws.client("sqs")
    arn = let_s3_send(sqs, sqs.create_queue(QueueName=bucket)["QueueUrl"], bucket)
    put = s3.put_bucket_notification_configuration
    words = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
    said = refused(put, Bucket=bucket, NotificationConfiguration=_notification(arn, one, other))
    assert said == ("InvalidArgument", words)
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_s3_notifications_that_do_not_overlap_are_taken(aws: Aws, bucket: str) -> None:
    s3, sqs = aws.client("s3"), aws.client("sqs")
    arn = let_s3_send(sqs, sqs.create_queue(QueueName=bucket)["QueueUrl"], bucket)
    rules = (_filtered(CREATED, prefix="a/"), _filtered(CREATED, prefix="b/"), {"Events": REMOVED})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=_notification(arn, *rules))
    assert len(s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]) == 3


def test_s3_a_queue_or_topic_whose_policy_lets_no_s3_in(aws: Aws, bucket: str) -> None:
    s3, sqs, sns = aws.client("s3"), aws.client("sqs"), aws.client("sns")
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name=bucket)["TopicArn"]
    words = ("InvalidArgument", "Unable to validate the following destination configurations")
    put = s3.put_bucket_notification_configuration
    for arn in (queue, topic, f"{queue}-that-is-not-there"):
        said = refused(put, Bucket=bucket, NotificationConfiguration=_notification(arn, {"Events": CREATED}))
        assert said == words, arn
    let_s3_send(sqs, url, "another-bucket")
    assert refused(put, Bucket=bucket, NotificationConfiguration=_notification(queue, {"Events": CREATED})) == words
    let_s3_send(sqs, url, bucket)
    put(Bucket=bucket, NotificationConfiguration=_notification(queue, {"Events": CREATED}))


def test_s3_a_transition_that_is_too_early(aws: Aws, bucket: str) -> None:
    s3 = aws.client("s3")

    def lifecycle(storage: str, days: int) -> dict[str, Any]:
        rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}}
        return {"Rules": [rule | {"Transitions": [{"StorageClass": storage, "Days": days}]}]}

    put = s3.put_bucket_lifecycle_configuration
    for storage in ("STANDARD_IA", "ONEZONE_IA"):
        said = refused(put, Bucket=bucket, LifecycleConfiguration=lifecycle(storage, 29))
        words = f"'Days' in Transition action must be greater than or equal to 30 for storageClass '{storage}'"
        assert said == ("InvalidArgument", words)
    put(Bucket=bucket, LifecycleConfiguration=lifecycle("STANDARD_IA", 30))
    put(Bucket=bucket, LifecycleConfiguration=lifecycle("GLACIER", 1))


# --- IAM ----------------------------------------------------------------------------------------------------------


def test_iam_policies_of_a_role_beyond_10240_characters(aws: Aws) -> None:
    iam = aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="wide", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))

    def policy(characters: int) -> str:
        empty = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": ""}]}
        rest = characters - len(json.dumps(empty, separators=(",", ":")))
        return json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "r" * rest}]}, indent=4)

    iam.put_role_policy(RoleName="wide", PolicyName="a", PolicyDocument=policy(10_000))
    words = ("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role wide")
    more = {"RoleName": "wide", "PolicyName": "b", "PolicyDocument": policy(241)}
    assert refused(iam.put_role_policy, **more) == words
    assert iam.list_role_policies(RoleName="wide")["PolicyNames"] == ["a"]
    iam.put_role_policy(RoleName="wide", PolicyName="a", PolicyDocument=policy(10_240))


# --- CloudWatch Logs, EventBridge, SNS ----------------------------------------------------------------------------


def test_logs_a_key_that_does_not_exist(aws: Aws, bucket: str) -> None:
    logs = aws.client("logs")
    code, message = refused(logs.create_log_group, logGroupName=f"/{bucket}", kmsKeyId=NO_KEY)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/{bucket}"
    assert code == "AccessDeniedException"
    assert message == f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'"
    assert logs.describe_log_groups(logGroupNamePrefix=f"/{bucket}")["logGroups"] == []
    logs.create_log_group(logGroupName=f"/{bucket}", kmsKeyId=aws.client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.mark.parametrize(
    "expression", ["rate(1 minutes)", "rate(2 minute)", "rate(0 minutes)", "rate(01 days)", "rate(1)"]
)
def test_events_a_rate_whose_unit_does_not_fit(aws: Aws, expression: str) -> None:
    said = refused(aws.client("events").put_rule, Name="never", ScheduleExpression=expression)
    assert said == ("ValidationException", "Parameter ScheduleExpression is not valid.")
    assert aws.client("events").list_rules(NamePrefix="never")["Rules"] == []


def test_events_six_targets_of_a_rule(aws: Aws, bucket: str) -> None:
    events, arn = aws.client("events"), f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
    events.put_rule(Name=bucket, ScheduleExpression="rate(1 day)")
    events.put_targets(Rule=bucket, Targets=[{"Id": str(number), "Arn": arn} for number in range(5)])
    events.put_targets(Rule=bucket, Targets=[{"Id": "4", "Arn": arn}])
    said = refused(events.put_targets, Rule=bucket, Targets=[{"Id": "5", "Arn": arn}])
    assert said == ("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    assert len(events.list_targets_by_rule(Rule=bucket)["Targets"]) == 5


@pytest.mark.parametrize(
    ("policy", "scope", "words"),
    [
        ({"a": "b"}, "MessageAttributes", '"a" must be an object or an array'),
        ({"a": {"b": "c"}}, "MessageBody", '"b" must be an object or an array'),
        ({"a": {"b": ["c"]}}, "MessageAttributes", "Filter policy scope MessageAttributes does not support nested"),
        ({"a": []}, "MessageAttributes", "Empty arrays are not allowed"),
        (["a"], "MessageAttributes", "FilterPolicy must be a JSON object."),
        ({key: ["x"] for key in "abcdef"}, "MessageAttributes", "Filter policy can not have more than 5 keys"),
        ({key: list("abcdefgh") for key in "abc"}, "MessageAttributes", "Filter policy is too complex"),
    ],
)
def test_sns_a_filter_policy_of_another_form(aws: Aws, bucket: str, policy: Any, scope: str, words: str) -> None:
    sns, sqs = aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name=bucket)["TopicArn"]
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    attributes = {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": scope}
    code, message = refused(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=attributes)
    assert code == "InvalidParameter"
    assert message.startswith(f"Invalid parameter: FilterPolicy: {words}")
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_sns_a_filter_policy_is_refused_when_it_is_changed_too(aws: Aws, bucket: str) -> None:
    sns, sqs = aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name=bucket)["TopicArn"]
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    change = {"SubscriptionArn": arn, "AttributeName": "FilterPolicy"}
    code, _ = refused(sns.set_subscription_attributes, **change, AttributeValue='{"a": "b"}')
    assert code == "InvalidParameter"
    sns.set_subscription_attributes(**change, AttributeValue='{"a": ["b", {"prefix": "c"}]}')


# --- Lambda -------------------------------------------------------------------------------------------------------


def _function(aws: Aws, name: str, code: str = CODE["code.py"], **configuration: Any) -> dict[str, Any]:
    request = {"FunctionName": name, "Runtime": "python3.13", "Handler": "code.handler", "Role": ROLE}
    made: dict[str, Any] = aws.client("lambda").create_function(
        **request | {"Code": {"ZipFile": zip_of({"code.py": code})}} | configuration
    )
    return made


@pytest.mark.parametrize(
    ("configuration", "code", "words"),
    [
        (
            {"Timeout": 901},
            "ValidationException",
            (
                "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: "
                "Member must have value less than or equal to 900"
            ),
        ),
        (
            {"Runtime": "python3.99"},
            "InvalidParameterValueException",
            "Value python3.99 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [",
        ),
        ({"MemorySize": 10_241}, "InvalidParameterValueException", "'MemorySize' value failed to satisfy constraint"),
        (
            {"Environment": {"Variables": {"A": "x" * 4096}}},
            "InvalidParameterValueException",
            (
                "Lambda was unable to configure your environment variables because the environment variables you have "
                'provided exceeded the 4KB limit. String measured: {"A":"xxx'
            ),
        ),
    ],
)
def test_lambda_a_configuration_beyond_the_limits(
    aws: Aws, bucket: str, configuration: dict[str, Any], code: str, words: str
) -> None:
    functions = aws.client("lambda")
    said = refused(_function, aws=aws, name=bucket, **configuration)
    assert (said[0], said[1][: len(words)]) == (code, words)
    assert refused(functions.get_function, FunctionName=bucket)[0] == "ResourceNotFoundException"
    before = _function(aws, bucket, Timeout=900, Environment={"Variables": {"A": "x" * 4086}})
    assert refused(functions.update_function_configuration, FunctionName=bucket, **configuration)[0] == code
    after = functions.get_function_configuration(FunctionName=bucket)
    assert {name: after[name] for name in ("Timeout", "Runtime", "MemorySize", "Environment")} == {
        name: before[name] for name in ("Timeout", "Runtime", "MemorySize", "Environment")
    }


def test_lambda_payloads_beyond_the_limits(aws: Aws, bucket: str) -> None:
    functions = aws.client("lambda")
    _function(aws, bucket)
    megabyte = 1024 * 1024
    for kind, most in (("RequestResponse", 6 * megabyte), ("Event", megabyte)):
        payload = json.dumps("x" * (most - 1))
        code, message = refused(functions.invoke, FunctionName=bucket, InvocationType=kind, Payload=payload)
        assert (code, message) == (
            "RequestTooLargeException",
            f"{most + 1} byte payload is too large for the {kind} invocation type (limit {most} bytes)",
        )
    assert functions.invoke(FunctionName=bucket, InvocationType="Event", Payload=json.dumps("x"))["StatusCode"] == 202


def test_lambda_an_answer_beyond_the_limit_is_the_function_s_error(aws: Aws, bucket: str) -> None:
    _function(aws, bucket, "def handler(event, context):\n    return 'x' * event\n")
    functions = aws.client("lambda")
    answer = functions.invoke(FunctionName=bucket, Payload=json.dumps(6_291_555))
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read()) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }


def test_lambda_the_time_is_over(aws: Aws, bucket: str) -> None:
    _function(aws, bucket, "import time\ndef handler(event, context):\n    time.sleep(60)\n", Timeout=1)
    began = time.monotonic()
    answer = aws.client("lambda").invoke(FunctionName=bucket)
    error = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in error["errorMessage"]
    assert time.monotonic() - began < 50, "the handler sleeps for a minute"


def test_lambda_the_memory_is_used_up(aws: Aws, bucket: str) -> None:
    hold = "    held = b'x' * (event << 20)\n    time.sleep(1)\n    return len(held)\n"
    code = f"import time\ndef handler(event, context):\n{hold}"
    _function(aws, bucket, code, MemorySize=128, Timeout=30)
    functions = aws.client("lambda")
    assert functions.invoke(FunctionName=bucket, Payload="1")["Payload"].read() == b"1048576"
    answer = functions.invoke(FunctionName=bucket, Payload="300")
    assert answer["FunctionError"] == "Unhandled"
    error = json.loads(answer["Payload"].read())
    assert error["errorType"] == "Runtime.ExitError"
    assert functions.invoke(FunctionName=bucket, Payload="1")["Payload"].read() == b"1048576", "a new environment"


def test_lambda_event_sources_that_cannot_work(aws: Aws, bucket: str) -> None:
    functions, sqs = aws.client("lambda"), aws.client("sqs")
    url = sqs.create_queue(QueueName=bucket, Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    _function(aws, bucket, Timeout=31)
    make = functions.create_event_source_mapping
    source = {"FunctionName": bucket, "EventSourceArn": arn}
    words = "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds"
    assert refused(make, **source) == ("InvalidParameterValueException", words)
    functions.update_function_configuration(FunctionName=bucket, Timeout=30)
    words = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    assert refused(make, **source, BatchSize=11) == ("InvalidParameterValueException", words)
    assert functions.list_event_source_mappings(FunctionName=bucket)["EventSourceMappings"] == []
    mapping = make(**source, BatchSize=11, MaximumBatchingWindowInSeconds=1)["UUID"]
    update = functions.update_event_source_mapping
    said = refused(update, UUID=mapping, MaximumBatchingWindowInSeconds=0)
    assert said == ("InvalidParameterValueException", words)
    functions.delete_event_source_mapping(UUID=mapping)


# --- Glue ---------------------------------------------------------------------------------------------------------

TYPED = {"WorkerType": "G.1X", "NumberOfWorkers": 2}


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"GlueVersion": "9.9"} | TYPED, "Glue version 9.9 is not supported."),
        ({"WorkerType": "Z.9X", "NumberOfWorkers": 2}, "Worker type Z.9X is not supported."),
        ({"WorkerType": "G.1X", "NumberOfWorkers": 1}, "Number of Workers has to be at least 2 for a Spark job."),
        (
            {"MaxCapacity": 2.0} | TYPED,
            "Please do not set Max Capacity if using Worker Type and Number of Workers.",
        ),
        ({"WorkerType": "G.1X"}, "Please set both Worker Type and Number of Workers."),
    ],
)
def test_glue_a_job_that_cannot_be(aws: Aws, bucket: str, definition: dict[str, Any], words: str) -> None:
    glue = aws.client("glue")
    job = {"Role": "role", "Command": {"Name": "glueetl", "ScriptLocation": f"s3://{bucket}/a.py"}}
    assert refused(glue.create_job, Name=bucket, **job, **definition) == ("InvalidInputException", words)
    assert bucket not in [job["Name"] for job in glue.get_jobs()["Jobs"]]
    glue.create_job(Name=bucket, **job, GlueVersion="6.0", **TYPED)
    said = refused(glue.update_job, JobName=bucket, JobUpdate=job | definition)
    assert said == ("InvalidInputException", words)
    assert glue.get_job(JobName=bucket)["Job"]["GlueVersion"] == "6.0"


# --- Step Functions -----------------------------------------------------------------------------------------------

END = {"Type": "Succeed"}


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (
            {"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "c"}, "b": {"Type": "Pass", "End": True}}},
            (
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: c at /States/a/Next, "
                'MISSING_TRANSITION_TARGET: State "b" is not reachable. at /States/b'
            ),
        ),
        (
            {"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "a"}}},
            "MISSING_END_STATE: Workflow has no terminal state",
        ),
        (
            {"StartAt": "a", "States": {"a": END | {"Nxt": "b"}}},
            "SCHEMA_VALIDATION_FAILED: Field 'Nxt' is not supported at /States/a",
        ),
        (
            {"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True, "Retry": []}}},
            "SCHEMA_VALIDATION_FAILED: Field 'Retry' is not supported at /States/a",
        ),
        (
            {"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True, "Output": "x"}}},
            "SCHEMA_VALIDATION_FAILED: Field 'Output' is not supported at /States/a",
        ),
        (
            {"QueryLanguage": "JSONata", "StartAt": "a", "States": {"a": END | {"Output": "{% $eval('1') %}"}}},
            "SCHEMA_VALIDATION_FAILED: The JSONata function $eval is not supported at /States/a",
        ),
        (
            {"Coment": "", "StartAt": "a", "States": {"a": END}},
            "SCHEMA_VALIDATION_FAILED: Field 'Coment' is not supported at /",
        ),
        (
            {
                "StartAt": "p",
                "States": {
                    "p": {
                        "Type": "Parallel",
                        "End": True,
                        "Branches": [{"StartAt": "x", "States": {"y": END}}],
                    }
                },
            },
            (
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: x at /States/p/Branches[0]/StartAt, "
                'MISSING_TRANSITION_TARGET: State "y" is not reachable. at /States/p/Branches[0]/States/y'
            ),
        ),
    ],
)
def test_states_a_definition_that_cannot_run(aws: Aws, bucket: str, machine: dict[str, Any], words: str) -> None:
    states = aws.client("stepfunctions")
    definition = json.dumps(machine)
    said = refused(states.create_state_machine, name=bucket, definition=definition, roleArn=ROLE)
    assert said == ("InvalidDefinition", f"Invalid State Machine Definition: '{words}'")
    arn = states.create_state_machine(
        name=bucket, definition=json.dumps({"StartAt": "a", "States": {"a": END}}), roleArn=ROLE
    )["stateMachineArn"]
    assert refused(states.update_state_machine, stateMachineArn=arn, definition=definition)[0] == "InvalidDefinition"
    assert json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])["StartAt"] == "a"


# --- Lake Formation -----------------------------------------------------------------------------------------------


def test_lake_formation_leaves_everything_to_iam_and_what_would_change_that_is_refused(aws: Aws) -> None:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/change-settings.html"""
    lake = aws.client("lakeformation")
    everybody = {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}
    settings = lake.get_data_lake_settings()["DataLakeSettings"]
    assert settings["CreateDatabaseDefaultPermissions"] == settings["CreateTableDefaultPermissions"] == [everybody]
    grant = {
        "Principal": {"DataLakePrincipalIdentifier": f"arn:aws:iam::{ACCOUNT}:role/reader"},
        "Resource": {"Database": {"Name": "d"}},
        "Permissions": ["DESCRIBE"],
    }
    for operation, call in (
        ("GrantPermissions", lambda: lake.grant_permissions(**grant)),
        ("RevokePermissions", lambda: lake.revoke_permissions(**grant)),
        ("RegisterResource", lambda: lake.register_resource(ResourceArn="arn:aws:s3:::b", UseServiceLinkedRole=True)),
        ("PutDataLakeSettings", lambda: lake.put_data_lake_settings(DataLakeSettings={"DataLakeAdmins": []})),
    ):
        code, message = refused(call)
        assert code == "OperationNotSupportedException"
        assert message.startswith(f"Lake Formation's {operation} are not in the local cloud: IAM alone decides")
    assert lake.get_data_lake_settings()["DataLakeSettings"] == settings
