r"""Every form that JSON, CSV and XML allow or forbid, by the rules of their specifications: right, or refused.

The inputs are ours; they cover the kinds of the public corpora JSONTestSuite, csv-spectrum and of the not well-formed
documents of the W3C's conformance tests.
Source: https://www.rfc-editor.org/rfc/rfc8259, https://www.rfc-editor.org/rfc/rfc4180, https://www.w3.org/TR/xml/ and
https://www.w3.org/TR/xml-names/
"""

import json
from typing import Any

import pytest

from sluice.kernel.convert import Lanes
from tests.unit.kernel_convert import Converted, contract, convert

JSON_VALID = (
    # Numbers, section 6.
    "0", "-0", "7", "-7", "1234567890", "0.5", "-0.5", "10.25", "1e3", "1E3", "1e+3", "1e-3", "1.5e10", "0e0", "0E+1",
    "-0.0", "1e400", "-1e400", "1e-400", "0.0000000000000000000000000000000000000000001", "9" * 400, "-" + "9" * 30,
    # Strings, section 7.
    '""', '" "', '"a"', '"\u00e9\u20ac\U0001d11e"', '"\\u0061"', '"\\u00E9"', '"\\uD834\\uDD1E"', '"\\ud834\\udd1e"',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\u0000"', '"\\u001f"', '"\\u2028\\u2029"', '"\u2028\u2029"', '"\x7f"',
    '"\\\\u0061"',
    '"\\\\n"', '"/* no comment */ // none"', '"\\uFFFE\\uFDD0"', '"\ufdd0\U0010ffff"', '"\u00a0\u200b\u2064"', '"%00"',
    # Literals, section 3; arrays and objects, sections 4 and 5; white space, section 2.
    "true", "false", "null", "[]", "[ ]", "{}", "{ }", "[1]", "[1,2]", "[ 1 , 2 ]", "[[],[[]]]",
    "[null,true,1,\"a\",{}]",
    '{"a":1}', '{"":0}', '{"a":{"b":{}}}', '{"a":[]}', '{"a\\u0000b":1}', '{"a":1,"b":2}', '{"A":1,"a":2}',
    "\t[\t1\t]\t",
    "[\r1\r]", '{ "a" : "b" }', "[" * 100 + "]" * 100,
)  # fmt: skip
JSON_INVALID = (
    # Numbers.
    "+1", "01", "-01", "00", "1.", "-1.", ".5", "-.5", "1.e3", "1e", "1e+", "1E-", "1.5e", "0e+", "0.e1", "1eE2",
    "1.2.3",
    "--1", "-", "- 1", "1_000", "0x1F", "0x", "1a", "1e1.5", "-a", "++1", "1+2", "Infinity", "-Infinity", "Inf", "NaN",
    "-NaN",
    "nan", "\uff11", "1\u00a0", "1e\u0661", "12 34", "0 1", "1 true",
    # Strings.
    '"', '"a', 'a"', "'a'", "'", '"\\"', '"\\', '"\\x41"', '"\\a"', '"\\0"', '"\\u"', '"\\u1"', '"\\u00g0"',
    '"\\u 041"', '"\\U0041"',
    '"\\u12"', '"\\ud834\\u"', '"\\ud834\\u1"', '"\\ud834\\x"', '"a"b', '"a" "b"', '"\t"', '"\x00"', '"\x1f"',
    '"\x01a"', "\\u0061",
    '\\"a\\"', "\u201ca\u201d", '"\\\u00e9"', '"\\\U0001f600"',
    # Literals.
    "nul", "tru", "fals", "True", "FALSE", "Null", "nulll", "truefalse", "undefined", "None", "yes", "a", "\u00e9", "*",
    "#", "<a>",
    "<null>", "[<null>]", "null,", "@",
    # Arrays.
    "[", "]", "[1", "[1,", "[,", "[,1]", "[1,]", "[1,,2]", "[1,,]", "[,,]", "[1;2]", "[1:2]", "[1 2]", "[[1]", "[1]]",
    "[1]x", "[][]", "[)",
    "[1}", '["a" "b"]', '["a",', '["a', "['a']", "[a]", "[-]", "[*]", "[\x0b1]", "[\x0c]", "[\u20601]", "[1\u2060]",
    "[fals", "[nul", "[1]#",
    "[1],", "[\"a\",\n4\n,1,", "[3[4]]", "[1 true]", "[\x00]",
    # Objects.
    "{", "}", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{,}', '{"a":1,,"b":2}', '{"a" 1}', '{"a"::1}',
    '{"a",1}', "{a:1}",
    "{'a':1}", '{1:1}', '{null:1}', '{"a":1 "b":2}', '{"a":1}}', '{"a":1}x', '{"a":1]', '{:1}', '{"a"}', '{"a":}',
    '{"a":a}',
    '{["a"]:1}', '{"a":1}//', '{"a":1}/**/', '{"a":/*x*/1}', '{"a":1}#', "{{}}", '{"a":"b', '{"a":1;"b":2}',
    '{"a":1,"b"}', "{]",
    '{"a":1}{"b":2}', "{\u00e9:1}", "{\U0001f600}", '{"a":1e}', '{"a":tru}', '{"a"=1}',
    # Nothing, and white space that JSON does not have.
    "", " ", "\u2060", "\ufeff", "\x0c", "\x0b", "\u00a0",
)  # fmt: skip
JSON_NO_TEXT = (
    # Halves of surrogate pairs are well-formed and no text (section 8.2); equal keys (section 4) are left to us.
    '"\\ud834"', '"\\udd1e"', '"\\udd1e\\ud834"', '"\\ud834\\ud834\\udd1e"', '"\\ud834\\n"', '"a\\ud834b"',
    '["\\udbff"]', '{"\\ud834":1}',
    '"\\uD888\\u1234"', '{"a":1,"a":2}', '{"a":1,"a":1}', '[{"b":{"a":0,"c":1,"a":0}}]',
)  # fmt: skip
JSON_BYTES = (
    b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xfc\x80\x80\x80\x80\x80"', b'"\xf4\x90\x80\x80"',
    b'"\x81"',
    b'["\xe0\xff"]', b'"\xe9"', b"[1\xe5]", b"[1e1\xe5]", b"\xe5", b'{"a":1,\xb9}', b'"\\u\xe5"', b'"\\\xe5"',
    b'{"\xb9":"0",}',
)  # fmt: skip

