"""Casts against a reference in plain Python, all values of all types in one Spark job; checks and standardising too."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from glue_jobs.conversion.casts import cast, datetime_patterns
from glue_jobs.conversion.checks import first_reason
from glue_jobs.conversion.rows import standardised
from sluice.contract import Column, Contract, CsvSource, SqlType, Table
from tests.unit.kernel_data import CHECKED, FORMATS, STANDARDISED, TYPES, texts
from tests.unit.kernel_reference import reference


def test_casts_agree_with_the_reference(spark: SparkSession) -> None:
    values = sorted(set(texts()))
    frame = spark.createDataFrame([(text,) for text in values], "text string").coalesce(1)
    casts = [cast(Column(f"c{index}", name), F.col("text")).alias(name) for index, name in enumerate(TYPES)]
    # Moments as microseconds: Python's own datetimes of a collect are in the machine's zone.
    columns = [F.unix_micros("timestamp").alias("timestamp") if name == "timestamp" else f"`{name}`" for name in TYPES]
    found = frame.select("text", *casts).select("text", *columns).collect()
    differences = [
        (name, row["text"], row[name], expected)
        for row in found
        for name in TYPES
        if row[name] != (expected := _comparable(reference(SqlType.parse(name), row["text"])))
    ]
    assert differences == []
    assert [row["text"] for row in found] == values


def _comparable(value: object) -> object:
    if not isinstance(value, datetime):
        return value
    since = value - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def test_formats(spark: SparkSession) -> None:
    rows = sorted({text for cases in FORMATS.values() for text in cases})
    casts = [
        cast(Column(f"c{index}", name, format=form), F.col("text")).alias(f"c{index}")
        for index, (name, form) in enumerate(FORMATS)
    ]
    moments = [
        F.unix_micros(f"c{index}").alias(f"c{index}") if name == "timestamp" else f"c{index}"
        for index, (name, _) in enumerate(FORMATS)
    ]
    frame = spark.createDataFrame([(text,) for text in rows], "text string").coalesce(1)
    found = {row["text"]: row for row in frame.select("text", *casts).select("text", *moments).collect()}
    for index, ((name, form), cases) in enumerate(FORMATS.items()):
        for text, expected in cases.items():
            assert (name, form, text, found[text][f"c{index}"]) == (name, form, text, _comparable(expected))


@pytest.mark.parametrize(
    ("form", "pattern", "text"),
    [
        ("%Y-%m-%d", "yyyy-MM-dd", "2026-11-20"),
        ("%d.%m.%Y %H:%M:%S", "dd.MM.yyyy HH:mm:ss", "20.11.2026 13:05:06"),
        ("%Y-%m-%dT%T%z", "yyyy-MM-dd'T'HH:mm:ss[XXX][XX]", "2026-11-20T13:05:06+0100"),
        ("at %H o'clock (%%)", "'at 'HH' o''clock (%)'", "at 13 o'clock (%)"),
    ],
)
def test_datetime_patterns(form: str, pattern: str, text: str) -> None:
    found, expression = datetime_patterns(form)
    assert found == pattern
    assert re.fullmatch(expression.replace(r"\z", r"\Z"), text)


def test_checks(spark: SparkSession) -> None:
    table = Table("t", tuple(column for column, _ in CHECKED.values()), primary_key=("key",), order_by=("at",))
    texts = [text for _, cases in CHECKED.values() for text in cases]
    frame = spark.createDataFrame([(text,) for text in texts], "text string").coalesce(1)
    typed = frame.select("text", *[cast(column, F.col("text")).alias(name) for name, (column, _) in CHECKED.items()])
    reasons = [
        first_reason(table, column, F.col("text"), F.col(name)).alias(f"_{name}")
        for name, (column, _) in CHECKED.items()
    ]
    found = {row["text"]: row for row in typed.select("text", *reasons).collect()}
    expected = {(name, text): reason for name, (_, cases) in CHECKED.items() for text, reason in cases.items()}
    assert {(name, text): found[text][f"_{name}"] for name, text in expected} == expected


def test_standardising_goes_trim_null_case_default(spark: SparkSession) -> None:
    contract = Contract("d", CsvSource("d/%Y/%m/%d"), (), null_values=("", "NULL"))
    texts = sorted({text for _, cases in STANDARDISED for text in cases if text is not None})
    frame = spark.createDataFrame([(text,) for text in [None, *texts]], "text string").coalesce(1)
    columns = [standardised(contract, column, F.col("text")).alias(column.name) for column, _ in STANDARDISED]
    found = {row["text"]: row for row in frame.select("text", *columns).collect()}
    expected = {(column.name, text): result for column, cases in STANDARDISED for text, result in cases.items()}
    assert {(name, text): found[text][name] for name, text in expected} == expected


def test_decimals_keep_every_digit(spark: SparkSession) -> None:
    text = "12345678901234567890.123456789012345678"
    [row] = spark.createDataFrame([(text,)], "text string").select(
        cast(Column("c", "decimal(38,18)"), F.col("text")).alias("c")
    ).collect()  # fmt: skip
    assert row["c"] == Decimal(text)
