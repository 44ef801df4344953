"""What was asked of the policies while a deployed stack worked, and which statements nobody needed."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from localcloud.iam.documents import Policy, Statement
from localcloud.iam.judge import Policies, Request, decide
from localcloud.iam.record import Question
from sluice.aws.clients import Clients
from sluice.simulator import DATASETS

FUNCTIONS = ("archive", "bootstrap", "load-step", "on-job-change", "on-manifest", "sweep", "sync-schema")
JOBS = ("load-redshift", "raw-to-parquet")

# Statements that no call of the test needs, and why they are there all the same.
_BY_AWS = "AWS does it by itself where the local cloud keeps lines, metrics and traces without asking"
_CRAWLS = "one crawl of one zone is started here; the recorded calls of the whole path have both zones"
_MISSING = "only where a document or a file is missing: a missing one is a 404 to those who may list"
_LATER = "only where something waited, failed or was lost"
_NOTICE = "only where something goes wrong"
_CHAIN = "only where batches wait for the slot that a run gives back"
_FOREIGN = "crawlers hear only of what somebody else puts into a table's own folder"
_RUN = "the local cloud gives a run what its role may read before it begins"
UNASKED: Mapping[tuple[str, str], str] = {
    **{(f"role/{part}", "Logs"): _BY_AWS for part in (*FUNCTIONS, *JOBS)},
    **{(f"role/{part}", "Tracing"): _BY_AWS for part in (*FUNCTIONS, "load")},
    **{(f"role/{part}", "Metrics"): _BY_AWS for part in JOBS},
    **{
        (f"role/{zone}-*", sid): _CRAWLS
        for zone in ("processed", "raw")
        for sid in ("ReadObjects", "ListObjects", "BucketLocation", "Decrypt", "Tables", "Logs")
    },
    ("role/processed-*", "Events"): _CRAWLS,
    **{
        ("key", sid): "log groups, alarms and dead letters use the key by themselves"
        for sid in (
            "Alarms",
            "Events",
            "EventsToSupport",
            "LogDelivery",
            "Logs",
        )
    },
    ("bucket/logs", "AccessLogs"): "the local cloud writes no access logs",
    # Runs write outside the tables' own folders (docs/adr/0018-publish-is-a-switch.md).
    ("key", "Sns"): _FOREIGN,
    **{(f"processed-{dataset}-objects", "Objects"): _FOREIGN for dataset in DATASETS},
    ("events", "Rules"): _LATER,
    ("support", "Alarms"): "no alarm goes off",
    ("support", "Rules"): "no crawl fails",
    ("function/sweep", "sweep"): "the schedule is slower than the test",
    ("role/load", "Key"): "Step Functions encrypts executions by itself",
    ("role/load", "LogDelivery"): _BY_AWS,
    ("role/bootstrap", "Key"): "Lambda decrypts the environment by itself",
    ("role/bootstrap", "WarehouseFollow"): "a statement that has ended at once is not looked at again",
    ("role/archive", "WriteDocuments"): _CHAIN,
    ("role/archive", "StartConversion"): _CHAIN,
    ("role/load-step", "WriteDocuments"): _CHAIN,
    ("role/load-step", "StartConversion"): _CHAIN,
    ("role/load-step", "StartLoad"): _CHAIN,
    ("role/load-step", "RawPartitions"): _CHAIN,
    ("role/load-step", "RawFiles"): _CHAIN,
    ("role/load-step", "MissingRawFiles"): _MISSING,
    ("role/on-job-change", "StartConversion"): _CHAIN,
    ("role/on-job-change", "RawPartitions"): _CHAIN,
    ("role/on-job-change", "RawFiles"): _CHAIN,
    ("role/on-job-change", "MissingRawFiles"): _MISSING,
    ("role/on-job-change", "ReadDocuments"): _LATER,
    ("role/on-manifest", "RawFiles"): "only where files may have been archived since their manifest was read",
    ("role/raw-to-parquet", "Code"): "what is published lies in the same bucket, so Publish reads it, too",
    ("role/raw-to-parquet", "ReadRaw"): _RUN,
    ("role/raw-to-parquet", "MissingDocuments"): _MISSING,
    ("role/raw-to-parquet", "MissingRawFiles"): _MISSING,
    ("role/raw-to-parquet", "ReplacedNotes"): "only where a partition is published again",
    **{
        (f"role/{part}", "MissingDocuments"): _MISSING
        for part in ("archive", "load-redshift", "load-step", "on-job-change", "on-manifest", "sweep")
    },
    **{
        (f"role/{part}", "Notices"): _NOTICE
        for part in ("archive", "on-job-change", "on-manifest", "sweep", "sync-schema")
    },
    **{(f"role/{part}", "FailedEvents"): _NOTICE for part in ("on-job-change", "sweep", "sync-schema")},
    **{
        ("role/sweep", sid): "the schedule is slower than the test"
        for sid in (
            "Executions",
            "FileCounts",
            "FindPartitions",
            "Key",
            "Ledger",
            "MissingRawFiles",
            "ProcessedPartitions",
            "RawFiles",
            "RawPartitions",
            "RawVersions",
            "ReadDocuments",
            "RecentBatches",
            "Runs",
            "ReplacedFiles",
            "ReplacedNotes",
            "StartConversion",
            "StartLoad",
            "WriteDocuments",
        )
    },
}


def short_name(arn: str, name: str) -> str:
    """What has a policy, without what differs between deployments and between datasets.

    Args:
        arn: Its ARN.
        name: What every name begins with.
    """
    service, last = arn.split(":")[2], arn.rpartition(":")[2]
    kind = {"iam": "role/", "s3": "bucket/", "lambda": "function/"}.get(service, "")
    plain = "key" if service == "kms" else last.rpartition("/")[2].removeprefix(f"{name}-")
    if service == "iam":
        plain = re.sub(r"^(processed|raw)-(?!to-parquet$).*", r"\1-*", plain)
    if service == "s3":
        plain = plain.partition("-")[0]
    return kind + plain


@dataclass(frozen=True)
class Deployed:
    """Policies as the local cloud has them.

    Attributes:
        roles: By the ARN of the role.
        resources: By the ARN of the bucket, queue, topic or key.
        trusts: By the ARN of the role.
    """

    roles: Mapping[str, Policy]
    resources: Mapping[str, Policy]
    trusts: Mapping[str, Policy]

    @classmethod
    def read(cls, clients: Clients, endpoint_url: str) -> "Deployed":
        """Ask the services for them.

        Args:
            clients: Of the stack.
            endpoint_url: Of the local cloud.
        """
        iam = clients.iam
        roles = [role for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
        own = {
            role["Arn"]: iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
            for role in roles
            for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
        }
        trusts = {role["Arn"]: role["AssumeRolePolicyDocument"] for role in roles}
        return cls(_read(own), _read(dict(_of_resources(clients, endpoint_url))), _read(trusts))

    def is_allowed(self, request: Request, without: tuple[str, str] | None = None) -> bool:
        """What would be decided without one statement.

        Args:
            request: What is asked.
            without: ARN of what has the policy, and the statement's sid.
        """

        def policy(found: Mapping[str, Policy], arn: str) -> Policy | None:
            one = found.get(arn)
            return one.without(without[1]) if one is not None and without is not None and without[0] == arn else one

        if request.action == "sts:AssumeRole":
            trust = Policies(resource=policy(self.trusts, request.resource), resource_decides=True)
            return decide(request, trust).is_allowed
        own = policy(self.roles, request.principal.role_arn)
        arn = request.resource
        policies = Policies(
            identity=[] if own is None else [own],
            resource=policy(self.resources, arn.partition("/")[0] if arn.startswith("arn:aws:s3") else arn),
            resource_decides=request.action.startswith("kms:"),
        )
        return decide(request, policies).is_allowed

    def allowing(self) -> Iterator[tuple[str, Statement]]:
        """Every statement that allows something, with the ARN of what has its policy; trust policies are left out."""
        for arn, policy in (*self.roles.items(), *self.resources.items()):
            yield from ((arn, statement) for statement in policy.statements if statement.is_allow)

    def spare(self, questions: Iterable[Question]) -> list[tuple[str, str]]:
        """Statements without which every question would have had the same answer."""
        asked = [question.request for question in questions if question.is_allowed]
        return [
            (arn, statement.sid)
            for arn, statement in self.allowing()
            if all(self.is_allowed(request, (arn, statement.sid)) for request in asked)
        ]


def _of_resources(clients: Clients, endpoint_url: str) -> Iterator[tuple[str, object]]:
    for bucket in clients.s3.list_buckets()["Buckets"]:
        yield f"arn:aws:s3:::{bucket['Name']}", clients.s3.get_bucket_policy(Bucket=bucket["Name"])["Policy"]
    for url in clients.sqs.list_queues().get("QueueUrls", []):
        found = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy", "QueueArn"])["Attributes"]
        yield found["QueueArn"], found["Policy"]
    for topic in clients.sns.list_topics()["Topics"]:
        yield topic["TopicArn"], clients.sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]["Policy"]
    kms = clients.session.client("kms", endpoint_url=endpoint_url)
    for key in kms.list_keys()["Keys"]:
        yield key["KeyArn"], kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
    for function in clients.lambda_.list_functions()["Functions"]:
        try:
            yield function["FunctionArn"], clients.lambda_.get_policy(FunctionName=function["FunctionName"])["Policy"]
        except clients.lambda_.exceptions.ResourceNotFoundException:
            continue


def _read(documents: Mapping[str, object]) -> dict[str, Policy]:
    return {arn: Policy.read(arn, one if isinstance(one, str) else json.dumps(one)) for arn, one in documents.items()}
