"""Terraform's own checks: layout, validity, and the tests beside the configuration."""

import re
from pathlib import Path

import pytest

from tests.terraform.workspace import ROOT, Json, Workspace

TEST_FILES = sorted(
    path.name for path in (ROOT / "terraform" / "tests").glob("*.tftest.hcl") if path.name != "plans.tftest.hcl"
)
EXAMPLES = sorted(path.name for path in (ROOT / "terraform" / "examples").iterdir())


def test_the_layout_is_terraforms_own(workspace: Workspace) -> None:
    workspace.run("fmt", "-check", "-recursive", "-diff")


def test_the_configuration_is_valid(workspace: Workspace) -> None:
    workspace.run("validate")


@pytest.fixture(scope="module")
def messages(workspace: Workspace) -> list[Json]:
    """What Terraform's own tests said, all in one go."""
    return workspace.tested(*(f"-filter=tests/{file}" for file in TEST_FILES))


@pytest.mark.parametrize("file", TEST_FILES)
def test_terraforms_own_tests_pass(messages: list[Json], file: str) -> None:
    mine = [message for message in messages if message.get("@testfile") in {None, f"tests/{file}"}]
    said = "\n".join(str(message["@message"]) for message in mine)
    runs = {
        message["@testrun"]: message["test_run"]["status"]
        for message in mine
        if message["type"] == "test_run" and message["test_run"]["progress"] == "complete"
    }
    assert runs, said
    assert set(runs.values()) == {"pass"}, said


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_valid(workspace: Workspace, example: str) -> None:
    configuration = workspace.folder / "terraform" / "examples" / example
    workspace.init(configuration)
    workspace.run("validate", configuration=configuration)


def test_the_tree_stays_as_it_was(workspace: Workspace) -> None:
    left = [path for path in (ROOT / "terraform").rglob(".terraform") if workspace.folder not in path.parents]
    assert left == []


def test_every_module_has_its_inputs_apart() -> None:
    wanted = {"main.tf", "optional-inputs.tf", "outputs.tf", "required-inputs.tf", "versions.tf"}
    modules = [path for path in (ROOT / "terraform" / "modules").iterdir() if path.is_dir()]
    assert {module.name: {file.name for file in module.glob("*.tf")} for module in modules} == {
        module.name: wanted for module in modules
    }


def test_everything_is_destroyed_after_the_protection() -> None:
    """A resource that is not in its list would go at the same time."""
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "terraform").glob("*.tf")}
    protection = files.pop("protection.tf")
    listed = protection.partition("depends_on = [")[2].partition("]")[0].replace(",", " ").split()
    blocks = re.findall(r'^(resource|module) "(\w+)"(?: "(\w+)")?', "\n".join(files.values()), re.MULTILINE)
    assert listed == sorted(".".join(block[1:] if block[0] == "resource" else block[:2]) for block in blocks)


@pytest.mark.parametrize("file", sorted((ROOT / "terraform").rglob("*-inputs.tf")), ids=lambda path: str(path.parent))
def test_inputs_are_typed_and_described(file: Path) -> None:
    blocks = file.read_text(encoding="utf-8").split('\nvariable "')[1:]
    for block in blocks or [""]:
        assert "\n  type " in f"\n{block}" or not block, block
        assert "description" in block or not block, block
        assert ("\n  default" in block) == (file.name == "optional-inputs.tf") or not block, block
    assert " any" not in "".join(line for line in file.read_text(encoding="utf-8").splitlines() if "type" in line)
