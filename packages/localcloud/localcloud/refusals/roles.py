"""IAM: what the policies within a role may be together.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (10,240 characters, white space not
counted); the words are those that people report (kops issue 12558).
"""

import json

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.refusals.asking import Asked, Service, read_query, refuse_query

MAX_CHARACTERS = 10_240
CONFLICT = 409


def _size(asked: Asked) -> None:
    account, _ = registry.current_scope()
    name = str(asked.params.get("RoleName", ""))
    role = registry.iam_role(f"arn:aws:iam::{account}:role/{name}") or {}
    documents = dict(role.get("InlinePolicies") or {}) | {
        str(asked.params.get("PolicyName", "")): asked.params.get("PolicyDocument", "")
    }
    if sum(map(_characters, documents.values())) > MAX_CHARACTERS:
        message = f"Maximum policy size of {MAX_CHARACTERS} bytes exceeded for role {name}"
        raise AwsApiError("LimitExceeded", message, CONFLICT)


def _characters(document: object) -> int:
    text = document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))
    return len("".join(text.split()))


SERVICE = Service("iam", read_query, refuse_query, {"PutRolePolicy": [_size]})
