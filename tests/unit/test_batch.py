"""Batch ids and states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId, BatchState
from tests.unit.strategies import hours, partitions

SEQUENCERS = st.text("0123456789abcdefABCDEF", min_size=1, max_size=32)


def test_the_text_of_a_batch_id() -> None:
    batch_id = BatchId.make("orders", Partition.parse("2026-11-20T13"), "0055aed6dcd90281e5")
    assert str(batch_id) == "orders.2026112013.000000000000000055AED6DCD90281E5"
    assert batch_id.prefix == "orders.2026112013."


@given(st.from_regex("[a-z][a-z0-9_]{0,20}", fullmatch=True), partitions, SEQUENCERS)
def test_a_batch_id_reads_back(dataset: str, partition: Partition, sequencer: str) -> None:
    batch_id = BatchId.make(dataset, partition, sequencer)
    assert BatchId.parse(str(batch_id)) == batch_id
    assert str(batch_id).startswith(f"{dataset}.{partition.compact}.")


@given(st.tuples(hours, SEQUENCERS), st.tuples(hours, SEQUENCERS))
def test_batch_ids_sort_like_partition_then_sequencer(one: tuple[Partition, str], other: tuple[Partition, str]) -> None:
    """S3: pad the shorter sequencer on the left with zeros, then compare as hexadecimal numbers."""
    texts = [str(BatchId.make("orders", *pair)) for pair in (one, other)]
    ranks = [(partition, int(sequencer, 16)) for partition, sequencer in (one, other)]
    assert (texts[0] < texts[1]) == (ranks[0] < ranks[1])
    assert (texts[0] == texts[1]) == (ranks[0] == ranks[1])


@pytest.mark.parametrize("text", ["", "orders", "orders.2026112013", "orders..1", "a.b.c.d", ".2026112013.1"])
def test_what_is_no_batch_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a batch id: it looks like orders"):
        BatchId.parse(text)


def test_which_states_are_final() -> None:
    assert {state for state in BatchState if state.is_final} == {
        BatchState.LOADED,
        BatchState.ARCHIVED,
        BatchState.REJECTED,
        BatchState.SUPERSEDED,
        BatchState.FAILED,
    }
