"""Values as many systems write them: what a contract can say of them, in both lanes; without it they are refused."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sluice.errors import ContractError
from sluice.kernel.convert import Lanes
from tests.unit.kernel_convert import contract, convert

LANES = pytest.mark.parametrize("lanes", list(Lanes))
BERLIN = {"type": "timestamp", "timezone": "Europe/Berlin"}
NOT_A_MOMENT = "t.v: not a timestamp"


def at(year: int, month: int, day: int, *clock: int) -> datetime:
    """A moment in UTC, as rows give it here."""
    return datetime(year, month, day, *clock, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc,arg-type]


def values(column: str | dict[str, Any], texts: list[str], lanes: Lanes, **fields: Any) -> dict[str, Any]:
    """What becomes of each text: its value, or the reason against it."""
    made = contract({"format": "csv", "delimiter": "|"}, {"id": "integer", "v": column}, **fields)
    found = convert(made, "id|v\n" + "".join(f"{number}|{text}\n" for number, text in enumerate(texts)), lanes=lanes)
    result = {texts[row[0]]: row[1] for row in found.rows["t"]}
    for reasons, text in zip(found.reasons, found.texts, strict=True):
        assert text is not None
        result[text.split("|")[1]] = reasons[0]
    return result


@LANES
@pytest.mark.parametrize(
    ("column", "expected"),
    [
        pytest.param(
            "timestamp",
            {
                "2026-11-20 13:05:00+01": at(2026, 11, 20, 12, 5),
                "2026-11-20 13:05:00.25-08": at(2026, 11, 20, 21, 5, 0, 250000),
                "2026-11-20T13:05Z": at(2026, 11, 20, 13, 5),
                "2026-11-20T13:05:00.1234560Z": at(2026, 11, 20, 13, 5, 0, 123456),
                "2026-11-20T13:05:00.1234567Z": NOT_A_MOMENT,
                "2026-11-20T13:05:00.1234567890Z": NOT_A_MOMENT,
                "1648218655338": NOT_A_MOMENT,
                "2026-11-20": NOT_A_MOMENT,
            },
            id="ISO 8601",
        ),
        pytest.param(
            {"type": "timestamp", "sub_microseconds": "cut"},
            {
                "2026-11-20T13:05:00.1234567Z": at(2026, 11, 20, 13, 5, 0, 123456),
                "2026-11-20T13:05:00.999999999": at(2026, 11, 20, 13, 5, 0, 999999),
            },
            id="nanoseconds cut",
        ),
        pytest.param(
            {"type": "timestamp", "format": "epoch_ms"},
            {
                "1648218655338": at(2022, 3, 25, 14, 30, 55, 338000),
                "-1": at(1969, 12, 31, 23, 59, 59, 999000),
                "0.5": at(1970, 1, 1, 0, 0, 0, 500),
                "1e3": NOT_A_MOMENT,
                "99999999999999999": NOT_A_MOMENT,
            },
            id="epoch_ms",
        ),
        pytest.param(
            {"type": "timestamp", "format": "epoch_s", "default": "2000-01-01T00:00:00"},
            {
                "1648218655": at(2022, 3, 25, 14, 30, 55),
                "1648218655.338": at(2022, 3, 25, 14, 30, 55, 338000),
                "": at(2000, 1, 1),
            },
            id="epoch_s with a default",
        ),
        pytest.param(
            {"type": "date", "format": "%d/%m/%y"},
            {"25/12/98": date(1998, 12, 25), "31/01/71": date(1971, 1, 31), "14/7/05": date(2005, 7, 14)},
            id="two-digit years",
        ),
        pytest.param(
            {"type": "date", "format": "%d/%m/%y", "year_pivot": 100},
            {"25/12/98": date(2098, 12, 25)},
            id="two-digit years to come",
        ),
        pytest.param(
            {"type": "timestamp", "format": "%m/%d/%Y %I:%M %p"},
            {"3/7/2026 1:05 PM": at(2026, 3, 7, 13, 5), "12/25/2026 12:00 AM": at(2026, 12, 25)},
            id="US dates",
        ),
        pytest.param(
            BERLIN,
            {
                "2026-07-01T12:00:00": at(2026, 7, 1, 10),
                "2026-12-01 12:00": at(2026, 12, 1, 11),
                "2026-12-01T12:00:00Z": at(2026, 12, 1, 12),
                "2026-10-25T02:30:00": at(2026, 10, 25, 0, 30),
                "2026-03-29T02:30:00": NOT_A_MOMENT,
            },
            id="a zone",
        ),
        pytest.param(
            {**BERLIN, "format": "%d.%m.%Y %H:%M"},
            {"1.7.2026 12:00": at(2026, 7, 1, 10), "29.03.2026 02:30": NOT_A_MOMENT},
            id="a zone and a format",
        ),
        pytest.param(
            {"type": "decimal(12,2)", "decimal_mark": ",", "thousands_mark": "."},
            {
                "1.234,50": Decimal("1234.50"),
                "17,00": Decimal("17.00"),
                "1234567,8": Decimal("1234567.80"),
                "-1.234.567": Decimal("-1234567.00"),
                "1.23,4": "t.v: not a decimal(12,2)",
                "1234.567": "t.v: not a decimal(12,2)",
                "1,234,5": "t.v: not a decimal(12,2)",
                "1,234": "t.v: not a decimal(12,2)",
            },
            id="comma and point",
        ),
        pytest.param(
            {"type": "integer", "thousands_mark": " "},
            {"1 234": 1234, "12 34": "t.v: not an integer", "1234": 1234},
            id="blanks between thousands",
        ),
        pytest.param(
            {"type": "double precision", "thousands_mark": ",", "default": "1.5"},
            {"1,234.5": 1234.5, "1e3": 1000.0, "": 1.5, "1234,5": "t.v: not a double precision"},
            id="commas between thousands",
        ),
        pytest.param("decimal(5,1)", {"1.2,5": "t.v: not a decimal(5,1)", "1,5": "t.v: not a decimal(5,1)"}, id="none"),
    ],
)  # fmt: skip
def test_values(column: str | dict[str, Any], expected: dict[str, Any], lanes: Lanes) -> None:
    assert values(column, list(expected), lanes) == expected


@LANES
def test_a_default_stands_as_the_type_has_it(lanes: Lanes) -> None:
    column = {"type": "decimal(5,2)", "decimal_mark": ",", "default": "1.50"}
    assert values(column, ["", "2,25"], lanes) == {"": Decimal("1.50"), "2,25": Decimal("2.25")}
    day = {"type": "date", "format": "%d.%m.%Y", "default": "2026-11-20"}
    assert values(day, [""], lanes) == {"": date(2026, 11, 20)}


@LANES
def test_the_zone_of_the_contract_is_that_of_its_columns(lanes: Lanes) -> None:
    columns = {"a": "timestamp", "b": {"type": "timestamp", "timezone": "UTC"}}
    source = contract({"format": "csv"}, columns, timezone="America/New_York")
    found = convert(source, "a,b\n2026-11-20T12:00:00,2026-11-20T12:00:00\n", lanes=lanes)
    assert found.rows["t"] == [(at(2026, 11, 20, 17), at(2026, 11, 20, 12))]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ({"type": "timestamp", "timezone": "Berlin"}, "timezone: 'Berlin' is not a valid time zone of the IANA list"),
        ({"type": "date", "timezone": "UTC"}, "timezone: only timestamps have a timezone"),
        ({"type": "date", "format": "epoch_s"}, "format: 'epoch_s' is of timestamps"),
        ({"type": "date", "format": "%d%m%Y", "year_pivot": 50}, "year_pivot: belongs to a format with %y"),
        ({"type": "date", "format": "%d%m%y", "year_pivot": 101}, "year_pivot: 101 is not between 0 and 100"),
        ({"type": "varchar(9)", "decimal_mark": ","}, "decimal_mark: only numbers have marks"),
        ({"type": "real", "decimal_mark": ",", "thousands_mark": ","}, "thousands_mark: ',' is not one character"),
        ({"type": "integer", "sub_microseconds": "cut"}, "sub_microseconds: only timestamps have a sub_microseconds"),
    ],
)
def test_options_that_say_nothing_are_refused(column: dict[str, Any], told: str) -> None:
    with pytest.raises(ContractError) as refused:
        contract({"format": "csv"}, {"v": column})
    assert f"t.yaml: tables[0].columns[0] (v).{told}" in str(refused.value)


@LANES
@pytest.mark.parametrize(
    ("source", "content", "rows"),
    [
        ({"skip_lines": 2}, "Report of\n2026\nid,v\n1,a\n", [(1, "a")]),
        ({"skip_initial_space": True}, 'id, v\n1, "Ann, B"\n2, "x\ny"\n3, z\n', [(1, "Ann, B"), (2, "x\ny"), (3, "z")]),
    ],
)
def test_forms_of_csv(source: dict[str, Any], content: str, rows: list[Any], lanes: Lanes) -> None:
    found = convert(contract({"format": "csv", **source}, {"id": "integer", "v": "varchar(9)"}), content, lanes=lanes)
    assert (found.rows["t"], found.reasons) == (rows, [])


@pytest.mark.parametrize("between", ["", " ", "\n", "\r\n\r\n"])
def test_json_objects_one_after_the_other(between: str) -> None:
    body = between.join(['{"id":1,"v":"a"}', '{\n "id": 2,\n "v": "b"\n}', '{"id":3,"v":"c"}'])
    source = contract({"format": "json", "records": "concatenated"}, {"id": "integer", "v": "varchar(9)"})
    assert convert(source, body).rows["t"] == [(1, "a"), (2, "b"), (3, "c")]
    assert convert(source, body + '{"id":').reasons == [["file: holds text that is not JSON between or in its objects"]]


@pytest.mark.parametrize("header", ['"",id', ",id"])
@LANES
def test_a_column_without_a_name_is_read_by_its_place(header: str, lanes: Lanes) -> None:
    source = contract({"format": "csv"}, {"label": {"type": "varchar(9)", "source": "#1"}, "id": "integer"})
    assert convert(source, f"{header}\nA,1\nB,2\n", lanes=lanes).rows["t"] == [("A", 1), ("B", 2)]


@LANES
def test_escapes_outside_of_quotes(lanes: Lanes) -> None:
    form = {"format": "csv", "escape": "\\", "escape_unquoted": True}
    source = contract(form, {"id": "integer", "v": "varchar(9)", "w": "varchar(9)"})
    body = 'id,v,w\n1,a\\,b,c\n2,\\\\,x\n3,"q\\",\ny",\\"z\\"\n4,a\\,b\n5,plain,\n'
    found = convert(source, body, lanes=lanes)
    assert found.rows["t"] == [(1, "a,b", "c"), (2, "\\", "x"), (3, 'q",\ny', '"z"'), (5, "plain", None)]
    assert found.reasons == [["record: too few fields"]]


def test_an_array_of_single_values_is_a_table() -> None:
    columns = {"id": {"type": "integer", "source": "$.id"}, "tag": {"type": "varchar(9)", "source": "#text"}}
    source = contract({"format": "json"}, columns, explode="tags")
    found = convert(source, '{"id":1,"tags":["a",2,null]}\n{"id":2,"tags":[]}\n{"id":3,"tags":["b",["c"]]}\n')
    assert found.rows["t"] == [(1, "a"), (1, "2"), (1, None)]
    assert found.reasons == [["record: tags is not an array of single values"]]
