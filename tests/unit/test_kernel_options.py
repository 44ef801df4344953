"""Random columns with random options, through every format and both lanes, against a model in plain Python.

Each record is right to the last digit, or refused with exactly the reasons that the model has.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.contract import SqlType
from tests.unit.kernel_convert import contract, convert
from tests.unit.kernel_data import EDGES
from tests.unit.kernel_reference import reference

BERLIN = ZoneInfo("Europe/Berlin")
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
QUOTE = '"'
SPACES = " \t\n\r\f\v\u00a0\ufeff"
Value = Callable[[str], Any]


def plain(kind: str) -> Value:
    parsed = SqlType.parse(kind)
    return lambda text: text if parsed.is_text else reference(parsed, text)


def date_of(pattern: str, pivot: int | None = None) -> Value:
    """Days and months of one or two digits, in an order that the pattern's names say."""

    def take(text: str) -> date | None:
        match = re.fullmatch(pattern, text, re.ASCII)
        if match is None:
            return None
        year = int(match["y"])
        if pivot is not None:
            year += 1900 if year >= pivot else 2000
        try:
            return date(year, int(match["m"]), int(match["d"]))
        except ValueError:
            return None

    return take


def epoch(per_second: int) -> Value:
    def take(text: str) -> datetime | None:
        match = re.fullmatch(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,9}))?", text)
        if match is None:
            return None
        fine = Decimal(f"{match[2]}.{match[3] or 0}") * 1_000_000 / per_second
        if fine != int(fine):
            return None
        try:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(f"{match[1]}{int(fine)}"))
        except OverflowError:
            return None

    return take


def berlin(text: str) -> datetime | None:
    """The first moment at which clocks in Berlin show a time; none where they never do."""
    found: datetime | None = reference(SqlType("timestamp"), text)
    if found is None or re.search(r"(Z|[+-]\d\d(:?\d\d)?)\Z", text[10:]):
        return found
    local = found.replace(tzinfo=None)
    for hours in (2, 1, None):
        offset = timedelta(hours=hours) if hours else timedelta(minutes=53, seconds=28)  # until 1893
        try:
            moment = (local - offset).replace(tzinfo=UTC)
            if moment.astimezone(BERLIN).replace(tzinfo=None) == local:
                return moment
        except OverflowError:
            return None
    return None


def marked(kind: str, decimal: str, thousands: str) -> Value:
    """Numbers with marks; where thousands are marked all of them are."""
    parsed = SqlType.parse(kind)

    def take(text: str) -> Any:
        match = re.fullmatch(
            rf"([+-]?)([^{re.escape(decimal)}eE+-]*)(?:{re.escape(decimal)}([0-9]*))?((?:[eE].*)?)", text
        )
        if match is None:
            return None
        sign, whole, fraction, rest = match.groups()
        first, *others = whole.split(thousands)
        if others and (not 1 <= len(first) <= 3 or any(len(part) != 3 for part in others)):
            return None
        digits = "".join((first, *others))
        if digits and not re.fullmatch("[0-9]+", digits):
            return None
        return reference(parsed, f"{sign}{digits}{'' if fraction is None else '.' + fraction}{rest}")

    return take


@dataclass(frozen=True)
class Kind:
    """A column and its model.

    Attributes:
        fields: Fields of the contract.
        value: What a text is, None when it is nothing of the kind.
        texts: Texts that it often has.
    """

    fields: Mapping[str, Any]
    value: Value
    texts: Sequence[str]


