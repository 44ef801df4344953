"""Quarantined records as they leave the command line: grouped, in files, on a terminal."""

import csv
import json
from pathlib import Path

import pytest

from sluice.cli.quarantined import QuarantinedRecord, grouped, visible, write_records
from sluice.errors import CommandError

ROWS = [
    ("1", "2026-11-20T13", "b1", "s3://a", "record", 'x,"[red]y"\n', '{"a": "ü"}', "a: null"),
    ("1", "2026-11-20T13", "b1", "s3://a", "record", 'x,"[red]y"\n', '{"a": "ü"}', "b: no number"),
    ("2", "2026-11-20T14", "b2", "s3://b", "file", None, None, "not UTF-8"),
]
RECORDS = [
    QuarantinedRecord(
        "2026-11-20T13", "b1", "s3://a", "record", ("a: null", "b: no number"), 'x,"[red]y"\n', '{"a": "ü"}'
    ),
    QuarantinedRecord("2026-11-20T14", "b2", "s3://b", "file", ("not UTF-8",), None, None),
]


def test_rows_of_one_record_become_one() -> None:
    assert grouped(ROWS) == RECORDS
    assert grouped([]) == []


def test_json_lines_hold_every_value(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    write_records(path, RECORDS)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "partition": "2026-11-20T13",
            "batch_id": "b1",
            "source_file": "s3://a",
            "kind": "record",
            "reasons": ["a: null", "b: no number"],
            "raw_text": 'x,"[red]y"\n',
            "record": '{"a": "ü"}',
        },
        {
            "partition": "2026-11-20T14",
            "batch_id": "b2",
            "source_file": "s3://b",
            "kind": "file",
            "reasons": ["not UTF-8"],
            "raw_text": None,
            "record": None,
        },
    ]


def test_csv_holds_line_breaks_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    write_records(path, RECORDS)
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["partition", "batch_id", "source_file", "kind", "reasons", "raw_text", "record"],
            ["2026-11-20T13", "b1", "s3://a", "record", "a: null; b: no number", 'x,"[red]y"\n', '{"a": "ü"}'],
            ["2026-11-20T14", "b2", "s3://b", "file", "not UTF-8", "", ""],
        ]


def test_a_folder_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "no" / "bad.csv"
    with pytest.raises(CommandError) as caught:
        write_records(path, RECORDS)
    assert str(caught.value) == f"{path}: cannot be written: No such file or directory"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, None),
        ("", ""),
        ("[red]größer[/red] 1.5 €", "[red]größer[/red] 1.5 €"),
        ("a\tb\r\nc\x1b[2J\x00", "a\\tb\\r\\nc\\x1b[2J\\x00"),
        ("\u202eevil", "\\u202eevil"),
        ("x" * 301, "x" * 300 + "… (301 characters)"),
    ],
)
def test_nothing_of_the_source_steers_the_terminal(text: str | None, shown: str | None) -> None:
    assert visible(text) == shown
