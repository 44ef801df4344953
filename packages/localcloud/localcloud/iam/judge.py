"""AWS's evaluation of one request: explicit denies, policies of identities and of resources, boundaries, keys, trust.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
Not known: policies of organizations and of sessions, endpoint policies.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from localcloud.iam.conditions import Context, is_like, is_resource_like, resolve
from localcloud.iam.documents import Policy, Principals, Statement

_ACCOUNT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        arn: Of the user or of the role's session; of a service, its name (such as s3.amazonaws.com).
        account: Its account; empty for a service.
        role_arn: Of the role that the session is of.
    """

    arn: str
    account: str = ""
    role_arn: str = ""

    @classmethod
    def session(cls, role_arn: str, name: str) -> "Principal":
        """A session of a role."""
        prefix, _, path = role_arn.partition(":role/")
        account = prefix.rpartition(":")[2]
        sts = prefix.replace(":iam:", ":sts:")
        return cls(f"{sts}:assumed-role/{path.rpartition('/')[2]}/{name}", account, role_arn)

    @property
    def is_service(self) -> bool:
        """Whether it is a service of AWS, acting for itself."""
        return not self.account


@dataclass(frozen=True, slots=True)
class Request:
    """One thing that is asked.

    Attributes:
        principal: Who asks.
        action: Such as s3:GetObject.
        resource: ARN of what it is done to; `*` where the action knows no resource.
        context: Further keys by name in lower case.
    """

    principal: Principal
    action: str
    resource: str
    context: Context = field(default_factory=dict)


class Reason(Enum):
    """Why a request is denied or allowed."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "with an explicit deny"
    NO_IDENTITY_POLICY = "because no identity-based policy allows it"
    NO_RESOURCE_POLICY = "because no resource-based policy allows it"
    NO_BOUNDARY = "because no permissions boundary allows it"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided.

    Attributes:
        reason: Why.
        by: Policy and statement that decided, where one did.
    """

    reason: Reason
    by: tuple[str, str] | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether the request may go on."""
        return self.reason is Reason.ALLOWED


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies that speak of one request.

    Attributes:
        identity: Of the role or user.
        resource: Of the bucket, queue, topic, key, function or role that is asked for.
        boundary: Of the role; None: it has none.
        resource_account: Whose the resource is; empty: the principal's own.
        resource_decides: Whether the resource's policy must allow within its account, too: keys and trust.
    """

    identity: Sequence[Policy] = ()
    resource: Policy | None = None
    boundary: Sequence[Policy] | None = None
    resource_account: str = ""
    resource_decides: bool = False


class _Naming(Enum):
    """How a statement's principals name who asks."""

    NOT = 0
    ACCOUNT = 1
    ROLE = 2
    ITSELF = 3


def decide(request: Request, policies: Policies) -> Decision:
    """Decide as AWS does.

    Args:
        request: What is asked.
        policies: All that speak of it.

    Raises:
        PolicyError: A condition cannot be judged.
    """
    boundary = policies.boundary or ()
    for policy in (*policies.identity, *boundary):
        for statement in _matching(policy, request, is_allow=False):
            return Decision(Reason.EXPLICIT_DENY, (policy.name, statement.sid))
    resource = policies.resource or Policy("", ())
    named = _named(resource, request)
    for statement, naming in named:
        if not statement.is_allow and naming is not _Naming.NOT:
            return Decision(Reason.EXPLICIT_DENY, (resource.name, statement.sid))
    allowing = [(statement, naming) for statement, naming in named if statement.is_allow]
    if request.principal.is_service:
        return _first(resource, allowing, {_Naming.ITSELF})
    within = policies.boundary is None or any(_matching_any(boundary, request))
    identity = next(iter(_matching_any(policies.identity, request)), None)
    is_own = policies.resource_account in {"", request.principal.account}
    by_resource = _first(resource, allowing, {_Naming.ITSELF} | ({_Naming.ROLE} if within else set()))
    if is_own and by_resource.is_allowed:
        return by_resource
    if identity is None:
        return Decision(Reason.NO_IDENTITY_POLICY)
    if not within:
        return Decision(Reason.NO_BOUNDARY)
    if is_own and not policies.resource_decides:
        return Decision(Reason.ALLOWED, identity)
    delegated = _first(resource, allowing, {_Naming.ACCOUNT, _Naming.ROLE, _Naming.ITSELF})
    return Decision(Reason.ALLOWED, identity) if delegated.is_allowed else delegated


def _first(policy: Policy, found: Iterable[tuple[Statement, _Naming]], namings: set[_Naming]) -> Decision:
    for statement, naming in found:
        if naming in namings:
            return Decision(Reason.ALLOWED, (policy.name, statement.sid))
    return Decision(Reason.NO_RESOURCE_POLICY)


def _matching_any(policies: Iterable[Policy], request: Request) -> Iterable[tuple[str, str]]:
    return (
        (policy.name, statement.sid) for policy in policies for statement in _matching(policy, request, is_allow=True)
    )


def _matching(policy: Policy, request: Request, *, is_allow: bool) -> Iterable[Statement]:
    return (each for each in policy.statements if each.is_allow is is_allow and _speaks_of(each, request))


def _named(policy: Policy, request: Request) -> list[tuple[Statement, _Naming]]:
    return [
        (statement, _naming(statement.principals, request.principal))
        for statement in policy.statements
        if _speaks_of(statement, request)
    ]


def _speaks_of(statement: Statement, request: Request) -> bool:
    """Whether action, resource and conditions are those of the request."""
    # Actions are compared without case, resources with it.
    acts = any(is_like(request.action.lower(), pattern.lower()) for pattern in statement.actions)
    if acts is statement.negates_actions:
        return False
    if statement.resources is not None:
        resolved = (
            resolve(pattern, request.context, has_variables=statement.has_variables, keeps=True)
            for pattern in statement.resources
        )
        lies = any(pattern is not None and is_resource_like(request.resource, pattern) for pattern in resolved)
        if lies is statement.negates_resources:
            return False
    return all(each.holds(request.context, has_variables=statement.has_variables) for each in statement.conditions)


def _naming(principals: Principals | None, principal: Principal) -> _Naming:
    if principals is None:
        return _Naming.NOT
    if principals.is_negated:
        return _Naming.NOT if _is_exempt(principals.names, principal) else _Naming.ITSELF
    if principal.is_service:
        named = principal.arn in principals.names.get("Service", ()) or "*" in principals.names.get("AWS", ())
        return _Naming.ITSELF if named else _Naming.NOT
    found = {_naming_of(name, principal) for name in principals.names.get("AWS", ())}
    return max(found, key=lambda naming: naming.value, default=_Naming.NOT)


def _naming_of(name: str, principal: Principal) -> _Naming:
    if name == principal.arn:
        return _Naming.ITSELF
    # A boundary bounds what is allowed to the role or to everybody, and not what is allowed to the session.
    if name in ("*", principal.role_arn):
        return _Naming.ROLE
    account = _ACCOUNT.fullmatch(name)
    if name == principal.account or (account is not None and account[1] == principal.account):
        return _Naming.ACCOUNT
    return _Naming.NOT


def _is_exempt(names: Mapping[str, tuple[str, ...]], principal: Principal) -> bool:
    """Of NotPrincipal: a session is spared when account, role and session are all named.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
    """
    if principal.is_service:
        return principal.arn in names.get("Service", ())
    listed = names.get("AWS", ())
    is_account = any(_naming_of(name, principal) is _Naming.ACCOUNT for name in listed)
    own = {principal.arn} | ({principal.role_arn} if principal.role_arn else set())
    return is_account and own <= set(listed)
