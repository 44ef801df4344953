"""Inputs that systems really write, each with its contract, and the rows or reasons that are right for it."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sluice.contract.files import read_contracts
from sluice.infer.infer import Options, infer
from tests.unit.kernel_convert import Converted, convert

CASES = Path("tests/fixtures/cases")
NEAREST = "(nearest in the file: {!r})"


def outcome(case: str, file: str) -> Converted:
    """What the contract in a case's folder makes of a file in it."""
    (contract,) = read_contracts(CASES / case).values()
    return convert(contract, (CASES / case / file).read_bytes())


def refused(reason: str) -> Any:
    return ([], [[reason]])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


RIGHT: dict[tuple[str, str], tuple[list[tuple[Any, ...]], list[list[str]]]] = {
    ("header_case", "a.csv"): refused(
        f"file: its header, split at ',', lacks column name {NEAREST.format('Name')}, amount {NEAREST.format('Amount')}"
    ),
    ("header_renamed", "a.csv"): refused(
        f"file: its header, split at ',', lacks column amount {NEAREST.format('total_amount')}"
    ),
    ("json_key_case", "a.json"): refused(
        f"file: lacks field name {NEAREST.format('Name')}, amount {NEAREST.format('Amount')}"
    ),
    ("xml_row_tag_absent", "a.xml"): refused("file: has no element order; nearest: 'Order'"),
    ("xml_two_attributes_one_local_name", "a.xml"): ([("1", 5), ("2", 6)], []),
    ("dates_unpadded", "a.csv"): ([(1, date(2026, 3, 7)), (2, date(2026, 12, 25)), (3, date(2026, 3, 7))], []),
    ("parquet_bytes_in_text", "a.parquet"): (
        [(1, "abc")],
        [["record: b has bytes that are not UTF-8 (Parquet type binary)"]],
    ),
    ("parquet_nanoseconds", "a.parquet"): (
        [(1, at("2026-11-20T13:05:00.123456")), (2, at("2026-11-20T13:05:00.123456"))],
        [],
    ),
    ("parquet_nanoseconds", "b.parquet"): ([(4, at("2025-11-20T13:05:00"))], [["x_pq_ns.at: not a timestamp"]]),
    ("parquet_uuid", "a.parquet"): (
        [(1, "00000000-0000-0000-0000-000000000001"), (2, "00000000-0000-0000-0000-0000000000ff")],
        [],
    ),
    ("timestamps", "a.csv"): (
        [
            (0, at("2026-11-20T12:05:00")),
            (1, at("2026-11-20T21:05:00")),
            (3, at("2026-11-20T13:05:00")),
            (5, at("2026-11-20T07:35:00")),
            (6, at("2026-11-20T07:35:00")),
            (13, at("2026-11-20T13:05:00.123")),
            (14, at("0001-01-01T00:00:00")),
            (15, at("9999-12-31T23:59:59.999999")),
            (16, at("1500-02-28T00:00:00")),
            (18, at("2026-11-19T23:05:00")),
        ],
        [["x_ts_iso.at: not a timestamp"]] * 10,
    ),
}


@pytest.mark.parametrize(("case", "file"), RIGHT, ids=str)
def test_each_case_has_its_right_outcome(case: str, file: str) -> None:
    found = outcome(case, file)
    [rows] = found.rows.values()
    assert (sorted(rows), found.reasons) == RIGHT[case, file]


def test_no_case_is_without_a_test() -> None:
    folders = {path.relative_to(CASES).parts for path in CASES.glob("*/*") if path.suffix != ".yaml"}
    assert folders == set(RIGHT)


MICROSECONDS = at("2026-11-20T13:05:00.123456")


@pytest.mark.parametrize(
    ("name", "types", "rows"),
    [
        ("pq_ns.parquet", ["bigint", "timestamp"], [(1, MICROSECONDS), (2, MICROSECONDS)]),
        (
            "pq_ns_sub.parquet",
            ["bigint", "timestamp"],
            [(1, at("2025-11-20T13:05:00.123456")), (2, at("2025-11-20T13:05:00"))],
        ),
        ("pq_decimal256.parquet", ["bigint", "decimal(38,2)"], [(1, Decimal("1.50")), (2, Decimal("2.50"))]),
    ],
)
def test_a_guessed_contract_takes_its_parquet(name: str, types: list[str], rows: list[tuple[Any, ...]]) -> None:
    contract = infer("t", [CASES / name], Options()).contract
    found = convert(contract, (CASES / name).read_bytes())
    assert [column.type for column in contract.tables[0].columns] == types
    assert (found.rows["t"], found.reasons) == (rows, [])


def test_a_guessed_contract_reads_halves_and_says_what_it_refuses() -> None:
    """Infinity is not a value of a contract's, and nothing else could stand for it."""
    guess = infer("t", [CASES / "pq_float16.parquet"], Options())
    found = convert(guess.contract, (CASES / "pq_float16.parquet").read_bytes())
    assert (found.rows["t"], found.reasons) == ([(2, 2.5, None, 1.0)], [["t.h: not a real"]])
    assert "1 of their 2 records are REFUSED: t.h: not a real (1)" in guess.head[-1]
