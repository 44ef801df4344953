"""The policies of a plan, asked as AWS would ask them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.iam.conditions import Context
from localcloud.iam.documents import Policy
from localcloud.iam.judge import Decision, Policies, Principal, Request, decide
from tests.terraform.plan import Plan

ACCOUNT, REGION = "111122223333", "eu-central-1"


def role_arn(name: str) -> str:
    """ARN of a role of the plan's account."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


@dataclass(frozen=True)
class Judged:
    """All policies of a plan, by the ARN of what has them.

    Attributes:
        roles: Policy of each role.
        trusts: Trust policy of each role.
        resources: Policies of buckets, queues, topics and keys.
    """

    roles: Mapping[str, Policy]
    trusts: Mapping[str, Policy]
    resources: Mapping[str, Policy]

    @classmethod
    def of(cls, plan: Plan) -> "Judged":
        """Read them all; what the judge does not know is an error."""
        roles = {role_arn(one.values["name"]): one.values["policy"] for one in plan.of("aws_iam_role_policy")}
        trusts = {role_arn(one.values["name"]): one.values["assume_role_policy"] for one in plan.of("aws_iam_role")}
        return cls(_read(roles), _read(trusts), _read(_resource_policies(plan)))

    def decide(self, principal: Principal, action: str, resource: str, context: Context | None = None) -> Decision:
        """What AWS answers.

        Args:
            principal: A service, or a session of a role.
            action: Such as s3:GetObject.
            resource: ARN.
            context: Keys in lower case, beside those that every request has.
        """
        keys: dict[str, Any] = {"aws:securetransport": "true", **(context or {})}
        if not principal.is_service:
            keys |= {"aws:principalarn": principal.role_arn, "aws:userid": f"AROA:{principal.arn.rpartition('/')[2]}"}
        own = self.roles.get(principal.role_arn)
        policies = Policies(
            identity=[own] if own is not None else [],
            resource=self._resource(resource),
            resource_decides=action.startswith("kms:"),
        )
        return decide(Request(principal, action, resource, keys), policies)

    def role(self, name: str) -> Principal:
        """A session of a role."""
        return Principal.session(role_arn(name), "run")

    def _resource(self, arn: str) -> Policy | None:
        return self.resources.get(arn.partition("/")[0] if arn.startswith("arn:aws:s3") else arn)


def _resource_policies(plan: Plan) -> dict[str, str]:
    """Documents of resource policies, by ARN."""
    # ARNs of buckets and topics are known after the apply only; what their policies begin with is known before.
    kept = [one.values["policy"] for kind in ("aws_s3_bucket_policy", "aws_sns_topic_policy") for one in plan.of(kind)]
    named = {_first(json.loads(document)["Statement"][0]["Resource"]): document for document in kept}
    queues = {_arn("sqs", one.values["name"]): one.values["policy"] for one in plan.of("aws_sqs_queue")}
    keys = {one.values["arn"]: one.values["policy"] for one in plan.of("aws_kms_key")}
    return {**named, **queues, **keys}


def _first(resources: str | list[str]) -> str:
    return resources if isinstance(resources, str) else resources[0]


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def _read(documents: Mapping[str, str]) -> dict[str, Policy]:
    return {arn: Policy.read(arn, document) for arn, document in documents.items()}
