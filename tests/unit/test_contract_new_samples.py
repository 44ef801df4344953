"""How samples are read: dialects, headers, encodings, compression, forms of JSON, records of XML, keys, folders."""

import bz2
import gzip
import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.contract import Contract, CsvSource, JsonSource, XmlSource
from sluice.errors import SampleError
from sluice.infer.folders import folders_of
from sluice.infer.infer import Options, infer
from tests.unit.inferred import misfits, rows

Infer = Callable[..., Contract]


@pytest.fixture
def infer_from(tmp_path: Path) -> Infer:
    """Infers the contract of files that are given as bytes; checks that the conversion takes all of their records."""

    def run(*contents: bytes | str, options: Options = Options(), whole: bool = True) -> Contract:  # noqa: B008
        bodies = [content.encode() if isinstance(content, str) else content for content in contents]
        paths = [tmp_path / f"{number}.dat" for number in range(len(bodies))]
        for path, body in zip(paths, bodies, strict=True):
            path.write_bytes(body)
        contract = infer("things", paths, options).contract
        if whole:
            assert [misfits(contract, body) for body in bodies] == [[]] * len(bodies)
        return contract

    return run


def texts(contract: Contract, content: bytes | str) -> list[tuple[str | None, ...]]:
    body = content.encode() if isinstance(content, str) else content
    return [tuple(row.values()) for row in rows(contract, body, contract.tables[0])]


@pytest.mark.parametrize(
    ("content", "source"),
    [
        ("a,b\n1,2\n3,4\n", {}),
        ("a;b\n1,5;2,5\n3,5;4,5\n", {"delimiter": ";"}),
        ("a\tb c\n1\tx, y\n", {"delimiter": "\t"}),
        ("a|b\r\n1|2\r\n", {"delimiter": "|"}),
        ("a\n1\n2\n", {}),
        ('a,b\n"x\n\n""y"", z",2\n3,4\n', {}),
        ('a,b\n"x \\"y\\", z",2\n"C:\\\\",4\n', {"escape": "\\"}),
        ("a,b\n'x, y',2\n'it''s',4\n", {"quote": "'", "escape": "'"}),
        ("a,b\n5\" pipe,2\nO'Neil,4\n", {}),
        ("1,2026-11-20\n2,2026-11-21\n", {"header": False}),
        ("Köln,DE\nKöln,FR\n", {"header": False}),
        (",a,b\n0,1,2\n1,3,4\n", {}),
        ("\ufeffa,b\n1,ü\n", {}),
        ("a,b\n1,ü\n".encode("latin-1"), {"encoding": "ISO-8859-1"}),
        ("a,b\n1,€ “x”\n".encode("windows-1252"), {"encoding": "windows-1252"}),
        ("a,b\n1,ü\n".encode("utf-16"), {"encoding": "UTF-16"}),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), {"compression": "gzip"}),
        (bz2.compress(b"a,b\n1,2\n"), {"compression": "bzip2"}),
    ],
)
def test_csv_is_read_as_it_is_written(content: bytes | str, source: dict[str, object], infer_from: Infer) -> None:
    contract = infer_from(content)
    assert contract.source == CsvSource("things/year=%Y/month=%m/day=%d/hour=%H", **source)  # type: ignore[arg-type]


def test_one_broken_quote_takes_one_line(infer_from: Infer) -> None:
    body = 'id,b\n1,"open\n2,x\n3,"closed"\n4,y\n'
    contract = infer_from(body, whole=False)
    assert misfits(contract, body.encode()) == ["record: a quote that is not closed"]
    assert texts(contract, body) == [("2", "x"), ("3", "closed"), ("4", "y")]
    assert contract.tables[0].primary_key == ("id",)


def test_the_caller_decides_on_the_header(infer_from: Infer) -> None:
    assert infer_from("a,b\n1,2\n", options=Options(header=False)).tables[0].column_names == ("column_1", "column_2")
    assert infer_from("1,2\n3,4\n", options=Options(header=True)).tables[0].column_names == ("n_1", "n_2")


