"""Moments in options."""

from datetime import UTC, datetime, timedelta

import pytest

from sluice.cli.moments import parse_partition, parse_since, parse_until
from sluice.errors import CommandError, LayoutError
from sluice.lake.layout import Partition

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T13", datetime(2026, 11, 20, 13, tzinfo=UTC)),
        ("2026-11-20T13:05", datetime(2026, 11, 20, 13, 5, tzinfo=UTC)),
        ("2026-11-20 13:05:07", datetime(2026, 11, 20, 13, 5, 7, tzinfo=UTC)),
        ("2026-11-20T13:05+02:00", datetime(2026, 11, 20, 11, 5, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 20, 13, tzinfo=UTC)),
        ("6h", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 13, 14, 30, tzinfo=UTC)),
        ("0h", NOW),
        ("", None),
    ],
)
def test_since(text: str, moment: datetime | None) -> None:
    assert parse_since(text, NOW) == moment


def test_until_a_day_means_its_end() -> None:
    assert parse_until("2026-11-20", NOW) == datetime(2026, 11, 21, tzinfo=UTC) - timedelta(microseconds=1)
    assert parse_until("2026-11-20T13:05", NOW) == datetime(2026, 11, 20, 13, 5, tzinfo=UTC)
    assert parse_until("6h", NOW) == datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    assert parse_until("", NOW) is None


@pytest.mark.parametrize("text", ["noon", "6", "6w", "-6h", "2026-13-01", "2026-11-31", "999999d"])
def test_what_is_no_moment_is_refused_with_the_forms(text: str) -> None:
    for parse in (parse_since, parse_until):
        with pytest.raises(CommandError, match=r"is not a valid time: write a time in UTC such as 2026-11-20T13:30 or"):
            parse(text, NOW)


def test_partitions() -> None:
    assert parse_partition("") is None
    assert parse_partition("2026-11-20T13") == Partition(datetime(2026, 11, 20, 13, tzinfo=UTC))
    with pytest.raises(LayoutError):
        parse_partition("noon")
