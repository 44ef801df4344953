"""The calls of the whole path, recorded once, and the policies of the local deploy asked about each of them again.

``make iam-calls`` runs the tests of the whole path and writes what their local clouds were asked into
``tests/fixtures/iam_calls.jsonl``, one line for each different question, without what differs from run to run. The unit
tests replay them: in a second they show which call a statement is there for, and which call lacks one.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from crawlers.definitions import crawler_definitions
from localcloud.iam.documents import Policy
from localcloud.iam.judge import Principal, Request
from localcloud.iam.record import Question, questions
from localcloud.iam.requests import workgroup
from sluice.contract.files import read_contracts
from sluice.settings import Settings
from sluice_laptop.deploy.permissions import Permissions
from tests.terraform.asked import Deployed, short_name

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "tests" / "fixtures" / "iam_calls.jsonl"
PAGE = ROOT / "docs" / "iam.md"
BEGIN, END = "<!-- begin: make iam-calls -->", "<!-- end of calls -->"
FOLDER_VARIABLE = "SLUICE_IAM_CALLS"
"""Where the tests of the whole path leave what their local clouds were asked."""
ACCOUNT, REGION = "000000000000", "eu-central-1"
SETTINGS = Settings()
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000001"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:sluice/warehouse-aaaaaa"
SESSION = "session"

_BY_AWS = "AWS does it by itself where the local cloud keeps metrics and traces without asking"
_CHAIN = "only where batches wait for the slot that a run gives back"
_LATE = "only for what the sweep finds after hours, which the tests of the sweep do in memory"
_LOST = "only where something is lost or refused"
_MISSING = "only where a file is missing: a missing one is a 404 to those who may list"
_FUNCTIONS = ("archive", "bootstrap", "load-step", "on-job-change", "on-manifest", "sweep", "sync-schema")
UNASKED: Mapping[tuple[str, str], str] = {
    **{(f"role/{part}", "Tracing"): _BY_AWS for part in (*_FUNCTIONS, "load")},
    **{(f"role/{part}", "Metrics"): _BY_AWS for part in ("load-redshift", "raw-to-parquet")},
    **{(f"role/{zone}-*", "BucketLocation"): "in AWS's own list for crawlers" for zone in ("processed", "raw")},
    **{(f"role/{part}", "MissingDocuments"): _MISSING for part in ("archive", "load-redshift", "on-manifest")},
    **{(f"role/{part}", "MissingRawFiles"): _MISSING for part in ("load-step", "on-job-change", "raw-to-parquet")},
    **{(f"role/{part}", "FailedEvents"): _LOST for part in ("on-job-change", "sweep", "sync-schema")},
    **{("role/archive", sid): _CHAIN for sid in ("StartConversion", "WriteDocuments")},
    **{("role/load-step", sid): _CHAIN for sid in ("RawFiles", "RawPartitions", "StartConversion")},
    **{
        ("role/sweep", sid): _LATE
        for sid in (
            "RawVersions",
            "Runs",
            "FileCounts",
            "ProcessedPartitions",
            "ReplacedFiles",
            "ReplacedNotes",
            "StartLoad",
        )
    },
    **{
        ("key", sid): "the laptop's log groups, alarms, dead letters and foreign files have no key"
        for sid in ("Alarms", "Events", "EventsToSupport", "LogDelivery", "Logs", "Sns")
    },
    ("events", "Rules"): _LOST,
    ("role/archive", "Notices"): _LOST,
    ("role/bootstrap", "Key"): "the laptop's secret has no key of ours; AWS's managed one has",
    ("role/load", "Key"): "the laptop's machine has no key; the one of Terraform has",
    ("role/load", "LogDelivery"): "the laptop's machine writes no logs; the one of Terraform does",
    ("support", "Alarms"): "no alarm goes off",
    ("support", "Rules"): "no crawl fails",
}
"""Statements that no call of the tests needs, and why they are there all the same."""

# What no policy of ours looks at, or what is another at each run.
_DROPPED = {"aws:sourceip", "aws:requestedregion", "aws:resourceaccount", "aws:viaawsservice", "aws:principaltype"}
_KEPT_FOLDERS = 2
_CODE = "_sluice/code/"


def keep_calls(record: Path) -> None:
    """Leave what a local cloud was asked in the folder that the environment names, if it names one."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder and record.exists():
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(record, Path(folder) / f"{os.getpid()}.jsonl")


def recorded() -> list[Question]:
    """The committed calls."""
    return questions(FILE)


