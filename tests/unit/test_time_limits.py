"""What waits for something ends after it: the limits of calls, functions, jobs, machines and pauses in one order."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from glue_jobs.loading.context import WAITING_SECONDS
from lambda_trigger.after_run import PATIENCE
from lambda_trigger.moves import LONGEST, PROBE_EVERY
from sluice.aws.clients import Clients
from sluice.names import SWEEP_PERIOD
from sluice.settings import Settings

TERRAFORM = Path(__file__).resolve().parents[2] / "terraform"
STACK: dict[str, Any] = json.loads((TERRAFORM / "stack.json").read_text())
MACHINE: dict[str, Any] = json.loads((TERRAFORM / "state_machines" / "load.asl.json").read_text())
FUNCTIONS = {name: timedelta(seconds=item["timeout_seconds"]) for name, item in STACK["functions"].items()}
JOBS = {name: timedelta(minutes=item["timeout_minutes"]) for name, item in STACK["glue"]["jobs"].items()}
DEFAULTS = Settings()


def test_a_call_ends_before_the_function_that_makes_it() -> None:
    config: Any = Clients(region="eu-central-1", access_key="a", secret_key="b").s3.meta.config
    assert timedelta(seconds=config.connect_timeout + config.read_timeout) < min(FUNCTIONS.values())


def test_a_statement_ends_before_the_run_that_waits_for_it() -> None:
    # What is left is for what a run does besides, and for writing down what came of it.
    assert timedelta(seconds=WAITING_SECONDS) + timedelta(minutes=5) < JOBS["load"]


def test_a_message_comes_again_after_the_function_that_holds_it() -> None:
    queue = STACK["queue"]
    # Six times the function's timeout. Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    assert timedelta(seconds=queue["visibility_timeout_seconds"]) >= 6 * FUNCTIONS[queue["function"]]


def test_a_run_ends_before_the_machine_that_waits_for_it() -> None:
    assert max(JOBS.values()) < timedelta(seconds=MACHINE["TimeoutSeconds"])


def test_a_dispatcher_ends_before_its_claim_is_looked_into() -> None:
    assert max(FUNCTIONS.values()) < PATIENCE


def test_a_conversion_ends_before_what_it_replaces_goes() -> None:
    assert JOBS["convert"] < timedelta(seconds=DEFAULTS.replaced_grace_seconds)


def test_the_first_pause_is_not_longer_than_the_sweep_that_ends_it() -> None:
    assert timedelta(seconds=DEFAULTS.retry_delay_seconds) < SWEEP_PERIOD < PROBE_EVERY < LONGEST


def test_pauses_and_runs_end_before_a_batch_is_given_up() -> None:
    give_up = timedelta(seconds=DEFAULTS.give_up_after_seconds)
    assert 3 * (LONGEST + max(JOBS.values())) < give_up < timedelta(days=DEFAULTS.runs_retention_days)
