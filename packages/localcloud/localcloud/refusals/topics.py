"""SNS: the form of a filter policy.

Source: https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.errors import AwsApiError
from localcloud.refusals.asking import Asked, Service, read_query, refuse_query

MAX_KEYS = 5
MAX_COMBINATIONS = 150
MAX_BYTES = 256 * 1024
_PREFIX = "Attributes.entry."


def _subscribed(asked: Asked) -> None:
    names = {name: value for name, value in asked.params.items() if name.startswith(_PREFIX)}
    attributes = {names[name]: names.get(name[: -len("key")] + "value", "") for name in names if name.endswith(".key")}
    if "FilterPolicy" in attributes:
        _policy(attributes["FilterPolicy"], attributes.get("FilterPolicyScope", "MessageAttributes"))


def _changed(asked: Asked) -> None:
    if asked.params.get("AttributeName") == "FilterPolicy" and asked.params.get("AttributeValue"):
        _policy(str(asked.params["AttributeValue"]), "MessageBody")


def _policy(text: str, scope: str) -> None:
    try:
        policy = json.loads(text)
    except ValueError as exc:
        raise _invalid("failed to parse JSON.") from exc
    if not isinstance(policy, dict):
        raise _invalid("FilterPolicy must be a JSON object.")
    if len(text.encode()) > MAX_BYTES:
        raise _invalid(f"FilterPolicy is larger than {MAX_BYTES} bytes.")
    leaves = list(_leaves(policy, depth=1, is_nested=scope == "MessageBody"))
    if len(leaves) > MAX_KEYS:
        raise _invalid(f"Filter policy can not have more than {MAX_KEYS} keys")
    if math.prod(count * depth for count, depth in leaves) > MAX_COMBINATIONS:
        raise _invalid("Filter policy is too complex")


def _leaves(policy: Mapping[str, Any], depth: int, *, is_nested: bool) -> Iterator[tuple[int, int]]:
    """How many values each key has, and how deep it lies."""
    for name, value in policy.items():
        if name == "$or" and isinstance(value, list):
            for alternative in value:
                yield from _leaves(alternative, depth, is_nested=is_nested)
        elif isinstance(value, list):
            if not value:
                raise _invalid("Empty arrays are not allowed")
            yield len(value), depth
        elif isinstance(value, dict) and is_nested:
            yield from _leaves(value, depth + 1, is_nested=is_nested)
        elif isinstance(value, dict):
            raise _invalid("Filter policy scope MessageAttributes does not support nested filter policy")
        else:
            raise _invalid(f'"{name}" must be an object or an array')


def _invalid(reason: str) -> AwsApiError:
    return AwsApiError("InvalidParameter", f"Invalid parameter: FilterPolicy: {reason}")


SERVICE = Service(
    "sns", read_query, refuse_query, {"Subscribe": [_subscribed], "SetSubscriptionAttributes": [_changed]}
)
