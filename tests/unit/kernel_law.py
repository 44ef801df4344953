"""What the law of the two lanes is tested on: contracts of every kind, and files that are mutated in every way."""

import io
import json
import random
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from sluice.contract import Column, Contract, Table, parse_contract
from sluice.kernel.arrow import plain
from sluice.kernel.convert import Kernel, Lanes, RawFile, splits
from sluice.kernel.tally import FileTally

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)

GOOD: dict[str, tuple[str, ...]] = {
    "smallint": ("1", "-7", "32767", "007"),
    "integer": ("1", "-2147483648", "0", "12345"),
    "bigint": ("1", "9223372036854775807", "-3", "123456789012345678"),
    "decimal(9,2)": ("1", "1.5", "-12.25", "0.00", "1e2", "12.100", "1234567.89"),
    "decimal(38,18)": ("12345678901234567890.123456789012345678", "1", "-0.5"),
    "decimal(5,5)": ("0.12345", "0", ".5", "-0.00001"),
    "real": ("0.1", "1", "-2.5", "3.4e38", "16777217", "1e-46"),
    "double precision": ("0.1", "1e22", "-2.5", "123456789.123456789", "1.7976931348623157e308", "-0"),
    "boolean": ("true", "No", "1", "F"),
    "char(3)": ("abc", "x", ""),
    "varchar(12)": ("abc", "äöü", "a b", " x ", "", "NULL"),
    "date": ("2026-11-20", "2024-02-29", "0001-01-01", "9999-12-31"),
    "timestamp": ("2026-11-20 13:05:06", "2026-11-20T13:05:06.5Z", "2026-11-20T13:05:06+01:00", "9999-12-31T23:59:59"),
}
BAD = (
    "",
    " ",
    "x",
    "-",
    "1.",
    "+1",
    "0x10",
    "1e5",
    "2026-02-30",
    "99999999999999999999",
    "NaN",
    "null",
    "\u00a0",
    "a\0",
    "\ufffd",
    "tru",
)
OPTIONS: tuple[dict[str, Any], ...] = ({}, {}, {}, {"trim": True}, {"required": True}, {"null_values": ["x", "-"]})
TEXT_OPTIONS: tuple[dict[str, Any], ...] = (
    {"pattern": "[a-z]+|.* .*"},
    {"case": "upper"},
    {"case": "lower", "trim": True},
    {"allowed": ["abc", "x"]},
    {"default": "none"},
    {"min": "a", "max": "b"},
)
NUMBER_OPTIONS: tuple[dict[str, Any], ...] = ({"min": 0}, {"max": 1}, {"allowed": [0, 1]}, {"default": 0})


def contract(chance: random.Random, format: str, **source: Any) -> Contract:  # noqa: A002 - the field's name
    """A contract of some columns with some options; JSON has a nested object and an array of rows."""
    columns = [column(chance, index) for index in range(chance.randint(2, 6))]
    tables: list[dict[str, Any]] = [{"name": "t", "load": "append", "columns": columns}]
    if format == "json" and chance.random() < 0.5:
        for index, item in enumerate(columns[1:3]):
            item["source"] = f"in.c{index + 1}"
        rows = [column(chance, index) for index in range(chance.randint(1, 3))]
        rows.append({"name": "of", "type": columns[0]["type"], "source": f"$.{columns[0]['name']}"})
        tables.append({"name": "u", "load": "append", "explode": "rows", "columns": rows})
    return parse_contract(
        {
            "dataset": "d",
            "source": {"format": format, "layout": "d/%Y/%m/%d", **source},
            "max_rejected_ratio": 1,
            "null_values": chance.choice([["", "NULL"], [""], ["NULL"], []]),
            "tables": tables,
        },
        "d.yaml",
    )


