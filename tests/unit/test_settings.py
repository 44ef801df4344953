"""Settings: from the environment, to the environment, as JSON."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.settings import Settings

NUMBERS = ("max_attempts", "max_batches_per_run", "max_files_per_run", "spark_from_bytes", "runs_retention_days")
SECONDS = st.floats(0, 1e9)
ANY = st.builds(
    replace,
    st.from_type(Settings).filter(lambda settings: all(getattr(settings, name) > 0 for name in NUMBERS)),
    retry_delay_seconds=SECONDS,
    file_wait_seconds=SECONDS,
    max_ahead_seconds=SECONDS,
    reconcile_seconds=SECONDS,
    give_up_after_seconds=SECONDS,
    replaced_grace_seconds=SECONDS,
)


def test_the_defaults_need_no_environment() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings().raw_bucket == "sluice-raw"
    assert Settings().processed.bucket == "sluice-processed"


def test_a_variable_per_field() -> None:
    found = Settings.from_environment({"SLUICE_RAW_BUCKET": "mine", "SLUICE_MAX_ATTEMPTS": " 7 ", "RAW_BUCKET": "no"})
    assert found == Settings(raw_bucket="mine", max_attempts=7)


def test_an_empty_variable_is_a_value() -> None:
    assert Settings.from_environment({"SLUICE_WAREHOUSE_WORKGROUP": ""}).warehouse_workgroup == ""


@given(ANY)
def test_environment_and_json_give_the_same_settings(settings: Settings) -> None:
    assert Settings.from_environment(settings.to_environment()) == settings
    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("text", ["", "many", "1.5", "0", "-1", "1_0", "٣"])
def test_a_bad_number_names_its_variable(text: str) -> None:
    message = f"SLUICE_MAX_ATTEMPTS: {text!r} is not a whole number of at least 1"
    with pytest.raises(ValueError, match=re.escape(message)):
        Settings.from_environment({"SLUICE_MAX_ATTEMPTS": text})


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "1_0", "1 m", "٣"])
def test_a_bad_time_names_its_variable(text: str) -> None:
    message = f"SLUICE_RETRY_DELAY_SECONDS: {text!r} is not a number of seconds of at least 0"
    with pytest.raises(ValueError, match=re.escape(message)):
        Settings.from_environment({"SLUICE_RETRY_DELAY_SECONDS": text})


@pytest.mark.parametrize(("text", "value"), [("true", True), (" False ", False)])
def test_a_switch_is_true_or_false(text: str, value: bool) -> None:
    assert Settings.from_environment({"SLUICE_ANNOUNCE_ARRIVALS": text}).announce_arrivals is value


@pytest.mark.parametrize("text", ["", "1", "yes", "truefalse"])
def test_a_bad_switch_names_its_variable(text: str) -> None:
    message = f"SLUICE_ANNOUNCE_ARRIVALS: {text!r} is neither true nor false"
    with pytest.raises(ValueError, match=re.escape(message)):
        Settings.from_environment({"SLUICE_ANNOUNCE_ARRIVALS": text})


def test_settings_of_a_newer_version_can_be_read() -> None:
    assert Settings.from_json('{"raw_bucket": "mine", "something_new": 1}') == Settings(raw_bucket="mine")
