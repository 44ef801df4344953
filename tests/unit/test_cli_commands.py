"""The command line without a cloud: help, options, errors, contracts."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sluice import __version__
from sluice.analysis import Reader, Schemas, queries, query_of, render
from sluice.analysis.quarantine import Span
from sluice.cli import main
from sluice.cli.app import _Commands
from sluice.cli.options import GlobalOptions
from sluice.cli.reference import cli_reference, commands
from sluice.cli.session import Session, running_endpoint
from sluice.contract.files import read_contracts
from sluice.contract.schema import contract_schema
from sluice.errors import CommandError
from sluice.lake.layout import Partition
from sluice.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = dict(commands())


@dataclass(frozen=True)
class Result:
    """How a call of the command line ended."""

    status: object
    out: str
    err: str


Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls the command line in an empty folder, on a machine without any AWS configuration."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("AWS_", "SLUICE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return Result(ended.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """The contracts of the repository, in the folder of the call."""
    return Path(shutil.copytree(ROOT / "contracts", tmp_path / "contracts"))


def test_these_are_the_commands() -> None:
    assert list(COMMANDS) == [
        "sluice",
        "sluice init",
        "sluice up",
        "sluice demo",
        "sluice try",
        "sluice send",
        "sluice put",
        "sluice announce",
        "sluice status",
        "sluice retry",
        "sluice replay",
        "sluice rebuild",
        "sluice logs",
        "sluice quarantine",
        "sluice loads",
        "sluice release",
        "sluice doctor",
        "sluice drift",
        "sluice package",
        "sluice dlq",
        "sluice dlq redrive",
        "sluice query",
        "sluice query redshift",
        "sluice query athena",
        "sluice query saved",
        "sluice contract",
        "sluice contract check",
        "sluice contract new",
        "sluice contract schema",
        "sluice contract plan",
    ]


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_and_so_has_every_option(path: str, call: Call) -> None:
    command = COMMANDS[path]
    assert command.help
    assert [parameter.name for parameter in command.params if parameter.name != "help" and not parameter.help] == []
    result = call(*path.split()[1:], "--help")
    assert result.status == 0
    assert " ".join(command.help.split())[:40] in " ".join(result.out.split())


@pytest.mark.parametrize(
    "path", [path for path in COMMANDS if path not in ("sluice dlq", "sluice query", "sluice contract")]
)
def test_every_command_has_an_example_whose_options_exist(path: str) -> None:
    epilog = COMMANDS[path].epilog
    assert epilog.startswith(f"Example: {path}")
    known = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", epilog)) <= known


def test_the_reference_is_current_and_has_every_command() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert text == cli_reference(), "run `python -m sluice.cli.reference` and commit docs/cli.md"
    assert [path for path in COMMANDS if f"## `{path}`" not in text] == []


def test_the_list_of_commands_says_of_each_what_its_own_help_begins_with() -> None:
    listed = {entry.name: entry.summary for entry in _Commands.entries}
    own = {path.split()[1]: command.help for path, command in COMMANDS.items() if path.count(" ") == 1}
    assert listed == {name: " ".join(text.split("\n\n")[0].split()) for name, text in own.items()}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("contract", "--help")])
def test_help_imports_no_aws_and_no_engine(arguments: tuple[str, ...]) -> None:
    script = f"""
import sys
from sluice.cli import main
try:
    main({list(arguments)!r})
except SystemExit as end:
    assert end.code == 0
