"""The documents between dispatcher and runs: they read back as they were written, and strange ones are refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.handover import (
    BatchOutcome,
    ClosedClaim,
    Document,
    FileCounts,
    FrozenManifest,
    LoadInput,
    LoadOutcome,
    RunInput,
    RunOutcome,
    TableCounts,
)

DOCUMENTS = (FrozenManifest, RunInput, RunOutcome, ClosedClaim, LoadInput, LoadOutcome)
COUNTS = st.builds(TableCounts, *[st.integers(0, 10**9)] * 4)


@given(st.one_of(*map(st.from_type, DOCUMENTS)))
def test_a_document_reads_back(document: Document) -> None:
    assert type(document).from_json(document.to_json()) == document


@given(st.from_type(RunInput))
def test_a_document_always_has_the_same_text(document: RunInput) -> None:
    other = RunInput(document.claim_id, document.dataset, dict(reversed(document.batches.items())))
    assert other.to_json() == document.to_json()


def test_a_document_with_an_unknown_field_is_refused() -> None:
    plain = json.loads(RunInput("c", "orders", {}).to_json()) | {"surprise": 1}
    with pytest.raises(Exception, match="While structuring RunInput"):
        RunInput.from_json(json.dumps(plain))


@given(COUNTS, COUNTS, COUNTS)
def test_counts_add_up(one: TableCounts, two: TableCounts, three: TableCounts) -> None:
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + TableCounts() == one


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(-3, 3))
def test_balanced_counts_account_for_every_row(rejected: int, duplicates: int, published: int, off: int) -> None:
    counts = TableCounts(rejected + duplicates + published + off, rejected, duplicates, published)
    assert counts.is_balanced == (off == 0)


def test_counts_of_a_batch_are_the_sum_of_its_files() -> None:
    outcome = BatchOutcome(
        "b",
        files=(
            FileCounts("s3://raw/1", 3, 1, {"orders": TableCounts(3, 1, 0, 2), "order_items": TableCounts(5, 2, 1, 2)}),
            FileCounts("s3://raw/2", 1, 0, {"orders": TableCounts(1, 0, 1, 0)}),
        ),
    )
    assert outcome.table_counts() == {"orders": TableCounts(4, 1, 1, 2), "order_items": TableCounts(5, 2, 1, 2)}
