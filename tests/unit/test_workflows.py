"""GitHub's workflows, as far as they can be judged without GitHub."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOWS = Path(__file__).resolve().parents[2] / ".github" / "workflows"
FILES = sorted(WORKFLOWS.glob("*.yml"))
DEPLOY: dict[str, Any] = yaml.safe_load((WORKFLOWS / "deploy.yml").read_text(encoding="utf-8"))["jobs"]
PLAN_FILE = "approved.tfplan"


def _steps(job: str) -> Iterator[str]:
    for step in DEPLOY[job]["steps"]:
        yield str(step.get("uses", "")).partition("@")[0] or " ".join(str(step["run"]).split())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_actions_are_pinned_by_the_commit_of_a_version(file: Path) -> None:
    """A tag may be moved to other code; a commit may not."""
    used = re.findall(r"uses: (.+)", file.read_text(encoding="utf-8"))
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_pip_installs_is_known_by_its_hash(file: Path) -> None:
    installs = re.findall(r"\bpip install (.+)", file.read_text(encoding="utf-8"))
    assert [each for each in installs if not re.fullmatch(r"--require-hashes -r [\w.-]+\.lock", each)] == []


def test_one_version_of_an_action_everywhere() -> None:
    used = {each for file in FILES for each in re.findall(r"uses: (.+)", file.read_text(encoding="utf-8"))}
    assert len({each.partition("@")[0] for each in used}) == len(used)


def test_what_is_applied_is_the_plan_that_was_agreed_to() -> None:
    plan, apply = list(_steps("plan")), list(_steps("apply"))
    [made] = [step for step in plan if " plan -input=false " in step]
    assert f'-out="$GITHUB_WORKSPACE/{PLAN_FILE}"' in made
    [shown] = [step for step in plan if " show -no-color " in step]
    assert f'"$GITHUB_WORKSPACE/{PLAN_FILE}"' in shown, "people read what the file says"
    assert plan.index(made) < plan.index(shown) < plan.index("actions/upload-artifact")
    # The job that waits for the reviewers makes no plan and no packages of its own.
    assert DEPLOY["apply"]["needs"] == "plan"
    assert DEPLOY["apply"]["environment"] == "production"
    assert "environment" not in DEPLOY["plan"]
    assert [step for step in apply if " plan " in step or "make " in step] == []
    [applied] = [step for step in apply if " apply " in step]
    assert applied.endswith(f'apply -input=false "$GITHUB_WORKSPACE/{PLAN_FILE}"')
    [compared] = [step for step in apply if "sha256sum" in step]
    assert apply.index("actions/download-artifact") < apply.index(compared) < apply.index(applied)
    # Nothing of the role before the comparison.
    assert apply.index(compared) < apply.index("aws-actions/configure-aws-credentials")


def test_the_plan_of_main_is_kept_with_the_packages_that_it_names() -> None:
    [upload] = [step for step in DEPLOY["plan"]["steps"] if "upload-artifact" in step.get("uses", "")]
    assert upload["if"] == "github.event_name == 'push'", "a pull request's plan is of no use to anybody"
    assert upload["with"]["path"].split() == [PLAN_FILE, "dist/"]
    [download] = [step for step in DEPLOY["apply"]["steps"] if "download-artifact" in step.get("uses", "")]
    assert download["with"]["name"] == upload["with"]["name"]


@pytest.mark.parametrize("job", ["plan", "apply"])
def test_providers_are_those_of_the_lock_file(job: str) -> None:
    [init] = [step for step in _steps(job) if " init " in step]
    assert "-lockfile=readonly" in init


def test_every_configuration_has_the_providers_of_the_same_lock_file() -> None:
    """Checksums of the packages of every platform (zh), and of what the one for Linux unpacks to (h1)."""
    terraform = WORKFLOWS.parents[1] / "terraform"
    folders = [terraform, *sorted((terraform / "examples").iterdir())]
    locks = [(folder / ".terraform.lock.hcl").read_text(encoding="utf-8") for folder in folders]
    assert len(set(locks)) == 1
    assert len(re.findall(r'"zh:[0-9a-f]{64}"', locks[0])) == 15
    assert len(re.findall(r'"h1:[\w+/]{43}="', locks[0])) == 1


def test_a_plan_that_breaks_published_tables_goes_no_further() -> None:
    plan = list(_steps("plan"))
    [judged] = [step for step in plan if "sluice contract plan" in step]
    assert f'show -json "$GITHUB_WORKSPACE/{PLAN_FILE}"' in judged
    assert plan.index(judged) < plan.index("actions/upload-artifact")
