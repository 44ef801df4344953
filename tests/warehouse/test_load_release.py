"""A table that a batch of a wrong partition keeps all refreshes out of, and the command that frees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.cli import main
from sluice.cli.session import Session
from tests.warehouse.loads import Loads, batch_id, row, stored, things

FULL = things("full_refresh")
FAR = f"things.2099112001.{1:032X}"
CONTRACT = """
dataset: things
source: {format: json, layout: things/%Y/%m/%d/%H}
tables:
  - name: things
    load: full_refresh
    primary_key: [id]
    order_by: [version]
    columns:
      - {name: id, type: integer}
      - {name: version, type: integer}
      - {name: name, type: varchar(10)}
      - {name: price, type: "decimal(8,2)"}
"""

Call = Callable[..., tuple[object, str]]


@pytest.fixture
def call(loads: Loads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls the command line against the warehouse of the test."""
    (tmp_path / "things.yaml").write_text(CONTRACT)
    monkeypatch.setattr(Session, "warehouse", loads.warehouse)
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--contracts", str(tmp_path), *arguments])
        captured = capsys.readouterr()
        return ended.value.code, captured.out if ended.value.code == 0 else captured.err

    return run


def test_a_frozen_table_is_freed(loads: Loads, call: Call) -> None:
    loads.load(FULL, {FAR: [row(1, 1, "far")]})
    loads.load(FULL, {batch_id(1): [row(1, 1, "new")]})
    history = loads.audit()
    assert loads.rows(columns=("name",)) == [("far",)]

    (shown,) = json.loads(call("release", "things", "--json")[1])
    assert (shown["table"], shown["shows batch"], shown["loads held back"]) == ("things", FAR, 1)
    status, told = call("release", "things", FAR, "--dry-run")
    assert (status, told) == (0, f"batch {FAR} would be taken out of the account of table things\n")
    loads.load(FULL, {batch_id(2): [row(1, 1, "new")]})
    assert loads.rows(columns=("name",)) == [("far",)]

    assert call("release", "things", FAR) == (0, f"batch {FAR} is taken out of the account of table things\n")

    assert loads.rows(columns=("name",)) == [("far",)]
    assert [entry for entry in loads.audit() if entry[1] != batch_id(2)] == history
    loads.load(FULL, {batch_id(3): [row(2, 1, "new")]})
    assert loads.rows() == [stored(row(2, 1, "new"), batch_id(3))]


def test_a_batch_that_no_table_shows_changes_nothing(loads: Loads, call: Call) -> None:
    loads.load(FULL, {batch_id(1): [row(1, 1, "one")]})
    loads.load(FULL, {batch_id(2): [row(1, 1, "two")]})
    status, told = call("release", "things", batch_id(1))
    assert status == 1
    assert f"no table of things shows batch {batch_id(1)}: things shows {batch_id(2)}" in told
    accounts = loads.warehouse.rows("SELECT batch_id FROM sluice.loads_things ORDER BY batch_id")
    assert accounts == [(batch_id(1),), (batch_id(2),)]


def test_tables_of_other_load_modes_are_never_frozen(call: Call, tmp_path: Path) -> None:
    (tmp_path / "things.yaml").write_text(CONTRACT.replace("full_refresh", "append"))
    status, told = call("release", "things")
    assert (status, "things has no table of load mode full_refresh" in told) == (1, True)