def deployed() -> Deployed:
    """The policies of ``terraform/policies.json`` with the default names and the project's contracts."""
    identifiers = {
        "account": ACCOUNT,
        "region": REGION,
        "key_arn": KEY,
        "warehouse_arn": f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:{workgroup(SETTINGS.warehouse_workgroup)}",
        "warehouse_secret_arn": SECRET,
    }
    permissions = Permissions.read(SETTINGS, **identifiers)
    roles = {_role(name): documents for name, documents in permissions.roles.items()}
    for crawler in crawler_definitions(read_contracts(ROOT / "contracts")):
        name = crawler.name(SETTINGS.prefix)
        roles[_role(name)] = permissions.of_crawler(crawler, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-objects")
    return Deployed(
        _read({arn: documents["policy"] for arn, documents in roles.items()}),
        _read({_resource(name): document for name, document in permissions.resources.items()}),
        _read({arn: documents["trust"] for arn, documents in roles.items()}),
    )


def normalised(asked: Iterable[Question]) -> list[Question]:
    """Questions without what differs between runs, sorted; those of datasets that only tests have are left out.

    Args:
        asked: Questions of any local cloud with the default names.
    """
    known = deployed()
    found: dict[str, Question] = {}
    for question in asked:
        request = _plain(question.request)
        # Who asks or, for a service, what is asked for has a policy in the file: other things are of single tests.
        decides = request.principal.role_arn or _owner(request.resource)
        if decides in known.roles or decides in known.resources:
            one = Question(request, question.is_allowed, None)
            found[one.to_json()] = one
    return [found[line] for line in sorted(found)]


def needs(asked: Iterable[Question], known: Deployed) -> Mapping[tuple[str, str], list[Request]]:
    """By statement (what has its policy, by its short name, and the sid): the calls that are denied without it."""
    allowed = [question.request for question in asked if question.is_allowed]
    found: dict[tuple[str, str], list[Request]] = {}
    for arn, statement in known.allowing():
        # Crawlers of one zone have one name: what one of them needs, all of them do.
        calls = found.setdefault((short_name(arn, SETTINGS.name), statement.sid.removeprefix(SETTINGS.prefix)), [])
        calls += [one for one in _near(allowed, arn) if not known.is_allowed(one, (arn, statement.sid))]
    return found


def _near(requests: Iterable[Request], arn: str) -> Iterator[Request]:
    """Requests of a role or to a resource: what has the policy of `arn` can matter to no other."""
    return (request for request in requests if arn in {request.principal.role_arn, _owner(request.resource)})


def _owner(resource: str) -> str:
    """ARN of what has the policy of a resource: an object's is its bucket's."""
    return resource.partition("/")[0] if resource.startswith("arn:aws:s3") else resource


def _plain(request: Request) -> Request:
    principal = request.principal
    if not principal.is_service:
        principal = Principal.session(principal.role_arn, SESSION)
    context = {
        name: _plain_text(value) if isinstance(value, str) else value
        for name, value in request.context.items()
        if name not in _DROPPED
    }
    return replace(request, principal=principal, resource=_plain_resource(request.resource), context=context)


def _plain_text(text: str) -> str:
    if text.startswith("arn:aws:sts:"):
        return text.rpartition("/")[0] + f"/{SESSION}"
    if re.fullmatch(r"sluice-[\w-]+:[^:]+", text):  # aws:userid
        return text.partition(":")[0] + f":{SESSION}"
    return _plain_resource(text) if text.startswith("arn:") else text


def _plain_resource(arn: str) -> str:
    service = arn.split(":")[2] if arn.count(":") > 1 else ""
    if service == "kms":
        return KEY
    if service == "secretsmanager":
        return SECRET
    if service == "s3":
        bucket, _, key = arn.partition("/")
        folders = key.split("/")
        if key and not key.startswith(_CODE):
            key = "/".join(folders[:_KEPT_FOLDERS]) if len(folders) <= _KEPT_FOLDERS else "/".join([*folders[:2], "x"])
        return f"{bucket}/{key}" if key else bucket
    return re.sub(r"(:execution:[^:]+):.+", r"\1:x", arn)


def _role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def _resource(name: str) -> str:
    """ARN of what has a policy, by its name in the file."""
    if name.endswith("_bucket"):
        return f"arn:aws:s3:::{getattr(SETTINGS, name)}"
    names = {"event_failures": f"{SETTINGS.prefix}events", "object_topic": f"{SETTINGS.prefix}processed-objects"}
    named = names.get(name) or getattr(SETTINGS, name, "")
    kind = "sqs" if name in {"manifest_queue", "event_failures"} else "sns"
    return KEY if name == "key" else f"arn:aws:{kind}:{REGION}:{ACCOUNT}:{named}"


def _read(documents: Mapping[str, object]) -> dict[str, Policy]:
    return {arn: Policy.read(arn, json.dumps(one)) for arn, one in documents.items()}


def page(asked: Iterable[Question]) -> str:
    """The page of the roles, with the table of what statements are for made again.

    Args:
        asked: The calls.
    """
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    calls_asked = list(asked)
    needed = needs(calls_asked, deployed())
    spare = sum(not requests for requests in needed.values())
    lines = [
        f"The whole path makes {len(calls_asked)} different calls, and all are allowed.",
        f"Of {len(needed)} statements {len(needed) - spare} have a call that needs them, and {spare} a reason.",
        "",
        "| of | statement | denied without it |",
        "| --- | --- | --- |",
    ]
    for (owner, sid), requests in sorted(needed.items()):
        calls = sorted({(request.action, _shown(request.resource)) for request in requests})
        shown = f"`{calls[0][0]}` on `{calls[0][1]}`" if calls else UNASKED.get((owner, sid), "?")
        more = f" and {len(calls) - 1} more" if len(calls) > 1 else ""
        lines.append(f"| {owner} | {sid} | {shown}{more} |")
    return before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.partition(END)[2]


def _shown(resource: str) -> str:
    return resource.replace(f":{REGION}:{ACCOUNT}:", ":*:*:").replace(KEY, "<key>").replace(SECRET, "<secret>")


def main() -> None:
    """Write the file from what the tests left in a folder, and the table in ``docs/iam.md``.

    Side Effects:
        Replaces ``tests/fixtures/iam_calls.jsonl``.
    """
    [folder] = sys.argv[1:]
    asked = [question for path in sorted(Path(folder).glob("*.jsonl")) for question in questions(path)]
    found = [question for question in normalised(asked) if question.is_allowed]
    FILE.write_text("".join(f"{question.to_json()}\n" for question in found), encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
