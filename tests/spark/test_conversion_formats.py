"""Every format from raw bytes to published rows; many files of each go through one run."""

import bz2
import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glue_jobs.conversion import one_batch
from sluice.contract import Contract, parse_contract
from sluice.lake.handover import BatchOutcome, TableCounts
from tests.spark.lake import NOW, Lake, project_contract


def contract(form: str, columns: dict[str, str], **source: Any) -> Contract:
    """One table ``t`` whose key is the first column."""
    built = [{"name": name, "type": kind} for name, kind in columns.items()]
    key = built[0]["name"]
    return parse_contract(
        {
            "dataset": "d",
            "source": {"format": form, "layout": "d/%Y/%m/%d/%H", **source},
            "max_rejected_ratio": 1,
            "tables": [{"name": "t", "primary_key": [key], "order_by": [key], "columns": built}],
        },
        "d.yaml",
    )


def quarantined(lake: Lake, contract: Contract, *columns: str) -> list[tuple[Any, ...]]:
    return lake.rows(contract.quarantine_table, *columns)


def counted(outcome: BatchOutcome) -> dict[str, tuple[int, int, int]]:
    """Records, rejected records and published rows of table ``t``, by file name."""
    return {
        file.url.rpartition("/")[2]: (file.records, file.rejected_records, file.tables["t"].published)
        for file in outcome.files
    }


KEYS = ("a b.csv", "a+b.csv", "a%20b.csv", "é ü.csv", "q[1]{x}*?.csv", "a=b,c;d.csv", "x\\y.csv")


