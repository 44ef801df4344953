"""``make sandbox-check``: the whole of Sluice in an AWS account for an hour, and away again.

It applies a configuration, sends one hour of each dataset, compares every row of the warehouse with what was sent,
runs the doctor, destroys, and writes a report. A budget with an alarm stands before anything that costs money. Who
calls it has credentials of an account that may be made dirty; nothing here names an account.

The same commands run against the local cloud (`make sandbox-rehearsal`), where they are proven.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deploy.catalog import write_catalog
from deploy.compare import compare_batches, compare_rows, warehouse_rows
from deploy.packages import write_packages
from sluice.aws.clients import Clients
from sluice.aws.data_api import Address, DataApi
from sluice.aws.ledger import Ledger
from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.doctor import Deployment, Severity, examine
from sluice.errors import SluiceError, TerminalError
from sluice.lake.layout import Partition
from sluice.ledger.record import BatchRecord
from sluice.root import ROOT
from sluice.settings import Settings
from sluice.simulator import DATASETS, Sender, SimulatorOptions, Truth, simulate

_POLL_SECONDS = 5.0
_SHOWN = 20
BUDGET = "sluice-sandbox-check"


class SandboxCheckError(TerminalError):
    """A step did not come to its end; the message is the command's own."""


@dataclass(frozen=True)
class Options:
    """What is checked, and where.

    Attributes:
        configuration: Folder of the Terraform configuration, below the checkout.
        variables: Its variables.
        report: Where the report goes.
        work: A folder for the copy of the checkout that Terraform works in; its state stays there.
        budget_usd: Limit of the budget; 0 makes none.
        emails: Who hears of a budget that is used up.
        rows: Records of each dataset.
        patience_seconds: How long the pipeline may take.
        keep: Leave everything there in the end.
        init: Further options of ``terraform init``.
    """

    configuration: str = "terraform/examples/serverless"
    variables: Mapping[str, object] = field(default_factory=dict)
    report: Path = Path("build/sandbox/report.json")
    work: Path = Path("build/sandbox/work")
    budget_usd: int = 20
    emails: tuple[str, ...] = ()
    rows: int = 200
    patience_seconds: float = 3600
    keep: bool = False
    init: tuple[str, ...] = ()


