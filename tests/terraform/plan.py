"""A plan as ``terraform test -json -verbose`` gives it."""

import json
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """One resource that is to be made.

    Attributes:
        address: Its address, such as ``module.job["load"].aws_glue_job.this``.
        kind: Its type.
        values: Its attributes; those that are known only after the apply are missing.
    """

    address: str
    kind: str
    values: Json


@dataclass(frozen=True)
class Plan:
    """All resources that are to be made.

    Attributes:
        resources: The resources by address.
        taggable: Types of resources that take tags.
    """

    resources: dict[str, Resource]
    taggable: frozenset[str]

    @classmethod
    def from_message(cls, message: Json) -> "Plan":
        """Read the message of one run."""
        changes = [change for change in message["resource_changes"] if change["mode"] == "managed"]
        resources = {
            change["address"]: Resource(change["address"], change["type"], change["change"]["after"])
            for change in changes
        }
        [provider] = [schema for name, schema in message["provider_schemas"].items() if name.endswith("hashicorp/aws")]
        schemas = provider["resource_schemas"]
        taggable = {kind for kind, schema in schemas.items() if "tags" in schema["block"].get("attributes", {})}
        return cls(resources, frozenset(taggable))

    def of(self, kind: str) -> list[Resource]:
        """Resources of one type, sorted by address."""
        return [self.resources[address] for address in sorted(self.resources) if self.resources[address].kind == kind]

    def one(self, address: str) -> Json:
        """Attributes of one resource."""
        return self.resources[address].values

    def policies(self) -> dict[str, list[Json]]:
        """Statements of every role's policy, by the name of the role."""
        return {
            resource.values["name"]: json.loads(resource.values["policy"])["Statement"]
            for resource in self.of("aws_iam_role_policy")
        }
