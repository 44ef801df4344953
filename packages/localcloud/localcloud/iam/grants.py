"""Grants of KMS: what is allowed on a key beside policies, to one principal, for some operations, within constraints.

A grant only allows: a deny in a policy goes before it. It holds at once here, so that no grant token is needed.
Source: https://docs.aws.amazon.com/kms/latest/developerguide/grants.html and
https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localcloud.iam.conditions import Context
from localcloud.iam.judge import Request

CONTEXT = "kms:encryptioncontext:"
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com")
# Whom a constraint on the encryption context binds: operations on keys that know none are not restrained by it.
# https://docs.aws.amazon.com/kms/latest/developerguide/create-grant-overview.html#grant-constraints
_WITHOUT_CONTEXT = {"CreateGrant", "DescribeKey", "RetireGrant"}


def statements(grants: Iterable[Mapping[str, Any]], request: Request) -> Iterator[dict[str, Any]]:
    """What grants of a key allow to a request, as statements of the key's policy.

    Args:
        grants: Of the key, as KMS keeps them.
        request: What is asked; grants whose constraints it does not keep are left out.
    """
    operation = request.action.partition(":")[2]
    for grant in grants:
        retiring = grant.get("RetiringPrincipal")
        if operation == "RetireGrant" and retiring:
            yield _statement(grant, str(retiring), operation)
        if operation in grant["Operations"] and (
            operation in _WITHOUT_CONTEXT or _is_within(grant.get("Constraints") or {}, request.context)
        ):
            yield _statement(grant, str(grant["GranteePrincipal"]), operation)


def _statement(grant: Mapping[str, Any], principal: str, operation: str) -> dict[str, Any]:
    kind = "Service" if _SERVICE.fullmatch(principal) else "AWS"
    return {
        "Sid": f"grant {grant['GrantId']}",
        "Effect": "Allow",
        "Principal": {kind: principal},
        "Action": f"kms:{operation}",
        "Resource": "*",
    }


def _is_within(constraints: Mapping[str, Mapping[str, str]], context: Context) -> bool:
    """Names and values of the encryption context are compared with case; the request's keys come without it."""
    given = {name.removeprefix(CONTEXT): value for name, value in context.items() if name.startswith(CONTEXT)}
    equals = constraints.get("EncryptionContextEquals")
    subset = constraints.get("EncryptionContextSubset")
    if equals is not None and given != _folded(equals):
        return False
    return subset is None or _folded(subset).items() <= given.items()


def _folded(pairs: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in pairs.items()}


def asked_with(asked: Mapping[str, Any], operation: str) -> Context:
    """The condition keys of a request to KMS: its encryption context, and what a grant that it makes is like.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    found: dict[str, str | tuple[str, ...]] = {}
    for name, value in (asked.get("EncryptionContext") or {}).items():
        found[f"{CONTEXT}{name.lower()}"] = str(value)
    if operation == "CreateGrant":
        found["kms:grantisforawsresource"] = "false"
        found["kms:grantoperations"] = tuple(map(str, asked.get("Operations") or ()))
        found["kms:granteeprincipal"] = str(asked.get("GranteePrincipal", ""))
        if asked.get("RetiringPrincipal"):
            found["kms:retiringprincipal"] = str(asked["RetiringPrincipal"])
        for name in asked.get("Constraints") or {}:
            found["kms:grantconstrainttype"] = str(name)
    return found
