"""What encrypted things ask of their keys, as whoever reads or writes them.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html,
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from collections.abc import Iterable, Iterator, Mapping

from localcloud import registry
from localcloud.iam.requests import Call, Check

_DECRYPT, _DATA_KEY = "kms:Decrypt", "kms:GenerateDataKey"

# Of an action on something encrypted: what its key is asked for.
_ASKED: Mapping[str, tuple[str, ...]] = {
    "s3:GetObject": (_DECRYPT,),
    "s3:GetObjectVersion": (_DECRYPT,),
    "s3:PutObject": (_DATA_KEY,),
    "secretsmanager:GetSecretValue": (_DECRYPT,),
    "sns:Publish": (_DECRYPT, _DATA_KEY),
    "sqs:ReceiveMessage": (_DECRYPT,),
    "sqs:SendMessage": (_DECRYPT, _DATA_KEY),
}


def key_checks(call: Call, wanted: Iterable[Check]) -> Iterator[Check]:
    """What the keys of encrypted resources are asked for beside the actions themselves.

    Args:
        call: The request.
        wanted: Its own actions.
    """
    for check in wanted:
        asked = _ASKED.get(check.action)
        key = registry.key_of(check.resource) if asked else None
        if asked is None or key is None:
            continue
        service = check.action.partition(":")[0]
        context = {"kms:viaservice": f"{service}.{call.region}.amazonaws.com", **_encryption_context(check.resource)}
        source = {name: value for name, value in check.context.items() if name.startswith("aws:source")}
        arn = key if key.startswith("arn:") else call.arn("kms", f"key/{key}")
        yield from (Check(action, arn, context | source) for action in asked)


def _encryption_context(resource: str) -> dict[str, str]:
    """With a bucket key, the bucket is the context of all its objects."""
    service = resource.split(":")[2]
    names = {"s3": "aws:s3:arn", "sns": "aws:sns:topicarn", "sqs": "aws:sqs:arn", "secretsmanager": "secretarn"}
    whole = resource.partition("/")[0] if service == "s3" else resource
    return {f"kms:encryptioncontext:{names[service]}": whole} if service in names else {}
