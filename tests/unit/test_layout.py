"""Partitions, folder layouts and URLs."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import LayoutError
from sluice.lake.layout import (
    MAX_URL_BYTES,
    Layout,
    Partition,
    ProcessedLayout,
    archive_url,
    incoming_url,
    is_archive_url,
    is_reserved,
    split_url,
)
from tests.unit.strategies import days, hours, layouts, partitions

HOUR = Partition(datetime(2026, 11, 20, 13, tzinfo=UTC))
DAY = Partition(datetime(2026, 11, 20, tzinfo=UTC), is_hourly=False)
HIVE = Layout("orders/year=%Y/month=%m/day=%d/hour=%H")


def test_a_partition_in_all_its_forms() -> None:
    assert (HOUR.label, HOUR.compact, HOUR.hive_path) == (
        "2026-11-20T13",
        "2026112013",
        "year=2026/month=11/day=20/hour=13",
    )
    assert (DAY.label, DAY.compact, DAY.hive_path) == ("2026-11-20", "20261120", "year=2026/month=11/day=20")
    assert HOUR.keys == ("year", "month", "day", "hour")
    assert HOUR.values == ("2026", "11", "20", "13")
    assert (DAY.keys, DAY.values) == (("year", "month", "day"), ("2026", "11", "20"))


def test_the_partition_that_follows() -> None:
    assert Partition.parse("2026-12-31T23").next() == Partition.parse("2027-01-01T00")
    assert Partition.parse("2028-02-28").next() == Partition.parse("2028-02-29")


@given(partitions)
def test_a_label_reads_back(partition: Partition) -> None:
    assert Partition.parse(partition.label) == partition


@given(st.lists(hours, min_size=2, max_size=5) | st.lists(days, min_size=2, max_size=5))
def test_compact_text_sorts_like_time(found: list[Partition]) -> None:
    assert sorted(found) == sorted(found, key=lambda partition: partition.compact)


@pytest.mark.parametrize("text", ["", "2026-11-20T24", "2026-02-30", "2026-11-20T13:00", "yesterday", "2026-11"])
def test_what_is_no_partition_is_refused(text: str) -> None:
    with pytest.raises(LayoutError, match=re.escape(f"{text!r} is not a partition: write an hour as 2026-11-20T13")):
        Partition.parse(text)


@given(layouts(is_hourly=True), hours)
def test_an_hourly_folder_reads_back(layout: Layout, partition: Partition) -> None:
    folder = layout.folder(partition)
    assert layout.matches(folder)
    assert layout.partition(folder) == partition


@given(layouts(is_hourly=False), days)
def test_a_daily_folder_reads_back(layout: Layout, partition: Partition) -> None:
    assert layout.partition(layout.folder(partition)) == partition


@given(st.from_regex(r"orders/year=\d{4}/month=\d{2}/day=\d{2}/hour=\d{2}", fullmatch=True))
def test_a_folder_has_one_spelling_for_its_partition(folder: str) -> None:
    try:
        partition = HIVE.partition(folder)
    except LayoutError:
        return
    assert HIVE.folder(partition) == folder


def test_digits_of_other_scripts_are_no_date() -> None:
    folder = "orders/year=\uff12\uff10\uff12\uff16/month=11/day=20/hour=13"
    assert not HIVE.matches(folder)
    with pytest.raises(LayoutError, match="does not have the layout"):
        HIVE.partition(folder)


def test_hive_and_plain_folders() -> None:
    assert HIVE.folder(HOUR) == "orders/year=2026/month=11/day=20/hour=13"
    assert Layout("/transactions/%Y-%m-%d/%H/").folder(HOUR) == "transactions/2026-11-20/13"
    assert Layout("in/eu/%Y/%m/%d").root == "in/eu"
    assert Layout("in/eu-%Y/%m/%d").root == "in"


def test_a_date_that_does_not_exist_matches_and_is_refused() -> None:
    folder = "orders/year=2026/month=02/day=30/hour=13"
    assert HIVE.matches(folder)
    with pytest.raises(LayoutError, match=re.escape(f"folder {folder!r} names no valid date and hour")):
        HIVE.partition(folder)


@pytest.mark.parametrize(
    "folder",
    [
        "orders/year=2026/month=11/day=20",
        "orders/year=2026/month=11/day=20/hour=13/more",
        "Orders/year=2026/month=11/day=20/hour=13",
        "orders/year=2026/month=11/day=20/hour=13\n",
        "orders/year=2026/month=11/day=20/hour=1",
    ],
)
def test_another_folder_is_refused(folder: str) -> None:
    assert not HIVE.matches(folder)
    with pytest.raises(LayoutError, match="does not have the layout"):
        HIVE.partition(folder)


def test_dots_in_a_layout_are_plain_dots() -> None:
    layout = Layout("a.b/%Y.%m.%d")
    assert layout.matches("a.b/2026.11.20")
    assert not layout.matches("axb/2026.11.20")


def test_days_and_hours_do_not_mix() -> None:
    with pytest.raises(LayoutError, match=r"partition 2026-11-20 does not fit layout .* which has hours"):
        HIVE.folder(DAY)
    with pytest.raises(LayoutError, match=r"partition 2026-11-20T13 does not fit layout .* which has days"):
        Layout("orders/%Y/%m/%d").folder(HOUR)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("orders", "must each appear once"),
        ("orders/%Y/%m/%m", "must each appear once"),
        ("orders/%Y/%m/%d/%H/%H", "must each appear once"),
        ("orders/%Y/%m/%d/%S", "%S is not allowed"),
        ("orders/%Y/%m/%d/%", "% is not allowed"),
        ("%Y/%m/%d", "the first folder must be a fixed name"),
        ("orders%Y/%m/%d", "the first folder must be a fixed name"),
    ],
)
def test_a_bad_pattern_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        Layout(pattern)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("s3://sluice-raw/a/b c+%.csv", ("sluice-raw", "a/b c+%.csv")),
        ("s3://b.1/k\n", ("b.1", "k\n")),
        ("s3://raw//k", ("raw", "/k")),
    ],
)
def test_urls(url: str, parts: tuple[str, str]) -> None:
    assert split_url(url) == parts


def test_the_longest_url() -> None:
    bucket, key = "b" * 63, "k" * 1024
    assert split_url(f"s3://{bucket}/{key}") == (bucket, key)
    assert len(f"s3://{bucket}/{key}") == MAX_URL_BYTES
    for longer in (f"s3://{bucket}b/{key}", f"s3://{bucket}/{key}k"):
        with pytest.raises(LayoutError):
            split_url(longer)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "is not an object URL"),
        ("s3://raw", "is not an object URL"),
        ("s3://raw/", "is not an object URL"),
        ("s3a://raw/k", "is not an object URL"),
        ("https://raw/k", "is not an object URL"),
        ("s3://Raw/k", "is not an object URL"),
        ("s3://../k", "is not an object URL"),
        ("s3://raw/" + "ü" * 513, "the key has 1026 bytes; S3 allows 1024"),
        ("s3://raw/\ud800", "cannot be written as UTF-8"),
    ],
)
def test_bad_urls_are_refused(url: str, problem: str) -> None:
    with pytest.raises(LayoutError, match=problem):
        split_url(url)


def test_where_things_lie_in_the_processed_bucket() -> None:
    processed = ProcessedLayout("sluice-processed")
    hour = "s3://sluice-processed/table-files/orders/year=2026/month=11/day=20/hour=13"
    assert processed.runs("orders", HOUR) == hour
    assert processed.partition("orders", HOUR, "run") == f"{hour}/run"
    assert processed.replaced("orders") == "s3://sluice-processed/_sluice/replaced/orders"
    assert processed.frozen_manifest("orders", "b") == "s3://sluice-processed/_sluice/manifests/orders/b.json"
    assert processed.run_input("c") == "s3://sluice-processed/_sluice/runs/c/input.json"
    assert processed.run_outcome("c") == "s3://sluice-processed/_sluice/runs/c/outcome.json"
    assert processed.load_manifest("c", "orders") == "s3://sluice-processed/_sluice/loads/c/orders.manifest.json"
    assert processed.load_input("c") == "s3://sluice-processed/_sluice/loads/c/input.json"
    assert processed.load_outcome("c") == "s3://sluice-processed/_sluice/loads/c/outcome.json"


@pytest.mark.parametrize(
    ("url", "archived", "is_archived"),
    [
        ("s3://raw/orders/h=1/a", "s3://raw/archive/orders/h=1/a", False),
        ("s3://raw/archive/orders/h=1/a", "s3://raw/archive/orders/h=1/a", True),
        ("s3://raw/archived/a", "s3://raw/archive/archived/a", False),
    ],
)
def test_places_in_the_archive(url: str, archived: str, is_archived: bool) -> None:
    assert archive_url(url) == archived
    assert is_archive_url(url) is is_archived
    assert incoming_url(archived) == url.replace("/archive/", "/")
    assert incoming_url(incoming_url(archived)) == incoming_url(archived)
    assert is_reserved(split_url(archived)[1])


def test_a_key_without_room_in_the_archive_is_refused() -> None:
    assert split_url(archive_url(f"s3://raw/{'k' * 1016}"))[1] == f"archive/{'k' * 1016}"
    with pytest.raises(LayoutError, match="the key has 1025 bytes; S3 allows 1024"):
        archive_url(f"s3://raw/{'k' * 1017}")