def test_csv_files_of_all_kinds_in_one_batch(lake: Lake) -> None:
    csv = contract("csv", {"k": "varchar(20)", "v": "varchar(20)"})
    files: dict[str, bytes | str] = {name: f"k,v\nname{index},x\n" for index, name in enumerate(KEYS)}
    files |= {
        "turned.csv": "v,extra,k\n1,2,turned\n",
        "quotes.csv": 'k,v\nq1,"a\r\n""b"""\nq2,"open\nq3,x\n',
        "widths.csv": "k,v\nw1\nw2,1,2\nw3,1\n",
        "twice.csv": "k,k\n1,2\n",
        "lacks.csv": "v\n1\n",
        "empty.csv": "",
        "header.csv": "k,v\n",
        "latin.csv": b"k,v\nl1,caf\xe9\nl2,x\n",
        "_hidden.csv": "k,v\nh1,x\n",
        "blank.csv": "\n\nk,v\n\nb1,\n",
    }
    outcome = lake.run_one(csv, files)
    assert outcome.error == ""
    assert lake.rows("t") == sorted(
        [
            *((f"name{index}", "x") for index in range(len(KEYS))),
            ("turned", "1"),
            ("q1", 'a\r\n"b"'),
            ("q3", "x"),
            ("w3", "1"),
            ("l2", "x"),
            ("b1", None),
            ("h1", "x"),
        ],
        key=repr,
    )
    named = {row[0]: row[1] for row in lake.rows("t", "k", "_source_file")}
    assert [named[f"name{index}"] for index in range(len(KEYS))] == [lake.raw_url(csv, name) for name in KEYS]
    assert set(lake.rows("t", "_batch_id")) == {(outcome.batch_id,)}
    assert counted(outcome) == {
        **dict.fromkeys(KEYS, (1, 0, 1)),
        "turned.csv": (1, 0, 1),
        "quotes.csv": (3, 1, 2),
        "widths.csv": (3, 2, 1),
        "twice.csv": (1, 1, 0),
        "lacks.csv": (1, 1, 0),
        "empty.csv": (1, 1, 0),
        "header.csv": (0, 0, 0),
        "latin.csv": (2, 1, 1),
        "_hidden.csv": (1, 0, 1),
        "blank.csv": (1, 0, 1),
    }
    found = [
        (url.rpartition("/")[2], *rest)
        for url, *rest in quarantined(lake, csv, "source_file", "kind", "reasons", "raw_text", "record")
    ]
    assert sorted(found, key=repr) == sorted(
        [
            ("quotes.csv", "record", ["record: a quote that is not closed"], 'q2,"open', None),
            ("widths.csv", "record", ["record: too few fields"], "w1", None),
            ("widths.csv", "record", ["record: too many fields"], "w2,1,2", None),
            ("twice.csv", "file", ["file: its header names column k twice"], "k,k\n1,2\n", None),
            ("empty.csv", "file", ["file: is empty"], "", None),
            ("lacks.csv", "file", ["file: its header, split at ',', lacks column k"], "v\n1\n", None),
            ("latin.csv", "record", ["record: bytes that are not UTF-8"], "l1,caf\ufffd", None),
        ],
        key=repr,
    )
    assert set(quarantined(lake, csv, "batch_id", "quarantined_at")) == {(outcome.batch_id, NOW)}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of more than 300 bytes are read in parts."""
    monkeypatch.setattr(one_batch, "SPLIT_FROM_BYTES", 150)


def test_csv_by_lines_is_split_and_each_part_knows_the_header(lake: Lake, small_parts: None) -> None:
    csv = contract("csv", {"k": "integer", "v": "varchar(20)"}, multiline=False, encoding="ISO-8859-1")
    rows = [(number, f"é{number:05}") for number in range(200)]
    plain = "v,k\r\n" + "".join(f"{text},{number}\r\n" for number, text in rows[:100])
    swapped = "k,x,v\n" + "".join(f"{number},-,{text}\n" for number, text in rows[100:])
    files: dict[str, bytes | str] = {
        "one.csv": plain.encode("latin-1"),
        "two.csv": swapped.encode("latin-1"),
        "quote.csv": 'k,v\n300,"a\nb",301\n302,ok\n',
    }
    outcome = lake.run_one(csv, files)
    assert outcome.error == ""
    assert lake.rows("t") == sorted([*rows, (302, "ok")], key=repr)
    assert counted(outcome) == {"one.csv": (100, 0, 100), "two.csv": (100, 0, 100), "quote.csv": (3, 2, 1)}
    assert quarantined(lake, csv, "raw_text") == [('300,"a',), ('b",301',)]


def test_json_by_lines_is_split(lake: Lake, small_parts: None) -> None:
    lines = contract("json", {"k": "integer", "v": "decimal(38,18)"})
    body = "\ufeff" + "".join(f'{{"k":{number},"v":12345678901234567890.123456789}}\r\n\n' for number in range(100))
    outcome = lake.run_one(lines, {"one.json": body + '{"k":1,"k":2}\n{"k":100}'})
    assert outcome.error == ""
    exact = Decimal("12345678901234567890.123456789")
    assert lake.rows("t") == sorted([*((number, exact) for number in range(100)), (100, None)], key=repr)
    assert counted(outcome) == {"one.json": (102, 1, 101)}


@pytest.mark.parametrize(
    ("compression", "pack", "ending"), [("gzip", gzip.compress, ".gz"), ("bzip2", bz2.compress, ".bz2")]
)
def test_compressed_files_with_and_without_the_ending(lake: Lake, compression: str, pack: Any, ending: str) -> None:
    lines = contract("json", {"k": "varchar(9)"}, compression=compression)
    good = {
        f"named.json{ending}": pack(b'{"k":"named"}\n'),
        "unnamed.json": pack(b'{"k":"unnamed"}\n'),
        "plain.json": b'{"k":"x"}\n',
    }
    outcome = lake.run_one(lines, good)
    assert outcome.error == ""
    assert lake.rows("t") == [("named",), ("unnamed",)]
    assert outcome.reasons == {f"file: is not a valid {compression} file": 1}


def test_an_ending_that_lies_is_not_believed(lake: Lake) -> None:
    plain = contract("json", {"k": "varchar(9)"})
    assert lake.run_one(plain, {"plain.json.gz": b'{"k":"plain"}\n'}).error == ""
    assert lake.rows("t") == [("plain",)]


ORDER = {
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


def order(number: int, **changes: Any) -> dict[str, Any]:
    return {**ORDER, "order_id": f"ORD-{number:06}", **changes}


def test_nested_json_makes_two_tables_and_a_record_is_good_in_both_or_in_none(lake: Lake) -> None:
    orders = project_contract("orders")
    bad_item = {"line_number": None, "product_id": "P-1", "quantity": 0, "unit_price": 1}
    records = [
        order(1),
        order(2, items=[]),
        order(3, items=None, ship_date="2026-11-21"),
        order(4, items=[*ORDER["items"], bad_item]),  # type: ignore[misc]
        order(5, total_amount="much", customer={}),
        order(6, items={"line_number": 1}),
        order(7, customer="C-7"),
        *[order(number) for number in range(8, 24)],
    ]
    text = "\n".join(json.dumps(record) for record in records)
    outcome = lake.run_one(orders, {"orders.json": text})
    assert outcome.error == ""
    first = ("ORD-000001", "C-1", date(2026, 11, 20), None, None, Decimal("12.10"), Decimal("0.0000"), None, None)
    moment = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert lake.rows("orders")[0] == (*first, "placed", moment)
    ids = [f"ORD-{number:06}" for number in (1, 2, 3, *range(8, 24))]
    assert [row[0] for row in lake.rows("orders")] == ids
    assert lake.rows("order_items")[:2] == [
        ("ORD-000001", 1, "P-1", 2, Decimal("1.05"), date(2026, 11, 20), "C-1", moment),
        ("ORD-000001", 2, "P-2", 1, Decimal("10.00"), date(2026, 11, 20), "C-1", moment),
    ]
    assert sorted({row[0] for row in lake.rows("order_items")}) == [
        name for name in ids if name[-1] not in "23" or name > ids[2]
    ]
    assert outcome.table_counts() == {
        "orders": TableCounts(23, 4, 0, 19),
        # A record that cannot be read holds no items that anybody knows of.
        "order_items": TableCounts(2 + 0 + 0 + 3 + 2 + 32, 5, 0, 34),
    }
    assert outcome.reasons == {
        "order_items.line_number: null in a key": 1,
        "order_items.quantity: below the minimum": 1,
        "orders.customer_id: required": 1,
        "order_items.customer_id: required": 1,
        "orders.total_amount: not a decimal(12,2)": 1,
        "record: items is not an array of objects": 1,
        "record: customer is not an object": 1,
    }
    kept = {json.loads(text)["order_id"]: record for text, record in quarantined(lake, orders, "raw_text", "record")}
    assert sorted(kept) == [f"ORD-{number:06}" for number in (4, 5, 6, 7)]
    assert json.loads(kept["ORD-000005"])["total_amount"] == "much"
    assert kept["ORD-000006"] is None


def test_a_json_array_that_breaks_is_quarantined_whole(lake: Lake) -> None:
    array = contract("json", {"k": "integer"}, records="array")
    broken = '[{"k":3},{"k":4}'
    outcome = lake.run_one(array, {"good.json": '[{"k":1},\n{"k":"x"}]', "broken.json": broken})
    assert outcome.error == ""
    assert lake.rows("t") == [(1,)]
    assert counted(outcome) == {"good.json": (2, 1, 1), "broken.json": (1, 1, 0)}
    assert quarantined(lake, array, "kind", "raw_text") == [("file", broken), ("record", '{"k":"x"}')]


def test_xml_files(lake: Lake) -> None:
    products = parse_contract(
        {
            "dataset": "d",
            "source": {"format": "xml", "row_tag": "p", "layout": "d/%Y/%m/%d/%H", "compression": "gzip"},
            "max_rejected_ratio": 1,
            "tables": [
                {
                    "name": "t",
                    "primary_key": ["id"],
                    "order_by": ["id"],
                    "columns": [
                        {"name": "id", "type": "integer", "source": "@id"},
                        {"name": "price", "type": "decimal(9,2)"},
                        {"name": "currency", "type": "char(3)", "source": "price.@currency", "default": "EUR"},
                    ],
                },
                {
                    "name": "tags",
                    "explode": "tags.tag",
                    "load": "append",
                    "columns": [
                        {"name": "id", "type": "integer", "source": "$.@id"},
                        {"name": "tag", "type": "varchar(20)", "source": "#text"},
                    ],
                },
            ],
        },
        "d.yaml",
    )
    first = '<p id="1"><price>1.5</price><tags><tag>x</tag><tag>y</tag></tags></p>'
    second = '<p id="2"><price currency="USD">2</price></p>'
    files = {
        "good.xml.gz": gzip.compress(f"<r>{first}{second}</r>".encode()),
        "only_row_malformed.xml": gzip.compress(b'<r><p id="3"><price>1</r>'),
        "later_row_malformed.xml": gzip.compress(b'<r><p id="4"/><p id="5">'),
        "attack.xml": gzip.compress(b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r><p id="6">&e;</p></r>'),
    }
    outcome = lake.run_one(products, files)
    assert outcome.error == ""
    assert lake.rows("t") == [(1, Decimal("1.50"), "EUR"), (2, Decimal("2.00"), "USD")]
    assert lake.rows("tags") == [(1, "x"), (1, "y")]
    assert counted(outcome) == {
        "good.xml.gz": (2, 0, 2),
        "only_row_malformed.xml": (1, 1, 0),
        "later_row_malformed.xml": (1, 1, 0),
        "attack.xml": (1, 1, 0),
    }
    assert outcome.reasons == {
        "file: is not well-formed XML": 2,
        "file: has a document type or entities, which are refused": 1,
    }


def parquet(**columns: "pa.Array[Any]") -> bytes:
    body = BytesIO()
    pq.write_table(pa.table(columns), body)
    return body.getvalue()


def test_parquet_files_of_several_schemas(lake: Lake) -> None:
    source = parse_contract(
        {
            "dataset": "d",
            "source": {"format": "parquet", "layout": "d/%Y/%m/%d/%H"},
            "max_rejected_ratio": 1,
            "tables": [
                {
                    "name": "t",
                    "primary_key": ["id"],
                    "order_by": ["at"],
                    "columns": [
                        {"name": "id", "type": "integer"},
                        {"name": "at", "type": "timestamp", "format": "%d.%m.%Y %H:%M:%S"},
                        {"name": "amount", "type": "decimal(12,3)", "may_be_absent": True},
                        {"name": "flag", "type": "boolean", "may_be_absent": True},
                        {"name": "city", "type": "varchar(9)", "source": "to.city", "may_be_absent": True},
                    ],
                },
                {
                    "name": "parts",
                    "explode": "parts",
                    "may_be_absent": True,
                    "load": "append",
                    "columns": [
                        {"name": "id", "type": "integer", "source": "$.id"},
                        {"name": "weight", "type": "real", "may_be_absent": True},
                    ],
                },
            ],
        },
        "d.yaml",
    )
    moment = datetime(2026, 11, 20, 13, 5, 6, tzinfo=UTC)
    part = pa.struct([("weight", pa.float32())])
    city = pa.struct([("city", pa.string())])
    files = {
        "typed.parquet": parquet(
            id=pa.array([1, 2, 2**40], pa.int64()),
            at=pa.array([moment] * 3, pa.timestamp("us", "UTC")),
            amount=pa.array([Decimal("1.5"), None, None], pa.decimal128(9, 2)),
            flag=pa.array([True, None, None]),
            to=pa.array([{"city": "Łódź"}, None, {"city": None}], city),
            parts=pa.array([[{"weight": 0.1}, {"weight": None}], [], None], pa.list_(part)),
        ),
        # What pandas makes of integers with gaps, and of everything that it does not understand.
        "loose.parquet": parquet(
            amount=pa.array([0.125, 2.0, 0.1]),
            id=pa.array([4.0, 5.5, 6.0]),
            at=pa.array(["20.11.2026 13:05:06", "20.11.2026 13:05:06", None]),
            unknown=pa.array([1, 2, 3]),
        ),
        "lacks.parquet": parquet(id=pa.array([7])),
        "other.parquet": parquet(id=pa.array([8]), at=pa.array([moment]), to=pa.array(["x"])),
        "no.parquet": b"PAR1 is not enough PAR1",
        "zero.parquet": b"",
    }
    outcome = lake.run_one(source, files)
    assert outcome.error == ""
    assert lake.rows("t") == [
        (1, moment, Decimal("1.500"), True, "Łódź"),
        (2, moment, None, None, None),
        (4, moment, Decimal("0.125"), None, None),
    ]
    assert lake.rows("parts") == [(1, pytest.approx(0.1)), (1, None)]
    assert outcome.reasons == {
        "t.id: not an integer": 2,
        "t.at: null in order_by": 1,
        "file: lacks column at": 1,
        "file: column to has Parquet type string, which is not an object": 1,
        "file: has no valid Parquet footer": 1,
        "file: is empty": 1,
    }
    texts = quarantined(lake, source, "source_file", "raw_text")
    assert {text for url, text in texts if url.endswith("loose.parquet")} == {
        '{"id":"5.5","at":"20.11.2026 13:05:06","amount":"2","to":{}}',
        '{"id":"6","amount":"0.1","to":{}}',
    }


def test_published_files_have_the_contracts_columns_and_types(lake: Lake) -> None:
    kinds = {
        "k": "smallint", "i": "integer", "b": "bigint", "d": "decimal(20,4)", "r": "real", "f": "double precision",
        "o": "boolean", "c": "char(3)", "v": "varchar(9)", "y": "date", "m": "timestamp",
    }  # fmt: skip
    lines = contract("json", kinds)
    record = dict(
        zip(kinds, (1, 2, 3, 4.5, 1.5, 2.5, True, "abc", "x", "2026-11-20", "2026-11-20 13:00:00"), strict=True)
    )
    outcome = lake.run_one(lines, {"one.json": json.dumps(record)})
    [path] = lake.files("t")
    file = pq.ParquetFile(path)
    schema = file.schema_arrow
    assert list(zip(schema.names, map(str, schema.types), strict=True)) == [
        ("k", "int16"),
        ("i", "int32"),
        ("b", "int64"),
        ("d", "decimal128(20, 4)"),
        ("r", "float"),
        ("f", "double"),
        ("o", "bool"),
        ("c", "string"),
        ("v", "string"),
        ("y", "date32[day]"),
        ("m", "timestamp[us, tz=UTC]"),
        ("_batch_id", "string"),
        ("_source_file", "string"),
    ]
    assert {file.metadata.row_group(0).column(index).compression for index in range(13)} == {"ZSTD"}
    [published] = outcome.published["t"]
    assert (published.url, published.size_bytes, published.rows) == (
        f"s3://sluice-processed/{path.relative_to(lake.folder / 'sluice-processed').as_posix()}",
        path.stat().st_size,
        1,
    )
