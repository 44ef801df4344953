"""Measurements as CloudWatch takes them: one line each, one dimension, every value."""

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_trigger.metrics import UNITS, EmfMetrics, Metric
from tests.doubles.metrics import MemoryMetrics

# Spelt out, and not taken from the code: alarms and dashboards of others rely on these words.
PROMISED = {
    "FilesProcessed": "Count",
    "BytesProcessed": "Bytes",
    "RowsPublished": "Count",
    "RowsQuarantined": "Count",
    "ConvertedBySpark": "Count",
    "DataRowsLoaded": "Count",
    "ProcessingErrors": "Count",
    "ExecutionDuration": "Seconds",
    "FreshnessSeconds": "Seconds",
    "NotificationsFailed": "Count",
    "ManifestsFound": "Count",
    "BreakingDifferences": "Count",
    "SchemaChanges": "Count",
}


def test_names_and_units_are_the_promised_ones() -> None:
    assert {metric.value: UNITS[metric].value for metric in Metric} == PROMISED


def test_a_measurement_is_one_whole_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # In a function this variable is set, and powertools makes a dimension of it unless it is kept from that.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sluice-on-job-change")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "other")
    before = datetime.now(UTC).timestamp()
    EmfMetrics().emit("orders", {name: number for number, name in enumerate(PROMISED)})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.endswith("\n")
    line = json.loads(out)
    written = line["_aws"].pop("Timestamp")
    assert before - 1 <= written / 1000 <= datetime.now(UTC).timestamp() + 1
    assert line == {
        "_aws": {
            "CloudWatchMetrics": [
                {
                    "Namespace": "Sluice",
                    "Dimensions": [["dataset"]],
                    "Metrics": [{"Name": name, "Unit": unit} for name, unit in PROMISED.items()],
                }
            ]
        },
        "dataset": "orders",
        **{name: [float(number)] for number, name in enumerate(PROMISED)},
    }


def test_zero_is_a_value_and_nothing_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    EmfMetrics().emit("orders", {"ProcessingErrors": 0})
    assert json.loads(capsys.readouterr().out)["ProcessingErrors"] == [0.0]
    EmfMetrics().emit("orders", {})
    assert capsys.readouterr().out == ""


def test_datasets_of_one_invocation_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = EmfMetrics()
    metrics.emit("orders", {"RowsPublished": 5, "RowsQuarantined": 1})
    metrics.emit("customers", {"RowsPublished": 7})
    metrics.emit("orders", {"RowsPublished": 2})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [{name: value for name, value in line.items() if name != "_aws"} for line in lines] == [
        {"dataset": "orders", "RowsPublished": [5.0], "RowsQuarantined": [1.0]},
        {"dataset": "customers", "RowsPublished": [7.0]},
        {"dataset": "orders", "RowsPublished": [2.0]},
    ]


def test_more_values_than_one_line_can_carry_are_all_there(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = EmfMetrics()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: metrics.emit(f"set{n % 3}", {"FilesProcessed": n}), range(250)))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = sorted((line["dataset"], line["FilesProcessed"]) for line in lines)
    assert found == sorted((f"set{n % 3}", [float(n)]) for n in range(250))


@pytest.mark.parametrize("switch", ["POWERTOOLS_METRICS_DISABLED", "POWERTOOLS_DEV"])
def test_no_switch_silences_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    monkeypatch.setenv(switch, "true")
    EmfMetrics().emit("orders", {"FilesProcessed": 1})
    assert json.loads(capsys.readouterr().out)["FilesProcessed"] == [1.0]


@pytest.mark.parametrize("emit", [EmfMetrics().emit, MemoryMetrics().emit], ids=["emf", "memory"])
@pytest.mark.parametrize(
    ("dataset", "values", "message"),
    [
        ("orders", {"FilesProcessed": 1, "Rows": 2}, "no such metric: 'Rows'"),
        ("orders", {"FreshnessSeconds": float("nan")}, "FreshnessSeconds of orders: nan is not a finite number"),
        ("orders", {"FreshnessSeconds": float("inf")}, "inf is not a finite number"),
        ("", {"FilesProcessed": 1}, "dataset ''"),
        ("  ", {"FilesProcessed": 1}, "dataset '  '"),
        ("x" * 1025, {"FilesProcessed": 1}, "1 to 1024 ASCII characters"),
        ("ördërs", {"FilesProcessed": 1}, "1 to 1024 ASCII characters"),
    ],
)
def test_what_cloudwatch_would_drop_is_refused(
    emit: Callable[[str, dict[str, float]], None],
    dataset: str,
    values: dict[str, float],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match=message):
        emit(dataset, values)
    assert capsys.readouterr().out == ""


def test_the_double_keeps_what_the_real_one_writes() -> None:
    metrics = MemoryMetrics()
    metrics.emit("orders", {"RowsPublished": 5, "ProcessingErrors": 0})
    metrics.emit("orders", {})
    metrics.emit("orders", {"RowsPublished": 2})
    metrics.emit("customers", {"RowsPublished": 70})
    assert metrics.lines == [
        ("orders", {"RowsPublished": 5, "ProcessingErrors": 0}),
        ("orders", {"RowsPublished": 2}),
        ("customers", {"RowsPublished": 70}),
    ]
    assert metrics.total("orders", "RowsPublished") == 7


@given(st.dictionaries(st.sampled_from(sorted(PROMISED)), st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_value_survives_the_line(values: dict[str, float]) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        EmfMetrics().emit("orders", values)
    line = json.loads(out.getvalue())
    assert {name: line[name] for name in line if name not in ("_aws", "dataset")} == {
        name: [value] for name, value in values.items()
    }