@dataclass(slots=True)
class Step:
    """One step of the check.

    Attributes:
        name: What was done.
        seconds: How long it took.
        ok: Whether it came out as it must.
        findings: What did not; at most twenty.
    """

    name: str
    seconds: float = 0.0
    ok: bool = False
    findings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """All steps; the check is good when each of them is."""

    started_at: str
    steps: list[Step] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every step came out as it must."""
        return bool(self.steps) and all(step.ok for step in self.steps)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time a step; an error of AWS, Terraform or Sluice ends the check and is in the report."""
        step = Step(name)
        self.steps.append(step)
        sys.stderr.write(f"{name} ...\n")
        began = time.monotonic()
        try:
            yield step
            step.ok = not step.findings
        except (SluiceError, ClientError, BotoCoreError, OSError) as exc:
            step.findings.append(f"{type(exc).__name__}: {exc}")
            raise
        finally:
            step.seconds = round(time.monotonic() - began, 1)
            del step.findings[_SHOWN:]

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"ok": self.ok} | asdict(self), indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Terraform:
    """Terraform on a copy of the checkout, whose state is a file there.

    Attributes:
        folder: The configuration in the copy.
    """

    folder: Path

    @classmethod
    def prepare(cls, options: Options, contracts: Mapping[str, Contract]) -> "Terraform":
        """Copy what Terraform reads, build the packages, and write the variables.

        An earlier state is kept: whatever it has made is updated or destroyed, never forgotten.
        """
        for name in ("terraform", "contracts"):
            ignore = shutil.ignore_patterns(".terraform", "*.tfstate*")
            shutil.copytree(ROOT / name, options.work / name, ignore=ignore, dirs_exist_ok=True)
        write_packages(options.work / "dist", contracts)
        write_catalog(options.work / "dist", options.work / "contracts")
        folder = options.work / options.configuration
        # Whatever backend the configuration has, this deployment's state is nobody else's.
        (folder / "sandbox_override.tf").write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")
        variables = json.dumps(dict(options.variables))
        (folder / "sandbox.auto.tfvars.json").write_text(variables, encoding="utf-8")
        return cls(folder)

    def run(self, *arguments: str) -> str:
        """Run a command; its standard output.

        Raises:
            SandboxCheckError: It failed; the message is what it said.
        """
        program = shutil.which("terraform")
        if program is None:
            raise SandboxCheckError("terraform was not found: install it, 1.9 or newer")
        own = ("TF_VAR_", "TF_CLI_ARGS", "TF_DATA_DIR", "TF_WORKSPACE")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        environment |= {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        done = subprocess.run(  # noqa: S603 - the program that was found, and our own arguments
            [program, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SandboxCheckError(f"terraform {arguments[0]}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def environment(self) -> Mapping[str, str]:
        """The variables that set Sluice to what was applied."""
        words = [shlex.split(line) for line in self.run("output", "-raw", "environment").splitlines()]
        return dict(word[1].partition("=")[::2] for word in words if word and word[0] == "export")


def check(options: Options, now: datetime) -> Report:
    """Do the whole check.

    Args:
        options: What is checked.
        now: The time; the hour before it is sent.

    Returns:
        The report; it is written in every case, and everything is destroyed unless it is to be kept.
    """
    report = Report(now.isoformat(timespec="seconds"))
    contracts = {name: contract for name, contract in read_contracts(ROOT / "contracts").items() if name in DATASETS}
    try:
        with ExitStack() as undo:
            _deploy_and_compare(options, contracts, now, report, undo)
    except (SluiceError, ClientError, BotoCoreError, OSError) as exc:
        sys.stderr.write(f"ended: {exc}\n")
    finally:
        report.write(options.report)
    return report


def _deploy_and_compare(
    options: Options, contracts: Mapping[str, Contract], now: datetime, report: Report, undo: ExitStack
) -> None:
    if options.budget_usd:
        with report.step("budget with an alarm"):
            undo.callback(_make_budget(options))
    with report.step("terraform init"):
        terraform = Terraform.prepare(options, contracts)
        terraform.run("init", "-input=false", "-no-color", *options.init)
    if not options.keep:
        undo.callback(_destroy, terraform, report)
    with report.step("terraform apply"):
        terraform.run("apply", "-input=false", "-no-color", "-auto-approve", "-parallelism=30")
    with report.step("terraform plan finds nothing to change"):
        terraform.run("plan", "-input=false", "-no-color", "-detailed-exitcode")
    variables = terraform.environment()
    settings = Settings.from_environment(variables)
    clients = Clients(endpoint=os.environ.get("AWS_ENDPOINT_URL"), region=variables.get("AWS_REGION"))
    with report.step("sluice doctor") as step:
        step.findings += _diagnosed(clients, settings, contracts)
    truth = Truth(contracts)
    with report.step("send one hour of each dataset"):
        hour = Partition((now - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0))
        sender = Sender(clients.s3, settings.raw_bucket, truth)
        for contract in contracts.values():
            sender.send(simulate(contract, hour, SimulatorOptions(start=hour, rows=options.rows, files=2)))
    with report.step("every batch comes to its end") as step:
        batches = _ended(Ledger(clients.dynamodb, settings.ledger_table), len(contracts), options.patience_seconds)
        step.findings += [str(difference) for difference in compare_batches(truth, (), batches)]
    with report.step("every row of the warehouse is as it was sent") as step:
        warehouse = DataApi(clients.redshift_data, Address.from_settings(settings))
        for name, contract in truth.tables.items():
            rows = warehouse_rows(warehouse, settings.warehouse_schema, contract.table(name))
            report.rows[name] = len(rows)
            step.findings += [str(item) for item in compare_rows(contract.table(name), truth.rows(name), rows)]
    with report.step("sluice doctor, with everything loaded") as step:
        step.findings += _diagnosed(clients, settings, contracts)


def _diagnosed(clients: Clients, settings: Settings, contracts: Mapping[str, Contract]) -> list[str]:
    findings = examine(Deployment.of(clients, settings, contracts), with_queries=False)
    return [str(finding) for finding in findings if finding.severity is Severity.ERROR]


def _ended(ledger: Ledger, wanted: int, patience_seconds: float) -> Sequence[BatchRecord]:
    deadline = time.monotonic() + patience_seconds
    while True:
        batches = list(ledger.batches())
        if len(batches) >= wanted and all(batch.state.is_final for batch in batches):
            return batches
        if time.monotonic() > deadline:
            states = ", ".join(f"{batch.dataset} {batch.state}" for batch in batches) or "no batch at all"
            raise SandboxCheckError(f"not at an end after {patience_seconds:.0f} s: {states}")
        time.sleep(_POLL_SECONDS)


def _destroy(terraform: Terraform, report: Report) -> None:
    with report.step("terraform destroy"):
        terraform.run("destroy", "-input=false", "-no-color", "-auto-approve", "-parallelism=30")


def _make_budget(options: Options) -> Callable[[], None]:
    """Make the budget; gives what removes it.

    Source: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html
    """
    clients = Clients(endpoint=os.environ.get("AWS_ENDPOINT_URL"))
    account = clients.sts.get_caller_identity()["Account"]
    budgets: Any = clients.session.client("budgets", endpoint_url=clients.endpoint)  # its types are no dependency
    notification = {
        "Notification": {
            "NotificationType": "ACTUAL",
            "ComparisonOperator": "GREATER_THAN",
            "Threshold": 50.0,
            "ThresholdType": "PERCENTAGE",
        },
        "Subscribers": [{"SubscriptionType": "EMAIL", "Address": email} for email in options.emails],
    }
    request: dict[str, object] = {
        "AccountId": account,
        "Budget": {
            "BudgetName": BUDGET,
            "BudgetLimit": {"Amount": str(options.budget_usd), "Unit": "USD"},
            "TimeUnit": "MONTHLY",
            "BudgetType": "COST",
        },
    }
    if options.emails:
        request["NotificationsWithSubscribers"] = [notification]
    with suppress(budgets.exceptions.DuplicateRecordException):  # of an earlier check that was interrupted
        budgets.create_budget(**request)
    return lambda: budgets.delete_budget(AccountId=account, BudgetName=BUDGET)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check from the command line.

    Returns:
        0 when everything is as it must be, 1 when not.
    """
    parser = argparse.ArgumentParser(prog="sandbox-check", description="Check Sluice in an AWS account, and remove it.")
    parser.add_argument("--configuration", default=Options.configuration)
    parser.add_argument("--variable", action="append", default=[], metavar="NAME=JSON", dest="variables")
    parser.add_argument("--variables-file", type=Path, metavar="FILE", help="JSON; keeps secrets off the command line")
    parser.add_argument("--report", type=Path, default=Options.report)
    parser.add_argument("--work", type=Path, default=Options.work)
    parser.add_argument("--budget-usd", type=int, default=Options.budget_usd)
    parser.add_argument("--email", action="append", default=[], dest="emails")
    parser.add_argument("--rows", type=int, default=Options.rows)
    parser.add_argument("--patience-seconds", type=float, default=Options.patience_seconds)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--init", action="append", default=[], help="an option of terraform init")
    given = vars(parser.parse_args(arguments))
    file: Path | None = given.pop("variables_file")
    variables: dict[str, object] = {} if file is None else json.loads(file.read_text(encoding="utf-8"))
    variables |= {name: _value(text) for name, _, text in (pair.partition("=") for pair in given.pop("variables"))}
    given |= {"emails": tuple(given["emails"]), "init": tuple(given["init"]), "work": given["work"].resolve()}
    options = Options(variables=variables, **given)
    report = check(options, datetime.now(UTC))
    for step in report.steps:
        sys.stdout.write(f"{'ok  ' if step.ok else 'FAIL'} {step.seconds:8.1f} s  {step.name}\n")
        sys.stdout.writelines(f"       {finding}\n" for finding in step.findings)
    sys.stdout.write(f"report: {options.report}\n")
    return 0 if report.ok else 1


def _value(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value


if __name__ == "__main__":
    sys.exit(main())
