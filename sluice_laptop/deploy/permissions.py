"""Roles and policies: those of Terraform's plan (``terraform/policies.json``), with the names of this deployment."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from string import Template
from typing import Any, Self

from crawlers.definitions import CrawlerDefinition
from sluice.aws.clients import Clients
from sluice.settings import Settings
from sluice_laptop.deploy.made import unless_exists
from sluice_laptop.deploy.stack import TERRAFORM

Json = dict[str, Any]
_OF_CRAWLERS = ("event_queue", "folder", "table")


@dataclass(frozen=True, slots=True)
class Permissions:
    """Policies with the names of this deployment.

    Attributes:
        roles: By the name of the role: its trust policy and its own.
        crawlers: By zone: those of a crawler's role, with placeholders for its folders, tables and queue.
        resources: By what has it: raw_bucket, processed_bucket, manifest_queue, business_topic, support_topic, key.
    """

    roles: Mapping[str, Json]
    crawlers: Mapping[str, Json]
    resources: Mapping[str, Json]

    @classmethod
    def read(cls, settings: Settings, **identifiers: str) -> Self:
        """Read the file.

        Args:
            settings: Their fields stand for the placeholders of the same names.
            **identifiers: account, region, key_arn, warehouse_arn and warehouse_secret_arn.
        """
        template = Template((TERRAFORM / "policies.json").read_text(encoding="utf-8"))
        texts = {name: str(value) for name, value in asdict(settings).items()}
        later = {name: f"${{{name}}}" for name in _OF_CRAWLERS}
        plain = json.loads(template.substitute(texts, prefix=settings.prefix, **later, **identifiers))
        return cls(plain["roles"], plain["crawlers"], plain["resources"])

    def of_crawler(self, crawler: CrawlerDefinition, event_queue: str) -> Json:
        """The policies of one crawler's role.

        Args:
            crawler: Whose folders and tables they name.
            event_queue: ARN of its queue; empty for one that lists.
        """
        found: Json = _filled(
            self.crawlers[crawler.zone],
            {"folder": crawler.folders, "table": crawler.tables, "event_queue": (event_queue,)},
        )
        return found


def _filled(value: Any, values: Mapping[str, Iterable[str]]) -> Any:  # noqa: ANN401 - any part of a policy
    """A part of a policy with its placeholders filled; a text of a list becomes as many as a placeholder has values."""
    if isinstance(value, dict):
        return {key: _filled(part, values) for key, part in value.items()}
    if isinstance(value, list):
        return [
            text
            for part in value
            for text in (_texts(part, values) if isinstance(part, str) else [_filled(part, values)])
        ]
    return _texts(value, values)[0] if isinstance(value, str) else value


def _texts(text: str, values: Mapping[str, Iterable[str]]) -> list[str]:
    for name, found in values.items():
        if f"${{{name}}}" in text:
            return [each for one in found for each in _texts(text.replace(f"${{{name}}}", one), values)]
    return [text]


def make_key(clients: Clients, settings: Settings) -> str:
    """Make the key of everything that is stored; gives its ARN. Its policy comes with the others."""
    kms, alias = clients.session.client("kms", endpoint_url=clients.endpoint), f"alias/{settings.name}"
    for page in kms.get_paginator("list_aliases").paginate():
        for found in page["Aliases"]:
            if found["AliasName"] == alias:
                return str(kms.describe_key(KeyId=found["TargetKeyId"])["KeyMetadata"]["Arn"])
    made = kms.create_key(Description=f"Sluice {settings.name}")["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
    return str(made["Arn"])


def put_key_policy(clients: Clients, key_arn: str, permissions: Permissions) -> None:
    """Give the key its policy."""
    kms = clients.session.client("kms", endpoint_url=clients.endpoint)
    kms.put_key_policy(KeyId=key_arn, PolicyName="default", Policy=json.dumps(permissions.resources["key"]))


def make_roles(clients: Clients, permissions: Permissions) -> dict[str, str]:
    """Make the roles, or bring them to their policies; gives their ARNs by name."""
    return {name: make_role(clients, name, documents) for name, documents in permissions.roles.items()}


def make_role(clients: Clients, name: str, documents: Json) -> str:
    """Make a role, or bring it to its policies; gives its ARN.

    Args:
        clients: Of the endpoint.
        name: Of the role and of its policy.
        documents: `trust` and `policy`.
    """
    trust = json.dumps(documents["trust"])
    if not unless_exists(clients.iam.create_role, RoleName=name, AssumeRolePolicyDocument=trust):
        clients.iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    clients.iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(documents["policy"]))
    return clients.iam.get_role(RoleName=name)["Role"]["Arn"]


def guard_buckets(clients: Clients, settings: Settings, permissions: Permissions, key_arn: str) -> None:
    """Give the buckets their key and their policies."""
    for field in ("raw_bucket", "processed_bucket"):
        bucket = getattr(settings, field)
        clients.s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn},
                        "BucketKeyEnabled": True,
                    }
                ]
            },
        )
        clients.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(permissions.resources[field]))