heavy = {{"boto3", "botocore", "pyspark", "pyarrow", "duckdb", "localcloud"}} & set(sys.modules)
sys.exit(f"imported: {{sorted(heavy)}}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistyped_command_is_answered_with_the_nearest(call: Call) -> None:
    result = call("statsu")
    assert result.status == 2
    assert "Did you mean 'status'?" in " ".join(result.err.split())


def test_version(call: Call) -> None:
    assert call("--version") == Result(0, f"sluice {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("fly",),
        ("send", "orders", "--hours", "0"),
        ("send", "orders", "--bad-share", "2"),
        ("query", "redshift"),
        ("status", "--state", "lost"),
        ("retry",),
        ("loads", "--limit", "0"),
        ("quarantine",),
        ("quarantine", "orders", "--partition", "2026-11-20", "--since", "2026-11-19"),
        ("quarantine", "orders", "--export", "bad.xlsx"),
        ("quarantine", "orders", "--resubmit", "good.json"),
        ("quarantine", "orders", "--partition", "2026-11-20T13", "--resubmit", "good.json", "--samples", "3"),
        ("--endpoint-url", "http://127.0.0.1:1", "--aws", "status"),
    ],
)
@pytest.mark.usefixtures("contracts")
def test_a_wrong_call_ends_with_2(call: Call, arguments: tuple[str, ...]) -> None:
    result = call(*arguments)
    assert (result.status, result.out) == (2, "")
    assert "Usage" in result.err


def _expect_error(result: Result, message: str) -> None:
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("sluice: ")
    assert message in result.err
    assert len(result.err.strip().splitlines()) <= 2
    assert "Traceback" not in result.err


def test_without_a_cloud_the_message_says_what_to_do(call: Call) -> None:
    _expect_error(call("status"), "no local cloud runs here, and no AWS account is configured.")


def test_errors_have_a_traceback_only_with_debug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="no contract of that name"):
        main(["--contracts", str(ROOT / "contracts"), "--debug", "send", "letters"])


@pytest.mark.usefixtures("contracts")
def test_sending_what_has_no_contract_names_what_has(call: Call) -> None:
    _expect_error(call("send", "letters"), "dataset 'letters': no contract of that name (there are: customers, orders,")


@pytest.mark.usefixtures("contracts")
def test_a_dataset_that_is_nearly_right_is_answered_with_the_nearest(call: Call) -> None:
    _expect_error(call("send", "ordesr"), "did you mean 'orders'?")


@pytest.mark.usefixtures("contracts")
def test_sending_a_time_that_is_none_is_refused(call: Call) -> None:
    _expect_error(call("send", "--start", "noon"), "'noon' is not a partition: write an hour as 2026-11-20T13")


@pytest.mark.usefixtures("contracts")
def test_the_quarantine_of_a_dataset_without_a_contract_is_refused(call: Call) -> None:
    _expect_error(call("quarantine", "letters"), "dataset 'letters': no contract of that name (there are: customers,")


@pytest.mark.usefixtures("contracts")
def test_the_doctor_prints_the_health_queries_of_all_contracts_without_a_cloud(call: Call) -> None:
    result = call("doctor", "--print-queries")
    assert (result.status, result.err) == (0, "")
    titles = [line for line in result.out.splitlines() if line.startswith("--")]
    assert titles[:2] == [
        "-- Freshness (redshift). One row per dataset; minutes_ago stays small.",
        "-- Rows of each load (redshift). One row per batch and table of the last day; unaccounted is 0.",
    ]
    assert [title.split(" (")[0] for title in titles[2:7]] == [
        f"-- Keys of {table}" for table in ("customers", "orders", "order_items", "products", "transactions")
    ]
    assert len(titles) == 2 + 5 + 2 * 4
    assert result.out.count(";\n") == len(titles)


@pytest.mark.usefixtures("contracts")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("status", "--since", "noon"), "'noon' is not a valid time: write a time in UTC such as 2026-11-20T13:30 or"),
        (("loads", "--since", "6w"), "'6w' is not a valid time"),
        (("quarantine", "orders", "--partition", "noon"), "'noon' is not a partition: write an hour as 2026-11-20T13"),
        (
            ("quarantine", "orders", "--resubmit", "none.json", "--partition", "2026-11-20T13"),
            "none.json: cannot be read: No such file or directory",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    call: Call, arguments: tuple[str, ...], message: str
) -> None:
    _expect_error(call(*arguments), message)


