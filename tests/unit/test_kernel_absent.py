"""Fields that a whole file lacks, and files without a record: refused, unless the contract says that they may be."""

import io
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.contract import Contract
from tests.unit.kernel_convert import Converted, contract, convert

CSV, JSON, XML, PARQUET = (
    {"format": "csv"},
    {"format": "json"},
    {"format": "xml", "row_tag": "e"},
    {"format": "parquet"},
)
COLUMNS = {"id": "bigint", "name": "varchar(20)", "amount": "decimal(12,2)"}
MAY = {name: {"type": kind, "may_be_absent": True} for name, kind in COLUMNS.items()}
TWICE = "record: name stands twice, in different case"
SPLIT = "file: its header, split at ',', lacks column"


def near(name: str) -> str:
    """How the nearest name is told."""
    return f" (nearest in the file: {name!r})"


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def refused(found: Converted) -> list[list[str]]:
    """The reasons of a file that was refused whole."""
    assert found.rows["t"] == []
    assert found.records == (1, 1)
    return found.reasons


@pytest.mark.parametrize(
    ("source", "content", "reason"),
    [
        (CSV, "id,Name,Amount\n1,Ann,5.50\n", f"{SPLIT} name{near('Name')}, amount{near('Amount')}"),
        (CSV, "id, name, amount\n1,Ann,5.50\n", f"{SPLIT} name{near(' name')}, amount{near(' amount')}"),
        (CSV, "id,name,total_amount\n1,Ann,5.50\n", f"{SPLIT} amount{near('total_amount')}"),
        (CSV, "id,name\n1,Ann\n", f"{SPLIT} amount"),
        (CSV, "id;amount;\n1;5.5\n", f"{SPLIT} id, name, amount{near('id;amount;')}"),
        (CSV, "<html><body>502</body></html>\n", f"{SPLIT} id, name, amount"),
        (JSON, '{"id":1,"Name":"A","amount":5}\n{"id":2,"Name":"B"}\n', f"file: lacks field name{near('Name')}"),
        (JSON, '{"error":"Not found"}\n', "file: lacks field id, name, amount"),
        ({**JSON, "records": "array"}, '[{"id":1,"name":"A","Amount":1}]', f"file: lacks field amount{near('Amount')}"),
        (XML, "<r><e><id>1</id><name/><Amount>1</Amount></e></r>", f"file: lacks element amount{near('Amount')}"),
        (XML, "<r><e id='1'><name>A</name><amount>1</amount></e></r>", f"file: lacks element id{near('@id')}"),
        (PARQUET, parquet(id=[1], name=["Ann"], Amount=[1]), f"file: lacks column amount{near('Amount')}"),
    ],
)  # fmt: skip
def test_a_file_that_lacks_a_field_is_refused(source: dict[str, str], content: bytes | str, reason: str) -> None:
    assert refused(convert(contract(source, COLUMNS), content)) == [[reason]]


@pytest.mark.parametrize(
    ("source", "content"),
    [
        (CSV, "id,Name\n1,Ann\n"),
        (JSON, '{"id":1,"Name":"Ann"}\n'),
        ({**JSON, "records": "array"}, '[{"id":1}]'),
        (XML, "<r><e><id>1</id></e></r>"),
        (PARQUET, parquet(id=[1], Name=["Ann"])),
    ],
)
def test_where_it_may_be_absent_it_is_counted(source: dict[str, str], content: bytes | str) -> None:
    found = convert(contract(source, MAY), content)
    assert (found.rows["t"], found.reasons) == ([(1, None, None)], [])
    assert found.absent == {"t.name", "t.amount"}


@pytest.mark.parametrize(
    ("source", "content"),
    [
        (CSV, "ID,NAME,Amount\n1,Ann,5.50\n"),
        (JSON, '{"ID":1,"Name":"Ann","AMOUNT":5.50}\n'),
        (XML, "<r><E><Id>1</Id><NAME>Ann</NAME><Amount>5.50</Amount></E></r>"),
        (PARQUET, parquet(ID=[1], Name=["Ann"], AMOUNT=[5.5])),
    ],
)
def test_names_match_without_regard_to_case_where_the_contract_says_so(
    source: dict[str, str], content: bytes | str
) -> None:
    found = convert(contract({**source, "match": "ignore_case"}, COLUMNS), content)
    assert [(row[0], row[1], str(row[2])) for row in found.rows["t"]] == [(1, "Ann", "5.50")]
    assert found.absent == set()


@pytest.mark.parametrize(
    ("source", "content", "reason"),
    [
        (CSV, "id,Name,NAME,amount\n1,A,B,1\n", "file: its header names column name twice, in different case"),
        (JSON, '{"id":1,"Name":"A","NAME":"B","amount":1}\n', "record: name stands twice, in different case"),
        (XML, "<r><e><id>1</id><Name>A</Name><NAME/><amount>1</amount></e></r>", TWICE),
        (PARQUET, parquet(id=[1], Name=["A"], NAME=["B"], amount=[1]), "file: name stands twice, in different case"),
    ],
)  # fmt: skip
def test_a_name_in_two_cases_is_refused(source: dict[str, str], content: bytes | str, reason: str) -> None:
    found = convert(contract({**source, "match": "ignore_case"}, COLUMNS), content)
    assert (found.rows["t"], found.reasons) == ([], [[reason]])