def test_columns_that_a_file_lacks_are_null(infer_from: Infer) -> None:
    first = "id,a\n" + "".join(f"{number},x\n" for number in range(200))
    contract = infer_from(first, "b,id\n1,900\n")
    assert [(column.name, column.required) for column in contract.tables[0].columns] == [
        ("id", False),
        ("a", False),
        ("b", False),
    ]
    assert contract.tables[0].primary_key == ("id",)


def test_values_are_required_when_enough_rows_have_them(infer_from: Infer) -> None:
    def required(count: int) -> bool:
        body = "id,a\n" + "".join(f"{number},x\n" for number in range(count))
        return infer_from(body).tables[0].column("a").required

    assert (required(99), required(100)) == (False, True)


def test_only_so_many_records_are_looked_at(infer_from: Infer) -> None:
    body = "id\n1\n2\nx\n"
    assert infer_from(body, options=Options(rows=2), whole=False).tables[0].columns[0].type == "integer"
    assert infer_from(body).tables[0].columns[0].type == "varchar(16)"


def test_json_lines_and_arrays(infer_from: Infer) -> None:
    records = [{"id": number, "a": {"b": "x" * number}} for number in range(1, 4)]
    lines, array = "\n".join(map(json.dumps, records)), json.dumps(records, indent=2)
    for text, form in ((lines, "lines"), (array, "array")):
        contract = infer_from(text)
        assert isinstance(contract.source, JsonSource)
        assert contract.source.records == form
        assert texts(contract, text) == [("1", "x"), ("2", "xx"), ("3", "xxx")]


@pytest.mark.parametrize("body", ['{"id":1}{"id":2}\n', '{\n "id": 1\n}\n{\n "id": 2\n}\n', '{"id":1} {"id":2}'])
def test_json_objects_that_follow_each_other(body: str, infer_from: Infer) -> None:
    contract = infer_from(body)
    assert isinstance(contract.source, JsonSource)
    assert contract.source.records == "concatenated"
    assert texts(contract, body) == [("1",), ("2",)]


def test_a_long_array_is_read_piece_by_piece(infer_from: Infer) -> None:
    body = json.dumps([{"id": number, "text": "ü" * (number % 5000)} for number in range(500)], ensure_ascii=False)
    contract = infer_from(body)
    assert contract.tables[0].column("text").type == "varchar(2048)"
    assert len(texts(contract, body)) == 500


def test_malformed_records_are_passed_over(infer_from: Infer) -> None:
    body = '{"id": 1}\nno json\n[]\n{"id": 2}\n{"id": NaN}\n'
    contract = infer_from(body, whole=False)
    assert contract.tables[0].columns[0].type == "integer"
    assert texts(contract, body) == [("1",), ("2",)]


@pytest.mark.parametrize(
    ("body", "row_tag"),
    [
        ("<all><one><x>1</x></one><one><x>2</x></one></all>", "one"),
        ("<all><head><at>1</at></head><ones><one id='1'/><one id='2'/></ones></all>", "one"),
        ("<all><one id='1'><x>1</x></one></all>", "one"),
        ("<all><one id='1'/></all>", "one"),
        ("<one><x>1</x><y>2</y></one>", "one"),
        ("<n:all xmlns:n='urn:n'><n:one><n:x>1</n:x></n:one><n:one><n:x>2</n:x></n:one></n:all>", "one"),
        ("<all><one><p>1</p><p>2</p><p>3</p></one><one><p>1</p></one></all>", "one"),
    ],
)
def test_the_record_of_xml_is_found(body: str, row_tag: str, infer_from: Infer) -> None:
    contract = infer_from(body)
    assert isinstance(contract.source, XmlSource)
    assert contract.source.row_tag == row_tag


def keys(contract: Contract) -> dict[str, tuple[str, ...]]:
    return {table.name: (*table.primary_key, "|", *table.order_by, table.load) for table in contract.tables}


def csv_of(header: str, *lines: str) -> str:
    return "\n".join([header, *lines, ""])


