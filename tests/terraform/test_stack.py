"""``stack.json``: the numbers and names that the local deploy and Terraform share. Needs no Terraform."""

import importlib
import importlib.util
import json
import re
from dataclasses import fields
from typing import Any

from deploy.packages import ENTRY_SCRIPTS
from sluice.settings import Settings
from tests.terraform.workspace import ROOT

TEXT = (ROOT / "terraform" / "stack.json").read_text(encoding="utf-8")
STACK: dict[str, Any] = json.loads(TEXT)


def test_placeholders_are_settings() -> None:
    assert set(re.findall(r"\$\{(.*?)\}", TEXT)) <= {item.name for item in fields(Settings)} | {"prefix"}


def test_jobs_are_settings_and_scripts() -> None:
    jobs = STACK["glue"]["jobs"]
    assert {job["setting"] for job in jobs.values()} == {"convert_job", "load_job"}
    assert {job["script"] for job in jobs.values()} == set(ENTRY_SCRIPTS)


def test_handlers_exist() -> None:
    handlers = {name: function["handler"].rpartition(".") for name, function in STACK["functions"].items()}
    missing = [
        name
        for name, (module, _, function) in handlers.items()
        if importlib.util.find_spec(module) is None
        or not callable(getattr(importlib.import_module(module), function, None))
    ]
    assert missing == []


def test_whatever_calls_a_function_calls_one_that_is_there() -> None:
    called = {item["function"] for part in ("rules", "schedules") for item in STACK[part].values()}
    assert called | {STACK["queue"]["function"]} <= set(STACK["functions"])


def test_a_message_is_hidden_for_six_times_the_functions_time() -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html."""
    queue = STACK["queue"]
    assert queue["visibility_timeout_seconds"] >= (
        6 * STACK["functions"][queue["function"]]["timeout_seconds"] + queue["batch_window_seconds"]
    )


def test_functions_end_within_lambdas_limit() -> None:
    assert all(1 <= function["timeout_seconds"] <= 900 for function in STACK["functions"].values())