COLUMNS = {"id": "integer", "v": {"type": "varchar(65535)", "json": True, "may_be_absent": True}}


def as_line(number: int, value: str) -> str:
    return f'{{"id":{number},"v":{value}}}'


def same(text: str | None, value: str) -> bool:
    """Whether the text that was kept says the same as the value, to the last digit."""
    kept = json.loads(text or "null", parse_int=repr, parse_float=repr)
    return bool(kept == json.loads(value, parse_int=repr, parse_float=repr))


def test_all_valid_json_is_read_in_lines() -> None:
    values = [value for value in JSON_VALID if "\n" not in value and "\r" not in value]
    found = convert(contract({"format": "json"}, COLUMNS), "\n".join(map(as_line, range(len(values)), values)))
    assert found.reasons == []
    texts = dict(found.rows["t"])
    assert [value for number, value in enumerate(values) if not same(texts[number], value)] == []


@pytest.mark.parametrize("records", ["array", "concatenated"])
def test_all_valid_json_is_read_as_one_file(records: str) -> None:
    lines = list(map(as_line, range(len(JSON_VALID)), JSON_VALID))
    body = f"[{','.join(lines)}]" if records == "array" else "\n\n".join(lines)
    found = convert(contract({"format": "json", "records": records}, COLUMNS), body)
    assert found.reasons == []
    texts = dict(found.rows["t"])
    assert [value for number, value in enumerate(JSON_VALID) if not same(texts[number], value)] == []


