"""Every rule of a contract: what breaks it is refused, and the message names file, field and rule."""

import re
from pathlib import Path
from typing import Any

import pytest

from sluice.contract import parse_contract, rules
from sluice.contract.files import read_contracts
from sluice.errors import ContractError
from tests.unit.contract_data import DROP, changed, plain_contract

Path_ = tuple[str | int, ...]
TABLE: Path_ = ("tables", 0)
COLUMN: Path_ = ("tables", 0, "columns", 1)
TEXT: Path_ = ("tables", 0, "columns", 0)
FLAG: Path_ = ("tables", 0, "columns", 2)
TIME: Path_ = ("tables", 0, "columns", 3)

WIDE = [{"name": f"c{number}", "type": "integer"} for number in range(1599)]

# (field that is changed, its value, field that the message names, rule)
BROKEN: list[tuple[Path_, object, str, str]] = [
    # what Redshift refuses
    *[
        ((*COLUMN, "name"), name, f"tables[0].columns[1] ({name}).name", f"{name!r} is a system column of every table")
        for name in ("ctid", "xmin", "xmax", "cmin", "cmax", "oid", "tableoid", "insertxid", "deletexid")
    ],
    ((*TABLE, "columns"), WIDE, "tables[0].columns", "1599 columns; a table of Redshift has 1,600, of which 2 are"),
    ((*TABLE, "redshift"), {"sort_key": [f"c{n}" for n in range(401)]}, "tables[0].redshift.sort_key", "401 columns"),
    ((*COLUMN, "encode"), "text255", "tables[0].columns[1] (weight).encode", "'text255' is not for decimal (for it: "),
    ((*TEXT, "encode"), "az64", "tables[0].columns[0] (parcel_id).encode", "'az64' is not for varchar (for it: "),
    ((*FLAG, "encode"), "bytedict", "tables[0].columns[2] (is_fragile).encode", "'bytedict' is not for boolean"),
    ((*TIME, "encode"), "mostly32", "tables[0].columns[3] (updated_at).encode", "'mostly32' is not for timestamp"),
    *[
        (("source", "layout"), layout, "source.layout", f"{layout!r}: a folder cannot be empty, '.' or '..'")
        for layout in ("../x/%Y/%m/%d", "a/../b/%Y/%m/%d", "x//%Y/%m/%d", "x/./%Y/%m/%d")
    ],
    (("source", "skip_lines"), -1, "source.skip_lines", "-1 is less than 0"),
    ((*TABLE, "may_be_absent"), True, "tables[0].may_be_absent", "belongs to an array that is exploded"),
    ((*TEXT, "may_be_absent"), True, "tables[0].columns[0] (parcel_id).may_be_absent", "the column is never null"),
    # shape
    (("dataset",), DROP, "dataset", "is missing"),
    (("dataset",), 7, "dataset", "must be text, not 7"),
    (("colour",), "red", "", "unknown field 'colour' (known: "),
    (("source",), DROP, "source", "is missing"),
    (("source",), "csv", "source", "must be a mapping with a format (csv, json, xml, parquet)"),
    (("source", "format"), "orc", "source", "format must be one of csv, json, xml, parquet, not 'orc'"),
    (("source", "format"), DROP, "source", "format is missing: one of csv, json, xml, parquet"),
    (("source", "format"), ["csv"], "source", "format must be one of csv, json, xml, parquet, not ['csv']"),
    (("source", "layout"), DROP, "source.layout", "is missing"),
    (("source", "row_tag"), "row", "source", "unknown field 'row_tag'"),
    (("source", "header"), "yes", "source.header", "must be true or false, not 'yes'"),
    (("source", "compression"), "zip", "source.compression", "must be one of 'none', 'gzip', 'bzip2', not 'zip'"),
    (("tables",), DROP, "tables", "is missing"),
    (("tables",), {}, "tables", "must be a list, not {}"),
    (("tables", 0), "parcels", "tables[0]", "must be a mapping"),
    ((*TABLE, "name"), DROP, "tables[0].name", "is missing"),
    ((*TABLE, "load"), "merge", "tables[0].load", "must be one of 'upsert', 'append', 'full_refresh', not 'merge'"),
    ((*TABLE, "primary_key"), "parcel_id", "tables[0].primary_key", "must be a list, not 'parcel_id'"),
    ((*TABLE, "columns", 0), {"name": "parcel_id"}, "tables[0].columns[0].type", "is missing"),
    ((*COLUMN, "lenght"), 3, "tables[0].columns[1]", "unknown field 'lenght'"),
    ((*COLUMN, "case"), "title", "tables[0].columns[1].case", "must be one of 'upper', 'lower'"),
    ((*COLUMN, "min"), [1], "tables[0].columns[1].min", "must be text or a number, not [1]"),
    ((*COLUMN, "required"), 1, "tables[0].columns[1].required", "must be true or false, not 1"),
    ((*TABLE, "redshift"), {"dist": "key"}, "tables[0].redshift", "unknown field 'dist'"),
    ((*TABLE, "redshift"), {"distribution": "hash"}, "tables[0].redshift.distribution", "must be one of 'auto'"),
    (("null_values",), [1], "null_values[0]", "must be text, not 1"),
    (("max_rejected_ratio",), "5%", "max_rejected_ratio", "must be a number, not '5%'"),
    (("max_rejected_ratio",), True, "max_rejected_ratio", "must be a number, not True"),
    # names and folders
    (("dataset",), "Parcels", "dataset", "'Parcels' must be lower case letters"),
    (("dataset",), "p" * 101, "dataset", "(at most 100)"),
    ((*TABLE, "name"), "par cels", "tables[0].name", "must be lower case letters"),
    ((*COLUMN, "name"), "_batch_id", "tables[0].columns[1] (_batch_id).name", "must be lower case letters"),
    ((*COLUMN, "name"), "hour", "tables[0].columns[1] (hour).name", "'hour' is the name of a partition key"),
    ((*COLUMN, "name"), "parcel_id", "tables[0].columns", "name 'parcel_id' is used 2 times"),
    (("source", "layout"), "parcels", "source.layout", "%Y, %m and %d must each appear once"),
    (("source", "layout"), "parcels/%Y/%m/%d/%M", "source.layout", "%M is not allowed (use %Y, %m, %d and %H)"),
    (("source", "layout"), "%Y/%m/%d", "source.layout", "the first folder must be a fixed name"),
    (("source", "layout"), "archive/x/%Y/%m/%d", "source.layout", "the folder 'archive/x' is reserved"),
    (("source", "layout"), "_in/%Y/%m/%d", "source.layout", "the folder '_in' is reserved"),
    # source
    (("source", "delimiter"), "||", "source.delimiter", "'||' is not one character"),
    (("source", "quote"), "", "source.quote", "'' is not one character"),
    (("source", "quote"), ",", "source.quote", "is the delimiter as well"),
    (("source", "encoding"), "latin-0", "source.encoding", "unknown encoding 'latin-0'"),
    (("source", "encoding"), "base64", "source.encoding", "unknown encoding 'base64'"),
    # contract
    (("max_rejected_ratio",), 1.5, "max_rejected_ratio", "1.5 is not between 0 and 1"),
    (("max_rejected_ratio",), float("nan"), "max_rejected_ratio", "nan is not between 0 and 1"),
    (("tables",), [], "tables", "at least one table is needed"),
    # tables
    ((*TABLE, "columns"), [], "tables[0].columns", "at least one column is needed"),
    ((*TABLE, "primary_key"), ["id"], "tables[0].primary_key", "'id' is not a column of table 'parcels'"),
    ((*TABLE, "primary_key"), ["parcel_id", "parcel_id"], "tables[0].primary_key", "'parcel_id' is named twice"),
    ((*TABLE, "primary_key"), [], "tables[0].primary_key", "load mode 'upsert' needs one"),
    ((*TABLE, "order_by"), ["at"], "tables[0].order_by", "'at' is not a column of table 'parcels'"),
    ((*TABLE, "order_by"), [], "tables[0].order_by", "load mode 'upsert' needs one"),
    ((*TABLE, "redshift"), {"sort_key": ["at"]}, "tables[0].redshift.sort_key", "'at' is not a column"),
    (
        (*TABLE, "redshift"),
        {"distribution": "key", "dist_key": "at"},
        "tables[0].redshift.dist_key",
        "'at' is not a column",
    ),
    ((*TABLE, "redshift"), {"distribution": "key"}, "tables[0].redshift", "'key' and dist_key go together"),
    ((*TABLE, "redshift"), {"dist_key": "weight"}, "tables[0].redshift", "'key' and dist_key go together"),
    ((*TABLE, "business_date"), "at", "tables[0].business_date", "'at' is not a column of table 'parcels'"),
    (
        (*TABLE, "business_date"),
        "weight",
        "tables[0].business_date",
        "'weight' is decimal(8,3); a business date is a date or a timestamp",
    ),
    ((*TABLE, "explode"), "items", "tables[0].explode", "a CSV record has no nested arrays"),
    # columns
    ((*COLUMN, "type"), "money", "tables[0].columns[1] (weight).type", "unknown type 'money' (known: "),
    ((*COLUMN, "type"), "decimal(39,2)", "tables[0].columns[1] (weight).type", "a decimal has 1 to 38 digits"),
    ((*COLUMN, "type"), "decimal(2,3)", "tables[0].columns[1] (weight).type", "a decimal has 1 to 38 digits"),
    ((*COLUMN, "type"), "varchar(65536)", "tables[0].columns[1] (weight).type", "a length of 1 to 65535 bytes"),
    ((*COLUMN, "type"), "char(0)", "tables[0].columns[1] (weight).type", "a length of 1 to 4096 bytes"),
    ((*COLUMN, "type"), "bigint(8)", "tables[0].columns[1] (weight).type", "bigint takes no arguments"),
    ((*COLUMN, "source"), "", "tables[0].columns[1] (weight).source", "'' is not a path"),
    ((*COLUMN, "source"), "$.", "tables[0].columns[1] (weight).source", "'$.' is not a path"),
    ((*COLUMN, "encode"), "zip", "tables[0].columns[1] (weight).encode", "unknown encoding 'zip' (known: "),
    ((*COLUMN, "format"), "%Y", "tables[0].columns[1] (weight).format", "only dates and timestamps have a format"),
    ((*TIME, "format"), "%Y %q", "tables[0].columns[3] (updated_at).format", "unknown directive %q"),
    ((*COLUMN, "case"), "upper", "tables[0].columns[1] (weight).case", "only char and varchar have a case"),
    ((*COLUMN, "pattern"), "x", "tables[0].columns[1] (weight).pattern", "only char and varchar have a pattern"),
    ((*TEXT, "pattern"), "(", "tables[0].columns[0] (parcel_id).pattern", "not a regular expression"),
    # values
    ((*COLUMN, "min"), "heavy", "tables[0].columns[1] (weight).min", "'heavy' is not a valid decimal(8,3)"),
    ((*COLUMN, "min"), 0.0001, "tables[0].columns[1] (weight).min", "0.0001 is not a valid decimal(8,3)"),
    ((*COLUMN, "max"), 100000, "tables[0].columns[1] (weight).max", "100000 is not a valid decimal(8,3)"),
    ((*COLUMN, "max"), float("inf"), "tables[0].columns[1] (weight).max", "inf is not a valid decimal(8,3)"),
    ((*COLUMN, "min"), float("nan"), "tables[0].columns[1] (weight).min", "nan is not a valid decimal(8,3)"),
    ((*COLUMN, "min"), True, "tables[0].columns[1] (weight).min", "True is not a valid decimal(8,3)"),
    ((*COLUMN, "allowed"), [1, "x"], "tables[0].columns[1] (weight).allowed", "'x' is not a valid decimal(8,3)"),
    ((*COLUMN, "default"), "none", "tables[0].columns[1] (weight).default", "'none' is not a valid decimal(8,3)"),
    ((*TEXT, "default"), "ü" * 11, "tables[0].columns[0] (parcel_id).default", "is not a valid varchar(20)"),
    ((*FLAG, "default"), "maybe", "tables[0].columns[2] (is_fragile).default", "'maybe' is not a valid boolean"),
    ((*FLAG, "min"), False, "tables[0].columns[2] (is_fragile).min", "has no smallest and largest value"),
    ((*TIME, "min"), "2026-02-30", "tables[0].columns[3] (updated_at).min", "'2026-02-30' is not a valid timestamp"),
    ((*TIME, "min"), "20260228", "tables[0].columns[3] (updated_at).min", "'20260228' is not a valid timestamp"),
]


