"""The check of an account: what it does in which order, and that it takes down what it has put up, whatever happens."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy import sandbox_check
from deploy.sandbox_check import Options, Report, SandboxCheckError, Terraform, check, main

NOW = datetime(2026, 11, 29, 13, 20, tzinfo=UTC)


@dataclass
class Fake:
    """Terraform and AWS that write down what they are asked; a command may fail."""

    fails: str = ""
    asked: list[str] = field(default_factory=list)

    def run(self, command: str, *arguments: str) -> str:
        self.asked.append(" ".join((command, *(item for item in arguments if item.startswith("-auto")))))
        if command == self.fails:
            raise SandboxCheckError(f"terraform {command}: refused")
        return "export AWS_REGION='eu-central-1'\nexport SLUICE_PREFIX='lake-'\n"

    def budget(self, _: Options) -> Callable[[], None]:
        self.asked.append("budget")
        return lambda: self.asked.append("budget away")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(Terraform, "run", made.run)
    monkeypatch.setattr(Terraform, "prepare", lambda options, _: Terraform(options.work))
    monkeypatch.setattr(sandbox_check, "_make_budget", made.budget)
    # What comes after the apply is proven against a local cloud: `make sandbox-rehearsal`.
    monkeypatch.setattr(sandbox_check, "_diagnosed", _stop)
    return made


def _stop(*_: object) -> list[str]:
    raise SandboxCheckError("no cloud here")


def _report(path: Path) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_what_was_applied_is_destroyed_when_a_later_step_fails(fake: Fake, tmp_path: Path) -> None:
    options = Options(report=tmp_path / "deep" / "report.json", work=tmp_path)
    assert not check(options, NOW).ok
    order = ["budget", "init", "apply -auto-approve", "plan", "output", "destroy -auto-approve", "budget away"]
    assert fake.asked == order
    report = _report(options.report)
    assert (report["ok"], report["started_at"]) == (False, "2026-11-29T13:20:00+00:00")
    assert [(step["name"], step["ok"]) for step in report["steps"]] == [
        ("budget with an alarm", True),
        ("terraform init", True),
        ("terraform apply", True),
        ("terraform plan finds nothing to change", True),
        ("sluice doctor", False),
        ("terraform destroy", True),
    ]
    assert report["steps"][4]["findings"] == ["SandboxCheckError: no cloud here"]


@pytest.mark.parametrize(
    ("fails", "asked"),
    [
        ("init", ["budget", "init", "budget away"]),
        ("apply", ["budget", "init", "apply -auto-approve", "destroy -auto-approve", "budget away"]),
        (
            "destroy",
            ["budget", "init", "apply -auto-approve", "plan", "output", "destroy -auto-approve", "budget away"],
        ),
    ],
)
def test_whatever_fails_the_rest_is_taken_down_and_told(
    fake: Fake, tmp_path: Path, fails: str, asked: list[str]
) -> None:
    fake.fails = fails
    report = check(Options(report=tmp_path / "report.json", work=tmp_path), NOW)
    assert not report.ok
    assert fake.asked == asked
    [step] = [step for step in report.steps if step.name == f"terraform {fails}"]
    assert (step.ok, step.findings) == (False, [f"SandboxCheckError: terraform {fails}: refused"])


def test_what_is_to_be_kept_is_kept_and_no_budget_is_made_for_nothing(fake: Fake, tmp_path: Path) -> None:
    check(replace(Options(report=tmp_path / "r.json", work=tmp_path), keep=True, budget_usd=0), NOW)
    assert fake.asked == ["init", "apply -auto-approve", "plan", "output"]


def test_a_report_without_steps_and_one_with_a_finding_are_not_good() -> None:
    report, verdicts = Report("now"), []
    verdicts.append(report.ok)
    with report.step("good"):
        verdicts.append(report.ok)
    verdicts.append(report.ok)
    with report.step("bad") as step:
        step.findings += [f"row {number}" for number in range(30)]
    verdicts.append(report.ok)
    assert verdicts == [False, False, True, False]
    assert len(report.steps[1].findings) == 20


def test_the_copy_has_a_state_of_its_own_and_the_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for builds in ("write_packages", "write_catalog"):
        monkeypatch.setattr(sandbox_check, builds, lambda *_: None)
    options = Options("terraform/examples/serverless", {"owner": "me", "deletion_protection": False}, work=tmp_path)
    terraform = Terraform.prepare(options, {})
    assert json.loads((terraform.folder / "sandbox.auto.tfvars.json").read_text()) == dict(options.variables)
    assert 'backend "local" {}' in (terraform.folder / "sandbox_override.tf").read_text()
    (terraform.folder / "terraform.tfstate").write_text("made before")
    again = Terraform.prepare(options, {})
    assert (again.folder / "terraform.tfstate").read_text() == "made before", "what was made is not forgotten"


def test_options_of_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[Options] = []

    def checked(options: Options, _: datetime) -> Report:
        given.append(options)
        return Report("now", [sandbox_check.Step("all", 1.0, ok=True)])

    monkeypatch.setattr(sandbox_check, "check", checked)
    (tmp_path / "v.json").write_text('{"password": "p"}')
    arguments = [f"--variables-file={tmp_path}/v.json", "--variable=owner=me", "--variable=deletion_protection=false"]
    assert main([*arguments, "--email=a@example.com", "--rows=7", f"--work={tmp_path}"]) == 0
    [options] = given
    assert options.variables == {"password": "p", "owner": "me", "deletion_protection": False}
    assert (options.emails, options.rows, options.work, options.keep) == (("a@example.com",), 7, tmp_path, False)
