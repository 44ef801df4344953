"""CloudWatch Logs: a log group's key has to exist.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html; the words are those that
terraform-provider-aws issue 29282 quotes.
"""

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.refusals.asking import Asked, Service, read_json, refuse_json


def _key_exists(asked: Asked) -> None:
    key = asked.params.get("kmsKeyId")
    if key is None or registry.kms_key(str(key)) is not None:
        return
    account, region = registry.current_scope()
    name = asked.params.get("logGroupName", "")
    arn = asked.params.get("resourceIdentifier") or f"arn:aws:logs:{region}:{account}:log-group:{name}"
    message = f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'"
    raise AwsApiError("AccessDeniedException", message)


SERVICE = Service("logs", read_json, refuse_json, {"CreateLogGroup": [_key_exists], "AssociateKmsKey": [_key_exists]})