def _bounds(column: Path_, **values: object) -> dict[str, Any]:
    data = plain_contract()
    target = data["tables"][0]["columns"][column[-1]]
    target.update(values)
    return data


@pytest.mark.parametrize(("path", "value", "field", "rule"), BROKEN, ids=[f"{b[2]}-{b[3][:40]}" for b in BROKEN])
def test_refused_with_file_field_and_rule(path: Path_, value: object, field: str, rule: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_contract(changed(path, value), "parcels.yaml")
    start = f"parcels.yaml: {field}: " if field else "parcels.yaml: "
    lines = [line for line in str(caught.value).splitlines() if line.startswith(start)]
    assert any(rule in line for line in lines), str(caught.value)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"min": 2, "max": 1}, "min: 2 is larger than max 1"),
        ({"default": 1, "allowed": [2, 3]}, "default: 1 is not one of the allowed values"),
        ({"default": 1, "min": 2}, "default: 1 is smaller than min 2"),
        ({"default": 3, "max": 2}, "default: 3 is larger than max 2"),
    ],
)
def test_values_must_go_together(values: dict[str, object], problem: str) -> None:
    with pytest.raises(ContractError, match=re.escape(f"parcels.yaml: tables[0].columns[1] (weight).{problem}")):
        parse_contract(_bounds(COLUMN, **values), "parcels.yaml")


