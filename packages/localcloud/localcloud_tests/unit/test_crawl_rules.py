"""What crawls make of names, bytes and folders, without a bucket."""

import bz2
import gzip
import io
import json
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.errors import AwsApiError
from localcloud.glue.crawls import queue
from localcloud.glue.crawls.classify import SAMPLE_BYTES, classify_text
from localcloud.glue.crawls.configuration import Configuration
from localcloud.glue.crawls.differences import differences, updated_columns
from localcloud.glue.crawls.found import Classified, Form, S3File
from localcloud.glue.crawls.globs import compile_glob, is_excluded
from localcloud.glue.crawls.grouping import Grouping, detect
from localcloud.glue.crawls.kinds import Array, Kind, Struct, render, widest
from localcloud.glue.crawls.listing import is_looked_at
from localcloud.glue.crawls.naming import table_name
from localcloud.glue.crawls.parquet_footer import RangedFile, kind_of
from localcloud.glue.crawls.partitions import keys_of, values_of
from localcloud.glue.crawls.queue import EventQueue, Messages, read_messages
from localcloud.glue.crawls.tables import owner_of

NAMES = st.text("ab.x-", min_size=1, max_size=4)
KINDS = st.sampled_from(["null", "int", "bigint", "double", "string", "boolean", "decimal(10,2)", "decimal(5,4)"])
PARQUET = Form("parquet")


def at(key: str) -> S3File:
    return S3File("b", key, 9)


def holding(key: str, form: Form = PARQUET, **columns: Kind) -> Classified:
    return Classified(at(key), form, columns)


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        ("*.csv", ["a.csv", ".hidden.csv"], ["f/a.csv", "a.json"]),
        ("**.csv", ["a.csv", "f/g/a.csv"], ["a.csv.gz"]),
        ("*", ["a", ".git"], ["a/b"]),
        ("f?g", ["fag"], ["fg", "f/g"]),
        ("**/_*/**", ["a/_staging/x/y"], ["a/b/x"]),
        ("[a-c]x[!1-3]", ["ax4", "cxz"], ["dx4", "ax1", "ax/"]),
        ("{a,bc}.{x,y}", ["a.x", "bc.y"], ["c.x", "a,bc.x"]),
        (r"\*\{a", ["*{a"], ["x{a"]),
        ("[-a]", ["-", "a"], ["b"]),
        ("a,b", ["a,b"], ["a", "b"]),
        ("2026/**", ["2026/01/a"], ["2025/01/a"]),
    ],
)
def test_patterns_leave_out_what_they_say(pattern: str, fits: list[str], fails: list[str]) -> None:
    assert [path for path in [*fits, *fails] if is_excluded(path, [pattern])] == fits


@pytest.mark.parametrize("pattern", ["[a", "{a", "{a,{b}}", "\\", "[z-a]"])
def test_malformed_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(AwsApiError, match="is malformed") as refused:
        compile_glob(pattern)
    assert refused.value.code == "InvalidInputException"


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_path_with_everything_escaped_fits_itself_only(parts: list[str]) -> None:
    path = "/".join(parts)
    pattern = re.sub(r"(.)", r"\\\1", path)
    assert is_excluded(path, [pattern])
    assert not is_excluded(path + "a", [pattern])


@given(st.lists(NAMES, min_size=1, max_size=4), st.lists(NAMES, min_size=1, max_size=4))
def test_one_star_stays_inside_a_folder_and_two_do_not(parts: list[str], more: list[str]) -> None:
    path = "/".join([*parts, *more])
    assert is_excluded(path, ["**"])
    assert is_excluded(path, ["/".join("*" for _ in [*parts, *more])])
    assert not is_excluded(path, ["/".join("*" for _ in parts)])


