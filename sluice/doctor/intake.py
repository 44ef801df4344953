"""The way in: buckets, the notification of manifests, the queue, and the function that reads it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sluice.aws.failures import aws_errors
from sluice.aws.looking import look_for
from sluice.aws.objects import Objects
from sluice.doctor.deployment import Deployment
from sluice.doctor.findings import DEPLOY, Finding, error, ok, warning
from sluice.lake.layout import MANIFEST_NAME
from sluice.ledger.delivery import lost_files
from sluice.names import MANIFEST_FUNCTION

ITEM_FAILURES = "ReportBatchItemFailures"
_EVERY_CREATION = "s3:ObjectCreated:*"
_TARGETS = {
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}
_S3 = frozenset({"s3.amazonaws.com", "*"})
_FORWARDERS = frozenset({"sns.amazonaws.com", "events.amazonaws.com"})


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What the doctor needs to know of a queue.

    Attributes:
        name: Its name.
        arn: Its ARN.
        policy: Its policy; empty without one.
        dead_letters: ARN of its dead-letter queue; empty without one.
        waiting: About how many messages it has, those that are being worked on included.
    """

    name: str
    arn: str
    policy: Mapping[str, Any]
    dead_letters: str
    waiting: int


def check_buckets(deployment: Deployment) -> Iterator[Finding]:
    """Both buckets exist and keep versions: intake reads the very version of a manifest that an event names."""
    s3 = deployment.clients.s3
    for bucket in (deployment.settings.raw_bucket, deployment.settings.processed_bucket):
        answer = look_for(f"bucket {bucket}", s3.get_bucket_versioning, Bucket=bucket)
        if answer is None:
            yield error("buckets", f"bucket {bucket} does not exist", DEPLOY)
        elif answer.get("Status") != "Enabled":
            fix = f"aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
            yield error("buckets", f"bucket {bucket} does not keep versions", fix)
        else:
            yield ok("buckets", f"bucket {bucket} exists and keeps versions")


def check_queue(deployment: Deployment) -> Iterator[Finding]:
    """The queue exists, S3 may send to it, and nothing was given up."""
    settings = deployment.settings
    queue = read_queue(deployment, settings.manifest_queue)
    if queue is None:
        yield error("queue", f"queue {settings.manifest_queue} does not exist", DEPLOY)
        return
    if allows_bucket(queue.policy, queue.arn, settings.raw_bucket) or allows_forwarders(queue.policy, queue.arn):
        yield ok("queue", f"queue {queue.name} takes events of bucket {settings.raw_bucket}")
    else:
        yield error("queue", f"the policy of queue {queue.name} does not let bucket {settings.raw_bucket} send", DEPLOY)
    yield _dead_letters(deployment, queue)


def _dead_letters(deployment: Deployment, queue: QueueFacts) -> Finding:
    if not queue.dead_letters:
        return error("queue", f"queue {queue.name} has no dead-letter queue: a bad message comes back for days", DEPLOY)
    name = queue.dead_letters.rpartition(":")[2]
    found = read_queue(deployment, name)
    if found is None:
        return error("queue", f"dead-letter queue {name} does not exist", DEPLOY)
    if found.waiting:
        fix = f"find the cause in the log of {_function(deployment)}, then: sluice dlq redrive"
        return error("queue", f"dead-letter queue {name} has {found.waiting} events of manifests given up", fix)
    return ok("queue", f"dead-letter queue {name} is empty")


def check_notification(deployment: Deployment) -> Iterator[Finding]:
    """The raw bucket tells the queue of every manifest that is written, itself or through a topic or EventBridge.

    A bucket has one notification configuration, and whoever writes it replaces all of it.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
    """
    settings = deployment.settings
    queue = read_queue(deployment, settings.manifest_queue)
    answer = look_for(
        f"the notification of bucket {settings.raw_bucket}",
        deployment.clients.s3.get_bucket_notification_configuration,
        Bucket=settings.raw_bucket,
    )
    if queue is None or answer is None:
        return  # said by the checks of queue and buckets
    configuration: Mapping[str, Any] = answer
    foreign = foreign_targets(configuration, queue.arn)
    way = _way_to(deployment, queue.arn, configuration)
    if way is None:
        what = f"bucket {settings.raw_bucket} does not tell queue {queue.name} of every object named *{MANIFEST_NAME}"
        told = f"; it tells {', '.join(foreign)}: somebody else has written its notification" if foreign else ""
        yield error(
            "notification", what + told, f"{DEPLOY}; manifests of meanwhile: `sluice replay`" if told else DEPLOY
        )
        return
    yield ok("notification", f"bucket {settings.raw_bucket} tells queue {queue.name} of every manifest{way}")
    if foreign and not way:
        what = f"bucket {settings.raw_bucket} also tells {', '.join(foreign)}, which is not of this deployment"
        yield warning(
            "notification", what, "see that whoever wrote that keeps both: the next deploy replaces all of it"
        )


