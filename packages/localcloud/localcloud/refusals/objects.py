"""S3: keys and keys of encryption, notifications that nobody lets through or that overlap, transitions too early.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html (1,024 bytes),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html (overlaps),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html (30 days),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-bucket-user-policy-specifying-principal-intro.html;
the words for resources and principals of a bucket's policy are those of versitygw issues 648 and 649.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.refusals.asking import Asked, Service, refuse_rest_xml

MAX_KEY_BYTES = 1024
LEAST_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
_OF_BUCKET = {
    "notification": "PutBucketNotification",
    "lifecycle": "PutBucketLifecycle",
    "policy": "PutBucketPolicy",
}
_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/.+")
_DESTINATIONS = {"QueueConfiguration": "Queue", "TopicConfiguration": "Topic"}


def _read(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
) -> Asked | None:
    if method not in ("PUT", "POST"):
        return None
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    found = {"Bucket": bucket, "Key": key}
    if key:
        return Asked("CreateMultipartUpload" if method == "POST" else "PutObject", found, headers, body)
    for name, action in _OF_BUCKET.items():
        if method == "PUT" and name in query:
            return Asked(action, found, headers, body)
    return None


def _key_length(asked: Asked) -> None:
    if len(str(asked.params["Key"]).encode()) > MAX_KEY_BYTES:
        raise AwsApiError("KeyTooLongError", "Your key is too long")


def _encryption_key(asked: Asked) -> None:
    algorithm = asked.headers.get("x-amz-server-side-encryption", "")
    key = asked.headers.get(_KEY_HEADER) or ("" if algorithm else registry.bucket_key(str(asked.params["Bucket"])))
    if not key or key.endswith("alias/aws/s3") or registry.kms_key(key) is not None:
        return
    account, region = registry.current_scope()
    arn = key if key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"
    raise AwsApiError("KMS.NotFoundException", f"Key '{arn}' does not exist")


def _policy(asked: Asked) -> None:
    """Resources are the bucket and its objects, and a role that is named is there."""
    own = f"arn:aws:s3:::{asked.params['Bucket']}"
    try:
        statements = json.loads(asked.body)["Statement"]
    except (ValueError, TypeError, KeyError):
        return  # the handler itself tells of it
    for statement in statements if isinstance(statements, list) else [statements]:
        for resource in _texts(statement.get("Resource")) + _texts(statement.get("NotResource")):
            if resource != own and not resource.startswith(f"{own}/"):
                raise AwsApiError("MalformedPolicy", "Policy has invalid resource")
        principal = statement.get("Principal")
        named = _texts(principal.get("AWS")) if isinstance(principal, dict) else []
        if any(_ROLE.fullmatch(each) and registry.iam_role(each) is None for each in named):
            raise AwsApiError("MalformedPolicy", "Invalid principal in policy")


def _texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value] if isinstance(value, list) else []


def _transitions(asked: Asked) -> None:
    for transition in _all(_xml(asked.body), "Transition"):
        storage, days = _text(transition, "StorageClass"), _text(transition, "Days")
        least = LEAST_DAYS.get(storage)
        if least is not None and days.isdecimal() and int(days) < least:
            raise _invalid(
                f"'Days' in Transition action must be greater than or equal to {least} for storageClass '{storage}'"
            )


@dataclass(frozen=True, slots=True)
class _Rule:
    """One configuration of a notification: what it is about."""

    events: frozenset[str]
    prefix: str
    suffix: str

    def overlaps(self, other: "_Rule") -> bool:
        """Whether one object's event could be of both."""
        if not any(_same_event(a, b) for a in self.events for b in other.events):
            return False
        prefixes = self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        return prefixes and (self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix))


def _same_event(one: str, other: str) -> bool:
    """Whether two event types have events in common; ``s3:ObjectCreated:*`` is all of a kind."""
    return one == other or (
        (one.endswith(":*") or other.endswith(":*")) and one.rpartition(":")[0] == other.rpartition(":")[0]
    )


def _apart(asked: Asked) -> None:
    rules = [_rule(found) for found in _configurations(_xml(asked.body))]
    if any(one.overlaps(other) for one, other in itertools.combinations(rules, 2)):
        raise _invalid("Configurations overlap. Configurations on the same bucket cannot share a common event type.")


def _let_through(asked: Asked) -> None:
    if asked.headers.get("x-amz-skip-destination-validation", "").lower() == "true":
        return
    account, _ = registry.current_scope()
    source = f"arn:aws:s3:::{asked.params['Bucket']}"
    for target in destinations(asked.body):
        if not registry.service_may_send("s3.amazonaws.com", target, source, account):
            raise _invalid("Unable to validate the following destination configurations")


def destinations(body: bytes) -> Iterator[str]:
    """ARNs of the queues and topics of a bucket's notification configuration.

    Args:
        body: Of PutBucketNotificationConfiguration.
    """
    for found in _configurations(_xml(body)):
        name = _DESTINATIONS.get(_local(found))
        if name:
            yield _text(found, name)


def _rule(found: Element) -> _Rule:
    filters = {_text(rule, "Name").lower(): _text(rule, "Value") for rule in _all(found, "FilterRule")}
    events = frozenset((event.text or "").strip() for event in _all(found, "Event"))
    return _Rule(events, filters.get("prefix", ""), filters.get("suffix", ""))


def _configurations(root: Element | None) -> Iterator[Element]:
    for child in root if root is not None else ():
        if _local(child).endswith("Configuration") and _local(child) != "EventBridgeConfiguration":
            yield child


def _xml(body: bytes) -> Element | None:
    """The document; None when it is none, which the handler itself tells of."""
    try:
        root: Element = fromstring(body)
    except ParseError:
        return None
    return root


def _all(root: Element | None, name: str) -> Iterator[Element]:
    for element in root.iter() if root is not None else ():
        if _local(element) == name:
            yield element


def _text(element: Element, name: str) -> str:
    found = next((child for child in element if _local(child) == name), None)
    return "" if found is None else (found.text or "").strip()


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _invalid(message: str) -> AwsApiError:
    return AwsApiError("InvalidArgument", message)


SERVICE = Service(
    "s3",
    _read,
    refuse_rest_xml,
    {
        "PutObject": (_key_length, _encryption_key),
        "CreateMultipartUpload": (_key_length, _encryption_key),
        "PutBucketNotification": (_apart, _let_through),
        "PutBucketLifecycle": (_transitions,),
        "PutBucketPolicy": (_policy,),
    },
)
