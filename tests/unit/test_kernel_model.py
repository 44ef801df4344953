"""Random records through every format, in both lanes, against a model in plain Python: right or refused."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.contract import SqlType
from tests.unit.kernel_convert import contract, convert
from tests.unit.kernel_data import EDGES
from tests.unit.kernel_reference import reference

Record = Mapping[str, str | None]
COLUMNS: dict[str, Any] = {
    "id": {"type": "integer", "required": True},
    "name": "varchar(12)",
    "amount": "decimal(6,2)",
    "at": "timestamp",
    "flag": "boolean",
}
# Without characters that XML cannot hold or writes otherwise, such as carriage returns.
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff\ufffd")
TEXTS = st.text(LETTERS, max_size=14) | st.sampled_from([text for text in EDGES if text.isprintable()])
VALUES = {
    "id": st.integers(-(2**33), 2**33).map(str) | TEXTS | st.none(),
    "name": TEXTS | st.none(),
    "amount": st.decimals(-10_000, 10_000, places=2, allow_nan=False).map(str) | TEXTS | st.none(),
    "at": st.datetimes().map(str) | TEXTS | st.none(),
    "flag": st.sampled_from(["true", "no", "Y", "0", "2"]) | TEXTS | st.none(),
}
RECORDS = st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=20)


def as_csv(records: list[Record]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(COLUMNS), lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue().encode()


def as_lines(records: list[Record]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def as_array(records: list[Record]) -> bytes:
    return json.dumps(records, ensure_ascii=False, indent=1).encode()


def as_xml(records: list[Record]) -> bytes:
    root = Element("all")
    for record in records:
        row = SubElement(root, "e")
        for name, value in record.items():
            SubElement(row, name).text = value
    return tostring(root)


def as_parquet(records: list[Record]) -> bytes:
    sink = io.BytesIO()
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    pq.write_table(pa.Table.from_pylist([dict(record) for record in records], schema), sink, row_group_size=3)
    return sink.getvalue()


def model(record: Record) -> tuple[tuple[Any, ...], list[str]]:
    """The row of a record, and the reasons against it."""
    row: list[Any] = []
    reasons: list[str] = []
    for name, fields in COLUMNS.items():
        kind = SqlType.parse(fields if isinstance(fields, str) else str(fields["type"]))
        text = record[name] or None
        value: Any = text if kind.is_text or text is None else reference(kind, text)
        row.append(value if not hasattr(value, "tzinfo") else value.replace(tzinfo=None))
        if text is None:
            reasons += [f"t.{name}: required"] if name == "id" else []
        elif value is None:
            reasons.append(f"t.{name}: not {'an' if kind.name == 'integer' else 'a'} {kind}")
        elif kind.is_text and len(text.encode()) > (kind.length or 0):
            reasons.append(f"t.{name}: longer than {kind.length} bytes")
    return tuple(row), reasons


@pytest.mark.parametrize(
    ("source", "write"),
    [
        ({"format": "csv"}, as_csv),
        ({"format": "csv", "multiline": False}, as_csv),
        ({"format": "csv", "compression": "gzip"}, lambda records: gzip.compress(as_csv(records))),
        ({"format": "json"}, as_lines),
        ({"format": "json", "records": "array"}, as_array),
        ({"format": "json", "records": "concatenated"}, as_lines),
        ({"format": "xml", "row_tag": "e"}, as_xml),
        ({"format": "parquet"}, as_parquet),
    ],
    ids=["csv", "csv lines", "gzip", "lines", "array", "concatenated", "xml", "parquet"],
)
@settings(max_examples=25)
@given(records=RECORDS)
def test_every_record_is_right_or_refused(
    source: Mapping[str, Any], write: Callable[[list[Record]], bytes], records: list[Record]
) -> None:
    found = convert(contract(source, COLUMNS), write(records))
    judged = [model(record) for record in records]
    assert found.records == (len(records), sum(1 for _, reasons in judged if reasons))
    assert sorted(map(repr, found.rows["t"])) == sorted(repr(row) for row, reasons in judged if not reasons)
    assert sorted(found.reasons) == sorted(reasons for _, reasons in judged if reasons)