def check_raw_files(deployment: Deployment) -> Iterator[Finding]:
    """No files lie in the raw bucket that nothing will take: without a manifest, or in a folder of no dataset."""
    objects, bucket = Objects(deployment.clients.s3), deployment.settings.raw_bucket
    is_clean = True
    for lost in lost_files(deployment.contracts, objects, bucket, deployment.clock()):
        is_clean = False
        yield warning("raw files", lost.what, lost.remedy)
    if is_clean:
        yield ok("raw files", f"no files of bucket {bucket} wait for a manifest")


def _way_to(deployment: Deployment, queue_arn: str, configuration: Mapping[str, Any]) -> str | None:
    """How manifests reach the queue: empty for directly; None when they do not."""
    if any(announces_manifests(entry, queue_arn) for entry in configuration.get("QueueConfigurations", ())):
        return ""
    for entry in configuration.get("TopicConfigurations", ()):
        topic = entry.get("TopicArn", "")
        if announces_manifests({**entry, "QueueArn": queue_arn}, queue_arn) and _is_subscribed(
            deployment, topic, queue_arn
        ):
            return f", through topic {topic.rpartition(':')[2]}"
    if "EventBridgeConfiguration" in configuration:
        rules = look_for(
            f"the rules that tell {queue_arn}",
            deployment.clients.events.list_rule_names_by_target,
            TargetArn=queue_arn,
        )
        if rules is not None and rules.get("RuleNames"):
            return f", through EventBridge's rule {rules['RuleNames'][0]}"
    return None


def _is_subscribed(deployment: Deployment, topic: str, queue_arn: str) -> bool:
    answer = look_for(
        f"the subscriptions of {topic}", deployment.clients.sns.list_subscriptions_by_topic, TopicArn=topic
    )
    return answer is not None and any(one.get("Endpoint") == queue_arn for one in answer.get("Subscriptions", ()))


def foreign_targets(configuration: Mapping[str, Any], queue_arn: str) -> list[str]:
    """Whom a bucket tells of what is written besides the queue of the manifests.

    Args:
        configuration: The bucket's notification configuration.
        queue_arn: The queue.
    """
    entries = [
        (entry.get("Events", ()), str(entry.get(key, "")))
        for kind, key in _TARGETS.items()
        for entry in configuration.get(kind, ())
    ]
    found = {arn for events, arn in entries if arn != queue_arn and any("ObjectCreated" in one for one in events)}
    return sorted(found)


def check_event_source(deployment: Deployment) -> Iterator[Finding]:
    """The function reads the queue, and may fail single messages of a group."""
    queue = read_queue(deployment, deployment.settings.manifest_queue)
    if queue is None:
        return
    lambda_, function = deployment.clients.lambda_, _function(deployment)
    answer = look_for(
        f"what function {function} reads",
        lambda_.list_event_source_mappings,
        FunctionName=function,
        EventSourceArn=queue.arn,
    )
    mappings = [] if answer is None else answer["EventSourceMappings"]
    if not mappings:
        yield error("event source", f"function {function} does not read queue {queue.name}", DEPLOY)
    for mapping in mappings:
        yield _judge_mapping(f"event source mapping of {function}", mapping)


def _function(deployment: Deployment) -> str:
    return deployment.settings.prefix + MANIFEST_FUNCTION


