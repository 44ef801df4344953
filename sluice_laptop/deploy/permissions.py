"""Roles and policies: those of Terraform's plan (``terraform/policies.json``), with the names of this deployment."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from string import Template
from typing import Any, Self

from sluice.aws.clients import Clients
from sluice.settings import Settings
from sluice_laptop.deploy.made import unless_exists
from sluice_laptop.deploy.stack import TERRAFORM

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Permissions:
    """Policies with the names of this deployment.

    Attributes:
        roles: By the name of the role: its trust policy and its own.
        resources: By what has it: raw_bucket, processed_bucket, manifest_queue, business_topic, support_topic, key.
    """

    roles: Mapping[str, Json]
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
        plain = json.loads(template.substitute(texts, prefix=settings.prefix, **identifiers))
        return cls(plain["roles"], plain["resources"])


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
    made = {}
    for name, documents in permissions.roles.items():
        trust = json.dumps(documents["trust"])
        if not unless_exists(clients.iam.create_role, RoleName=name, AssumeRolePolicyDocument=trust):
            clients.iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        clients.iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(documents["policy"]))
        made[name] = clients.iam.get_role(RoleName=name)["Role"]["Arn"]
    return made


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