def test_all_invalid_json_is_refused_line_by_line() -> None:
    values = [value for value in (*JSON_INVALID, *JSON_NO_TEXT) if "\n" not in value]
    lines = [as_line(number, value).encode() for number, value in enumerate(values)]
    lines += [b'{"id":0,"v":%s}' % value for value in JSON_BYTES]
    found = convert(contract({"format": "json"}, COLUMNS), b"\n".join([*lines, b'{"id":-1,"v":0}']))
    assert found.rows["t"] == [(-1, "0")]
    assert found.records == (len(lines) + 1, len(lines))
    reasons = {reason for (reason,) in found.reasons}
    assert reasons == {
        "record: malformed JSON",
        "record: malformed JSON (NaN or Infinity)",
        "record: malformed JSON (more than one value)",
        "record: half of a surrogate pair",
        "record: a key stands twice in one object",
        "record: bytes that are not UTF-8",
    }


@pytest.mark.parametrize("records", ["array", "concatenated"])
def test_no_invalid_json_is_read_from_a_whole_file(records: str) -> None:
    """What follows in the file cannot be trusted, so the file is refused, or the record where its end is known."""
    made = contract({"format": "json", "records": records}, COLUMNS)
    for value in (*JSON_INVALID, *JSON_NO_TEXT):
        body = as_line(1, value)
        found = convert(made, f"[{body}]" if records == "array" else body, lanes=Lanes.ROW)
        assert (found.rows["t"], len(found.reasons)) == ([], 1), value


@pytest.mark.parametrize("value", [*JSON_VALID, *JSON_INVALID, *JSON_NO_TEXT])
def test_a_line_that_is_one_value_is_an_object_or_refused(value: str) -> None:
    found = convert(contract({"format": "json"}, {"v": {"type": "varchar(9)", "may_be_absent": True}}), value)
    if value in JSON_VALID and value.strip().startswith("{"):
        assert (len(found.rows["t"]), found.reasons) == (1, [])
    else:
        assert found.rows["t"] == []
        assert found.reasons or not value.strip(" \t\r\n\x0b\x0c\u00a0\ufeff")


CSV: dict[str, tuple[str, list[tuple[str | None, ...]]]] = {
    "plain": ("a,b,c\n1,2,3\n", [("1", "2", "3")]),
    "carriage returns": ("a,b,c\r\n1,2,3\r\n", [("1", "2", "3")]),
    "no end": ("a,b,c\n1,2,3", [("1", "2", "3")]),
    "a comma in quotes": ('a,b,c\nx,"Town, ZZ",y\n', [("x", "Town, ZZ", "y")]),
    "empty": ('a,b,c\n1,"",\n,,\n', [("1", "", None), (None, None, None)]),
    "empty with carriage returns": ('a,b,c\r\n1,"",\r\n2,3,4', [("1", "", None), ("2", "3", "4")]),
    "quotes": ('a,b,c\n1,"he said ""no"" ","""q"""\n', [("1", 'he said "no" ', '"q"')]),
    "JSON in a field": ('a,b,c\n1,"{""k"": [1, 0.5]}",x\n', [("1", '{"k": [1, 0.5]}', "x")]),
    "line feeds": ('a,b,c\n"two \nlines",5,6\n7,8,9\n', [("two \nlines", "5", "6"), ("7", "8", "9")]),
    "both in a field": ('a,b,c\r\n"two \r\nlines",5,6\r\n7,8,9\r\n', [("two \r\nlines", "5", "6"), ("7", "8", "9")]),
    "quotes and lines": ('a,b,c\n1,"x \n""y"" \nz",2\n3,4,5\n', [("1", 'x \n"y" \nz', "2"), ("3", "4", "5")]),
    "letters of all kinds": ("a,b,c\n4,\u4e2d,\u02a4\n\U0001f600,e\u0301,\n",
                             [("4", "\u4e2d", "\u02a4"), ("\U0001f600", "e\u0301", None)]),
    "blanks": ("a,b,c\n 1 , 2,3 \n", [(" 1 ", " 2", "3 ")]),
    "quotes inside": ('a,b,c\n5" pipe,x"y"z,""\n', [('5" pipe', 'x"y"z', "")]),
    "a header in quotes": ('"a","b","c"\n1,2,3\n', [("1", "2", "3")]),
    "a byte order mark": ('\ufeff"a",b,c\n1,2,3\n', [("1", "2", "3")]),
    "blank lines": ("a,b,c\n\n1,2,3\n\n\n4,5,6\n\n", [("1", "2", "3"), ("4", "5", "6")]),
    "columns in another order": ("c,a,b\n3,1,2\n", [("1", "2", "3")]),
    "a column more": ("a,x,b,c\n1,?,2,3\n", [("1", "2", "3")]),
}  # fmt: skip
CSV_REFUSED = {
    "too few": ("a,b,c\n1,2\n", "record: too few fields"),
    "too many": ("a,b,c\n1,2,3,4\n", "record: too many fields"),
    "never closed": ('a,b,c\n1,"2,3\n', "record: a quote that is not closed"),
    "text after quotes": ('a,b,c\n1,"2"x,3\n', "record: text after a closing quote"),
    "a column twice": ("a,b,b,c\n1,2,2,3\n", "file: its header names column b twice"),
    "another column twice": ("a,b,c,x,x\n1,2,3,4,5\n", "file: its header names a column twice"),
    "a header that is not closed": ('a,"b,c\n1,2,3\n', "file: its header is malformed"),
    "nothing but blank lines": ("\n\n", "file: has no header: there is no line that is not blank"),
}