def _judge_mapping(name: str, mapping: Mapping[str, Any]) -> Finding:
    state = mapping.get("State", "")
    if ITEM_FAILURES not in mapping.get("FunctionResponseTypes", ()):
        # Without it Lambda takes every answer for success: a failed message is deleted with the others.
        return error("event source", f"{name} does not have {ITEM_FAILURES}: failed manifests would be lost", DEPLOY)
    if state not in {"Enabled", "Enabling", "Updating"}:
        fix = f"aws lambda update-event-source-mapping --uuid {mapping.get('UUID', '')} --enabled"
        return error("event source", f"{name} is {state or 'in no state'}: manifests wait in the queue", fix)
    return ok("event source", f"{name} is {state} with {ITEM_FAILURES}")


def read_queue(deployment: Deployment, name: str) -> QueueFacts | None:
    """A queue's facts; None when it does not exist.

    Raises:
        AwsBusyError: SQS could not answer now.
        AwsError: SQS refused.
    """
    sqs = deployment.clients.sqs
    found = look_for(f"queue {name}", sqs.get_queue_url, QueueName=name)
    if found is None:
        return None
    with aws_errors(f"look at queue {name}"):
        attributes = sqs.get_queue_attributes(QueueUrl=found["QueueUrl"], AttributeNames=["All"])["Attributes"]
    redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
    return QueueFacts(
        name,
        attributes["QueueArn"],
        json.loads(attributes.get("Policy") or "{}"),
        str(redrive.get("deadLetterTargetArn", "")),
        int(attributes.get("ApproximateNumberOfMessages", "0"))
        + int(attributes.get("ApproximateNumberOfMessagesNotVisible", "0")),
    )


def allows_bucket(policy: Mapping[str, Any], queue_arn: str, bucket: str) -> bool:
    """Whether a queue's policy lets S3 send events of a bucket.

    Args:
        policy: The policy.
        queue_arn: The queue.
        bucket: The bucket.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    """
    statements = _listed(policy.get("Statement"))
    return any(
        _allows(statement, queue_arn, _S3) and _holds_for(statement.get("Condition", {}), bucket)
        for statement in statements
    )


def allows_forwarders(policy: Mapping[str, Any], queue_arn: str) -> bool:
    """Whether a queue's policy lets a topic or EventBridge send, which S3 may tell in the queue's place."""
    statements = _listed(policy.get("Statement"))
    return any(_allows(statement, queue_arn, _FORWARDERS) for statement in statements)


def _allows(statement: Mapping[str, Any], queue_arn: str, senders: frozenset[str]) -> bool:
    principal = statement.get("Principal")
    services = _listed(principal.get("Service")) if isinstance(principal, Mapping) else _listed(principal)
    actions = {str(action).lower() for action in _listed(statement.get("Action"))}
    return (
        statement.get("Effect") == "Allow"
        and bool(senders.intersection(services))
        and bool({"sqs:sendmessage", "sqs:*", "*"}.intersection(actions))
        and any(fnmatchcase(queue_arn, str(resource)) for resource in _listed(statement.get("Resource")))
    )


def _holds_for(condition: Mapping[str, Any], bucket: str) -> bool:
    """Whether a condition on the sender's ARN lets this bucket through; other conditions are not judged."""
    patterns = [
        str(pattern)
        for operator, terms in condition.items()
        if operator.lower() in {"arnequals", "arnlike", "stringequals", "stringlike"}
        for key, values in terms.items()
        if key.lower() == "aws:sourcearn"
        for pattern in _listed(values)
    ]
    return not patterns or any(fnmatchcase(f":::{bucket}", pattern[pattern.find(":::") :]) for pattern in patterns)


def announces_manifests(entry: Mapping[str, Any], queue_arn: str) -> bool:
    """Whether one queue configuration of a bucket covers every manifest, however it is uploaded.

    Args:
        entry: One of ``QueueConfigurations``.
        queue_arn: The queue that must hear of them.
    """
    rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    by_name = {str(rule.get("Name", "")).lower(): str(rule.get("Value", "")) for rule in rules}
    return (
        entry.get("QueueArn") == queue_arn
        and _EVERY_CREATION in entry.get("Events", [])
        and not by_name.get("prefix", "")
        and MANIFEST_NAME.endswith(by_name.get("suffix", ""))
    )


def _listed(value: object) -> Sequence[Any]:
    """What a policy writes as one value or as a list of values."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)
