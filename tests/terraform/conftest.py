"""One initialised copy of the configuration, and its plans, for all tests of this folder."""

import os
import shutil

import pytest

from tests.terraform.plan import Plan
from tests.terraform.workspace import MIRROR_VARIABLE, TerraformError, Workspace, find_mirror

KINDS = ("serverless", "provisioned")


@pytest.fixture(scope="package")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Terraform, ready to run; in CI its absence is a failure."""
    terraform, mirror = shutil.which("terraform"), find_mirror()
    is_ci = "CI" in os.environ
    if terraform is None:
        _absent("terraform is not installed", is_ci=is_ci)
        raise AssertionError("unreachable")
    if mirror is None and not is_ci:
        _absent(f"no mirror of Terraform's providers was found; {MIRROR_VARIABLE} names its folder", is_ci=False)
    return Workspace.make(tmp_path_factory.mktemp("terraform"), terraform, mirror)


def _absent(reason: str, *, is_ci: bool) -> None:
    if is_ci:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="package")
def plans(workspace: Workspace) -> dict[str, Plan]:
    """What Terraform would make of an empty account, by the kind of warehouse."""
    messages = workspace.tested("-verbose", "-filter=tests/plans.tftest.hcl")
    found = {
        message["@testrun"]: Plan.from_message(message["test_plan"])
        for message in messages
        if message["type"] == "test_plan"
    }
    if set(found) != set(KINDS):
        raise TerraformError("\n".join(str(message["@message"]) for message in messages))
    return found


@pytest.fixture(scope="package", params=KINDS)
def plan(plans: dict[str, Plan], request: pytest.FixtureRequest) -> Plan:
    """Each of the plans."""
    return plans[request.param]


@pytest.fixture(scope="package")
def serverless(plans: dict[str, Plan]) -> Plan:
    """The plan with Redshift Serverless, for what does not depend on the kind of warehouse."""
    return plans["serverless"]
