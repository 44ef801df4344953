"""Where requests are judged: between the endpoint and the handlers of the services.

What runs as a role carries that role's access key (see `sessions`) and may do what its policies allow. What services do
of themselves is asked for by `Door.require`. The administrator is not judged.
"""

import json
import logging
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.iam import grants
from localcloud.iam.conditions import Context, PolicyError
from localcloud.iam.documents import Policy
from localcloud.iam.judge import Decision, Policies, Principal, Reason, Request, decide
from localcloud.iam.keys import key_checks
from localcloud.iam.promises import passed_roles, promises, refuse
from localcloud.iam.record import Record
from localcloud.iam.requests import Call, Check, UnknownRequestError, checks
from localcloud.iam.sessions import Sessions, asking_as, user_id
from localcloud.registry import Handler, Response

logger = logging.getLogger(__name__)

OK, NOT_FOUND = 200, 404
STARTS_STATEMENTS = {"BatchExecuteStatement", "ExecuteStatement"}
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshiftdataapi.html
STATEMENT_OWNER = "redshift-data:statement-owner-iam-userid"
_ACCESS_KEY = re.compile(rb"<AccessKeyId>(\w+)</AccessKeyId>")
# What AWS answers as 400 in the JSON protocols, SQS excepted.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
JSON_DENIED = 400


class Mode(StrEnum):
    """What becomes of a denial."""

    ENFORCE = "enforce"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Denial:
    """What was denied, and why.

    Attributes:
        request: That was denied.
        decision: Why.
    """

    request: Request
    decision: Decision

    @property
    def message(self) -> str:
        """In AWS's words.

        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
        """
        request, reason = self.request, self.decision.reason
        kind = "a resource-based policy" if self.decision.by and self.decision.by[0] == request.resource else ""
        why = (
            f"{reason.value} in {kind or 'an identity-based policy'}"
            if reason is Reason.EXPLICIT_DENY
            else reason.value
        )
        who = request.principal.arn
        why = why.replace("allows it", f"allows the {request.action} action")
        return f"User: {who} is not authorized to perform: {request.action} on resource: {request.resource} {why}"


