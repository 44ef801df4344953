"""Samples that misled guesses: each contract must take its own sample, and what comes after it."""

from pathlib import Path

import pytest

from sluice.contract import Contract
from sluice.errors import SampleError
from sluice.infer.infer import Options, infer
from sluice.kernel.convert import Lanes
from tests.unit.kernel_convert import Converted, convert

CASES = Path("tests/fixtures/cases")


def guessed(name: str) -> Contract:
    return infer("t", [CASES / name], Options()).contract


def loaded(contract: Contract, name: str) -> Converted:
    return convert(contract, (CASES / name).read_bytes(), lanes=Lanes.BOTH)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("csv_backslash_unquoted_delim.csv", 3),
        ("csv_chance_key.csv", 30),
        ("csv_dec_comma.csv", 3),
        ("csv_dup_rows.csv", 3),
        ("csv_epoch_ms.csv", 2),
        ("csv_header_like_values.csv", 40),
        ("csv_header_numbers.csv", 3),
        ("csv_month_1.csv", 50),
        ("csv_month_2.csv", 50),
        ("csv_pg_tz.csv", 2),
        ("csv_reserved_names.csv", 2),
        ("csv_row_labels.csv", 60),
        ("csv_sci_mix.csv", 3),
        ("csv_space_after_comma.csv", 2),
        ("csv_yy_dates.csv", 3),
        ("json_array_arrays.json", 2),
        ("json_concat.json", 3),
    ],
)
def test_a_contract_takes_all_of_its_sample(name: str, rows: int) -> None:
    found = loaded(guessed(name), name)
    assert (len(found.rows["t"]), found.reasons) == (rows, [])


@pytest.mark.parametrize(
    "name",
    [
        "csv_chance_key.csv",
        "csv_dup_rows.csv",
        "csv_row_labels.csv",
        "csv_header_like_values.csv",
        "csv_header_numbers.csv",
    ],
)
def test_no_key_by_chance(name: str) -> None:
    table = guessed(name).tables[0]
    assert (table.load, table.primary_key) == ("append", ())


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("csv_header_like_values.csv", ("row_label", "p", "ab", "week", "site")),
        ("csv_header_numbers.csv", ("row_label", "n_1990", "n_1995", "n_2000")),
        ("csv_row_labels.csv", ("row_label", "tree", "rings")),
        ("csv_space_after_comma.csv", ("id", "name", "amount")),
        (
            "csv_reserved_names.csv",
            (
                "order_value", "user_value", "select_value", "batch_id", "year_value", "ctid_value", "xmin_value",
                "oid_value",
            ),
        ),
    ],
)  # fmt: skip
def test_headers_are_seen(name: str, columns: tuple[str, ...]) -> None:
    assert guessed(name).tables[0].column_names == columns


def test_next_month_is_read_with_this_month_s_contract() -> None:
    found = loaded(guessed("csv_month_1.csv"), "csv_month_2.csv")
    assert (len(found.rows["t"]), found.reasons) == (50, [])
    assert [str(value) for value in found.rows["t"][0]] == ["S00", "None", "7.5000"]


def test_exact_values() -> None:
    contract = guessed("csv_sci_mix.csv")
    rows = loaded(contract, "csv_sci_mix.csv").rows["t"]
    assert [int(row[1]) for row in sorted(rows)] == [9007199254740993, 100000, 12345678901234567]
    rows = loaded(guessed("csv_dec_comma.csv"), "csv_dec_comma.csv").rows["t"]
    assert [str(row[1]) for row in rows] == ["1234.50", "17.00", "0.99"]
    rows = loaded(guessed("csv_yy_dates.csv"), "csv_yy_dates.csv").rows["t"]
    assert [str(row[1]) for row in rows] == ["1998-12-25", "1971-01-31", "2005-07-14"]
    rows = loaded(guessed("csv_epoch_ms.csv"), "csv_epoch_ms.csv").rows["t"]
    assert [str(row[1]) for row in rows] == ["2022-03-25 14:30:55.338000", "2022-03-25 14:30:55.999000"]
    rows = loaded(guessed("csv_pg_tz.csv"), "csv_pg_tz.csv").rows["t"]
    assert [str(row[1]) for row in rows] == ["2026-11-20 12:05:00", "2026-11-20 21:05:00.250000"]


def test_arrays_of_single_values_are_tables() -> None:
    found = loaded(guessed("json_array_arrays.json"), "json_array_arrays.json")
    assert found.rows["t_tags"] == [(1, "a"), (1, "b")]
    assert found.rows["t_o"] == [(1, 1), (1, 2)]


def test_what_is_in_the_way_is_told() -> None:
    with pytest.raises(SampleError, match="3 could not be read: data lines have 3 fields, the header 2"):
        guessed("csv_trailing_delim.csv")


def test_the_sample_is_tried_and_the_outcome_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,v\n1,a\n2,"b\n3,c\n')
    head = infer("t", [path], Options()).head
    assert head[-1] == (
        "Tried on the samples: 1 of their 3 records are REFUSED: record: a quote that is not closed (1). "
        "Fix this first."
    )


def test_a_year_of_flights_keeps_every_row(tmp_path: Path) -> None:
    """One busy hour, in which the number of a flight is unique; over the year it is not."""
    header = "year,month,day,dep_time,sched_dep_time,carrier,flight,tailnum,origin,time_hour\n"
    hour = "".join(
        f"2013,1,1,{600 + n},{600 + n},{'UA' if n % 2 else 'AA'},{100 + n},N{n},EWR,2013-01-01T06:00:00Z\n"
        for n in range(53)
    )
    path = tmp_path / "a.csv"
    path.write_text(header + hour)
    table = infer("flights", [path], Options()).contract.tables[0]
    assert (table.load, table.primary_key) == ("append", ())