IN_ONE_LINE = [
    kind for kind, (_, rows) in CSV.items() if not any("\n" in (value or "") for row in rows for value in row)
]


@pytest.mark.parametrize(
    ("kind", "multiline"), [*((kind, True) for kind in CSV), *((kind, False) for kind in IN_ONE_LINE)]
)
def test_csv_is_read_as_it_is(kind: str, *, multiline: bool) -> None:
    body, rows = CSV[kind]
    columns = dict.fromkeys("abc", "varchar(40)")
    found = convert(contract({"format": "csv", "multiline": multiline}, columns, null_values=[]), body)
    assert (found.rows["t"], found.reasons) == (rows, [])


@pytest.mark.parametrize("kind", CSV_REFUSED)
def test_csv_that_breaks_the_rules_is_refused(kind: str) -> None:
    body, reason = CSV_REFUSED[kind]
    found = convert(contract({"format": "csv"}, dict.fromkeys("abc", "varchar(40)")), body)
    assert (found.rows["t"], found.reasons) == ([], [[reason]])


XML_NOT_WELL_FORMED = (
    # Production 1: one root, and nothing behind it but comments and instructions.
    "", " ", "<e/><e/>", "<e/>x", "x<e/>", "<r><e/>", "<r><e></r></e>", "<r></R>", "<r", "<r>", "</r>", "<r/></r>",
    "<e/>&#32;",
    "<e/><![CDATA[]]>", "<r/><r/>", "&lt;e/>",
    # 2: characters.
    "<e>\x00</e>", "<e>\x01</e>", "<e>\x1f</e>", "<e>\x0c</e>", "<e>\ufffe</e>", "<e>\uffff</e>", "<e a='\x08'/>",
    "<!--\x02--><e/>",
    "<?p \x03?><e/>", "<e><![CDATA[\x04]]></e>", "\x0c<e/>",
    # 4, 5: names.
    "<1e/>", "<-e/>", "<.e/>", "<e,f/>", "<e f g='1'/>", "<\u00d7/>", "<\u037e/>", "< e/>", "<e><\u0300/></e>",
    "<e 1a='x'/>", "<e\u00b7/ >",
    # 10, 41: attributes.
    "<e a/>", "<e a=/>", "<e a=1/>", "<e a='1/>", "<e a='1\"/>", "<e a='<'/>", "<e a='&'/>", "<e a='1' a='2'/>",
    "<e a='1'b='2'/>",
    "<e a='&#0;'/>", "<e ='1'/>", "<e a=\u2019x\u2019/>", "<e 'a'='1'/>", "<e a:='1'/>", "<e :a='1'/>",
    "<e a='1' a='1'/>",
    # 14: character data.
    "<e>]]></e>", "<e>a ]]> b</e>", "<e>&</e>", "<e>& </e>", "<e><</e>", "<e>a<b</e>", "<e>1 < 2</e>",
    # 15: comments.
    "<e><!-- a -- b --></e>", "<e><!-- a --->x</e>", "<e><!-- a</e>", "<e><!- a --></e>", "<e><! a></e>", "<!--><e/>",
    "<!---><e/>", "<e><!-- a --!></e>",
    # 16, 17: processing instructions.
    "<e><?p</e>", "<e><? p?></e>", "<e><?p ></e>", "<e><?xml version='1.0'?></e>", "<e><?XML a?></e>", "<e><?p?x</e>",
    "<e><?></e>", "<?p:q:r",
    # 18 to 21: CDATA.
    "<e><![CDATA[</e>", "<e><![cdata[a]]></e>", "<e><![CDATA [a]]></e>", "<e><! [CDATA[a]]></e>", "<e><![CDATA[a]]</e>",
    "<e><![CDATA[a]>]</e>",
    "<e><![CDATA[a]]b]]>]]></e>", "<![CDATA[a]]>",
    # 23 to 26, 32, 80: the declaration.
    " <?xml version='1.0'?><e/>", "<?xml?><e/>", "<?xml version=1.0?><e/>", "<?xml version='1.0' ><e/>",
    "<?xml encoding='UTF-8'?><e/>",
    "<?xml version='1.0' standalone='maybe'?><e/>", "<?xml version='1.0' encoding='?'?><e/>",
    "<?xml version='1.0' encoding=''?><e/>",
    "<?xml encoding='UTF-8' version='1.0'?><e/>", "<?xml version='1.0' standalone='yes' encoding='UTF-8'?><e/>",
    "<?XML version='1.0'?><e/>",
    "<?xml version='1.0' version='1.0'?><e/>", "<?xml version='1.0'encoding='UTF-8'?><e/>",
    "<?xml version='1.0'?",
    "<?xml version='1.0' encoding='no-such-thing'?><e/>", "<?xml Version='1.0'?><e/>",
    "<?xml version='1.0' foo='1'?><e/>",
    # 40, 42, 44: tags.
    "<e></ e>", "<e></e", "<e></e a='1'>", "<e//>", "<e/ >", "</e><e>", "<e></f>", "<e></E>", "<>", "<></>", "<e/",
    "<e a='1'></e/>", "<e>< /e>",
    # 66 to 68: references.
    "<e>&nbsp;</e>", "<e>&amp</e>", "<e>& amp;</e>", "<e>&;</e>", "<e>&#;</e>", "<e>&#x;</e>", "<e>&#xG;</e>",
    "<e>&#X41;</e>", "<e>&#1114112;</e>",
    "<e>&#0;</e>", "<e>&#x1;</e>", "<e>&#xD800;</e>", "<e>&#xFFFF;</e>", "<e>&#12a;</e>", "<e>&#x41</e>", "<e>&lt</e>",
    "<e a='&x;'/>", "<e>&#-1;</e>",
    "<e>&AMP;</e>", "<e>&1;</e>",
    # Namespaces.
    "<x:e/>", "<e x:a='1'/>", "<e xmlns:x=''/>", "<e xmlns:x='u' xmlns:y='u' x:a='1' y:a='2'/>",
    "<e xmlns:xml='other'/>", "<e xmlns:xmlns='u'/>",
)  # fmt: skip
XML_BYTES = (
    b"<e>\xff</e>",
    b"<e>\xc3</e>",
    b"<e>\xed\xa0\x80</e>",
    b"<e>\xc0\xaf</e>",
    b"<e>\xe9</e>",
    b"<\xe9/>",
    b"\xff\xfe<\x00e\x00",
    b"\xef\xbb<e/>",
)
XML_WELL_FORMED: dict[str, str | None] = {
    "<e><v>1</v></e>": "1",
    "<e><v >1</v ></e >": "1",
    "\ufeff<e><v>1</v></e>": "1",
    "<?xml version='1.0'?>\n<!-- c --><?p i?><e><v>1</v></e><!-- c -->\n<?p?>": "1",
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><e><v>1</v></e>': "1",
    "<r><x/><e><v>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;</v></e></r>": "<&>\"'A\U0001f600",
    "<e><v><![CDATA[<a>&amp;]] ]]></v></e>": "<a>&amp;]] ",
    "<e><v>a<![CDATA[b]]>c<!-- no -->d<?p no?>e</v></e>": "abcde",
    "<e><v><![CDATA[]]></v></e>": "",
    "<e><v/></e>": "",
    "<e><v></v></e>": "",
    "<e><v>\n a \n</v></e>": "\n a \n",
    "<e><v>a\r\nb\rc&#13;</v></e>": "a\nb\nc\r",
    "<e><v>\u00e9\u4e2d\U0001f600 ]] ></v></e>": "\u00e9\u4e2d\U0001f600 ]] >",
    "<x:e xmlns:x='u'><x:v>1</x:v></x:e>": "1",
    "<e xmlns='u'><v xmlns=''>1</v></e>": "1",
    "<e xmlns:y='w'><y:v>1</y:v></e>": "1",
    "<e xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><v i:nil='true'/></e>": None,
    "<e><!-- v --><other><v>2</v></other><v>1</v></e>": "1",
    "<e><?v 2?><v>1</v><w/></e>": "1",
}


