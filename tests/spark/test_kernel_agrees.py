"""The kernel's row lane against Spark's expressions: the same values, reasons, counts and quarantine."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from glue_jobs.conversion import schema
from glue_jobs.conversion.rows import RowBuilder
from sluice.contract import Contract, CsvSource, parse_contract
from sluice.contract.shape import shape_of
from sluice.kernel.gather import storable
from sluice.kernel.parse.csv_text import CsvRecords
from sluice.kernel.parse.json_text import JsonRecords
from sluice.kernel.parse.parsed import Parsed
from sluice.kernel.rows import RowLane, record_json
from tests.spark.lake import project_contract
from tests.unit.kernel_data import EDGES, FORMATS, TYPES, texts

MORE_TEXTS = (
    "abc",
    "ABC",
    "äöü",
    "é",
    "straße",
    "İ",
    "ﬁ",
    "Σίσυφος ΣΑΣ",
    "\u00a0x\ufeff",
    "a\0",
    "😀",
    "x" * 300,
    "a\nb",
    "a\r",
    "٣٤",
    "yes ",
    "16777217",
    "16777219",
    "0.1",
    "1e-46",
    "3.4028235677973366e38",
    "3.4028235677973367e38",
    "-0.0",
    "-0",
    "1e-400",
    "7.006492321624085e-46",
    "100000000000000000000000.5",
    "8388608.500000001",
    "8388609.5",
    "20.11.26",
    "20Nov2026",
    "05Mai2026",
    "13 PM",
    "01 am",
    "2026-366",
    "2026-001",
    "29-02",
    "24:00:00",
    "23:59:60",
    "12:05 AM",
    "00:05 AM",
    "13:05 PM",
)
MORE_FORMATS = (
    ("timestamp", "%H:%M:%S"),
    ("timestamp", "%I:%M %p"),
    ("timestamp", "%H %p"),
    ("timestamp", "%d-%m"),
    ("timestamp", "%Y-%j"),
    ("date", "%d.%m.%y"),
    ("timestamp", "%Y-%m-%dT%H:%M:%S%z"),
    ("date", "%Y-%m-%dT%T%z"),
    ("timestamp", "%Y-%m-%d %T.%f"),
    ("timestamp", "%p"),
)
CHECKS: tuple[dict[str, Any], ...] = (
    {"type": "varchar(5)", "pattern": r"\w+"},
    {"type": "varchar(50)", "pattern": r"[0-9]{4}-\d\d.*"},
    {"type": "varchar(50)", "pattern": r"a|b|\s*"},
    {"type": "decimal(12,2)", "min": "-1.5", "max": 1000},
    {"type": "real", "min": 0.1, "max": "1e5"},
    {"type": "double precision", "allowed": [0.1, 1, "1e5"]},
    {"type": "date", "min": "2026-01-01", "max": "2026-12-31"},
    {"type": "timestamp", "max": "2026-11-20T13:05:06+01:00"},
    {"type": "varchar(40)", "allowed": ["1", "true", " x"]},
    {"type": "varchar(40)", "min": "1", "max": "b"},
    {"type": "boolean", "allowed": [True]},
    {"type": "integer", "allowed": [1, "7"]},
    {"type": "char(4)"},
    {"type": "varchar(40)", "trim": True, "case": "upper"},
    {"type": "varchar(40)", "case": "lower", "null_values": ["x", "-"]},
    {"type": "integer", "trim": True, "default": 7},
    {"type": "boolean", "default": False},
    {"type": "date", "default": "2026-01-01"},
)


def every_rule() -> Contract:
    """A column for every type, format, check and way of standardising; all of them read the same text."""
    columns = [{"type": name} for name in TYPES]
    columns += [{"type": name, "format": form} for name, form in [*FORMATS, *MORE_FORMATS]]
    columns += CHECKS
    built = [{"name": f"c{index}", "source": "v", **column} for index, column in enumerate(columns)]
    return parse_contract(
        {
            "dataset": "d",
            "source": {"format": "json", "layout": "d/%Y/%m/%d"},
            "null_values": ["", "NULL"],
            "tables": [{"name": "t", "load": "append", "columns": built}],
        },
        "d.yaml",
    )


def mutated(chance: random.Random, values: Sequence[str], count: int) -> Iterator[str]:
    for _ in range(count):
        text = chance.choice(values)
        place = chance.randint(0, len(text))
        yield text[:place] + chance.choice("0123456789.-+eE:TZ \näPM") + text[place + chance.randint(0, 1) :]


def compare(spark: SparkSession, contract: Contract, parsed: Sequence[Parsed]) -> None:
    """Every record through both."""
    shape = shape_of(contract)
    builder, lane, to_json = RowBuilder(contract, shape), RowLane(contract, shape), record_json(shape)
    rows = [("b", str(index), *item) for index, item in enumerate(parsed)]
    frame = spark.createDataFrame(rows, schema.record_schema(shape.record), verifySchema=False).coalesce(1)
    found = {int(row[schema.SOURCE]): row for row in builder.evaluate(frame).collect()}
    assert len(found) == len(parsed)
    for index, item in enumerate(parsed):
        row, judged = found[index], lane.judge(item)
        assert (item, list(judged.reasons)) == (item, row[schema.REASONS])
        record = None if item.record is None or item.error else to_json(item.record)
        assert (record if judged.reasons else None) == _unescaped(row[schema.RECORD])
        assert (storable(item.raw_text) if judged.reasons else None) == row[schema.RAW_TEXT]
        for table, rows_of, count in zip(contract.tables, judged.rows, judged.counts, strict=True):
            assert (item, count) == (item, row[schema.count(table)])
            kept = row[schema.rows(table)]
            if judged.reasons:
                assert kept is None
                continue
            spark_rows = ([kept] if table.explode is None else kept) or []
            assert [tuple(map(_plain, values)) for values in rows_of] == [
                tuple(map(_plain, values)) for values in spark_rows
            ]


def _unescaped(text: str | None) -> str | None:
    """JSON as Python writes it: Spark writes control characters with large hexadecimal digits."""
    return None if text is None else json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


def _micros(value: object) -> object:
    if not isinstance(value, datetime):
        return value
    since = value - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def _plain(value: object) -> object:
    """Moments as texts: Python's own datetimes of a collect are in the machine's zone."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.astimezone(UTC)).astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else repr(value)