@pytest.mark.parametrize("source", ["a..b", "a."])
def test_a_path_is_one_but_a_column_of_csv_has_any_name(source: str) -> None:
    data = changed((*COLUMN, "source"), source)
    assert parse_contract(data, "parcels.yaml").tables[0].columns[1].path == source
    data["source"]["format"] = "json"
    with pytest.raises(ContractError, match=re.escape(f"(weight).source: {source!r} is not a path")):
        parse_contract(data, "parcels.yaml")


def test_times_with_and_without_a_zone_compare() -> None:
    data = _bounds(TIME, min="2026-11-20T13:00:00+02:00", max="2026-11-20T12:00:00")
    assert parse_contract(data, "parcels.yaml").tables[0].columns[3].max == "2026-11-20T12:00:00"
    with pytest.raises(ContractError, match="is larger than max"):
        parse_contract(_bounds(TIME, min="2026-11-20T13:00:00-02:00", max="2026-11-20T12:00:00"), "parcels.yaml")


def test_a_date_has_no_time() -> None:
    data = plain_contract()
    data["tables"][0]["columns"].append({"name": "sent_on", "type": "date", "min": "2026-01-01T10:00:00"})
    with pytest.raises(ContractError, match="'2026-01-01T10:00:00' is not a valid date"):
        parse_contract(data, "parcels.yaml")