def through_xml(body: bytes | str) -> Converted:
    columns = {"v": {"type": "varchar(40)", "may_be_absent": True}}
    return convert(contract({"format": "xml", "row_tag": "e"}, columns, null_values=[]), body)


def test_no_xml_that_is_not_well_formed_is_read() -> None:
    for body in (*XML_NOT_WELL_FORMED, *XML_BYTES):
        found = through_xml(body)
        assert found.rows["t"] == [], body
        assert [reason for (reason,) in found.reasons] in (
            ["file: is not well-formed XML"],
            ["file: is empty"],
            ["file: has no element e; nearest: 'r'"],
            ["file: is in an encoding that cannot be read; XML is read in UTF-8, UTF-16 and encodings of one byte"],
        ), body


@pytest.mark.parametrize("body", XML_WELL_FORMED)
def test_well_formed_xml_is_read_as_it_is(body: str) -> None:
    found = through_xml(body)
    assert (found.rows["t"], found.reasons) == ([(XML_WELL_FORMED[body],)], [])


@pytest.mark.parametrize(
    "body",
    [
        "<!DOCTYPE e><e><v>1</v></e>",
        "<!DOCTYPE e SYSTEM 'e.dtd'><e><v>1</v></e>",
        "<!DOCTYPE e [<!ENTITY x 'y'>]><e><v>&x;</v></e>",
        "<!DOCTYPE e [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><e><v>&x;</v></e>",
        "<!DOCTYPE e [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]><e><v>&b;</v></e>",
    ],
)
def test_document_types_and_entities_are_refused(body: str) -> None:
    found = through_xml(body)
    assert (found.rows["t"], found.reasons) == ([], [["file: has a document type or entities, which are refused"]])


