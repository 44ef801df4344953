"""The awsglue shim, by the rules of Glue 6.0."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import glue


@pytest.fixture
def utils(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`awsglue.utils`, as a run finds it."""
    monkeypatch.syspath_prepend(str(Path(glue.__file__).parent / "shim"))
    import awsglue.utils

    yield awsglue.utils
    for name in [name for name in sys.modules if name.split(".")[0] == "awsglue"]:
        del sys.modules[name]


ARGV = ["job.py", "--JOB_NAME", "j", "--JOB_RUN_ID", "jr_1", "--load-date", "2026", "--other=x", "--flag"]


def test_asked_for_options_and_the_run_s_identity_come_back(utils: Any) -> None:
    assert utils.getResolvedOptions(ARGV, ["JOB_NAME", "load-date", "other"]) == {
        "JOB_NAME": "j",
        "JOB_RUN_ID": "jr_1",
        "load_date": "2026",
        "other": "x",
    }


@pytest.mark.parametrize("options", [["missing"], ["JOB_NAM"], ["load"]])
def test_a_missing_or_shortened_option_is_an_error(utils: Any, options: list[str]) -> None:
    with pytest.raises(utils.GlueArgumentError, match=f"required: --{options[0]}"):
        utils.getResolvedOptions(ARGV, options)


def test_shortened_names_cannot_be_turned_on(utils: Any) -> None:
    with pytest.raises(utils.GlueArgumentError, match="shortened"):
        utils.getResolvedOptions(ARGV, ["JOB_NAME"], allow_abbrev=True)


@pytest.mark.parametrize("name", ["JOB_ID", "JOB_RUN_ID", "job-bookmark-option", "SECURITY_CONFIGURATION"])
def test_glue_s_own_names_are_refused(utils: Any, name: str) -> None:
    with pytest.raises(RuntimeError, match=f"Using reserved arguments {name}"):
        utils.getResolvedOptions(ARGV, [name])


def test_a_value_is_not_taken_for_an_option(utils: Any) -> None:
    assert utils.getResolvedOptions(["job.py", "--a=--b", "--c", ""], ["a", "c"]) == {"a": "--b", "c": ""}