@pytest.mark.parametrize("value", ["9" * 38, "-" + "9" * 38, 0, "1.0"])
def test_decimals_of_full_precision_are_taken(value: object) -> None:
    data = _bounds(COLUMN, type="decimal(38,0)", default=value)
    assert parse_contract(data, "parcels.yaml").tables[0].columns[1].default == value


@pytest.mark.parametrize(
    ("type_", "value"),
    [("smallint", 32768), ("integer", -(2**31) - 1), ("bigint", 2**63), ("integer", 1.5), ("decimal(38,0)", "1" * 39)],
)
def test_numbers_beyond_their_type_are_refused(type_: str, value: object) -> None:
    with pytest.raises(ContractError, match=re.escape(f"{value!r} is not a valid {type_}")):
        parse_contract(_bounds(COLUMN, type=type_, default=value), "parcels.yaml")


def test_every_problem_is_reported_at_once() -> None:
    data = changed((*COLUMN, "type"), "money")
    data["tables"][0]["primary_key"] = ["id"]
    data["max_rejected_ratio"] = 2
    with pytest.raises(ContractError) as caught:
        parse_contract(data, "parcels.yaml")
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "max_rejected_ratio",
        "tables[0].columns[1] (weight).type",
        "tables[0].primary_key",
    ]


@pytest.mark.parametrize("data", [None, [], "dataset", 7])
def test_what_is_no_mapping_is_refused(data: object) -> None:
    with pytest.raises(ContractError, match=r"parcels\.yaml: a contract is a mapping that begins with 'dataset:'"):
        parse_contract(data, "parcels.yaml")


def test_two_tables_of_one_name_are_refused() -> None:
    data = plain_contract()
    data["tables"].append(data["tables"][0])
    with pytest.raises(ContractError, match=r"parcels\.yaml: tables: name 'parcels' is used 2 times"):
        parse_contract(data, "parcels.yaml")


def test_xml_row_tag_is_an_element_name() -> None:
    data = plain_contract(source={"format": "xml", "layout": "p/%Y/%m/%d", "row_tag": "a:b"})
    with pytest.raises(ContractError, match=r"source\.row_tag: 'a:b' is not an element name"):
        parse_contract(data, "parcels.yaml")


def test_xml_needs_a_row_tag() -> None:
    data = plain_contract(source={"format": "xml", "layout": "p/%Y/%m/%d"})
    with pytest.raises(ContractError, match=r"source\.row_tag: is missing"):
        parse_contract(data, "parcels.yaml")


def test_the_list_of_time_zones_is_read_for_a_time_zone_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python opens some 600 files for it: every function and job would pay for that at its start."""

    def read() -> set[str]:
        raise AssertionError("nobody names a time zone")

    monkeypatch.setattr("zoneinfo.available_timezones", read)
    rules._timezones.cache_clear()
    contracts = read_contracts(Path(__file__).resolve().parents[2] / "contracts")
    assert {name for name, contract in contracts.items() if rules.problems(contract)} == set()