NUMBERS = ("0", "1", "-1", "7", "12", "1.5", "-0.25", "1e2", "32767", "32768", "1000", "99999", "12.345", "-0", "+3")
MARKED = (
    "1.234,5",
    "1234,5",
    "1.2345,0",
    ",5",
    "1.234.567",
    "12.34",
    "-1.000",
    "1,2,3",
    "1",
    "0,",
    "",
    ".",
    "1e2",
    "+9,75",
)
DAYS = ("3/7/26", "03/07/26", "12/31/68", "12/31/69", "2/29/24", "2/29/25", "13/1/26", "1/1/00", "001/1/26")
GERMAN = ("20.11.2026", "1.2.2026", "29.2.2024", "29.2.2025", "31.04.2026", "20.11.26", "0.1.2026")
LOCAL = (
    "2026-03-29 01:59:59", "2026-03-29 02:00:00", "2026-03-29T02:30:00", "2026-03-29 03:00:00", "2026-10-25 02:30:00",
    "2026-10-25T02:30:00+01:00", "2026-10-25 01:59:59", "2024-02-29 12:00", "2023-02-29 12:00", "1893-01-01 00:00:00",
    "2026-10-25 02:59:59.999999", "2026-10-25 03:00:00Z", "9999-12-31 23:30:00", "0001-01-01 00:30:00",
)  # fmt: skip
EPOCHS = (
    "0",
    "-1",
    "1648218655338",
    "1648218655.338",
    "1.0000001",
    "999999999999999999",
    "-62135596800",
    "1e3",
    "253402300800",
)
KINDS = (
    *(
        Kind({"type": kind}, plain(kind), NUMBERS)
        for kind in ("smallint", "bigint", "decimal(5,2)", "real", "double precision")
    ),
    Kind({"type": "varchar(6)"}, plain("varchar(6)"), ("abc", "äöü", "äöüä", " x ", "x", "NULL")),
    Kind({"type": "char(3)"}, plain("char(3)"), ("abc", "ä", "abcd", "x")),
    Kind({"type": "boolean"}, plain("boolean"), ("true", "F", "y", "No", "2", "TRUE")),
    Kind({"type": "date"}, plain("date"), ("2026-11-20", "2024-02-29", "2026-02-29")),
    Kind({"type": "timestamp"}, plain("timestamp"), LOCAL),
    Kind({"type": "timestamp", "timezone": "Europe/Berlin"}, berlin, LOCAL),
    Kind({"type": "timestamp", "format": "epoch_s"}, epoch(1), EPOCHS),
    Kind({"type": "timestamp", "format": "epoch_ms"}, epoch(1000), EPOCHS),
    Kind({"type": "date", "format": "%d.%m.%Y"}, date_of(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})"), GERMAN),
    Kind({"type": "date", "format": "%m/%d/%y"}, date_of(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d\d)", 69), DAYS),
    Kind(
        {"type": "date", "format": "%m/%d/%y", "year_pivot": 25},
        date_of(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d\d)", 25),
        DAYS,
    ),
    *(
        Kind({"type": kind, "decimal_mark": ",", "thousands_mark": "."}, marked(kind, ",", "."), MARKED)
        for kind in ("decimal(9,2)", "integer", "double precision")
    ),
    Kind(
        {"type": "bigint", "thousands_mark": ","},
        marked("bigint", ".", ","),
        ("1,000", "1000", "1,0", "1,000,000", "12"),
    ),
)  # fmt: skip
OPTIONS: tuple[Mapping[str, Any], ...] = (
    {},
    {"trim": True},
    {"required": True},
    {"null_values": ["x", "1", "NULL"]},
    {"trim": True, "null_values": ["x"], "required": True},
)
MORE: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "varchar(6)": (
        {"case": "upper"}, {"pattern": "[a-z]+"}, {"allowed": ["abc", "x"]}, {"default": "none"}, {"min": "b"},
    ),
    "char(3)": ({"case": "lower"}, {"default": "x"}),
    "smallint": ({"min": 0}, {"max": 7}, {"allowed": [1, 7]}, {"default": 3}),
    "bigint": ({"min": 0, "max": 100}, {"default": 0}),
    "decimal(5,2)": ({"min": 0.5}, {"default": 1.5}),
    "date": ({"min": "2026-01-01"},),
    "boolean": ({"default": True}, {"allowed": [True]}),
}  # fmt: skip


@st.composite
def columns(draw: st.DrawFn) -> list[tuple[dict[str, Any], Kind]]:
    """One to four columns, each of a kind with one more option."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(KINDS))
        options = draw(st.sampled_from([*OPTIONS, *MORE.get(str(kind.fields["type"]), ())]))
        found.append(({**kind.fields, **options}, kind))
    return found


LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff\ufffd")
ANY = st.text(LETTERS, max_size=8) | st.sampled_from([text for text in EDGES if text.isprintable()]) | st.none()
Record = list[str | None]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[tuple[dict[str, Any], Kind]], list[Record]]:
    """Columns, and records for them."""
    chosen = draw(columns())
    values = [st.sampled_from(kind.texts) | st.sampled_from(kind.texts) | ANY for _, kind in chosen]
    return chosen, draw(st.lists(st.tuples(*values).map(list), min_size=1, max_size=12))


def as_csv(names: list[str], records: list[Record]) -> bytes:
    """Null is nothing, and an empty text has quotes."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    for record in records:
        stream.write(
            ",".join("" if value is None else f'"{value.replace(QUOTE, 2 * QUOTE)}"' for value in record) + "\n"
        )
    return stream.getvalue().encode()


def as_lines(names: list[str], records: list[Record]) -> bytes:
    return "".join(json.dumps(dict(zip(names, record, strict=True))) + "\n" for record in records).encode()


def as_xml(names: list[str], records: list[Record]) -> bytes:
    root = Element("all")
    for record in records:
        row = SubElement(root, "e")
        for name, value in zip(names, record, strict=True):
            SubElement(row, name, {NIL: "true"} if value is None else {}).text = value
    return tostring(root)


