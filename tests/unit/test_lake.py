"""Athena's queries as text: what bounds a query reads."""

from datetime import UTC, datetime

import pytest

from sluice.analysis.quarantine import Span, quarantine_reasons, quarantine_rows, quarantine_share
from sluice.contract import parse_contract
from sluice.lake.layout import Partition
from tests.unit.contract_data import plain_contract

HOUR = Partition(datetime(2026, 11, 20, 13, tzinfo=UTC))
DAY = Partition(datetime(2026, 11, 20, tzinfo=UTC), is_hourly=False)
HOURLY = parse_contract(plain_contract(), "parcels.yaml")
DAILY = parse_contract(
    plain_contract(source={"format": "csv", "layout": "parcels/year=%Y/month=%m/day=%d"}), "parcels.yaml"
)
_DAY_LABEL = '"year" || \'-\' || "month" || \'-\' || "day"'
_HOUR_LABEL = f"{_DAY_LABEL} || 'T' || \"hour\""


@pytest.mark.parametrize(
    ("span", "condition"),
    [
        (Span(HOUR, None), f"\"year\" >= '2026' AND {_HOUR_LABEL} >= '2026-11-20T13'"),
        (Span(None, HOUR), f"\"year\" <= '2026' AND {_HOUR_LABEL} <= '2026-11-20T13'"),
        (
            Span(DAY, DAY),
            (
                f"\"year\" >= '2026' AND {_HOUR_LABEL} >= '2026-11-20T00' "
                f"AND \"year\" <= '2026' AND {_HOUR_LABEL} <= '2026-11-20T23'"
            ),
        ),
    ],
)
def test_bounds_of_hours_name_partition_keys_alone(span: Span, condition: str) -> None:
    for sql in (quarantine_reasons(HOURLY, span), quarantine_rows(HOURLY, span)):
        assert sql.count("WHERE") == 1
        assert sql.count(f"\nWHERE {condition}\n") == 1
    assert quarantine_share(HOURLY, span).count(f"\nWHERE {condition}") == 2


@pytest.mark.parametrize("partition", [HOUR, DAY])
def test_bounds_of_days_have_no_hour(partition: Partition) -> None:
    condition = f"\nWHERE \"year\" >= '2026' AND {_DAY_LABEL} >= '2026-11-20'\n"
    assert quarantine_rows(DAILY, Span(first=partition)).count(condition) == 1
    assert '"hour"' not in quarantine_rows(DAILY, Span(first=partition))


def test_without_bounds_everything_is_read() -> None:
    for sql in (quarantine_reasons(HOURLY, Span()), quarantine_rows(HOURLY, Span()), quarantine_share(HOURLY, Span())):
        assert "WHERE" not in sql
