"""Which batches take part in a load, and how their list reaches the warehouse within the Data API's limits."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.model import LoadMode
from sluice.errors import LayoutError
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId
from sluice.warehouse.batches import (
    MAX_RANGES,
    ListedBatch,
    batch_id_lists,
    by_partition,
    insert_batches,
    list_batches,
    value_lists,
    within,
)

A1, A2 = "things.2026112001.0A1", "things.2026112001.0A2"
B1 = "things.2026112002.0B1"
DAY = "things.20261119.0C1"


@pytest.mark.parametrize(
    ("mode", "current"),
    [("upsert", {A1, A2, B1, DAY}), ("append", {A2, B1, DAY}), ("full_refresh", {B1})],
)
def test_a_newer_batch_takes_the_place_of_those_that_its_mode_replaces(mode: LoadMode, current: set[str]) -> None:
    assert list_batches([B1, A2, A1, DAY, A1], mode) == (
        ListedBatch(DAY, "2026-11-19", "20261119", DAY in current),
        ListedBatch(A1, "2026-11-20T01", "2026112001", A1 in current),
        ListedBatch(A2, "2026-11-20T01", "2026112001", A2 in current),
        ListedBatch(B1, "2026-11-20T02", "2026112002", B1 in current),
    )


def test_a_batch_that_was_put_behind_an_older_one_is_listed_behind_it() -> None:
    """As when the sweep found a manifest first, and the next one's event came later."""
    older = BatchId.make("things", Partition.parse("2026-11-20T01"), "6B00526200000000")
    placed = BatchId.make("things", Partition.parse("2026-11-20T01"), "55AED6DCD90281E8").after(older)
    twice = BatchId.make("things", Partition.parse("2026-11-20T01"), "55AED6DCD90281E9").after(placed)
    found = list_batches([str(twice), str(older), str(placed)], "append")
    assert [(one.batch_id, one.is_current) for one in found] == [
        (str(older), False),
        (str(placed), False),
        (str(twice), True),
    ]
    assert {one.partition_digits for one in found} == {"2026112001"}
    assert within('"b"', [str(placed)]) == within('"b"', [str(older)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "things.2026112001",
        "things.2026112001.0a'",
        "things.x.0A",
        "things.2026112001.0A.0A",
        "things.2026112001.0A-",
    ],
)
def test_what_is_no_batch_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a batch id"):
        list_batches([text], "upsert")
    with pytest.raises(ValueError, match="is not a batch id"):
        list(batch_id_lists([text]))


def test_a_batch_of_an_hour_that_does_not_exist_is_refused() -> None:
    with pytest.raises(LayoutError):
        list_batches(["things.2026112025.0A"], "upsert")


def test_long_lists_are_cut_without_losing_a_batch() -> None:
    batches = list_batches([f"things.2026112001.{number:032X}" for number in range(3000)], "upsert")

    statements = list(insert_batches(batches))
    lists = list(batch_id_lists(batch.batch_id for batch in batches))

    assert len(statements) > 1
    assert max(map(len, [*statements, *lists])) < 100_000
    assert max(len(text.encode()) for text in value_lists(f"('{'件' * 1000}')" for _ in range(300))) < 100_000
    assert "".join(statements).count("TRUE") == 3000
    assert [text.strip("'") for listed in lists for text in listed.split(", ")] == [batch.batch_id for batch in batches]


def test_no_batches_give_no_statement() -> None:
    assert list(insert_batches([])) == []
    assert list(batch_id_lists([])) == []


BETWEEN = re.compile(r"\"b\" BETWEEN '([^']+)' AND '([^']+)'")
PARTITIONS = st.dates(date(2001, 1, 1), date(2099, 12, 31)).flatmap(
    lambda day: st.sampled_from([f"{day:%Y%m%d}", *(f"{day:%Y%m%d}{hour:02}" for hour in (0, 9, 23))])
)


def batch_ids(partition: str) -> st.SearchStrategy[str]:
    return st.text("0123456789ABCDEF", min_size=1, max_size=32).map(lambda sequencer: f"orders.{partition}.{sequencer}")


@given(st.lists(PARTITIONS.flatmap(batch_ids), min_size=1, max_size=5), PARTITIONS.flatmap(batch_ids))
def test_a_condition_takes_every_batch_of_its_partitions_and_no_other(ids: list[str], other: str) -> None:
    ranges = BETWEEN.findall(within('"b"', ids))

    for batch_id in (*ids, other):
        of_partition = batch_id.rsplit(".", 1)[0] in {known.rsplit(".", 1)[0] for known in ids}
        assert any(first <= batch_id <= last for first, last in ranges) == of_partition


def test_many_partitions_are_one_range() -> None:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    ids = [f"orders.{moment + timedelta(hours=hour):%Y%m%d%H}.A" for hour in range(MAX_RANGES + 1)]

    assert len(BETWEEN.findall(within('"b"', ids[1:]))) == MAX_RANGES
    assert within('"b"', ids) == "(\"b\" BETWEEN 'orders.2026112000.' AND 'orders.2026112404/')"
    assert list(by_partition([*reversed(ids), f"{ids[0]}B"])) == [[ids[0], f"{ids[0]}B", *ids[1:-1]], ids[-1:]]