@pytest.mark.parametrize(
    ("body", "key"),
    [
        pytest.param(csv_of("name,thing_id", "x,1", "y,2"), ("thing_id", "|", "thing_id", "upsert"), id="named key"),
        pytest.param(csv_of("other_id,id", "1,1", "2,2"), ("id", "|", "id", "upsert"), id="its own id"),
        pytest.param(
            csv_of("name,n", *(f"x{number},1" for number in range(20))),
            ("name", "|", "name", "upsert"),
            id="first column",
        ),
        pytest.param(csv_of("name,n", *(f"x{n},1" for n in range(19))), ("|", "append"), id="too few rows"),
        pytest.param(csv_of("n,name", *(f"{n},x" for n in range(30))), ("|", "append"), id="a number is not a name"),
        pytest.param(
            csv_of("sensor_id,at,v", *(f"{n % 3},2026-11-20T{n // 3:02}:00:00Z,1" for n in range(30))),
            ("sensor_id", "at", "|", "sensor_id", "upsert"),
            id="a name and a moment",
        ),
        pytest.param(
            csv_of("day,dep_time,v", *(f"{n % 28 + 1},{600 + n},x" for n in range(60))), ("|", "append"), id="measures"
        ),
        pytest.param(
            csv_of("a_no,b_no,c_no,v", *(f"{a},{b},{c},x" for a in "12" for b in "12" for c in "12")),
            ("a_no", "b_no", "c_no", "|", "a_no", "upsert"),
            id="three columns",
        ),
        pytest.param(csv_of("a,b", "x,1", "x,2", "x,1", "y,"), ("|", "append"), id="no key"),
        pytest.param(
            csv_of("thing_id,n,last_update", *(f"{n},{n % 2},2026-11-20" for n in range(9)), "3,7,2026-11-21"),
            ("thing_id", "|", "last_update", "upsert"),
            id="versions",
        ),
        pytest.param(
            csv_of("order_id,line,last_update", *(f"{n},1,2026-11-20" for n in range(9)), "3,2,2026-11-20"),
            ("order_id", "line", "|", "last_update", "upsert"),
            id="lines are no versions",
        ),
        pytest.param(
            csv_of("thing_id,version,x", "1,1,a", "1,1,a", "2,1,a", "3,2,b"),
            ("thing_id", "|", "version", "upsert"),
            id="copies",
        ),
        pytest.param(
            csv_of("thing_id,updated_at", "1,2026-11-20T10:00:00", "2,"),
            ("thing_id", "|", "thing_id", "upsert"),
            id="order with null",
        ),
    ],
)
def test_keys(body: str, key: tuple[str, ...], infer_from: Infer) -> None:
    contract = infer_from(body)
    assert keys(contract) == {"things": key}


def test_an_array_without_a_key_of_its_own_keeps_every_row(infer_from: Infer) -> None:
    contract = infer_from('{"id": 1, "parts": [{"a": 1}, {"a": 1}]}\n{"id": 2, "parts": []}\n')
    assert keys(contract) == {"things": ("id", "|", "id", "upsert"), "things_parts": ("|", "append")}


def test_records_that_are_arrays_alone_give_no_table_of_their_own(infer_from: Infer) -> None:
    contract = infer_from('{"parts": [{"id": 1}, {"id": 2}]}\n')
    assert keys(contract) == {"things_parts": ("id", "|", "id", "upsert")}


USUAL = "orders/year=%Y/month=%m/day=%d/hour=%H"


@pytest.mark.parametrize(
    ("path", "layout"),
    [
        ("a/orders/year=2026/month=11/day=20/hour=13/x.csv", USUAL),
        ("a/orders/year=2026/month=11/day=20/x.csv", "orders/year=%Y/month=%m/day=%d"),
        ("orders/eu/2026-11-20/13/x.csv", "orders/eu/%Y-%m-%d/%H"),
        ("somewhere/2026/11/20/13/x.csv", "orders/%Y/%m/%d/%H"),
        ("orders/dt=2026-11-20/hr=13/x.csv", "orders/dt=%Y-%m-%d/hr=%H"),
        ("orders/20261120/x.csv", "orders/%Y%m%d"),
        ("orders/2026112013/x.csv", "orders/%Y%m%d%H"),
        ("2026-11-20T13/x.csv", "orders/%Y-%m-%dT%H"),
        ("orders/2026-11-20/13/part/x.csv", USUAL),
        ("orders/2026-02-30/x.csv", USUAL),
        ("orders-2026-11-20.csv", USUAL),
    ],
)
def test_folders(path: str, layout: str) -> None:
    assert folders_of("orders", [PurePosixPath(path)], None).layout == layout