@pytest.mark.parametrize("command", ["up", "send", "package"])
def test_where_there_are_no_contracts_the_message_says_how_to_begin(call: Call, command: str) -> None:
    _expect_error(call(command), "there is no folder 'contracts' here: `sluice init NAME` makes a project, or name the")


@pytest.mark.usefixtures("contracts")
def test_a_setting_that_is_none_is_refused(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_MAX_ATTEMPTS", "many")
    _expect_error(call("--endpoint-url", "http://127.0.0.1:1", "status"), "SLUICE_MAX_ATTEMPTS: 'many' is not")


def test_contract_check_lists_good_contracts(call: Call, contracts: Path) -> None:
    result = call("contract", "check")
    assert (result.status, result.err) == (0, "")
    lines = [line.split() for line in result.out.splitlines()]
    assert [line[:2] for line in lines] == [
        ["dataset", "format"],
        ["customers", "csv"],
        ["orders", "json"],
        ["products", "xml"],
        ["transactions", "csv"],
    ]
    assert call("contract", "check", str(contracts / "orders.yaml")).out.splitlines()[1].startswith("orders ")


def test_contract_check_names_every_problem_of_every_file(call: Call, contracts: Path) -> None:
    for name, old, new in (("orders", "decimal(5,4)", "money"), ("products", "row_tag: product", "row_tag: 1")):
        path = contracts / f"{name}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    result = call(
        "contract", "check", *(str(contracts / f"{name}.yaml") for name in ("customers", "orders", "products"))
    )
    assert (result.status, result.out) == (1, "")
    assert [line.split(": ")[1:3] for line in result.err.splitlines()] == [
        [str(contracts / "orders.yaml"), "tables[0].columns[6] (discount).type"],
        [str(contracts / "products.yaml"), "source.row_tag"],
    ]


def test_contract_check_of_nothing_is_an_error(call: Call) -> None:
    _expect_error(call("contract", "check"), "contracts: no such file or folder")


def test_contract_schema_writes_what_is_not_current(call: Call, contracts: Path) -> None:
    path = contracts / "contract.schema.json"
    assert call("contract", "schema").err == "contracts/contract.schema.json is current\n"
    path.write_text("{}", encoding="utf-8")
    assert call("contract", "schema").err == "contracts/contract.schema.json written\n"
    assert path.read_text(encoding="utf-8") == contract_schema()


def test_contract_schema_into_no_folder_is_an_error(call: Call) -> None:
    _expect_error(call("contract", "schema", "--output", "nowhere/s.json"), "nowhere: no such folder")


def _lock(state_dir: Path, pid: int) -> None:
    state_dir.mkdir()
    text = json.dumps({"pid": pid, "endpoint_url": "http://127.0.0.1:4599", "warehouse_port": 5439})
    (state_dir / "lock").write_text(text, encoding="utf-8")


def test_the_running_local_cloud_is_found_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _lock(tmp_path / "state", os.getpid())
    session = Session(GlobalOptions(state_dir=tmp_path / "state"))
    assert session.clients.endpoint == "http://127.0.0.1:4599"
    assert session.clients.s3.meta.endpoint_url == "http://127.0.0.1:4599"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "using the local cloud at http://127.0.0.1:4599 (AWS instead: sluice --aws ...)\n"


def test_a_local_cloud_that_is_gone_is_not_found(tmp_path: Path) -> None:
    assert running_endpoint(tmp_path / "none") is None
    _lock(tmp_path / "gone", 2**22 + 1)
    assert running_endpoint(tmp_path / "gone") is None
    (tmp_path / "gone" / "lock").write_text("", encoding="utf-8")
    assert running_endpoint(tmp_path / "gone") is None


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of an AWS account in the environment, and no endpoint."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr("sluice.cli.session._account", lambda _: "123456789012")


