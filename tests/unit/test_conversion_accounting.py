"""The books of a conversion: ratios, balances, and what a broken file counts as."""

from collections import Counter
from dataclasses import replace

import pytest

from glue_jobs.conversion.accounting import (
    EmptyDeliveryError,
    TooManyRejectedError,
    check_content,
    check_ratio,
    file_counts,
)
from sluice.contract import Contract, parse_contract
from sluice.errors import AccountingError
from sluice.kernel.tally import FileTally
from sluice.kernel.write import WrittenFile, WrittenTable
from sluice.lake.handover import FileCounts, SourceFile, TableCounts

A, B = SourceFile("s3://raw/a", 300, 0, ""), SourceFile("s3://raw/b", 100, 0, "")
BROKEN = "file: is not well-formed XML"


@pytest.fixture
def contract() -> Contract:
    column = {"name": "k", "type": "integer"}
    table = {"primary_key": ["k"], "order_by": ["k"], "columns": [column]}
    return parse_contract(
        {
            "dataset": "d",
            "source": {"format": "json", "layout": "d/%Y/%m/%d"},
            "max_rejected_ratio": 0.25,
            "tables": [{"name": "t", **table}, {"name": "u", "explode": "items", **table}],
        },
        "d.yaml",
    )


def tally(good: int, bad: int, items: int = 0) -> FileTally:
    found = FileTally()
    found.add(good, (), {"t": good, "u": items})
    found.add(bad, ("t.k: null in a key",), {"t": bad, "u": 0})
    return found


def staged(duplicates: int = 0, **rows: int) -> WrittenTable:
    """A table of which that many rows of the first file were left out."""
    urls = {"a": A.url, "b": B.url}
    file = WrittenFile("1.parquet", 9, {urls[name]: count for name, count in rows.items()})
    return WrittenTable((file,), Counter({A.url: duplicates}))


def test_reasons_count_records() -> None:
    found = FileTally()
    found.add(2, ("x", "y"), {"t": 2, "u": 5})
    found.add(3, ("y",), {"t": 3, "u": 1})
    found.add(4, (), {"t": 4, "u": 8})
    assert (found.records, found.rejected) == (9, 5)
    assert found.reasons == {"x": 2, "y": 5}
    assert (found.read_rows, found.rejected_rows) == ({"t": 9, "u": 14}, {"t": 5, "u": 6})


def test_a_broken_file_is_one_record(contract: Contract) -> None:
    found = FileTally.broken(BROKEN, contract.tables)
    assert (found.records, found.rejected, found.reasons) == (1, 1, {BROKEN: 1})
    assert (found.read_rows, found.rejected_rows) == ({"t": 1}, {"t": 1})


@pytest.mark.parametrize(("good", "bad"), [(0, 0), (3, 1), (300, 100), (1, 0)])
def test_a_ratio_at_the_limit_passes(contract: Contract, good: int, bad: int) -> None:
    check_ratio(contract, [A], {A.url: tally(good, bad)})


@pytest.mark.parametrize(("good", "bad"), [(0, 1), (2, 1), (299, 101)])
def test_a_ratio_above_the_limit_fails(contract: Contract, good: int, bad: int) -> None:
    with pytest.raises(TooManyRejectedError) as caught:
        check_ratio(contract, [A], {A.url: tally(good, bad)})
    assert str(caught.value) == (
        f"{bad} of {good + bad} records were quarantined, more than max_rejected_ratio 0.25 allows: "
        f"t.k: null in a key ({bad}, as in {A.url})"
    )


def test_each_reason_names_the_file_with_most_of_it(contract: Contract) -> None:
    other = tally(0, 0)
    other.reasons.update({"t.k: not an integer": 2})
    with pytest.raises(TooManyRejectedError) as caught:
        check_ratio(contract, [A, B], {A.url: tally(1, 9), B.url: other})
    assert str(caught.value).endswith(
        f"allows: t.k: null in a key (9, as in {A.url}); t.k: not an integer (2, as in {B.url})"
    )


def test_a_broken_file_counts_by_its_bytes(contract: Contract) -> None:
    """One record of a thousand, but three quarters of the bytes."""
    tallies = {A.url: FileTally.broken(BROKEN, contract.tables), B.url: tally(1000, 0)}
    with pytest.raises(TooManyRejectedError, match=r"^300 of 400 bytes, in whole files, were quarantined"):
        check_ratio(contract, [A, B], tallies)
    check_ratio(replace(contract, max_rejected_ratio=0.75), [A, B], tallies)
    check_ratio(contract, [B], tallies)


@pytest.mark.parametrize(("good", "bad"), [(0, 0), (0, 3)])
def test_a_batch_without_a_good_record_replaces_no_table(contract: Contract, good: int, bad: int) -> None:
    every = replace(contract, max_rejected_ratio=1.0)
    check_content(every, [A], {A.url: tally(good, bad)})
    replaced = replace(every, tables=(replace(contract.tables[0], load="full_refresh"), *contract.tables[1:]))
    with pytest.raises(EmptyDeliveryError) as caught:
        check_content(replaced, [A], {A.url: tally(good, bad)})
    assert str(caught.value) == (
        "none of its 1 files has a good record, and table t (load: full_refresh) would be emptied; "
        "send the partition again, or say allow_empty: true in the contract"
    )
    check_content(replaced, [A, B], {A.url: tally(good, bad), B.url: tally(1, 0)})
    check_content(replace(replaced, allow_empty=True), [A], {A.url: tally(good, bad)})


def test_balanced_books(contract: Contract) -> None:
    tables = {"t": staged(a=3, b=1, duplicates=1), "u": staged(a=7)}
    lacking = tally(1, 0)
    lacking.absent = frozenset({"u.k", "t.v"})
    assert file_counts(contract, [A, B], {A.url: tally(4, 2, items=7), B.url: lacking}, tables) == (
        FileCounts(A.url, 6, 2, {"t": TableCounts(6, 2, 1, 3), "u": TableCounts(7, 0, 0, 7)}),
        FileCounts(B.url, 1, 0, {"t": TableCounts(1, 0, 0, 1), "u": TableCounts(0, 0, 0, 0)}, ("t.v", "u.k")),
    )


@pytest.mark.parametrize("written", [0, 3, 5])
def test_a_row_too_few_or_too_many_is_an_error(contract: Contract, written: int) -> None:
    with pytest.raises(AccountingError) as caught:
        file_counts(contract, [A], {A.url: tally(4, 2)}, {"t": staged(a=written)})
    assert str(caught.value) == (
        f"s3://raw/a: table t: 6 rows read, but 2 rejected, 0 duplicates and {written} published"
    )


def test_rows_of_a_file_that_is_not_in_the_batch_are_an_error(contract: Contract) -> None:
    with pytest.raises(
        AccountingError, match=r"^table t: rows came from s3://raw/b, which is not a file of the batch$"
    ):
        file_counts(contract, [A], {A.url: tally(4, 0)}, {"t": staged(a=4, b=1)})