def test_values_and_reasons_of_single_columns(spark: SparkSession) -> None:
    chance = random.Random(1)
    every = sorted({*EDGES, *MORE_TEXTS, *list(texts())[::8], *mutated(chance, MORE_TEXTS, 300)})
    every += sorted({text for cases in FORMATS.values() for text in cases})
    every += list(mutated(chance, [text for cases in FORMATS.values() for text in cases], 400))
    contract = every_rule()
    shape = shape_of(contract)
    [table] = contract.tables
    builder = RowBuilder(contract, shape)
    rows = [("b", str(index), (text,), "", None, False) for index, text in enumerate(every)]
    frame = spark.createDataFrame(rows, schema.record_schema(shape.record), verifySchema=False).coalesce(1)
    frame = frame.select("*", builder._texts(table).alias("_texts_t"))
    frame = frame.select("*", builder._values(table).alias("_values_t"))
    moments = {column.name for column in table.columns if column.sql_type.name == "timestamp"}
    values = [
        (F.unix_micros(f"_values_t.{name}") if name in moments else F.col(f"_values_t.{name}")).alias(name)
        for name in table.column_names
    ]
    found = frame.select(F.col(schema.SOURCE), builder._reasons().alias("reasons"), *values).collect()
    lane = RowLane(contract, shape)
    for row in found:
        text = every[int(row[schema.SOURCE])]
        judged = lane.judge(Parsed((text,), ""))
        for column, mine in zip(table.columns, judged.rows[0][0], strict=True):
            what = (column.type, column.format, text)
            assert (what, repr(_micros(mine))) == (what, repr(row[column.name]))
        assert (text, list(judged.reasons)) == (text, row["reasons"])


def test_nested_records_and_their_rows(spark: SparkSession) -> None:
    contract = project_contract("orders")
    chance = random.Random(2)
    order = {
        "order_id": "ORD-000001",
        "customer": {"id": " C-1 "},
        "order_date": "2026-11-20",
        "total_amount": 12.1,
        "order_status": "Placed",
        "updated_at": "2026-11-20T13:00:00+01:00",
        "items": [
            {"line_number": 1, "product_id": "P-1", "quantity": 2, "unit_price": 1.05},
            {"line_number": "2", "product_id": "P-2", "quantity": 1, "unit_price": 10},
        ],
    }
    whole = json.dumps(order)
    lines = [whole, json.dumps({**order, "items": None}), json.dumps({**order, "customer": None}), "{}", "[]", "null"]
    for _ in range(1500):
        text = chance.choice(lines[:3])
        for _ in range(chance.randint(1, 2)):
            place = chance.randint(0, len(text) - 1)
            text = (
                text[:place]
                + chance.choice('0123456789.-+eE:TZ {}[]",nä\ufffd\\\x1f')
                + text[place + chance.randint(0, 1) :]
            )
        lines.append(text)
    records = JsonRecords(contract.source, shape_of(contract).record)  # type: ignore[arg-type]
    compare(spark, contract, [records.line(line) for line in lines])


def test_csv_records_of_a_project_contract(spark: SparkSession) -> None:
    contract = project_contract("customers")
    source = contract.source
    assert isinstance(source, CsvSource)
    chance = random.Random(3)
    names = [column.path for column in contract.tables[0].columns]
    reader = CsvRecords(source, names, ())
    body = [source.delimiter.join(f"{name}1" for name in names)] * 50
    body += [
        source.delimiter.join(chance.choice((*EDGES, *MORE_TEXTS)).replace("\n", "") for _ in names) for _ in range(300)
    ]
    compare(spark, contract, [parsed for line in body for parsed in reader.lines([line], source.delimiter.join(names))])