@pytest.mark.parametrize(
    ("key", "looked_at"),
    [("in/p=1/a", True), ("in/_x/a", False), ("in/p=1/.a", False), ("in/a_$folder$", False), ("in/p/", False)],
)
def test_hidden_files_and_marks_of_folders_are_not_looked_at(key: str, looked_at: bool) -> None:
    assert is_looked_at(at(key), "s3://b/in", ()) == looked_at


def test_a_hidden_folder_above_the_include_path_hides_nothing() -> None:
    assert is_looked_at(at("_q/in/a"), "s3://b/_q/in/", ())
    assert not is_looked_at(at("_q/in/a"), "s3://b/_q/in/", ("a",))
    assert not is_looked_at(S3File("b", "in/a", 0), "s3://b/in/", ())


@pytest.mark.parametrize(
    ("folders", "keys", "values"),
    [
        ([("year=2026", "hour=07")], ("year", "hour"), ("2026", "07")),
        ([("Year=2026", "eu")], ("year", "partition_1"), ("2026", "eu")),
        ([("2026", "07"), ("2027", "h=1")], ("partition_0", "partition_1"), ("2026", "07")),
        ([("x=1",), ("y=1",)], ("partition_0",), ("x=1",)),
        ([("x=1", "x=2")], ("x", "partition_1"), ("1", "x=2")),
        ([("p=a=b",)], ("p",), ("a=b",)),
        ([()], (), ()),
    ],
)
def test_folders_become_keys_and_values(
    folders: list[tuple[str, ...]], keys: tuple[str, ...], values: tuple[str, ...]
) -> None:
    assert keys_of(folders) == keys
    assert values_of(keys, folders[0]) == values


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text("0123456789-", min_size=1, max_size=3)), max_size=4))
def test_hive_folders_give_back_their_values(pairs: list[tuple[str, str]]) -> None:
    pairs = list(dict(pairs).items())
    folders = tuple(f"{key}={value}" for key, value in pairs)
    keys = keys_of([folders])
    assert keys == tuple(key for key, _ in pairs)
    assert values_of(keys, folders) == tuple(value for _, value in pairs)
    assert values_of(keys, (*folders, "deeper")) == tuple(value for _, value in pairs)


def test_folders_that_do_not_fit_the_keys_have_no_values() -> None:
    assert values_of(("year", "month"), ("year=2026",)) is None
    assert values_of(("year",), ("month=1",)) is None
    assert values_of(("year", "month"), ("2026", "11", "x")) == ("2026", "11")


def text(body: str | bytes, is_whole: bool = True) -> tuple[Form, dict[str, str]] | None:
    found = classify_text(at("f"), body if isinstance(body, bytes) else body.encode(), is_whole=is_whole)
    return None if found is None else (found.form, {name: render(kind) for name, kind in found.columns.items()})


def csv_form(delimiter: str, header: bool, compression: str = "none", quoted: str = "false") -> Form:
    details = [("delimiter", delimiter), ("columnsOrdered", "true"), ("areColumnsQuoted", quoted)]
    details += [("skip.header.line.count", "1")] if header else []
    return Form("csv", compression, tuple(details), header)


@pytest.mark.parametrize("delimiter", [",", "|", "\t", ";", "\x01"])
def test_csv_has_a_header_when_a_value_below_is_no_text(delimiter: str) -> None:
    lines = [["Id", "When", "Price", "ok"], ["1", "2026-01-01", "1.5", "true"], ["2", "", "-2", "false"]]
    columns = {"id": "bigint", "when": "string", "price": "double", "ok": "boolean"}
    body = "\r\n".join(delimiter.join(line) for line in lines)
    assert text(body) == (csv_form(delimiter, header=True), columns)


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        ("name,city\nAda,Bern\nBob,Graz\n", {"col1": "string", "col2": "string"}),  # all texts: the header is data
        ("1,a\n2,b\n", {"col1": "bigint", "col2": "string"}),
        (f"{'n' * 150},b\n1,2\n", {"col1": "string", "col2": "string"}),
    ],
)
def test_csv_without_a_header_has_numbered_columns(body: str, columns: dict[str, str]) -> None:
    assert text(body) == (csv_form(",", header=False), columns)