@pytest.mark.usefixtures("account")
def test_aws_is_used_when_asked_for_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _lock(tmp_path / "state", os.getpid())
    session = Session(GlobalOptions(is_aws=True, state_dir=tmp_path / "state"))
    assert session.clients.endpoint is None
    assert session.clients.sqs.meta.endpoint_url == "https://sqs.eu-west-1.amazonaws.com"
    assert capsys.readouterr().err == "using AWS account 123456789012, region eu-west-1\n"
    session.expect_write()  # AWS was asked for by its name


@pytest.mark.usefixtures("account")
def test_a_write_to_aws_is_doubted_where_a_local_cloud_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Session(GlobalOptions(state_dir=tmp_path / "none")).expect_write()  # no local cloud ever ran here
    _lock(tmp_path / "state", 2**22 + 1)
    stopped = GlobalOptions(state_dir=tmp_path / "state")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match=r"is stopped, so this would write to AWS account 123456789012, "):
        Session(stopped).expect_write()
    Session(replace(stopped, endpoint_url="http://127.0.0.1:1")).expect_write()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    Session(stopped).expect_write()


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("answer", "is_written"), [("y\n", True), ("n\n", False)])
def test_who_sits_at_a_terminal_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, is_written: bool
) -> None:
    _lock(tmp_path / "state", 2**22 + 1)
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    session = Session(GlobalOptions(state_dir=tmp_path / "state"))
    if is_written:
        session.expect_write()
    else:
        with pytest.raises(CommandError, match="nothing was written"):
            session.expect_write()


@pytest.mark.usefixtures("account", "contracts")
@pytest.mark.parametrize(
    "arguments",
    [
        ("send", "orders"),
        ("put", "orders", "contracts/orders.yaml"),
        ("announce", "orders"),
        ("retry", "--dataset", "orders"),
        ("replay", "orders", "2026-11-20"),
        ("rebuild", "orders", "--apply"),
        ("dlq", "redrive"),
        ("release", "orders", "orders.2026112013.1"),
        ("drift", "--apply"),
        ("query", "redshift", "/* select */ drop table orders"),
        ("quarantine", "orders", "--resubmit", "x.json", "--partition", "2026-11-20T13"),
    ],
)
def test_every_command_that_writes_asks(
    call: Call, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
    ):
        monkeypatch.setenv(name, value)
    _lock(Path(".sluice"), 2**22 + 1)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    result = call(*arguments)
    assert (result.status, result.out) == (1, "")
    assert "the local cloud of .sluice is stopped, so this would write to AWS account 123456789012" in result.err


def test_a_shell_can_complete_commands_and_their_options(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(words: str, place: int) -> list[str]:
        given = {"_SLUICE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        script = "from sluice.cli import main; main()"
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=os.environ | given, capture_output=True, text=True, check=False)
        return done.stdout.split()

    assert completed("sluice st", 1) == ["status"]
    assert "--watch" in completed("sluice status --", 2)


def test_saved_queries_are_listed_and_shown_as_statements(call: Call, contracts: Path) -> None:
    listed = call("query", "saved", "--json")
    assert listed.status == 0
    assert [entry["name"] for entry in json.loads(listed.out)] == [query.name for query in queries()]

    shown = call("query", "saved", "order_status", "--reader", "spectrum", "--since", "2026-11-20T13", "--sql")
    span = Span(Partition.parse("2026-11-20T13"), None)
    schemas, read = Schemas.from_settings(Settings()), read_contracts(contracts)
    assert shown.out == render(query_of("order_status"), Reader.SPECTRUM, read, schemas, span) + "\n"


def test_a_saved_query_is_named_as_it_is(call: Call, contracts: Path) -> None:
    found = call("query", "saved", "top_product")
    assert found.status == 1
    assert "there is no query 'top_product' (known: best_customers" in " ".join(found.err.split())


def test_the_warehouses_tables_know_no_partitions(call: Call, contracts: Path) -> None:
    found = call("query", "saved", "top_products", "--until", "2026-11-20")
    assert found.status == 2
    assert "use them with --reader athena or spectrum" in " ".join(found.err.split())
