"""The pins of AWS's runtimes, and what refuses a request that their SDKs do not know."""

import ast
import json
import re
from importlib import metadata
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ParamValidationError

from localcloud import runtimes

ROOT = Path(__file__).resolve().parents[2]
SETS = sorted(path.stem for path in runtimes.LOCKS.glob("*.lock"))


def pins(name: str) -> dict[str, str]:
    """What a lock file pins."""
    text = (runtimes.LOCKS / f"{name}.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


STACK = json.loads((ROOT / "terraform/stack.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SETS)
def test_glue_s_libraries_are_those_of_its_page(name: str) -> None:
    documented, locked = runtimes.documented()[name]["libraries"], pins(name)
    assert {"boto3", "botocore"} <= locked.keys()
    assert {key: version for key, version in locked.items() if version != documented.get(key, version)} == {}


def test_the_jobs_version_has_its_libraries() -> None:
    assert f"glue-{STACK['glue']['version']}" in SETS
    assert "pyarrow" in pins(f"glue-{STACK['glue']['version']}")


def test_the_oldest_is_not_newer_than_what_is_deployed() -> None:
    def number(name: str) -> tuple[int, ...]:
        return tuple(map(int, runtimes.documented()[name]["libraries"]["botocore"].split(".")))

    deployed = (f"glue-{STACK['glue']['version']}", f"lambda-{STACK['lambda']['runtime']}")
    assert all(number(runtimes.OLDEST) <= number(name) for name in deployed)


def test_the_functions_runtime_is_documented() -> None:
    assert f"lambda-{STACK['lambda']['runtime']}" in runtimes.documented()


@pytest.mark.parametrize("name", SETS)
def test_what_is_locked_is_installed(name: str) -> None:
    folder = runtimes.installed(name)
    assert folder is not None, "bin/setup installs the runtimes' libraries: run `make setup`"
    found = {item.name.lower(): item.version for item in metadata.distributions(path=[str(folder)])}
    assert {key: found.get(key) for key in pins(name)} == pins(name)


def test_nothing_that_ships_imports_what_is_not_pinned() -> None:
    """Glue has pandas and numpy too; the local cloud does not run jobs with Glue's versions of them."""
    for package in ("sluice", "glue_jobs", "lambda_trigger", "crawlers"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not {name.partition(".")[0] for name in names} & {"pandas", "numpy"}, path


def test_an_environment_without_them_uses_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert (runtimes.of_glue("6.0"), runtimes.of_lambda()) == ([], [])
    (tmp_path / "runtimes" / "glue-6.0").mkdir(parents=True)
    (tmp_path / "runtimes" / "glue-5.1").mkdir()
    assert runtimes.of_glue("6.0") == [str(tmp_path / "runtimes" / "glue-6.0")]
    assert runtimes.of_glue("5.1") == runtimes.of_lambda() == [str(tmp_path / "runtimes" / "glue-5.1")]
    assert runtimes.of_glue("4.0") == []


def test_the_suite_sends_nothing_that_the_oldest_sdk_does_not_know() -> None:
    client = boto3.client("redshift-data", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    with pytest.raises(
        ParamValidationError, match='Unknown parameter in input: "Parameters", must be one of: ClientToken'
    ):
        client.batch_execute_statement(
            Sqls=["SELECT :a"], WorkgroupName="sluice", Database="d", Parameters=[{"name": "a", "value": "1"}]
        )
