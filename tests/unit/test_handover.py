"""The documents between dispatcher and runs: they read back as they were written, and strange ones are refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.lake.handover import (
    BatchOutcome,
    ClosedClaim,
    Document,
    FileCounts,
    FrozenManifest,
    LoadBatchOutcome,
    LoadCounts,
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


@given(st.one_of(*map(st.from_type, DOCUMENTS)))
def test_what_a_newer_version_adds_is_left_out(document: Document) -> None:
    """Functions and jobs are not deployed at the same moment, and a rollback reads what a newer version wrote."""
    newer = json.loads(document.to_json()) | {"surprise": {"more": 1}}
    assert type(document).from_json(json.dumps(newer)) == document


def test_fields_deep_inside_are_left_out_too() -> None:
    outcome = LoadOutcome("c", (LoadBatchOutcome("b", tables={"t": LoadCounts(1)}),))
    newer = json.loads(outcome.to_json())
    newer["batches"][0]["surprise"] = newer["batches"][0]["tables"]["t"]["surprise"] = 1
    assert LoadOutcome.from_json(json.dumps(newer)) == outcome


@pytest.mark.parametrize("schema", [2, "2", None])
def test_a_document_of_a_later_schema_is_refused_loudly(schema: object) -> None:
    newer = json.loads(RunInput("c", "orders", {}).to_json()) | {"schema": schema}
    with pytest.raises(ValueError, match=r"RunInput of schema .*, and this version of Sluice reads schema 1: deploy"):
        RunInput.from_json(json.dumps(newer))


def test_documents_of_versions_without_a_number_are_read() -> None:
    assert RunInput.from_json('{"claim_id": "c", "dataset": "orders", "batches": {}}') == RunInput("c", "orders", {})


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