@pytest.mark.parametrize(
    ("attributes", "value"),
    [
        ("id='1' x:id='9'", "1"),
        ("x:id='9' id='1'", "1"),
        ("id='1' xml:id='9'", "1"),
        ("x:id='9'", "9"),
        ("xml:id='9'", None),
        ("xml:lang='de' y:lang='en' id='1'", "1"),
        ("x:ID='9' id='1'", "1"),
    ],
)
def test_an_attribute_without_a_prefix_is_the_one_of_its_name(attributes: str, value: str | None) -> None:
    columns = {"id": {"type": "varchar(9)", "source": "@id", "may_be_absent": True}}
    body = f"<r xmlns:x='u' xmlns:y='w'><e {attributes}/></r>"
    found = convert(contract({"format": "xml", "row_tag": "e"}, columns), body)
    assert (found.rows["t"], found.reasons) == ([(value,)], [])


@pytest.mark.parametrize(
    "body", ["<e x:id='1' y:id='2'/>", "<e><x:id>1</x:id><y:id>2</y:id></e>", "<e><id>1</id><x:id>2</x:id></e>"]
)
def test_two_prefixes_of_one_local_name_are_refused(body: str) -> None:
    columns: dict[str, Any] = {"id": {"type": "varchar(9)", "source": "@id" if "'2'" in body else "id"}}
    found = convert(contract({"format": "xml", "row_tag": "e"}, columns), f"<r xmlns:x='u' xmlns:y='w'>{body}</r>")
    name = columns["id"]["source"]
    assert (found.rows["t"], found.reasons) == ([], [[f"record: {name} is repeated"]])
