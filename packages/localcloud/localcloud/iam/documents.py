"""Policy documents, read strictly: what AWS would refuse, or what the judge does not know, is an error and no guess.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from localcloud.iam.conditions import Condition, PolicyError, read_conditions

_ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_PRINCIPALS = {"AWS", "CanonicalUser", "Federated", "Service"}
# Before this version, `${...}` is text like any other.
_WITH_VARIABLES = "2012-10-17"


@dataclass(frozen=True, slots=True)
class Principals:
    """The Principal or NotPrincipal of a statement.

    Attributes:
        names: By kind (AWS, Service, ...), what is named; `*` alone is AWS's `*`.
        is_negated: Whether it is NotPrincipal.
    """

    names: Mapping[str, tuple[str, ...]]
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes:
        sid: Its name, or its number within the policy.
        is_allow: Whether it allows; else it denies.
        actions: Patterns of actions.
        negates_actions: Whether it means all others (NotAction).
        resources: Patterns of ARNs; none in a trust policy, where the role is the resource.
        negates_resources: Whether it means all others (NotResource).
        principals: None in the policy of an identity.
        conditions: All must hold.
        has_variables: Whether `${...}` stands for a value of the request.
    """

    sid: str
    is_allow: bool
    actions: tuple[str, ...]
    negates_actions: bool
    resources: tuple[str, ...] | None
    negates_resources: bool
    principals: Principals | None
    conditions: tuple[Condition, ...]
    has_variables: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy document.

    Attributes:
        name: What messages call it.
        statements: Its statements, in their order.
    """

    name: str
    statements: tuple[Statement, ...]

    @classmethod
    def read(cls, name: str, document: str | Mapping[str, Any]) -> Self:
        """Read a document.

        Args:
            name: What messages call it.
            document: JSON, or what JSON gave.

        Raises:
            PolicyError: It is not a policy, or uses what the judge does not know.
        """
        try:
            plain = json.loads(document) if isinstance(document, str) else document
        except json.JSONDecodeError as error:
            raise PolicyError(f"{name}: not JSON: {error}") from error
        if not isinstance(plain, Mapping) or "Statement" not in plain:
            raise PolicyError(f"{name}: a policy has a Statement")
        has_variables = plain.get("Version") == _WITH_VARIABLES
        statements = plain["Statement"] if isinstance(plain["Statement"], list) else [plain["Statement"]]
        return cls(name, tuple(_statement(name, i, each, has_variables) for i, each in enumerate(statements)))

    def without(self, sid: str) -> "Policy":
        """The same policy without one statement."""
        return Policy(self.name, tuple(each for each in self.statements if each.sid != sid))


def _statement(name: str, number: int, plain: object, has_variables: bool) -> Statement:
    if not isinstance(plain, Mapping):
        raise PolicyError(f"{name}: statement {number} is not an object")
    sid = str(plain.get("Sid") or number)
    where = f"{name}, statement {sid}"
    if unknown := sorted(set(plain) - _ELEMENTS):
        raise PolicyError(f"{where}: unknown elements {', '.join(unknown)}")
    if plain.get("Effect") not in {"Allow", "Deny"}:
        raise PolicyError(f"{where}: Effect is Allow or Deny")
    actions, negates_actions = _one_of(where, plain, "Action")
    if actions is None:
        raise PolicyError(f"{where}: Action or NotAction is missing")
    if wrong := [action for action in actions if action != "*" and ":" not in action]:
        raise PolicyError(f"{where}: {', '.join(wrong)} is not an action")
    resources, negates_resources = _one_of(where, plain, "Resource")
    if "NotPrincipal" in plain and plain["Effect"] == "Allow":
        raise PolicyError(f"{where}: NotPrincipal with Allow lets everybody in; AWS says never to use it")
    return Statement(
        sid=sid,
        is_allow=plain["Effect"] == "Allow",
        actions=actions,
        negates_actions=negates_actions,
        resources=resources,
        negates_resources=negates_resources,
        principals=_principals(where, plain),
        conditions=read_conditions(where, plain.get("Condition", {})),
        has_variables=has_variables,
    )


def _one_of(where: str, plain: Mapping[str, Any], element: str) -> tuple[tuple[str, ...] | None, bool]:
    if element in plain and f"Not{element}" in plain:
        raise PolicyError(f"{where}: {element} and Not{element}")
    is_negated = f"Not{element}" in plain
    value = plain.get(f"Not{element}" if is_negated else element)
    return (None if value is None else texts(where, value)), is_negated


def _principals(where: str, plain: Mapping[str, Any]) -> Principals | None:
    is_negated = "NotPrincipal" in plain
    value = plain.get("NotPrincipal" if is_negated else "Principal")
    if value is None:
        return None
    if value == "*":
        return Principals({"AWS": ("*",)}, is_negated)
    if not isinstance(value, Mapping) or not set(value) <= _PRINCIPALS:
        raise PolicyError(f"{where}: a principal is * or one of {', '.join(sorted(_PRINCIPALS))}")
    return Principals({kind: texts(where, names) for kind, names in value.items()}, is_negated)


def texts(where: str, value: object) -> tuple[str, ...]:
    """One text, or a list of them.

    Raises:
        PolicyError: It is neither.
    """
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(each, str) for each in found):
        raise PolicyError(f"{where}: {value!r} is neither a text nor a list of texts")
    return tuple(found)
