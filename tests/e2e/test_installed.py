"""Sluice as a wheel brings it, in an environment that has no checkout: a project of one's own, from init to a row."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sluice.contract.files import read_contracts
from tests.terraform.workspace import find_mirror

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240
# Whatever opens a file of the checkout fails: nothing that is installed may need it.
GUARD = """
import sys
def _guard(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        path = arguments[0]
        if path.startswith({root!r}) and not path.startswith({libraries!r}):
            raise RuntimeError(f"the checkout was read: {{path}}")
sys.addaudithook(_guard)
"""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and a folder to work in."""

    python: Path
    folder: Path

    def start(self, *arguments: str, cwd: str = ".") -> "subprocess.Popen[str]":
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SLUICE_", "PYTHON"))}
        kept |= {"COLUMNS": "100", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        return subprocess.Popen(
            [str(self.python), "-c", "from sluice.cli import main; main()", *arguments],
            cwd=self.folder / cwd,
            env=kept | {"AWS_EC2_METADATA_DISABLED": "true"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, *arguments: str, cwd: str = ".") -> str:
        process = self.start(*arguments, cwd=cwd)
        text, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, text
        return text


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    with TemporaryDirectory(prefix="sluice-installed-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        for project in (ROOT, ROOT / "packages" / "localcloud"):
            build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", name]
            subprocess.run(build, cwd=project, check=True, capture_output=True)
        venv.create(folder / "venv", with_pip=False)
        python = folder / "venv" / "bin" / "python"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        site = folder / "venv" / "lib" / version / "site-packages"
        for wheel in folder.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
        # No generic name comes into an environment.
        names = {path.name.partition("-")[0] for path in site.iterdir()}
        assert names - {"sluice", "localcloud", "localcloud_aws"} == set()
        # The dependencies are those of this environment, without what makes it find the checkout.
        libraries = sysconfig.get_path("purelib")
        for item in Path(libraries).iterdir():
            if item.suffix != ".pth" and not item.name.lstrip("_").startswith(("sluice", "localcloud", "pycache")):
                (site / item.name).symlink_to(item)
        (site / "sitecustomize.py").write_text(
            GUARD.format(root=f"{ROOT}/", libraries=str(Path(libraries).parents[2]) + "/"), encoding="utf-8"
        )
        yield Installed(python, folder)


@pytest.fixture(scope="module")
def shop(installed: Installed) -> Path:
    installed.call("init", "shop")
    return installed.folder / "shop"


def test_a_project_is_checked_tried_and_packaged(installed: Installed, shop: Path) -> None:
    installed.call("contract", "check", cwd="shop")
    assert "5 of 5 records are good" in installed.call("try", "payments", "samples/payments", cwd="shop")
    installed.call("package", cwd="shop")


@contextmanager
def up(installed: Installed, *options: str) -> Iterator[list[str]]:
    """`sluice up` in the project, as long as this is entered; the lines of its welcome."""
    process = installed.start("up", "--port", "0", "--warehouse-port", "0", *options, cwd="shop")
    try:
        assert process.stdout is not None
        told: list[str] = []
        for line in process.stdout:
            told.append(line)
            if line.startswith("  log "):
                break
        else:
            raise AssertionError("".join(told))
        yield told
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


@pytest.mark.skipif("SLUICE_INSTALLED" not in os.environ, reason="long: `make installed` runs it")
def test_a_project_goes_to_the_warehouse_and_through_a_change_of_its_contract(installed: Installed, shop: Path) -> None:
    count = ("query", "redshift", "select count(*) as n from payments", "--json")
    with up(installed) as told:
        assert [line for line in told if "sluice put payments FILES --at 2026-11-20T13" in line]
        text = installed.call("put", "payments", "samples/payments", "--at", "2026-11-20T13", cwd="shop")
        assert "payments 2026-11-20T13 LOADED in " in text
        sql = "select method, payments, amount from aggregates.daily_payments order by 1"
        assert _rows(installed, *count) == [{"n": 4}]
        assert _rows(installed, "query", "redshift", sql, "--json") == [
            {"method": "card", "payments": 1, "amount": "12.50"},
            {"method": "cash", "payments": 1, "amount": "7.50"},
            {"method": "transfer", "payments": 1, "amount": "103.99"},
            {"method": "unknown", "payments": 1, "amount": "0.80"},
        ]
        assert _rows(installed, "query", "saved", "largest_payments", "--json")[0]["payment_id"] == 3
        findings = _rows(installed, "doctor", "--json")
        assert [finding for finding in findings if finding["severity"] == "error"] == []
        assert "payments" in installed.call("logs", "payments.2026112013", cwd="shop")

    contract = shop / "contracts" / "payments.yaml"
    text = contract.read_text(encoding="utf-8")
    contract.write_text(text.replace("payment_id, type: bigint", 'payment_id, type: "decimal(20,0)"'), encoding="utf-8")
    refused = installed.start("up", "--port", "0", "--warehouse-port", "0", cwd="shop")
    message, _ = refused.communicate(timeout=PATIENCE_SECONDS)
    assert (refused.returncode, "payments.payment_id: bigint becomes decimal(20,0)" in message) == (1, True), message
    with up(installed, "--accept-breaking"):
        assert "nothing was changed" in installed.call("rebuild", "payments", cwd="shop")
        assert _rows(installed, *count) == [{"n": 4}]
        installed.call("rebuild", "payments", "--apply", cwd="shop")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while sum(batch["state"] == "LOADED" for batch in _rows(installed, "status", "--json")) < 2:
            assert time.monotonic() < deadline, installed.call("status", cwd="shop")
            time.sleep(1)
        kinds = "select payment_id from payments order by 1"
        assert [row["payment_id"] for row in _rows(installed, "query", "redshift", kinds, "--json")] == list("1234")


def _rows(installed: Installed, *arguments: str) -> list[dict[str, object]]:
    text = installed.call(*arguments, cwd="shop")
    found: list[dict[str, object]] = json.loads(text[text.index("[") :])
    return found


@pytest.mark.skipif("SLUICE_INSTALLED" not in os.environ, reason="long: `make installed` runs it")
def test_terraform_takes_what_a_project_packages(installed: Installed, shop: Path) -> None:
    installed.call("package", cwd="shop")
    terraform, mirror = shutil.which("terraform"), find_mirror()
    if terraform is None or mirror is None:  # tests/terraform says what is missing
        return
    environment = os.environ | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    for arguments in (["init", "-backend=false", "-input=false", f"-plugin-dir={mirror}"], ["validate"]):
        done = subprocess.run(
            [terraform, *arguments], cwd=shop / "infra", env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_packages_are_those_of_the_checkout_byte_for_byte(installed: Installed, tmp_path: Path) -> None:
    from deploy.catalog import write_catalog
    from deploy.packages import write_packages

    write_packages(tmp_path, read_contracts(ROOT / "contracts"))
    write_catalog(tmp_path, ROOT / "contracts")
    own = installed.folder / "own"
    shutil.copytree(ROOT / "contracts", own / "contracts")
    installed.call("package", cwd="own")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert {name: (own / "dist" / name).read_bytes() for name in names} == {
        name: (tmp_path / name).read_bytes() for name in names
    }
