"""Differences and what they mean: whole lists, layer by layer."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract import Column, Contract, CsvSource, JsonSource, SqlType, Table, XmlSource
from sluice.contract.model import LINEAGE, RedshiftHints
from sluice.drift import Difference, Kind, Layer
from sluice.drift.columns import ADDED, DECIDE, STAYS, WIDENED, Wanted, changed_columns, compare_columns, compare_keys
from sluice.drift.difference import to_tell
from sluice.drift.files import compare_files
from sluice.drift.report import DriftReport, ZoneSurvey, digest
from sluice.drift.sampling import fields_of, head_of
from sluice.drift.source import SourceFields, compare_source
from sluice.drift.warehouse import compare_grants, compare_schema, compare_target
from sluice.errors import WarehouseError
from sluice.lake.layout import Partition
from sluice.parquet import FileColumn, Footer
from sluice.settings import Settings
from sluice.warehouse.evolution import Change, Misfit, evolution_of, follow
from sluice.warehouse.target import LiveColumn, Target

B, C, N = Kind.BREAKING, Kind.COMPATIBLE, Kind.NOTE
COLUMNS = (
    Column("id", "integer"),
    Column("name", "varchar(20)"),
    Column("price", "decimal(12,2)"),
    Column("weight", "real"),
)
TABLE = Table("things", COLUMNS, primary_key=("id",))
LINEAGE_LIVE = {name: str(kind) for name, kind in LINEAGE.items()}


def wanted(*, is_by_position: bool = False) -> Wanted:
    columns = [{"Name": column.name, "Type": column.sql_type.catalog} for column in COLUMNS]
    return Wanted("things", columns, ("year", "month"), is_by_position)


def catalog(live: Mapping[str, str], **options: Any) -> list[Difference]:
    return compare_columns(Layer.CATALOG, wanted(**options), live)


def catalog_difference(column: str, have: str, want: str, kind: Kind, fix: str) -> Difference:
    return Difference(Layer.CATALOG, "things", column, have, want, kind, fix)


SAME = {"id": "int", "name": "varchar(20)", "price": "decimal(12,2)", "weight": "float"}


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (SAME, []),
        ({**SAME, "price": "decimal(12, 2)", "id": "integer"}, []),
        ({name: SAME[name] for name in ("id", "name")}, [("price", "", C, ADDED), ("weight", "", C, ADDED)]),
        ({**SAME, "name": "varchar(19)"}, [("name", "varchar(19)", C, WIDENED)]),
        ({**SAME, "name": "varchar(21)"}, [("name", "varchar(21)", B, DECIDE)]),
        ({**SAME, "name": "char(10)"}, [("name", "char(10)", B, DECIDE)]),
        ({**SAME, "price": "decimal(11,2)"}, [("price", "decimal(11,2)", C, WIDENED)]),
        ({**SAME, "price": "decimal(11,1)"}, [("price", "decimal(11,1)", C, WIDENED)]),
        # One digit less before the point, one more after it.
        ({**SAME, "price": "decimal(12,1)"}, [("price", "decimal(12,1)", B, DECIDE)]),
        ({**SAME, "price": "decimal(12,3)"}, [("price", "decimal(12,3)", B, DECIDE)]),
        ({**SAME, "price": "double"}, [("price", "double", B, DECIDE)]),
        # No file of the old type can be read by the new one.
        ({**SAME, "id": "smallint"}, [("id", "smallint", B, DECIDE)]),
        # The catalog's float has four bytes, Redshift's has eight.
        ({**SAME, "weight": "double"}, [("weight", "double", B, DECIDE)]),
        ({**SAME, "price": "array<string>"}, [("price", "array<string>", B, DECIDE)]),
    ],
)
def test_columns_of_the_catalog(live: Mapping[str, str], expected: list[tuple[str, str, Kind, str]]) -> None:
    wants = SAME
    assert catalog(live) == [
        catalog_difference(name, have, wants[name], kind, fix) for name, have, kind, fix in expected
    ]


def test_what_the_contract_does_not_have_stays() -> None:
    assert catalog({"old": "date", **SAME}) == [catalog_difference("old", "date", "", N, STAYS)]


def test_by_position_a_column_may_only_come_last() -> None:
    without_name = {name: kind for name, kind in SAME.items() if name != "name"}
    without_last = {name: kind for name, kind in SAME.items() if name != "weight"}
    fix = "move it to the end of the contract"
    assert catalog(without_name, is_by_position=True) == [catalog_difference("name", "", "varchar(20)", B, fix)]
    assert catalog(without_last, is_by_position=True) == [catalog_difference("weight", "", "float", C, ADDED)]
    assert catalog(without_name) == [catalog_difference("name", "", "varchar(20)", C, ADDED)]


def test_partition_keys_cannot_be_changed() -> None:
    def keys(live: Mapping[str, str]) -> list[Difference]:
        return compare_keys(Layer.SPECTRUM, wanted(), live)

    assert keys({"year": "string", "month": "varchar(65535)"}) == []
    assert keys({"month": "string", "year": "int"}) == [
        Difference(
            Layer.SPECTRUM, "things", "partition keys", "month string, year int", "year string, month string", B,
            "make the table again: partition keys cannot be changed",
        )
    ]  # fmt: skip


def test_the_catalogs_new_columns_keep_what_else_they_say() -> None:
    live: list[dict[str, Any]] = [
        {"Name": "old", "Type": "date", "Comment": "gone"},
        {"Name": "id", "Type": "bigint", "Parameters": {"a": "b"}},
        {"Name": "name", "Type": "varchar(3)", "Comment": "its name"},
    ]
    found = compare_columns(Layer.CATALOG, wanted(), {str(c["Name"]): str(c["Type"]) for c in live})
    assert changed_columns(wanted(), live, found) == [
        {"Name": "id", "Type": "bigint", "Parameters": {"a": "b"}},
        {"Name": "name", "Type": "varchar(20)", "Comment": "its name"},
        {"Name": "price", "Type": "decimal(12,2)"},
        {"Name": "weight", "Type": "float"},
        {"Name": "old", "Type": "date", "Comment": "gone"},
    ]


TYPES = st.one_of(
    st.builds(lambda length: f"varchar({length})", st.integers(1, 65535)),
    st.integers(1, 38).flatmap(lambda p: st.builds(lambda s: f"decimal({p},{s})", st.integers(0, p))),
    st.sampled_from(["int", "bigint", "smallint", "float", "double", "boolean", "date", "timestamp", "string"]),
)


@given(st.dictionaries(st.sampled_from(["id", "name", "price", "weight", "x", "y"]), TYPES))
def test_after_the_change_nothing_compatible_is_left_and_nothing_is_lost(live: dict[str, str]) -> None:
    columns = [{"Name": name, "Type": kind} for name, kind in live.items()]
    found = catalog(live)
    after = changed_columns(wanted(), columns, found)
    again = catalog({str(column["Name"]): str(column["Type"]) for column in after})
    assert again == [item for item in found if item.kind is not C]
    assert {column["Name"] for column in after} == {*live, *SAME}


@given(TYPES, TYPES)
def test_widening_loses_no_value(one: str, other: str) -> None:
    first, second = (SqlType.parse(text.replace("string", "varchar")) for text in (one, other))
    if first.widens(second):
        assert not second.widens(first)
        assert first != second
        assert first.name == second.name
        assert (first.length or 0) >= (second.length or 0)
        assert (first.scale or 0) >= (second.scale or 0)
        assert (first.precision or 0) - (first.scale or 0) >= (second.precision or 0) - (second.scale or 0)


HOURS = [Partition.parse(f"2026-11-20T{hour:02}") for hour in range(10, 14)]


def footer(**types: str | None) -> Footer:
    full = {"id": "integer", "name": "string", "price": "decimal(12,2)", "weight": "real"}
    full |= dict.fromkeys(LINEAGE, "string")
    chosen = {name: kind for name, kind in {**full, **types}.items() if kind is not None}
    sql = {"string": "varchar(65535)"}

    def parsed(kind: str) -> SqlType | None:
        return None if kind == "group" else SqlType.parse(sql.get(kind, kind))

    return Footer(tuple(FileColumn(name, kind, parsed(kind)) for name, kind in chosen.items()), 1, "")


def test_files_tell_by_column_and_type_in_which_partitions() -> None:
    footers = {
        HOURS[3]: [footer()],
        HOURS[2]: [footer(price="decimal(10,2)", weight=None), footer()],
        HOURS[1]: [footer(price="decimal(10,2)", id="smallint")],
        HOURS[0]: [footer(name="group", extra="date")],
    }
    refused = "Athena and Spectrum refuse these files: sluice replay shop "

    def difference(column: str, have: str, want: str, kind: Kind, fix: str, *hours: int) -> Difference:
        labels = tuple(HOURS[hour].label for hour in hours)
        return Difference(Layer.FILES, "things", column, have, want, kind, fix, labels)

    null = "nothing: Athena and Spectrum read null there, and so does a load"
    extra = "nothing: files keep what the contract does not have; readers do not see it"
    assert sorted(compare_files("shop", TABLE, footers), key=str) == sorted(
        [
            difference("price", "decimal(10,2)", "decimal(12,2)", B, f"{refused}2026-11-20T11..2026-11-20T12", 1, 2),
            difference("weight", "", "real", C, null, 2),
            difference("id", "smallint", "integer", B, f"{refused}2026-11-20T11", 1),
            difference("name", "group", "varchar(20)", B, f"{refused}2026-11-20T10", 0),
            difference("extra", "date", "", N, extra, 0),
        ],
        key=str,
    )


def live(**types: str) -> list[LiveColumn]:
    full = {"id": "integer", "name": "varchar(20)", "price": "decimal(12,2)", "weight": "real"} | LINEAGE_LIVE | types
    return [LiveColumn(name, kind, SqlType.parse(kind)) for name, kind in full.items() if kind]


def test_the_warehouse_does_what_it_can_and_tells_the_rest() -> None:
    target = Target("shop", "public", TABLE)
    columns = [
        column for column in live(name="varchar(9)", price="decimal(9,2)", id="bigint") if column.name != "weight"
    ]
    columns += [LiveColumn("price__decimal_9_1", "numeric(9,1)", SqlType("decimal", 9, 1)), *live(old="date")[-1:]]
    table = '"public"."things"'

    def difference(column: str, have: str, want: str, kind: Kind, fix: str) -> Difference:
        return Difference(Layer.WAREHOUSE, "things", column, have, want, kind, fix)

    assert compare_target("things", evolution_of(target, columns)) == [
        difference(
            "name", "varchar(9)", "varchar(20)", C, f'ALTER TABLE {table} ALTER COLUMN "name" TYPE varchar(20)'
        ),
        difference(
            "price", "decimal(9,2)", "decimal(12,2)", C,
            f'LOCK "sluice"."loads_things", {table}; '
            f'ALTER TABLE {table} RENAME COLUMN "price" TO "price__decimal_9_2"; '
            f'ALTER TABLE {table} ADD COLUMN "price" decimal(12,2); '
            f'UPDATE {table} SET "price" = "price__decimal_9_2"',
        ),
        difference("weight", "", "real", C, f'ALTER TABLE {table} ADD COLUMN "weight" real'),
        difference("id", "bigint", "integer", B, DECIDE),
        difference("old", "date", "", N, STAYS),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (Table("t", (Column("a", "decimal(9,0)"),), primary_key=("a",)), "a column of the key cannot be replaced"),
        (
            Table("t", (Column("a", "decimal(9,0)"),), redshift=RedshiftHints("key", "a")),
            "a column by which the table is distributed or sorted cannot be replaced",
        ),
        (
            Table("t", (Column("a", "decimal(9,0)"),), redshift=RedshiftHints(sort_key=("a",))),
            "a column by which the table is distributed or sorted cannot be replaced",
        ),
        (
            Table("t", (Column("a", "decimal(9,0)"), Column("a__decimal_8_0", "date"))),
            "a column a__decimal_8_0 is there already",
        ),
        (
            Table("t", (Column("a" * 115, "decimal(9,0)"),)),
            f"its name is too long to keep it as {'a' * 115}__decimal_8_0",
        ),
    ],
)
def test_decimals_that_do_not_grow(table: Table, why: str) -> None:
    name = table.columns[0].name
    columns = [LiveColumn(name, "numeric(8,0)", SqlType("decimal", 8, 0))]
    found = evolution_of(Target("shop", "public", table), columns)
    assert found.misfits == (Misfit(name, "numeric(8,0)", "decimal(9,0)", why),)


class Rival:
    """A table that another changes at the moment of our change."""

    def __init__(self, *waiting: str) -> None:
        self.waiting = [Change(name, "", "date", (name,)) for name in waiting]
        self.made: list[str] = []

    def plan(self) -> tuple[Change, ...]:
        return tuple(self.waiting)

    def make(self, change: Change, error: Exception | None = None, *, is_made_by_rival: bool = False) -> None:
        if is_made_by_rival or error is None:
            self.waiting.remove(change)
        if error is not None:
            raise error
        self.made.append(change.column)


def test_a_change_that_another_made_is_no_error() -> None:
    rival = Rival("a", "b", "c")
    refused = WarehouseError("column b already exists")

    def make(change: Change) -> None:
        is_b = change.column == "b"
        rival.make(change, refused if is_b else None, is_made_by_rival=is_b)

    assert [change.column for change in follow(rival.plan, make)] == ["a", "c"]
    assert rival.made == ["a", "c"]


def test_a_change_that_is_refused_and_still_needed_is_an_error() -> None:
    rival = Rival("a", "b")
    refused = WarehouseError("no")

    def make(change: Change) -> None:
        rival.make(change, refused if change.column == "b" else None)

    with pytest.raises(WarehouseError, match=r"^no$"):
        follow(rival.plan, make)
    assert rival.made == ["a"]


def test_the_external_schema_is_the_bootstraps() -> None:
    settings = Settings()
    want = "external schema over sluice_processed"
    assert compare_schema(settings, ["sluice_processed"]) == []
    made = "deploy: the bootstrap makes it"
    assert compare_schema(settings, []) == [Difference(Layer.SPECTRUM, "spectrum", "", "", want, B, made)]
    assert compare_schema(settings, ["other"]) == [
        Difference(
            Layer.SPECTRUM, "spectrum", "", "external schema over other", want, B,
            "drop schema spectrum when nobody needs it, and deploy: the bootstrap makes it",
        )
    ]  # fmt: skip
    assert compare_grants(settings, ["IAMR:bi", "ann", "ann"]) == [
        Difference(Layer.SPECTRUM, "spectrum", who, "", "USAGE", N, f'GRANT USAGE ON SCHEMA "spectrum" TO "{who}"')
        for who in ("IAMR:bi", "ann")
    ]


ITEMS = Contract(
    "orders",
    JsonSource("orders/%Y/%m/%d/%H"),
    (
        Table("orders", (Column("id", "integer"), Column("city", "varchar(9)", source="ship.city"))),
        Table(
            "items",
            (Column("sku", "varchar(9)", required=True), Column("order_id", "integer", source="$.id")),
            explode="items",
        ),
    ),
)


def sampled(contract: Contract, content: bytes, *, is_whole: bool = True) -> list[Difference]:
    return compare_source(contract, fields_of(contract, [head_of(contract, "s3://raw/f", content, is_whole=is_whole)]))


def source_difference(name: str, have: str, want: str, kind: Kind, fix: str) -> Difference:
    return Difference(Layer.SOURCE, "orders", name, have, want, kind, fix)


IGNORED = "ignored until the contract has it"


def test_fields_of_json() -> None:
    good = b'{"id": 1, "ship": {"city": "Bern"}, "items": [{"sku": "a"}]}\n'
    assert sampled(ITEMS, good) == []
    news = b'{"id": 2, "ship": {"zip": "3000"}, "items": [{"qty": 3}], '
    news += b'"tags": ["x"], "more": [{"a": 1}], "at": "2026-11-20T13:00:00"}\n'
    assert sampled(ITEMS, news + b'{"id": 3, "ship": nu', is_whole=False) == [
        source_difference("ship.zip", "varchar(16)", "", N, IGNORED),
        source_difference("at", "timestamp", "", N, IGNORED),
        source_difference("items.qty", "integer", "", N, IGNORED),
        source_difference("tags", "array", "", N, IGNORED),
        source_difference("more", "array", "", N, IGNORED),
        source_difference(
            "ship.city", "", "varchar(9)", B,
            "is in none of the 1 newest records that were looked at: "
            "files without it are refused, because of orders.city; "
            "ask the source, or change the contract",
        ),
        source_difference(
            "items.sku", "", "varchar(9)", B,
            "is in none of the 1 newest records that were looked at: "
            "files without it are refused, because of items.sku; "
            "ask the source, or change the contract",
        ),
    ]  # fmt: skip


NESTED = Contract(
    "orders",
    JsonSource("orders/%Y/%m/%d/%H"),
    (
        Table("orders", (Column("ship", "varchar(99)", json=True), Column("tags", "varchar(99)", json=True))),
        Table("items", (Column("sizes", "varchar(99)", json=True),), explode="items"),
    ),
)


def test_what_is_read_as_json_is_read_with_all_that_is_in_it() -> None:
    good = b'{"ship": {"zip": {"x": 1}}, "tags": [["a"]], "items": [{"sizes": [1]}]}\n'
    assert sampled(NESTED, good + b'{"ship": "none", "tags": [], "items": []}\n') == []
    news = b'{"ship": {"zip": 1}, "tags": ["a"], "items": [{"sizes": 1, "more": [2]}], "many": [[1]]}\n'
    assert sampled(NESTED, news) == [
        source_difference("items.more", "null or several values", "", N, IGNORED),
        source_difference("many", "array", "", N, IGNORED),
    ]


CSV = Contract(
    "orders",
    CsvSource("orders/%Y/%m/%d/%H", delimiter=";"),
    (
        Table(
            "orders",
            (
                Column("id", "integer", source="Order No."),
                Column("note", "varchar(9)"),
                Column("kind", "varchar(9)", required=True, default="plain"),
            ),
            primary_key=("id",),
        ),
    ),
)


def test_fields_of_csv() -> None:
    assert sampled(CSV, b"Order No.;note;kind\n1;a;b\n") == []
    assert sampled(CSV, b"no;note;colour\n1;a;red\n2;b;bl", is_whole=False) == [
        source_difference("no", "integer", "", N, IGNORED),
        source_difference("colour", "varchar(16)", "", N, IGNORED),
        source_difference(
            "Order No.", "", "integer", B,
            "is not in the newest file: files without it are refused, because of orders.id; "
            "ask the source, or change the contract",
        ),
        source_difference(
            "kind", "", "varchar(9)", B,
            "is not in the newest file: files without it are refused, because of orders.kind; "
            "ask the source, or change the contract",
        ),
    ]  # fmt: skip


def test_csv_without_a_header_has_places_only() -> None:
    contract = Contract("orders", CsvSource("orders/%Y/%m/%d/%H", header=False), CSV.tables)
    fix = "columns are taken by their place: ask the source which one changed"
    assert sampled(contract, b"1,a,b\n") == []
    assert sampled(contract, b"1,a,b,c\n") == [source_difference("columns", "4 columns", "3 columns", N, fix)]
    assert sampled(contract, b"1,a\n") == [source_difference("columns", "2 columns", "3 columns", B, fix)]


XML = Contract(
    "orders",
    XmlSource("orders/%Y/%m/%d/%H", row_tag="order"),
    (
        Table(
            "orders",
            (
                Column("id", "integer", source="@id"),
                Column("total", "decimal(9,2)"),
                Column("cur", "char(3)", "total.@c"),
            ),
        ),
        Table("items", (Column("sku", "varchar(9)"),), explode="items.item"),
    ),
)


def test_fields_of_xml() -> None:
    one = b'<order id="1"><total c="CHF">1.50</total><items><item><sku>a</sku></item></items></order>'
    assert sampled(XML, b"<orders>" + one + b"</orders>") == []
    news = b'<order id="2" by="ann"><total>2.50</total><items><item><sku>a</sku><n>1</n></item></items></order>'
    assert sampled(XML, b"<orders>" + news + b'<order id="3"><tot', is_whole=False) == [
        source_difference("@by", "varchar(16)", "", N, IGNORED),
        source_difference("items.item.n", "integer", "", N, IGNORED),
        source_difference(
            "total.@c", "", "char(3)", B,
            "is in none of the 1 newest records that were looked at: "
            "files without it are refused, because of orders.cur; "
            "ask the source, or change the contract",
        ),
    ]  # fmt: skip


def test_without_records_nothing_is_said_of_the_source() -> None:
    assert compare_source(ITEMS, SourceFields(0, {}, {})) == []


FOUND = Difference(Layer.FILES, "t", "c", "real", "date", B, "m", ("2026-11-20T13",))


def test_the_same_differences_have_the_same_digest_whatever_the_hour() -> None:
    later = Difference(Layer.FILES, "t", "c", "real", "date", B, "other words", ("2026-11-20T14",))
    note = Difference(Layer.SOURCE, "t", "c", "real", "", N, "")
    harmless = Difference(Layer.CATALOG, "t", "c", "", "date", C, "")
    assert digest([FOUND, note]) == digest([note, later, harmless])
    assert digest([FOUND]) not in ("", digest([note]), digest([FOUND, note]))
    assert digest([harmless, harmless.settled()]) == digest([]) == ""
    assert to_tell([FOUND, note, harmless, harmless.settled()]) == (FOUND, note, harmless.settled())


def test_a_report_is_read_as_it_was_written() -> None:
    report = DriftReport("orders").with_zone("raw", ZoneSurvey("2026-11-20T13:00:00+00:00", "crawler", (FOUND,), "abc"))
    assert DriftReport.from_json(report.to_json()) == report
    assert (report.told("raw"), report.told("processed")) == ("abc", "")