def column(chance: random.Random, index: int) -> dict[str, Any]:
    kind = chance.choice(list(GOOD))
    more = TEXT_OPTIONS if "char" in kind else NUMBER_OPTIONS if GOOD[kind][0] in ("1", "0.1") else ()
    found = {"name": f"c{index}", "type": kind, **chance.choice([*OPTIONS, *more])}
    found["may_be_absent"] = not found.get("required")
    if kind == "date" and chance.random() < 0.3:
        found |= {"format": "%d.%m.%Y"}
    if found.get("default") == "none" and kind == "char(3)":
        found["default"] = "x"
    return found


def value(chance: random.Random, kind: str, share_bad: float) -> str:
    return chance.choice(BAD) if chance.random() < share_bad else chance.choice(GOOD[kind])


def mutated(chance: random.Random, content: bytes, times: int, pieces: Sequence[bytes]) -> bytes:
    """Content with some bytes put in, taken away or written over."""
    found = bytearray(content)
    for _ in range(times):
        place = chance.randint(0, len(found))
        found[place : place + chance.randint(0, 2)] = chance.choice(pieces)
    return bytes(found)


def outcome(
    found: Contract, content: bytes, lanes: Lanes, parts: int = 0
) -> tuple[FileTally, dict[str, list[str]], list[str]]:
    """Everything that a kernel says of a file; rows and quarantine in an order of their own."""
    tally = FileTally()
    tables: dict[str, list[pa.Table]] = {table.name: [] for table in found.tables}
    refused: list[str] = []
    raw = raw_file(content)
    kernel, raws = Kernel(found, NOW, lanes=lanes), splits(found, raw, parts) if parts else [raw]
    for chunk in (chunk for part in raws for chunk in kernel.read(part)):
        if tally.file_error is not None:
            assert (chunk.tally.file_error, chunk.quarantine.num_rows) == (tally.file_error, 0)
        tally.merge(chunk.tally)
        if chunk.voids_the_file:
            tables = {table.name: [] for table in found.tables}
            refused = []
        for name, rows in chunk.tables.items():
            rows.validate(full=True)
            tables[name].append(plain(rows))
        refused += map(repr, chunk.quarantine.to_pylist())
    rows_of = {name: sorted(repr(row) for part in parts for row in part.to_pylist()) for name, parts in tables.items()}
    return tally, rows_of, sorted(refused)


def raw_file(content: bytes) -> RawFile:
    """A file in memory."""
    return RawFile("s3://r/f", "d.1", len(content), lambda: io.BytesIO(content))


def csv_files(chance: random.Random, rows: int) -> Iterator[tuple[Contract, bytes]]:
    """Contracts for CSV and files for them, the worst ones last."""
    quote = chance.choice(['"', '"', "'"])
    escape = chance.choice([quote, quote, "\\"])
    source: dict[str, Any] = {
        "delimiter": chance.choice([",", ",", ";", "\t", "|"]),
        "quote": quote,
        "escape": escape,
        "header": chance.random() < 0.8,
        "multiline": chance.random() < 0.7,
        "skip_lines": chance.choice([0, 0, 0, 1]),
    }
    found = contract(chance, "csv", **source)
    [table] = found.tables
    end = chance.choice(["\n", "\n", "\r\n"])
    share_bad = chance.choice([0, 0.01, 0.2])

    def field(kind: str) -> str:
        text = value(chance, kind, share_bad)
        if chance.random() < 0.2 or source["delimiter"] in text:
            return f"{quote}{text.replace(quote, escape + quote)}{quote}"
        return text

    names = list(table.column_names)
    extra = chance.random() < 0.3
    lines = ["a title"] * source["skip_lines"]
    lines += [source["delimiter"].join([*names, *(["more"] if extra else [])])] * source["header"]
    for _ in range(rows):
        fields = [field(column.type) for column in table.columns] + ([chance.choice(["", "y z"])] if extra else [])
        lines.append(source["delimiter"].join(fields))
    content = (chance.choice(["", "\ufeff"]) + end.join(lines) + chance.choice(["", end])).encode()
    yield found, content
    marks = (
        quote,
        escape,
        source["delimiter"],
        "\n",
        "\r",
        "\r\n",
        "\0",
        quote * 2,
        "\n\n",
        "ä",
        "\ufeff",
        " ",
    )
    pieces = [mark.encode() for mark in marks] + [b"\xff", b"\xc3", b"", b"", b"9"]
    for times in (1, 3, 12):
        yield found, mutated(chance, content, times, pieces)


