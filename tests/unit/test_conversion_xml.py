"""XML as source systems really write it, and as attackers do."""

import gzip
import io
import pickle

import pytest

from sluice.contract import XmlSource
from sluice.contract.shape import TEXT_OF_ELEMENT, Group, Items, Leaf
from sluice.kernel.parse import Parsed
from sluice.kernel.parse.xml_text import XmlRecords

SHAPE = Group(
    {
        "@id": Leaf(),
        "name": Leaf(),
        "price": Group({"@currency": Leaf(), TEXT_OF_ELEMENT: Leaf()}),
        "tags": Group({"tag": Items(Group({TEXT_OF_ELEMENT: Leaf(), "@k": Leaf()}))}),
    }
)
BROKEN = "file: is not well-formed XML"
ENCODED = "file: is in an encoding that cannot be read; XML is read in UTF-8, UTF-16 and encodings of one byte"


def reader(**source: object) -> XmlRecords:
    return XmlRecords(XmlSource("x/%Y/%m/%d", "p", **source), SHAPE)  # type: ignore[arg-type]


def read(body: str | bytes) -> list[tuple[object, ...] | str | None]:
    content = body.encode() if isinstance(body, str) else body
    return [parsed.record or parsed.error for parsed in reader().file(io.BytesIO(content))]


def row(identifier: str | None = None, name: str | None = None, price: object = None, tags: object = None) -> object:
    return (identifier, name, price, tags)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param('<r><p id="1"><name>A</name></p></r>', [row("1", "A")], id="attribute and element"),
        pytest.param('<r><p id="1"/><p/></r>', [row("1"), row()], id="self-closing rows"),
        pytest.param('<r><p id="a > b"><name>x</name></p></r>', [row("a > b", "x")], id="greater-than in an attribute"),
        pytest.param(
            "<r><p><name>A&amp;<![CDATA[<b>]]><!-- no --> c</name></p></r>", [row(None, "A&<b> c")], id="CDATA"
        ),
        pytest.param("<r><p><name/></p></r>", [row(None, "")], id="empty element"),
        pytest.param(
            '<r xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><p><name i:nil="true"/></p></r>', [row()], id="nil"
        ),
        pytest.param(
            '<n:r xmlns:n="u" xmlns="v"><n:p n:id="1"><name>A</name></n:p></n:r>', [row("1", "A")], id="namespaces"
        ),
        pytest.param(
            '<r><p><price currency="EUR">1.50</price></p></r>', [row(price=("EUR", "1.50"))], id="text beside"
        ),
        pytest.param("<r><p><price>1.50</price></p></r>", [row(price=(None, "1.50"))], id="text alone"),
        pytest.param(
            '<r><p><tags><tag k="1">x</tag><tag/></tags></p></r>', [row(tags=([("x", "1"), ("", None)],))], id="array"
        ),
        pytest.param("<r><p><tags><tag>x</tag></tags></p></r>", [row(tags=([("x", None)],))], id="array of one"),
        pytest.param("<r><p><tags/></p></r>", [row(tags=([],))], id="array of none"),
        pytest.param('<r><p id="1"><p id="2"/><name>A</name></p></r>', [row("1", "A")], id="row inside a row"),
        pytest.param('<p id="1"><name>A</name></p>', [row("1", "A")], id="the document is the row"),
        pytest.param("<r><g><p/></g><x><p/></x></r>", [row(), row()], id="rows at any depth"),
        pytest.param("<r><name>outside</name></r>", ["file: has no element p"], id="no rows"),
        pytest.param("<r/>", ["file: has no element p"], id="empty document"),
        pytest.param("<r><P/></r>", ["file: has no element p; nearest: 'P'"], id="rows in another case"),
        pytest.param(
            "<r><p><name>A<b>c</b></name></p></r>", ["record: name has elements instead of a text"], id="mixed"
        ),
        pytest.param("<r><p><name>A</name><name>B</name></p></r>", ["record: name is repeated"], id="repeated"),
        pytest.param("<r><p><tags/><tags/></p></r>", ["record: tags is repeated"], id="repeated group"),
        pytest.param(
            '<?xml version="1.0" encoding="ISO-8859-1"?><r><p id="é"/></r>'.encode("latin-1"), [row("é")], id="latin-1"
        ),
        pytest.param('<r><p id="é"/></r>'.encode("utf-16"), [row("é")], id="UTF-16"),
        pytest.param('\ufeff<r><p id="1"/></r>', [row("1")], id="byte order mark"),
        pytest.param("", ["file: is empty"], id="no bytes"),
        pytest.param("<r><p", [BROKEN], id="the only row is malformed"),
        pytest.param('<r><p id="1"/><p><name></p></r>', [row("1"), BROKEN], id="a later row is malformed"),
        pytest.param('<r><p id="1"/>', [row("1"), BROKEN], id="cut off"),
        pytest.param("<r/><r/>", [BROKEN], id="two documents"),
        pytest.param(b'<r><p id="\xe9"/></r>', [BROKEN], id="bytes that are no UTF-8"),
        pytest.param('<?xml version="1.0" encoding="x-unknown"?><r/>', [ENCODED], id="unknown encoding"),
        pytest.param('<?xml version="1.0" encoding="Shift_JIS"?><r/>', [ENCODED], id="an encoding of several bytes"),
    ],
)
def test_file(body: str | bytes, expected: list[object]) -> None:
    assert read(body) == expected


@pytest.mark.parametrize(
    "document_type",
    [
        '<!DOCTYPE r [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd">',
    ],
)
def test_document_types_are_refused(document_type: str) -> None:
    assert read(f"{document_type}<r><p/></r>") == ["file: has a document type or entities, which are refused"]


def test_raw_text_is_the_element() -> None:
    [parsed] = reader().file(io.BytesIO(b'<r>\n <p id="1" ><name>a &gt; b</name></p>\n</r>'))
    assert parsed.raw_text == '<p id="1"><name>a &gt; b</name></p>'


def test_gzip() -> None:
    body = gzip.compress(b'<r><p id="1"/></r>')
    source = reader(compression="gzip")
    assert [parsed.record for parsed in source.file(io.BytesIO(body))] == [("1", None, None, None)]
    [*_, last] = source.file(io.BytesIO(body[:-5]))
    assert last == Parsed(None, "", "file: its gzip data end too early", is_whole_file=True)


def test_readers_travel_to_workers() -> None:
    travelled = pickle.loads(pickle.dumps(reader()))
    assert [parsed.record for parsed in travelled.file(io.BytesIO(b'<r><p id="1"/></r>'))] == [("1", None, None, None)]