def test_the_exact_name_wins() -> None:
    source = contract({**CSV, "match": "ignore_case"}, {"id": "bigint", "name": "varchar(9)"})
    assert convert(source, "ID,name,NAME,id\n8,Ann,x,1\n").rows["t"] == [(1, "Ann")]


@pytest.mark.parametrize(
    "lines",
    [
        '{"id":1}\n{"id":2,"to":{"city":"X"}}\n',
        '{"id":1}\n{"id":2,"to":{"city":null}}\n',
        '{"id":1}\n{"id":2,"to":null}\n',
    ],
)
def test_a_field_that_one_record_has_is_not_absent(lines: str) -> None:
    source = contract(JSON, {"id": "bigint", "city": {"type": "varchar(9)", "source": "to.city"}})
    found = convert(source, lines)
    assert ([row[0] for row in found.rows["t"]], found.reasons) == ([1, 2], [])


def test_nested_fields_are_named_with_their_path() -> None:
    source = contract(JSON, {"id": "bigint", "city": {"type": "varchar(9)", "source": "to.city"}})
    assert refused(convert(source, '{"id":1,"to":{"City":"X"}}\n')) == [[f"file: lacks field to.city{near('to.City')}"]]
    as_one = " (the file has it as one name, 'to.city', and a path is read part by part)"
    assert refused(convert(source, '{"id":1,"to.city":"X"}\n')) == [[f"file: lacks field to.city{as_one}"]]


def exploding(*, may_be_absent: bool) -> Contract:
    return contract(JSON, {"q": "bigint"}, explode="items", may_be_absent=may_be_absent)


def test_an_array_that_no_record_has() -> None:
    lines = '{"id":1,"Items":[{"q":1}]}\n'
    assert refused(convert(exploding(may_be_absent=False), lines)) == [[f"file: lacks field items{near('Items')}"]]
    assert convert(exploding(may_be_absent=True), lines).rows["t"] == []


def test_of_an_array_that_is_always_empty_nothing_is_known() -> None:
    found = convert(exploding(may_be_absent=False), '{"items":[]}\n{"items":null}\n')
    assert (found.rows["t"], found.reasons, found.absent) == ([], [], frozenset())


def test_malformed_records_say_nothing_of_presence() -> None:
    found = convert(contract(JSON, COLUMNS), "{nothing\n[1]\n")
    assert found.reasons == [["record: malformed JSON"], ["record: not a JSON object"]]


@pytest.mark.parametrize(
    ("source", "content", "reason"),
    [
        (XML, "<orders><E><id>1</id></E></orders>", "file: has no element e; nearest: 'E'"),
        (XML, "<html><body>502 Bad Gateway</body></html>", "file: has no element e"),
        (XML, "<orders/>", "file: has no element e"),
        (XML, "", "file: is empty"),
        (CSV, "", "file: is empty"),
        ({**CSV, "header": False, "compression": "gzip"}, "", "file: is empty"),
        ({**JSON, "compression": "bzip2"}, "", "file: is empty"),
        ({**JSON, "records": "array"}, "", "file: is empty"),
        (PARQUET, "", "file: is empty"),
    ],
)
def test_a_file_without_a_record_that_does_not_say_so(source: dict[str, Any], content: str, reason: str) -> None:
    assert refused(convert(contract(source, COLUMNS), content)) == [[reason]]


@pytest.mark.parametrize(
    ("source", "content"),
    [
        (CSV, "id,name,amount\n"),
        ({**CSV, "header": False}, ""),
        (JSON, ""),
        ({**JSON, "records": "array"}, "[]"),
        ({**JSON, "records": "concatenated"}, ""),
        (
            PARQUET,
            parquet(id=pa.array([], pa.int64()), name=pa.array([], pa.string()), amount=pa.array([], pa.int64())),
        ),
    ],
)
def test_a_file_that_says_itself_that_it_is_empty(source: dict[str, Any], content: bytes | str) -> None:
    found = convert(contract(source, COLUMNS), content)
    assert (found.rows["t"], found.reasons, found.records) == ([], [], (0, 0))


def test_xml_without_a_record_where_the_contract_allows_it() -> None:
    found = convert(contract(XML, COLUMNS, allow_empty=True), "<orders/>")
    assert (found.rows["t"], found.reasons) == ([], [])


def test_a_default_fills_what_is_absent_and_may_be() -> None:
    columns = {"id": "bigint", "at": {"type": "date", "default": "2026-11-20", "may_be_absent": True}}
    found = convert(contract(CSV, columns), "id\n1\n")
    assert found.rows["t"] == [(1, date(2026, 11, 20))]