class JsonWriter:
    """Writes records of a contract as JSON, some of them odd."""

    def __init__(self, contract: Contract, chance: random.Random) -> None:
        self._tables, self._chance = contract.tables, chance
        self._share_bad = chance.choice([0, 0.01, 0.2])
        self._share_odd = chance.choice([0, 0.001, 0.02])
        self._share_missing = chance.choice([0, 0, 0.05])
        self._comma, self._colon = chance.choice([(",", ":"), (", ", ": ")])

    def record(self) -> str:
        columns = self._tables[0].columns
        pairs = self._members([column for column in columns if not column.path.startswith("in.")])
        pairs.insert(1, ("more", self._chance.choice(['"x"', "1.50", "null", "false"])))
        inner = [column for column in columns if column.path.startswith("in.")]
        if inner:
            pairs.append(("in", self._object(self._members(inner))))
        if len(self._tables) > 1:
            pairs.append(("rows", self._rows(self._tables[1])))
        return self._object(pairs)

    def _rows(self, table: Table) -> str:
        if self._chance.random() < 0.1:
            return "null"
        columns = [column for column in table.columns if not column.path.startswith("$.")]
        rows = [self._object(self._members(columns)) for _ in range(self._chance.randint(0, 3))]
        return "[" + self._comma.join(rows) + "]"

    def _members(self, columns: Sequence[Column]) -> list[tuple[str, str]]:
        return [(column.path.removeprefix("in."), self._value(column.type)) for column in columns]

    def _object(self, pairs: Sequence[tuple[str, str]]) -> str:
        kept = [pair for pair in pairs if self._chance.random() >= self._share_missing]
        return "{" + self._comma.join(f'"{name}"{self._colon}{text}' for name, text in kept) + "}"

    def _value(self, kind: str) -> str:
        text = value(self._chance, kind, self._share_bad)
        if self._chance.random() < self._share_odd:
            return self._chance.choice(["null", "[1]", "{}", "7", "true", '"\\u0041"'])
        if self._chance.random() < 0.8:
            if kind == "boolean" and text.lower() in ("true", "false"):
                return text.lower()
            if NUMBER.fullmatch(text):
                return text
        return json.dumps(text, ensure_ascii=self._chance.random() < 0.1)


NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
JSON_MARKS = (
    '"', "\\", ",", ":", "{", "}", "[", "]", "\n", "\r", "\0", " ", "\n\n", "ä", "\ufeff", "\\ud800", "-", "e", "NaN",
    "9", "0", "",
)  # fmt: skip


def json_files(chance: random.Random, rows: int, **source: Any) -> Iterator[tuple[Contract, bytes]]:
    """Contracts for JSON and files for them, the worst ones last."""
    found = contract(chance, "json", **source)
    writer = JsonWriter(found, chance)
    records = [writer.record() for _ in range(rows)]
    if source.get("records") == "array":
        content = ("[" + ",\n".join(records) + "]").encode()
    else:
        end = chance.choice(["\n", "\n", "\r\n"])
        content = (chance.choice(["", "\ufeff"]) + end.join(records) + chance.choice(["", end])).encode()
    yield found, content
    pieces = [mark.encode() for mark in JSON_MARKS] + [b"\xff", b"\xc3", records[0].encode()[:40]]
    for times in (1, 3, 12):
        yield found, mutated(chance, content, times, pieces)