@dataclass
class Door:
    """Judges by the policies that are deployed at this moment.

    Attributes:
        mode: Whether a denial is answered or only recorded.
        record: What was asked and decided.
        sessions: Whose access keys are.
    """

    mode: Mode
    record: Record
    sessions: Sessions = field(default_factory=Sessions)
    _owners: dict[str, str] = field(default_factory=dict)

    def guard(self, service: str, inner: Handler) -> Handler:
        """A handler that asks first.

        Args:
            service: The local cloud's name of the service.
            inner: Answers what is allowed.
        """

        async def guarded(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            principal = self.sessions.principal(registry.access_key(headers, query))
            account, region = registry.current_scope()
            operation = registry.operation(service, method, path, headers, body, query)
            call = Call(service, operation, method, path, headers, body, query, account, region)
            if principal is None:
                if broken := self._broken_promise(call):
                    return refuse(call, broken)
                return self._noted(call, await inner(method, path, headers, body, query))
            try:
                denial = self._first_denial(principal, call, self._checks(call))
            except UnknownRequestError as error:
                logger.warning("IAM: no reading of %s, asked by %s", error, principal.arn)
                message = (
                    f"The local cloud does not know which IAM action {error} is: add it to localcloud.iam.requests"
                )
                return self._refuse(service, operation, principal, message, headers)
            if denial is not None:
                return self._refuse(service, operation, principal, denial.message, headers)
            if broken := self._broken_promise(call):
                return refuse(call, broken)
            with asking_as(principal):
                answer = await inner(method, path, headers, body, query)
            return self._after(principal, call, self._noted(call, answer))

        return guarded

    def require(
        self, principal: Principal, action: str, resource: str, context: Context | None = None, service: str = ""
    ) -> None:
        """Ask for what a service does of itself.

        Args:
            principal: The service, or the role that it acts as.
            action: Such as s3:GetObject.
            resource: ARN of what it is done to.
            context: Further keys, in lower case.
            service: The local cloud's name of the service that is called; empty: the action's.

        Raises:
            AwsApiError: It is denied.
        """
        account, region = registry.current_scope()
        call = Call(service or action.partition(":")[0], "", "", "", {}, b"", {}, account, region)
        wanted = [Check(action, resource, context or {})]
        denial = self._first_denial(principal, call, [*wanted, *key_checks(call, wanted)])
        if denial is not None:
            raise AwsApiError("AccessDeniedException", denial.message, JSON_DENIED)

    def require_trust(self, services: str | tuple[str, ...], role_arn: str, context: Context | None = None) -> None:
        """Ask whether a role lets a service take it on.

        Args:
            services: Principal of the service, such as glue.amazonaws.com; where it has several, one is enough.
            role_arn: ARN of the role.
            context: Keys that the service sends with it.

        Raises:
            AwsApiError: It does not.
        """
        account, region = registry.current_scope()
        call = Call("iam", "", "", "", {}, b"", {}, account, region)
        check = Check("sts:AssumeRole", role_arn, context or {})
        principals = [Principal(each) for each in ((services,) if isinstance(services, str) else services)]
        trusted = (each for each in principals if self._decide(each, call, check)[1].is_allowed)
        denial = self._first_denial(next(trusted, principals[0]), call, [check])
        if denial is not None:
            raise AwsApiError("AccessDeniedException", denial.message, JSON_DENIED)

    def may(self, principal: Principal, action: str, resource: str) -> bool:
        """Whether a role may do something, without asking for it."""
        account, region = registry.current_scope()
        call = Call(action.partition(":")[0], "", "", "", {}, b"", {}, account, region)
        return self.mode is Mode.AUDIT or self._decide(principal, call, Check(action, resource))[1].is_allowed

    def _checks(self, call: Call) -> list[Check]:
        wanted = checks(call)
        if call.service == "redshift-data" and "Id" in call.json:
            owner = self._owners.get(str(call.json["Id"]).partition(":")[0])
            keys = {} if owner is None else {STATEMENT_OWNER: owner}
            wanted = [replace(check, context={**check.context, **keys}) for check in wanted]
        return [*wanted, *passed_roles(call), *key_checks(call, wanted)]

    def _broken_promise(self, call: Call) -> AwsApiError | None:
        """What a service answers that could not use the role or the key of what it is asked to make."""
        for promise in promises(call):
            if self._first_denial(promise.principal, call, [promise.check]) is not None:
                return promise.refusal
        return None

    def _first_denial(self, principal: Principal, call: Call, wanted: Iterable[Check]) -> Denial | None:
        for check in wanted:
            request, decision = self._decide(principal, call, check)
            self.record.add(request, decision)
            if not decision.is_allowed:
                denial = Denial(request, decision)
                logger.warning("IAM %s: %s", self.mode, denial.message)
                if self.mode is Mode.ENFORCE:
                    return denial
        return None

    def _decide(self, principal: Principal, call: Call, check: Check) -> tuple[Request, Decision]:
        request = Request(principal, check.action, check.resource, {**_global_keys(principal, call), **check.context})
        try:
            return request, decide(request, policies_for(request))
        except PolicyError as error:
            raise AwsApiError("InternalFailure", f"a policy cannot be judged: {error}", 500) from error

    def _noted(self, call: Call, answer: Response) -> Response:
        """Whose keys AssumeRole has handed out, is remembered: who uses them may do what the role may."""
        found = _ACCESS_KEY.search(answer[2]) if call.service == "sts" and call.operation == "AssumeRole" else None
        if found is not None:
            role, name = call.form.get("RoleArn", ""), call.form.get("RoleSessionName", "")
            self.sessions.keep(found[1].decode(), self.sessions.holder(role, name))
        return answer

    def _after(self, principal: Principal, call: Call, answer: Response) -> Response:
        """Whose a statement is, is kept; whether an object is missing is told only to those who may list the bucket.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Permissions)
        """
        status, _, body = answer
        if call.service == "redshift-data" and status == OK and call.operation in STARTS_STATEMENTS:
            self._owners[str(json.loads(body)["Id"])] = user_id(principal)
        if status != NOT_FOUND or call.service != "s3" or call.method not in {"GET", "HEAD"}:
            return answer
        bucket = call.path.lstrip("/").partition("/")[0]
        denial = self._first_denial(principal, call, [Check("s3:ListBucket", f"arn:aws:s3:::{bucket}")])
        if denial is None:
            return answer
        return self._refuse("s3", call.operation, principal, denial.message, call.headers)

    def _refuse(
        self, service: str, operation: str, principal: Principal, message: str, headers: Mapping[str, str]
    ) -> Response:
        status, fields, body = registry.access_denied(service, operation, principal.arn, message, dict(headers))
        is_json = "x-amz-target" in headers and service != "sqs"
        return (JSON_DENIED if is_json else status), fields, body


def policies_for(request: Request) -> Policies:
    """All policies that speak of a request, as they are deployed now."""
    principal, service = request.principal, request.action.partition(":")[0]
    if request.action == "sts:AssumeRole":
        trust = registry.iam_role(request.resource)
        document = None if trust is None else _read(request.resource, trust["AssumeRolePolicyDocument"])
        resource = document and _about(document, request.resource)
    else:
        found = registry.resource_policy(service, request.resource)
        resource = _read(request.resource, found) if found else None
        if service == "kms":
            resource = _with_grants(resource, request)
    role = registry.iam_role(principal.role_arn) if principal.role_arn else None
    documents = registry.role_policies(role) if role is not None else []
    boundary = registry.role_boundary(role) if role is not None else None
    return Policies(
        identity=[_read(name, document) for name, document in documents],
        resource=resource,
        boundary=None if boundary is None else [_read("boundary", boundary)],
        resource_decides=service == "kms" or request.action == "sts:AssumeRole",
    )


def _with_grants(policy: Policy | None, request: Request) -> Policy | None:
    """The policy of a key and what its grants allow to a request."""
    allowed = list(grants.statements(registry.kms_grants(request.resource), request))
    if not allowed:
        return policy
    added = Policy.read(request.resource, {"Version": "2012-10-17", "Statement": allowed})
    return replace(added, statements=((policy.statements if policy else ()) + added.statements))


def _about(policy: Policy, resource: str) -> Policy:
    """A trust policy names no resource: the role is."""
    return replace(policy, name=resource)


def _read(name: str, document: object) -> Policy:
    if isinstance(document, Mapping):
        return Policy.read(name, document)
    return _read_text(name, str(document))


@lru_cache(maxsize=256)
def _read_text(name: str, document: str) -> Policy:
    """A policy as JSON; each request asks for the same few."""
    return Policy.read(name, document)


def _global_keys(principal: Principal, call: Call) -> Context:
    """Keys that every request has.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    keys: dict[str, str | tuple[str, ...]] = {
        "aws:currenttime": datetime.now(UTC).isoformat(timespec="seconds"),
        "aws:epochtime": str(int(time.time())),
        "aws:requestedregion": call.region,
        # The endpoint stands for AWS's, which SDKs reach by TLS.
        "aws:securetransport": "true",
        "aws:sourceip": "127.0.0.1",
        "aws:resourceaccount": call.account,
        "aws:viaawsservice": "false",
    }
    if not principal.is_service:
        keys |= {
            "aws:principalarn": principal.role_arn or principal.arn,
            "aws:principalaccount": principal.account,
            "aws:principaltype": "AssumedRole",
            "aws:userid": user_id(principal),
        }
    return keys