def test_quoted_fields_hold_delimiters_and_line_breaks() -> None:
    assert text('a,b\n1,"x,\ny"\n') == (csv_form(",", header=True, quoted="true"), {"a": "bigint", "b": "string"})


@pytest.mark.parametrize("body", ["", "one\ntwo\n", "a,b\n", "a,b\n1,2,3\n", b"\0\1", '{"a": 1', b"\x1f\x8bbroken"])
def test_what_no_classifier_knows_is_nothing(body: str | bytes) -> None:
    assert text(body) is None


@pytest.mark.parametrize(("pack", "name"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2")])
def test_compressed_texts_are_unpacked(pack: Any, name: str) -> None:
    assert text(pack(b"a;b\n1;x\n")) == (csv_form(";", True, name), {"a": "bigint", "b": "string"})


def test_the_start_of_a_long_compressed_text_is_enough() -> None:
    body = gzip.compress("".join(f"{number * 7919 % 1000003},x{number}\n" for number in range(300_000)).encode(), 1)
    start = body[:SAMPLE_BYTES]
    assert len(start) < len(body)
    assert text(start, is_whole=False) == (csv_form(",", False, "gzip"), {"col1": "bigint", "col2": "string"})


@pytest.mark.parametrize("form", ["lines", "array", "cut"])
def test_json_is_lines_or_an_array(form: str) -> None:
    records = [{"A": 1, "b": {"c": None, "d": [1, 2.5]}}, {"A": 5_000_000_000, "e": [], "f": True}]
    lines = "\n".join(map(json.dumps, records))
    body = {"lines": lines, "array": json.dumps(records), "cut": lines + '\n{"A": "x'}[form]
    columns = {"a": "bigint", "b": "struct<c:string,d:array<double>>", "e": "array<string>", "f": "boolean"}
    assert text(body, is_whole=form != "cut") == (Form("json"), columns)


def test_xml_rows_are_what_is_repeated() -> None:
    body = '<r><row id="1"><n>a</n></row><row id="2"><n>b</n><m>1.5</m></row></r>'
    assert text(body) == (Form("xml", details=(("rowTag", "row"),)), {"id": "bigint", "n": "string", "m": "double"})


@pytest.mark.parametrize(
    ("arrow", "catalog"),
    [
        (pa.int8(), "tinyint"),
        (pa.int16(), "smallint"),
        (pa.int32(), "int"),
        (pa.uint32(), "bigint"),
        (pa.uint64(), "decimal(20,0)"),
        (pa.float32(), "float"),
        (pa.float64(), "double"),
        (pa.bool_(), "boolean"),
        (pa.decimal128(38, 10), "decimal(38,10)"),
        (pa.string(), "string"),
        (pa.binary(), "binary"),
        (pa.date32(), "date"),
        (pa.timestamp("us", tz="UTC"), "timestamp"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.list_(pa.struct([pa.field("A", pa.int64())])), "array<struct<a:bigint>>"),
        (pa.map_(pa.string(), pa.int32()), "map<string,int>"),
    ],
)
def test_parquet_types_have_names_in_the_catalog(arrow: pa.DataType, catalog: str) -> None:
    assert render(kind_of(arrow)) == catalog


class OneObject:
    """S3 with one object; notes what was asked for."""

    def __init__(self, content: bytes) -> None:
        self.content, self.asked = content, list[str]()

    def get_object(self, Bucket: str, Key: str, Range: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert (Bucket, Key) == ("b", "k")
        self.asked.append(Range)
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        return {"Body": io.BytesIO(self.content[first : last + 1])}


@given(st.lists(st.tuples(st.integers(0, 3 << 20), st.integers(0, 100)), max_size=8))
def test_a_file_of_ranges_reads_as_a_file(reads: list[tuple[int, int]]) -> None:
    content = bytes(range(256)) * (10 << 10)
    store, plain = OneObject(content), io.BytesIO(content)
    ranged = RangedFile(store, S3File("b", "k", len(content)))  # type: ignore[arg-type]
    for place, size in reads:
        assert ranged.seek(place) == plain.seek(place)
        assert ranged.read(size) == plain.read(size)
        assert ranged.tell() == plain.tell()
    assert len([span for span in store.asked if span == f"bytes={len(content) - (1 << 20)}-{len(content) - 1}"]) <= 1


@given(KINDS, KINDS, KINDS)
def test_the_widest_type_depends_on_no_order(one: str, two: str, three: str) -> None:
    assert widest(one, two) == widest(two, one)
    assert widest(widest(one, two), one) == widest(one, two)
    assert render(widest(widest(one, two), three)) == render(widest(one, widest(two, three)))


def test_structures_and_arrays_widen_inside() -> None:
    one, other = Struct((("a", "int"),)), Struct((("a", "bigint"), ("b", "string")))
    assert render(widest(Array(one), Array(other))) == "array<struct<a:bigint,b:string>>"
    assert widest(one, "int") == "string"


ALONE = Grouping()


def tables(files: list[Classified], grouping: Grouping = ALONE, not_tables: frozenset[str] = frozenset()) -> Any:
    found = detect(files, "s3://b/in/", grouping, not_tables)
    return {
        table.location.removeprefix("s3://b/"): (table.keys, {group.values: len(group.files) for group in table.groups})
        for table in found
    }


ABC: dict[str, Any] = {"a": "int", "b": "int", "c": "int"}
XYZ: dict[str, Any] = {"x": "int", "y": "int", "z": "int"}


def test_similar_folders_are_partitions_and_others_are_tables() -> None:
    similar = [holding("in/t/y=1/f", **ABC), holding("in/t/y=1/g", **ABC), holding("in/t/y=2/f", **ABC, d="int")]
    assert tables(similar) == {"in/": (("partition_0", "y"), {("t", "1"): 2, ("t", "2"): 1})}
    apart = [holding("in/t/y=1/f", **ABC), holding("in/t/y=2/f", **XYZ)]
    assert tables(apart) == {"in/t/y=1/": ((), {(): 1}), "in/t/y=2/": ((), {(): 1})}
    assert tables(apart, Grouping(combines=True)) == {"in/": (("partition_0", "y"), {("t", "1"): 1, ("t", "2"): 1})}


def test_a_minority_of_one_form_is_a_partition_too_and_another_form_a_table() -> None:
    most = [holding(f"in/{number}/f", **ABC) for number in range(8)]
    odd = holding("in/8/f", **XYZ)
    other = holding("in/9/f", Form("json"), **ABC)
    assert tables([*most, odd, other]) == {
        "in/": (("partition_0",), {(str(number),): 1 for number in range(9)}),
        "in/9/": ((), {(): 1}),
    }


def test_compression_keeps_files_apart_whatever_the_policy() -> None:
    files = [holding("in/1/f", Form("json"), **ABC), holding("in/2/f", Form("json", "gzip"), **ABC)]
    apart = {"in/1/": ((), {(): 1}), "in/2/": ((), {(): 1})}
    assert tables(files) == apart


def test_files_of_one_folder_that_differ_are_a_table_each() -> None:
    files = [holding("in/a.json", Form("json"), **ABC), holding("in/b.json", Form("json"), **XYZ)]
    assert tables(files) == {"in/a.json": ((), {(): 1}), "in/b.json": ((), {(): 1})}


def test_folders_of_unequal_depth_are_tables_of_their_own() -> None:
    files = [holding("in/1/f", **ABC), holding("in/2/x/f", **ABC), holding("in/2/y/f", **ABC)]
    assert tables(files) == {"in/1/": ((), {(): 1}), "in/2/": (("partition_0",), {("x",): 1, ("y",): 1})}


@pytest.mark.parametrize(
    ("level", "found"),
    [
        (1, {"in/": (("partition_0", "partition_1"), {("t", "1"): 1, ("u", "1"): 1})}),
        (2, {"in/t/": (("partition_0",), {("1",): 1}), "in/u/": (("partition_0",), {("1",): 1})}),
        (3, {"in/t/1/": ((), {(): 1}), "in/u/1/": ((), {(): 1})}),
    ],
)
def test_the_table_level_counts_folders_from_the_bucket(level: int, found: Any) -> None:
    files = [holding("in/t/1/f", **ABC), holding("in/u/1/f", **ABC)]
    assert tables(files, Grouping(table_level=level)) == found


def test_a_folder_with_tables_below_it_is_none() -> None:
    files = [holding("in/new/1/f", **ABC)]
    assert tables(files, not_tables=frozenset({"s3://b/in/"})) == {"in/new/": (("partition_0",), {("1",): 1})}


def test_tables_are_named_after_their_folder() -> None:
    assert table_name("raw_", "s3://b/x/Orders-2/", set()) == "raw_orders_2"
    assert table_name("", "s3://my-bucket/", set()) == "my_bucket"
    again = table_name("", "s3://b/y/orders/", {"orders"})
    assert re.fullmatch("orders_[0-9a-f]{32}", again)
    assert again != table_name("", "s3://b/z/orders/", {"orders"})


CATALOG = [
    {"Name": "a", "Type": "INT", "Comment": "kept"},
    {"Name": "b", "Type": "string"},
    {"Name": "c", "Type": "int"},
]


def test_differences_name_column_types_and_file() -> None:
    files = [holding("1", a="int", b="string", p="int"), holding("2", a="bigint", b="int", d=Array("int"))]
    assert [str(found) for found in differences(CATALOG, files, ["p"])] == [
        "column a is bigint, in the catalog int; file s3://b/2",
        "column b is int, in the catalog string; file s3://b/2",
        "column d (array<int>) is not in the catalog; file s3://b/2",
        "column c (int) is in no file",
    ]
    assert differences(CATALOG, []) == []


def test_every_text_fits_a_string_and_nameless_columns_go_by_place() -> None:
    named = holding("1", Form("csv"), a="int", b="bigint", c="null")
    assert differences(CATALOG, [named]) == []
    short = [{"Name": "a", "Type": "varchar(20)"}, {"Name": "b", "Type": "char(3)"}, {"Name": "c", "Type": "int"}]
    assert differences(short, [named, holding("3", a="string", b="string", c="int")]) == []
    assert [found.column for found in differences(short, [holding("4", a="int", b="string", c="string")])] == ["a", "c"]
    nameless = holding("2", Form("csv", has_names=False), col1="int", col2="bigint", col3="int", col4="string")
    assert [str(found) for found in differences(CATALOG, [nameless])] == [
        "column col4 (string) is not in the catalog; file s3://b/2"
    ]


def test_an_update_adds_removes_and_changes_or_only_adds() -> None:
    files = [holding("1", b="string", a="bigint", d="date", p="int")]
    added = {"Name": "d", "Type": "date"}
    changed = [{"Name": "a", "Type": "bigint"}, CATALOG[1], added]
    assert updated_columns(CATALOG, files, ["p"], only_adds=False) == changed
    assert updated_columns(CATALOG, files, ["p"], only_adds=True) == [*CATALOG, added]


def s3_event(*keys: str) -> dict[str, Any]:
    return {"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 3}}} for key in keys]}


def test_messages_are_events_as_s3_or_sns_sends_them() -> None:
    event = s3_event("in/a+b/x%3D1/f", "g")
    bodies = [json.dumps(event), json.dumps({"Message": json.dumps(s3_event("h"))}), '{"Event": "s3:TestEvent"}']
    strays = ["", "no", "[]", "{}", '{"Records": [{}]}', "null", '{"Message": "x"}']
    objects = [S3File("b", key, 3) for key in ("in/a b/x=1/f", "g", "h")]
    assert read_messages([*bodies, *strays]) == (objects, strays)


class ManyMessages:
    """SQS with a queue that gives at most seven of its messages at once."""

    def __init__(self, count: int) -> None:
        self.left, self.deleted, self.shown = list(range(count)), list[str](), list[str]()

    def get_queue_url(self, **_: str) -> dict[str, str]:
        return {"QueueUrl": "url"}

    def receive_message(self, *, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        given = [self.left.pop(0) for _ in range(min(7, MaxNumberOfMessages, len(self.left)))]
        body = json.dumps(s3_event("f"))
        return {"Messages": [{"Body": body, "ReceiptHandle": str(number)} for number in given]} if given else {}

    def delete_message_batch(self, *, Entries: list[dict[str, str]], **_: str) -> None:  # noqa: N803 - boto3's name
        assert len(Entries) <= 10
        self.deleted += [entry["ReceiptHandle"] for entry in Entries]

    def change_message_visibility_batch(self, *, Entries: list[dict[str, Any]], **_: str) -> None:  # noqa: N803
        assert {entry["VisibilityTimeout"] for entry in Entries} == {0}
        self.shown += [entry["ReceiptHandle"] for entry in Entries]


def test_a_crawl_takes_so_many_messages_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_MESSAGES", 25)
    sqs = ManyMessages(30)
    events = EventQueue(sqs, "arn:aws:sqs:r:1:q", sqs, None)
    receipts = tuple(map(str, range(25)))
    taken = events.take()
    assert taken == Messages((S3File("b", "f", 3),) * 25, (), receipts)
    events.give_back(taken)
    assert (tuple(sqs.shown), sqs.deleted) == (receipts, [])
    events.done(taken)
    assert (tuple(sqs.deleted), sqs.left) == (receipts, [25, 26, 27, 28, 29])
    assert len(events.take().receipts) == 5


def test_the_limit_is_the_documented_one() -> None:
    assert queue.MAX_MESSAGES == 100_000


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"Version": 1.0, "Grouping": {"TableLevelConfiguration": 0}}',
        '{"Version": 1.0, "Grouping": {"TableGroupingPolicy": "Other"}}',
        '{"Version": 1.0, "CrawlerOutput": []}'.replace("[]", "[1]"),
    ],
)
def test_configurations_that_break_a_rule_are_refused(text: str) -> None:
    with pytest.raises(AwsApiError, match="Configuration"):
        Configuration.from_text(text)


def test_a_configuration_says_how_to_write_and_group() -> None:
    document = {
        "Version": 1.0,
        "CrawlerOutput": {
            "Partitions": {"AddOrUpdateBehavior": "InheritFromTable"},
            "Tables": {"AddOrUpdateBehavior": "MergeNewColumns"},
        },
        "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 3},
        "CreatePartitionIndex": False,
    }
    assert Configuration.from_text(json.dumps(document)) == Configuration(True, True, True, 3, indexes=False)
    assert Configuration.from_text("") == Configuration()


def test_a_file_belongs_to_the_nearest_location_above_it() -> None:
    locations = {"s3://b/in/", "s3://b/in/p=1/", "s3://b/in/f.csv/", "s3://c/"}
    owners = [owner_of(S3File(*place, 1), locations) for place in (
        ("b", "in/p=1/x/f"), ("b", "in/p=10/f"), ("b", "in/f.csv"), ("b", "inside/f"), ("c", "f"), ("d//e", "//f"),
    )]  # fmt: skip
    assert owners == ["s3://b/in/p=1/", "s3://b/in/", "s3://b/in/f.csv/", None, "s3://c/", None]