def test_folders_of_more_than_one_form_tell_nothing() -> None:
    paths = [PurePosixPath("orders/2026-11-20/x.csv"), PurePosixPath("orders/2026/11/20/x.csv")]
    assert folders_of("orders", paths, None).layout == USUAL
    assert folders_of("orders", paths, "/o/%Y%m%d/").layout == "o/%Y%m%d"


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ([b""], "0.dat: is empty"),
        ([b" \n\n"], "0.dat: is empty"),
        ([b"a,b\n"], "0.dat: holds no records"),
        ([b"a,a\n1,2\n"], "0.dat: its header names column 'a' twice (or use --no-header if it is none)"),
        ([b"\x00\x01\x02"], "0.dat: is not text and no Parquet file"),
        ([b"PAR1 and no more"], "0.dat: is not a valid Parquet file"),
        ([gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9]], "0.dat: its gzip data end too early"),
        ([b"BZh91AY&SYnonsense"], "0.dat: is not a valid bzip2 file"),
        ([b'{"a": 1, }\n'], "0.dat: holds no records; 1 could not be read"),
        ([b'[{"a": 1}'], "0.dat: is not one well-formed JSON array of objects"),
        ([b"[1, 2]"], "0.dat: holds no records; 2 could not be read"),
        ([b"[]"], "0.dat: holds no records"),
        ([b'{"a.b": 1}\n'], "0.dat: no value of its records can be a column"),
        ([b"<a><b></a>"], "0.dat: is not well-formed XML"),
        ([b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'], "0.dat: has a document type or entities, which are refused"),
        ([b"a,b\n1,2\n", b'{"a": 1}\n'], "1.dat: has format json, but "),
        ([b"a,b\n1,2\n", gzip.compress(b"a,b\n1,2\n", mtime=0)], "1.dat: has compression gzip, but "),
        ([b"a,b\n1,2\n", b"a;b\n1;2\n"], "1.dat: is delimited by ';' with a header, but other files by ','"),
        ([b"a,b\n1,\xc3\xbc\n", b"a,b\n1,\xfc\n"], "1.dat: has encoding ISO-8859-1, but "),
        ([b'{"a": 1}\n', b'[{"a": 1}]'], "1.dat: is of array, but "),
    ],
)
def test_what_cannot_be_read_is_named(contents: list[bytes], message: str, infer_from: Infer) -> None:
    with pytest.raises(SampleError) as caught:
        infer_from(*contents)
    assert message in str(caught.value)
    assert str(caught.value).startswith("/")


def test_parquet_files_must_agree(tmp_path: Path) -> None:
    def file(name: str, values: list[object], kind: pa.DataType) -> Path:
        pq.write_table(pa.table({"id": pa.array(values, kind)}), tmp_path / name)
        return tmp_path / name

    small, large, text = file("a", [1], pa.int8()), file("b", [2], pa.int64()), file("c", ["x"], pa.string())
    assert infer("things", [small, large], Options()).contract.tables[0].columns[0].type == "bigint"
    with pytest.raises(SampleError, match=r"c: id is varchar\(65535\), but smallint in another file"):
        infer("things", [small, text], Options())


def test_lines_above_the_header_are_skipped(infer_from: Infer) -> None:
    body = "Sales of November\n# made by hand\n\nid,amount\n" + "".join(f"{n},1.50\n" for n in range(9))
    contract = infer_from(body)
    assert contract.source == CsvSource("things/year=%Y/month=%m/day=%d/hour=%H", skip_lines=3)
    assert contract.tables[0].column_names == ("id", "amount")
