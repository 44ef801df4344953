"""What a plan of Terraform's would change in published tables, and the command that refuses it."""

import json
import sys
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from sluice.cli import main
from sluice.drift import Difference, Kind, Layer
from sluice.drift.columns import ADDED, DECIDE, WIDENED
from sluice.drift.planned import GONE, REMOVED, planned_changes

PARQUET = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
TEXT = "org.apache.hadoop.mapred.TextInputFormat"
BEFORE = {"id": "bigint", "amount": "decimal(10,2)", "note": "varchar(10)"}


def table(
    columns: Mapping[str, str] = BEFORE, keys: tuple[str, ...] = ("year", "month"), input_format: str = PARQUET
) -> dict[str, Any]:
    """A table as a plan has it."""
    listed = [{"name": name, "type": kind, "comment": "", "parameters": None} for name, kind in columns.items()]
    return {
        "name": "orders",
        "partition_keys": [{"name": key, "type": "string", "comment": ""} for key in keys],
        "storage_descriptor": [{"columns": listed, "input_format": input_format}],
    }


def plan_of(before: object, after: object) -> dict[str, Any]:
    """A plan that changes one table, beside a bucket."""
    return {
        "resource_changes": [
            {"type": "aws_s3_bucket", "change": {"before": {"bucket": "raw"}, "after": {"bucket": "raw"}}},
            {"type": "aws_glue_catalog_table", "change": {"before": before, "after": after}},
        ]
    }


def difference(column: str, have: str, want: str, kind: Kind, fix: str) -> Difference:
    return Difference(Layer.CATALOG, "orders", column, have, want, kind, fix)


KEYS = "make the table again: partition keys cannot be changed"


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (table(), []),
        (table({**BEFORE, "city": "varchar(20)"}), [difference("city", "", "varchar(20)", Kind.COMPATIBLE, ADDED)]),
        (
            table({**BEFORE, "note": "varchar(20)", "amount": "decimal(12,2)"}),
            [
                difference("amount", "decimal(10,2)", "decimal(12,2)", Kind.COMPATIBLE, WIDENED),
                difference("note", "varchar(10)", "varchar(20)", Kind.COMPATIBLE, WIDENED),
            ],
        ),
        (table({**BEFORE, "id": "varchar(20)"}), [difference("id", "bigint", "varchar(20)", Kind.BREAKING, DECIDE)]),
        (
            table({**BEFORE, "note": "varchar(5)"}),
            [difference("note", "varchar(10)", "varchar(5)", Kind.BREAKING, DECIDE)],
        ),
        (
            table({"id": "bigint", "amount": "decimal(10,2)"}),
            [difference("note", "varchar(10)", "", Kind.NOTE, GONE)],
        ),
        (
            table(keys=("year",)),
            [difference("partition keys", "year string, month string", "year string", Kind.BREAKING, KEYS)],
        ),
        (None, [difference("", "the table", "", Kind.BREAKING, REMOVED)]),
    ],
)
def test_a_table_that_is_published_is_compared(after: object, expected: list[Difference]) -> None:
    assert planned_changes(plan_of(table(), after)) == expected


def test_new_tables_and_tables_of_raw_files_break_nothing() -> None:
    assert planned_changes(plan_of(None, table())) == []
    assert planned_changes(plan_of(table(input_format=TEXT), table({"id": "int"}, input_format=TEXT))) == []


def run(*arguments: str) -> object:
    """The status of `sluice contract plan`."""
    with pytest.raises(SystemExit) as ended:
        main(["contract", "plan", *arguments])
    return ended.value.code


def test_the_command_refuses_what_breaks_until_somebody_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.dumps(plan_of(table(), table({**BEFORE, "id": "varchar(20)", "city": "varchar(20)"})))
    (tmp_path / "plan.json").write_text(document, encoding="utf-8")
    assert run(str(tmp_path / "plan.json")) == 1
    said = capsys.readouterr()
    assert [line.split() for line in said.out.splitlines() if "orders" in line] == [
        ["catalog", "orders", "id", "bigint", "varchar(20)"],
        ["catalog", "orders", "city", "-", "varchar(20)"],
    ]
    assert "the plan breaks published tables" in said.err
    monkeypatch.setattr(sys, "stdin", StringIO(document))
    assert run("-", "--accept-breaking") == 0
    assert capsys.readouterr().out == said.out


def test_the_command_lets_pass_what_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(plan_of(table(), table())), encoding="utf-8")
    assert run(str(tmp_path / "plan.json")) == 0
    assert "leaves the columns of the published tables as they are" in "".join(capsys.readouterr())


@pytest.mark.parametrize("text", ["", "[]", "{}", "Plan: 1 to add"])
def test_what_is_no_plan_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    assert run(str(tmp_path / "plan.json")) == 1
    assert "is not a plan as `terraform show -json` prints it" in " ".join(capsys.readouterr().err.split())
    assert run(str(tmp_path / "none.json")) == 1
