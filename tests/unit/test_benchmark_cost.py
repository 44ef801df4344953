"""What a batch costs is a sum of counted things by prices that say where and when they were read."""

import tomllib
from datetime import date

import pytest

from benchmarks.cost import PRICES, Usage, bill, dpus, prices

NOTHING = Usage({}, (), (), 0, 0)


def test_every_price_has_its_page_its_day_and_its_rule() -> None:
    found = tomllib.loads(PRICES.read_text(encoding="utf-8"))
    assert {name: set(price) for name, price in found.items()} == {
        name: {"usd", "known", "page", "rule"} for name in prices()
    }
    assert all(price["page"].startswith("https://aws.amazon.com/") for price in found.values())
    assert all(date(2025, 1, 1) <= price["known"] for price in found.values())


def test_a_short_glue_run_is_billed_for_a_minute() -> None:
    runs = ((2.0, dpus("G.1X", 2)), (120.0, dpus("G.1X", 2)))
    assert bill(Usage({}, runs, (), 0, 0), prices())["Glue runs"] == pytest.approx(2 * 0.44 / 60 + 4 * 0.44 / 60)


def test_calls_cost_what_their_service_asks() -> None:
    calls = {
        ("s3", "PutObject"): 1000,
        ("s3", "ListObjectsV2"): 1000,
        ("s3", "GetObject"): 10_000,
        ("s3", "DeleteObject"): 10**9,
        ("dynamodb", "PutItem"): 1_000_000,
        ("dynamodb", "TransactWriteItems"): 1_000_000,
        ("dynamodb", "Query"): 1_000_000,
        ("glue", "BatchUpdatePartition"): 1_000_000,
        ("glue", "StartJobRun"): 10**9,
        ("glue", "GetJobRun"): 10**9,
        ("redshift-data", "ExecuteStatement"): 10**9,
        ("sqs", "SendMessage"): 1_000_000,
    }
    found = bill(Usage(calls, (), (), 0, 0), prices())
    assert {name: round(dollars, 6) for name, dollars in found.items() if dollars} == {
        "S3 requests": 0.014,
        "DynamoDB": 3.25,
        "Data Catalog": 1.0,
        "sqs": 0.4,
    }


def test_functions_states_and_the_warehouse_are_paid_for_too() -> None:
    usage = Usage({}, (), ((2.0, 0.5), (1.0, 0.5)), 40, 2)
    found = bill(usage, prices())
    assert found["Lambda"] == pytest.approx(2 * 2e-7 + 1.5 * 1.33334e-5)
    assert found["Step Functions"] == pytest.approx(0.001)
    assert found["warehouse"] == pytest.approx(2 * 8 / 60 * 0.375)
    assert next(iter(found)) == "warehouse"  # the dearest first


def test_nothing_used_costs_nothing() -> None:
    assert set(bill(NOTHING, prices()).values()) == {0.0}
