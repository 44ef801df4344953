"""The policies of the plan as the local deploy takes them: ``terraform/policies.json``, which ``make policies`` writes.

Names, ARNs and identifiers are placeholders of the settings' fields, as in ``terraform/stack.json``. Of the crawlers'
roles there is one for each zone, with placeholders for what follows from the contracts: another dataset changes nothing
here.
"""

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crawlers.definitions import CrawlerDefinition, crawler_definitions
from sluice.contract.files import read_contracts
from sluice.settings import Settings
from tests.terraform.judged import ACCOUNT, REGION
from tests.terraform.plan import Plan
from tests.terraform.workspace import ROOT, Workspace, find_mirror

FILE = ROOT / "terraform" / "policies.json"
PAGE = ROOT / "docs" / "iam.md"
_DATASET = "orders"
"""Its crawlers' roles stand for all: in the published zone it has two tables."""
BEGIN, END = "<!-- begin: make policies -->", "<!-- end -->"

# Roles of what the local cloud runs, by module. The others are the network's and the snapshots'.
_MODULES = ("module.function", "module.job", "module.machine_role", "module.warehouse_role")
_RESOURCES = {
    "module.raw_bucket.aws_s3_bucket_policy.this": "raw_bucket",
    "module.processed_bucket.aws_s3_bucket_policy.this": "processed_bucket",
    "module.manifest_queue.aws_sqs_queue.this": "manifest_queue",
    "module.event_failures.aws_sqs_queue.this": "event_failures",
    "module.business_topic.aws_sns_topic_policy.this": "business_topic",
    "module.object_topic[0].aws_sns_topic_policy.this": "object_topic",
    "module.support_topic.aws_sns_topic_policy.this": "support_topic",
    "aws_kms_key.this[0]": "key",
}

Json = dict[str, Any]


def policies(plan: Plan) -> Json:
    """The policies of a plan with Redshift Serverless, as templates.

    Args:
        plan: Of the default names.
    """
    return {
        "roles": dict(_roles(plan)),
        "crawlers": dict(_crawlers(plan)),
        "resources": {
            name: _template(json.loads(plan.one(address)["policy"])) for address, name in sorted(_RESOURCES.items())
        },
    }


def text(plan: Plan) -> str:
    """The file's content."""
    return json.dumps(policies(plan), indent=2) + "\n"


def page(found: Json) -> str:
    """The page of the roles, with the table of their statements made again.

    Args:
        found: What `policies` gives.
    """
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    lines = ["| role | statement | actions | resources |", "| --- | --- | --- | --- |"]
    crawlers = {f"crawlers of {zone} files": documents for zone, documents in found["crawlers"].items()}
    for role, documents in sorted({**found["roles"], **crawlers}.items()):
        for statement in documents["policy"]["Statement"]:
            cells = (_plain(role), statement["Sid"], _cell(statement["Action"]), _cell(statement["Resource"]))
            lines.append(f"| {' | '.join(cells)} |")
    return before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.partition(END)[2]


def _cell(texts: list[str]) -> str:
    return "<br>".join(f"`{_plain(each)}`" for each in texts)


def _plain(template: str) -> str:
    """Placeholders as a person reads them."""
    return (
        re.sub(r"\$\{(\w+)\}", r"<\1>", template)
        .replace("<prefix>", "")
        .replace("<account>", "*")
        .replace("<region>", "*")
    )


def _roles(plan: Plan) -> Iterator[tuple[str, Json]]:
    for resource in plan.of("aws_iam_role_policy"):
        if resource.address.startswith(_MODULES):
            trust = plan.one(resource.address.replace("aws_iam_role_policy", "aws_iam_role"))["assume_role_policy"]
            policy = json.loads(resource.values["policy"])
            yield _named(resource.values["name"]), {"trust": _template(json.loads(trust)), "policy": _template(policy)}


def _crawlers(plan: Plan) -> Iterator[tuple[str, Json]]:
    """The roles of one dataset's crawlers, with placeholders for its folders, tables and queue."""
    for crawler in crawler_definitions(read_contracts(ROOT / "contracts")):
        if crawler.dataset == _DATASET:
            role = f'module.crawler["{crawler.key}"].module.role'
            trust = plan.one(f"{role}.aws_iam_role.this")["assume_role_policy"]
            policy = _template(json.loads(plan.one(f"{role}.aws_iam_role_policy.this")["policy"]))
            yield crawler.zone, {"trust": _template(json.loads(trust)), "policy": _of_any(crawler, policy)}


def _of_any(crawler: CrawlerDefinition, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _of_any(crawler, part) for key, part in value.items()}
    if isinstance(value, list):
        return list({json.dumps(part): part for part in (_of_any(crawler, each) for each in value)}.values())
    if not isinstance(value, str):
        return value
    text = value.replace(f"arn:aws:sqs:${{region}}:${{account}}:{crawler.name('${prefix}')}-objects", "${event_queue}")
    for folder in crawler.folders:
        text = re.sub(rf"(?<![\w-]){re.escape(folder)}\*$", "${folder}*", text)
    for table in crawler.tables:
        text = re.sub(rf"(:table/.+/){re.escape(table)}$", r"\1${table}", text)
    return text


def _template(document: Json) -> Json:
    found: Json = json.loads(_named(json.dumps(document)))
    return found


def _named(plain: str) -> str:
    """A text with placeholders for what the settings name."""
    settings = Settings()
    # IAM's own variables are no placeholders.
    found = plain.replace("$", "$$")
    for value, name in _fixed():
        found = found.replace(value, f"${{{name}}}")
    machine = re.escape(settings.load_machine)
    found = re.sub(rf"{machine}(?![\w-])", "${load_machine}", found)
    # The library's name is no resource's, and the same in every deployment.
    found = re.sub(rf"{re.escape(settings.prefix)}(?!glue\.zip)", "${prefix}", found)
    return found.replace(ACCOUNT, "${account}").replace(REGION, "${region}")


def _fixed() -> list[tuple[str, str]]:
    """What the plan has, longest first, and the placeholder for it."""
    settings = Settings()
    arn = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}"
    fields = (
        "convert_job",
        "load_job",
        "ledger_table",
        "raw_database",
        "processed_database",
        "manifest_queue",
        "business_topic",
        "support_topic",
    )
    found = {getattr(settings, field): field for field in fields} | {
        f"{settings.prefix}raw-{ACCOUNT}-{REGION}": "raw_bucket",
        f"{settings.prefix}processed-{ACCOUNT}-{REGION}": "processed_bucket",
        arn.format("redshift-serverless", "workgroup/00000000-0000-0000-0000-000000000003"): "warehouse_arn",
        arn.format("secretsmanager", f"secret:redshift!{settings.prefix}sluice_admin-aaaaaa"): "warehouse_secret_arn",
        arn.format("kms", "key/00000000-0000-0000-0000-000000000001"): "key_arn",
    }
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def main() -> None:
    """Write the file from a plan that is made now.

    Side Effects:
        Runs Terraform in a temporary folder.
    """
    terraform = shutil.which("terraform")
    if terraform is None:
        sys.exit("terraform is not installed")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.make(Path(folder), terraform, find_mirror())
        messages = workspace.tested("-verbose", "-filter=tests/plans.tftest.hcl")
        [plan] = [
            Plan.from_message(message["test_plan"])
            for message in messages
            if message["type"] == "test_plan" and message["@testrun"] == "serverless"
        ]
    FILE.write_text(text(plan), encoding="utf-8")
    PAGE.write_text(page(policies(plan)), encoding="utf-8")


if __name__ == "__main__":
    main()