def as_parquet(names: list[str], records: list[Record]) -> bytes:
    sink = io.BytesIO()
    table = pa.table(
        {name: pa.array([record[place] for record in records], pa.string()) for place, name in enumerate(names)}
    )
    pq.write_table(table, sink, row_group_size=3)
    return sink.getvalue()


def standardised(fields: Mapping[str, Any], raw: str | None) -> str | None:
    default = fields.get("default")
    default = str(default).lower() if isinstance(default, bool) else None if default is None else str(default)
    if raw is None:
        return default
    text = raw.strip(SPACES) if fields.get("trim") else raw
    if text in {"", *fields.get("null_values", ())}:
        return default
    return {"upper": text.upper, "lower": text.lower}.get(fields.get("case", ""), lambda: text)()


def judged(
    name: str, fields: Mapping[str, Any], kind: Kind, raw: str | None, *, is_parquet: bool
) -> tuple[Any, str | None]:
    """The value of a raw text, and the reason against it."""
    text, at = standardised(fields, raw), f"t.{name}: "
    if text is None:
        return None, f"{at}required" if fields.get("required") else None
    value = kind.value(text)
    sql_type = SqlType.parse(str(fields["type"]))
    if value is None and is_parquet and "format" in fields:  # Parquet has moments of its own, which stand here as ISO.
        value = reference(
            sql_type, text.removesuffix("Z").removesuffix(" 00:00:00") if sql_type.name == "date" else text
        )
    if value is None:
        return None, f"{at}not {'an' if sql_type.name == 'integer' else 'a'} {sql_type}"
    return value, next((at + reason for reason in broken(fields, sql_type, value)), None)


def broken(fields: Mapping[str, Any], sql_type: SqlType, value: Any) -> list[str]:
    found = []
    if sql_type.is_text and len(value.encode()) > (sql_type.length or 0):
        found.append(f"longer than {sql_type.length} bytes")
    if sql_type.name == "char" and not value.isascii():
        found.append("char holds single-byte characters only")
    if "allowed" in fields and value not in fields["allowed"]:
        found.append("not in the allowed values")
    if "pattern" in fields and not re.fullmatch(fields["pattern"], value):
        found.append("does not match the pattern")
    bounds = {name: bound(sql_type, fields[name]) for name in ("min", "max") if name in fields}
    if "min" in bounds and value < bounds["min"]:
        found.append("below the minimum")
    if "max" in bounds and value > bounds["max"]:
        found.append("above the maximum")
    return found


def bound(sql_type: SqlType, value: Any) -> Any:
    return (
        date.fromisoformat(value)
        if sql_type.name == "date"
        else Decimal(str(value))
        if isinstance(value, float)
        else value
    )


FORMATS: dict[str, tuple[dict[str, Any], Callable[[list[str], list[Record]], bytes]]] = {
    "csv": ({"format": "csv"}, as_csv),
    "csv of lines": ({"format": "csv", "multiline": False, "match": "ignore_case"}, as_csv),
    "json": ({"format": "json"}, as_lines),
    "json in any case": ({"format": "json", "match": "ignore_case"}, as_lines),
    "concatenated": ({"format": "json", "records": "concatenated"}, as_lines),
    "xml": ({"format": "xml", "row_tag": "e"}, as_xml),
    "parquet": ({"format": "parquet"}, as_parquet),
}


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=40)
@given(case=cases())
def test_every_value_is_right_or_refused(
    form: str, case: tuple[list[tuple[dict[str, Any], Kind]], list[Record]]
) -> None:
    chosen, records = case
    source, write = FORMATS[form]
    names = ["id", *(f"c{place}" for place in range(len(chosen)))]
    made = contract(
        source, {"id": "bigint", **{name: fields for name, (fields, _) in zip(names[1:], chosen, strict=True)}}
    )
    written = [name.upper() for name in names] if source.get("match") == "ignore_case" else names
    found = convert(made, write(written, [[str(number), *record] for number, record in enumerate(records)]))

    rows, reasons = [], []
    for number, record in enumerate(records):
        values = [
            judged(name, fields, kind, raw, is_parquet=form == "parquet")
            for name, (fields, kind), raw in zip(names[1:], chosen, record, strict=True)
        ]
        against = list(dict.fromkeys(reason for _, reason in values if reason is not None))
        if against:
            reasons.append(against)
        else:
            row = (number, *(value for value, _ in values))
            rows.append(tuple(value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in row))
    assert sorted(map(repr, found.rows["t"])) == sorted(map(repr, rows))
    assert sorted(found.reasons) == sorted(reasons)
    assert found.records == (len(records), len(reasons))
