"""Policies against code: what a role allows is what its code calls, nothing missing and nothing spare.

`tests.terraform.calls` makes the table of the calls; what no code of ours shows, and what the table cannot know, is
written here with its reason.
"""

import json
import re
from collections.abc import Mapping

import pytest

from sluice.settings import Settings
from tests.terraform import policies
from tests.terraform.calls import Code, Operation
from tests.terraform.judged import Judged
from tests.terraform.plan import Plan
from tests.terraform.workspace import ROOT

PREFIX = Settings().prefix
STACK = json.loads((ROOT / "terraform" / "stack.json").read_text(encoding="utf-8"))
MACHINE = json.loads((ROOT / "terraform" / "state_machines" / "load.asl.json").read_text(encoding="utf-8"))
# Of each part: the module and the function that it begins in, and its role.
ENTRIES = {
    **{
        name: (*function["handler"].rpartition(".")[::2], f"{PREFIX}{name}")
        for name, function in STACK["functions"].items()
    },
    "convert": ("glue_jobs.raw_to_parquet", "main", f"{PREFIX}raw-to-parquet"),
    "load": ("glue_jobs.load_redshift", "main", f"{PREFIX}load-redshift"),
}

# Actions of an operation where they are not one of the same name. Source:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html and the pages of the operations
_READ = {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}  # without the last, a missing object is a 403
_COPY = {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"}
ACTIONS: Mapping[Operation, set[str]] = {
    ("dynamodb", "TransactWriteItems"): {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
    ("s3", "CompleteMultipartUpload"): {"s3:PutObject"},
    ("s3", "CopyObject"): {*_COPY, "s3:GetObjectTagging", "s3:GetObjectVersionTagging", "s3:PutObjectTagging"},
    ("s3", "CreateMultipartUpload"): {"s3:PutObject"},
    ("s3", "DeleteObjects"): {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    ("s3", "DeleteObject"): {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    ("s3", "GetObject"): _READ,
    ("s3", "HeadObject"): _READ,
    ("s3", "ListObjectsV2"): {"s3:ListBucket"},
    ("s3", "UploadPart"): {"s3:PutObject"},
    ("s3", "UploadPartCopy"): _COPY,
    ("sts", "GetCallerIdentity"): set(),  # everybody may
}

# What the table has and the code never does, because a value decides.
_CONVERTS_ONLY = "it dispatches conversions only"
_CURRENT_ONLY = "what it deletes, it deletes whatever version is there"
_CURRENT_READ = "only the manifest that was announced and the files that are copied are read as versions"
NEVER = {
    ("on-manifest", "states:StartExecution"): _CONVERTS_ONLY,
    ("archive", "states:StartExecution"): _CONVERTS_ONLY,
    ("sweep", "s3:DeleteObjectVersion"): _CURRENT_ONLY,
    ("convert", "s3:DeleteObjectVersion"): _CURRENT_ONLY,
    ("convert", "s3:GetObjectVersion"): "it reads the version that has the manifest's ETag",
    ("load-step", "dynamodb:BatchWriteItem"): "a load has no counts of files",
    ("load-step", "s3:GetObjectVersion"): _CURRENT_READ,
    ("on-job-change", "s3:GetObjectVersion"): _CURRENT_READ,
    ("sync-schema", "s3:GetObjectVersion"): "it reads what is there now",
    ("load", "s3:GetObjectVersion"): "it reads the documents of its claim, which have no version",
}

# What AWS does with the role, or Spark, without a call of ours.
_FUNCTION = {"kms:Decrypt", "kms:GenerateDataKey", "logs:CreateLogStream", "logs:PutLogEvents"}
_TRACED = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
_JOB = {
    "cloudwatch:PutMetricData",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
}
_SECRET = {"secretsmanager:GetSecretValue"}  # the Data API reads the secret as its caller
_ENTERS = {"redshift-serverless:GetCredentials"}  # without one the Data API gets credentials as its caller
_DESTINATION = {"sqs:SendMessage"}  # Lambda sends the events that failed
OTHERS: Mapping[str, set[str]] = {
    **dict.fromkeys(STACK["functions"], _FUNCTION | _TRACED),
    # Lambda reads the queue.
    "on-manifest": {*_FUNCTION, *_TRACED, "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
    "on-job-change": _FUNCTION | _TRACED | _DESTINATION,
    "sweep": _FUNCTION | _TRACED | _DESTINATION,
    # It stores nothing.
    "bootstrap": (_FUNCTION | _TRACED | _SECRET) - {"kms:GenerateDataKey"},
    "sync-schema": _FUNCTION | _TRACED | _ENTERS | _DESTINATION,
    # Glue fetches script and zip.
    "convert": {*_JOB, "s3:GetObject"},
    "load": {*_JOB, *_ENTERS, "s3:GetObject"},
}

# Actions of a task of the state machine. Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html
TASKS = {
    "arn:aws:states:::glue:startJobRun.sync": {
        "glue:BatchStopJobRun",
        "glue:GetJobRun",
        "glue:GetJobRuns",
        "glue:StartJobRun",
    },
    "arn:aws:states:::lambda:invoke": {"lambda:InvokeFunction"},
    "arn:aws:states:::aws-sdk:redshiftdata:executeStatement": {"redshift-data:ExecuteStatement"} | _ENTERS,
    "arn:aws:states:::aws-sdk:redshiftdata:describeStatement": {"redshift-data:DescribeStatement"},
}
# The machine's own log, trace and key; each is one statement of its policy.
MACHINE_SIDS = {"Key", "LogDelivery", "Tracing"}


@pytest.fixture(scope="module")
def calls() -> dict[str, set[str]]:
    """IAM's actions for what each part's code can call."""
    code = Code(ROOT, sorted({module for module, _, _ in ENTRIES.values()}))
    return {
        name: {action for operation in code.operations(module, function) for action in _actions(operation)}
        for name, (module, function, _) in ENTRIES.items()
    }


def _actions(operation: Operation) -> set[str]:
    return ACTIONS.get(operation, {":".join(operation)})


@pytest.mark.parametrize("name", ENTRIES)
def test_a_role_allows_what_its_code_calls(name: str, calls: dict[str, set[str]], serverless: Plan) -> None:
    never = {action for part, action in NEVER if part == name}
    allowed = {action for statement in serverless.policies()[ENTRIES[name][2]] for action in statement["Action"]}
    needed = (calls[name] - never) | OTHERS[name]
    assert {"missing": sorted(needed - allowed), "spare": sorted(allowed - needed)} == {"missing": [], "spare": []}


def _fetched(plan: Plan) -> list[tuple[str, str, str]]:
    """What AWS itself does with a role of ours: the role, the action, the resource."""
    [key] = (resource.values["arn"] for resource in plan.of("aws_kms_key"))
    found = []
    for job in (resource.values for resource in plan.of("aws_glue_job")):
        role, arguments = job["name"], job["default_arguments"]
        urls = [job["command"][0]["script_location"], *arguments["--extra-py-files"].split(",")]
        found += [(role, "s3:GetObject", f"arn:aws:s3:::{url.removeprefix('s3://')}") for url in urls]
        found.append((role, "kms:Decrypt", key))
    for mapping in (resource.values for resource in plan.of("aws_lambda_event_source_mapping")):
        actions = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
        role = mapping["function_name"].rpartition(":")[2]
        found += [(role, action, mapping["event_source_arn"]) for action in actions]
    for invoke in (resource.values for resource in plan.of("aws_lambda_function_event_invoke_config")):
        for destination in invoke["destination_config"]:
            [failure] = destination["on_failure"]
            found.append((invoke["function_name"], "sqs:SendMessage", failure["destination"]))
    for function in (resource.values for resource in plan.of("aws_lambda_function")):
        name = function["function_name"]
        stream = f"arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/{name}:log-stream:2026/11/20/[$LATEST]0"
        found += [(name, action, stream) for action in ("logs:CreateLogStream", "logs:PutLogEvents")]
        found.append((name, "kms:Decrypt", key))
    return found


def test_a_role_allows_what_aws_itself_does_with_it(plan: Plan) -> None:
    """Script and library, the queue that Lambda reads, where it sends what failed, log streams, and the key.

    Sources: https://docs.aws.amazon.com/glue/latest/dg/create-an-iam-role.html,
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html,
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    fetched, judged = _fetched(plan), Judged.of(plan)
    assert {role for role, _, _ in fetched} == {role for _, _, role in ENTRIES.values()}
    denied = [asked for asked in fetched if not judged.decide(judged.role(asked[0]), asked[1], asked[2]).is_allowed]
    assert denied == []


def test_the_local_deploy_has_the_plans_policies(serverless: Plan) -> None:
    assert policies.FILE.read_text(encoding="utf-8") == policies.text(serverless), "run `make policies`"
    assert policies.PAGE.read_text(encoding="utf-8") == policies.page(policies.policies(serverless))


def test_exceptions_are_of_calls_that_are_there(calls: dict[str, set[str]]) -> None:
    assert [key for key in NEVER if key[1] not in calls[key[0]]] == []


def test_the_bootstrap_alone_is_let_into_the_warehouse_as_its_administrator(plan: Plan) -> None:
    """https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html"""
    entering: dict[str, set[tuple[str, str]]] = {}
    for role, statements in plan.policies().items():
        for statement in statements:
            for action in statement["Action"]:
                if "Credentials" in action or action.startswith("secretsmanager:"):
                    entering.setdefault(role, set()).update((action, arn) for arn in statement["Resource"])
    [(action, secret)] = entering.pop(f"{PREFIX}bootstrap")
    assert (action, secret.split(":")[2]) == ("secretsmanager:GetSecretValue", "secretsmanager")
    assert set(entering) == {f"{PREFIX}load", f"{PREFIX}load-redshift", f"{PREFIX}sync-schema"}
    clusters = [one.values["cluster_identifier"] for one in plan.of("aws_redshift_cluster")]
    if clusters:
        database = f"arn:aws:redshift:eu-central-1:111122223333:dbname:{clusters[0]}/warehouse"
        wanted = ("redshift:GetClusterCredentialsWithIAM", database)
    else:
        [workgroup] = plan.of("aws_redshiftserverless_workgroup")
        wanted = ("redshift-serverless:GetCredentials", workgroup.values["arn"])
    assert list(entering.values()) == [{wanted}] * 3


def test_the_machine_may_do_its_tasks(serverless: Plan) -> None:
    tasks = set(re.findall(r'"Resource": "(.*?)"', json.dumps(MACHINE)))
    assert tasks == set(TASKS)
    statements = [item for item in serverless.policies()[f"{PREFIX}load"] if item["Sid"] not in MACHINE_SIDS]
    allowed = {action for statement in statements for action in statement["Action"]}
    assert allowed == set().union(*TASKS.values())


def test_the_table_is_made_of_the_code(calls: dict[str, set[str]]) -> None:
    """Were it empty, nothing would be missing."""
    assert calls["bootstrap"] == {
        "redshift-data:CancelStatement",
        "redshift-data:DescribeStatement",
        "redshift-data:ExecuteStatement",
        "redshift-data:GetStatementResult",
    }
    assert calls["convert"] == {
        "glue:BatchCreatePartition",
        "glue:BatchUpdatePartition",
        "glue:GetPartitions",
        "glue:GetTable",
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:PutObject",
    }
