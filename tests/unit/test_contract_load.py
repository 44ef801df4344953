"""Reading and writing contracts: YAML, JSON, the four that come with Sluice, and the schema for editors."""

import json
from pathlib import Path

import pytest

from sluice.contract import (
    Contract,
    CsvSource,
    JsonSource,
    ParquetSource,
    SqlType,
    XmlSource,
    dump_contracts,
    parse_contract,
    parse_contracts,
)
from sluice.contract.files import read_contract, read_contracts
from sluice.contract.schema import SCHEMA_FILE, contract_schema
from sluice.errors import ContractError
from sluice.lake.layout import Layout
from tests.unit.contract_data import plain_contract

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"


def _write(folder: Path, dataset: str, layout: str | None = None, table: str | None = None) -> None:
    data = plain_contract(dataset=dataset)
    data["source"]["layout"] = layout or f"{dataset}/%Y/%m/%d"
    data["tables"][0]["name"] = table or dataset
    (folder / f"{dataset}.yaml").write_text(json.dumps(data), encoding="utf-8")


def test_the_contracts_of_the_repository() -> None:
    contracts = read_contracts(CONTRACTS)
    assert {name: type(contract.source) for name, contract in contracts.items()} == {
        "customers": CsvSource,
        "orders": JsonSource,
        "products": XmlSource,
        "transactions": CsvSource,
    }
    assert {table.name: table.primary_key for contract in contracts.values() for table in contract.tables} == {
        "customers": ("customer_id",),
        "orders": ("order_id",),
        "order_items": ("order_id", "line_number"),
        "products": ("product_id",),
        "transactions": ("transaction_id",),
    }


def test_a_contract_has_its_defaults() -> None:
    contract = parse_contract(plain_contract(), "parcels.yaml")
    assert isinstance(contract, Contract)
    assert contract.source == CsvSource("parcels/year=%Y/month=%m/day=%d/hour=%H")
    assert (contract.null_values, contract.max_rejected_ratio, contract.archive) == (("",), 0.05, False)
    table = contract.table("parcels")
    assert table.load == "upsert"
    assert table.not_null == {"parcel_id", "updated_at"}
    assert table.column("weight").sql_type == SqlType("decimal", precision=8, scale=3)
    assert list(table.stored_types) == ["parcel_id", "weight", "is_fragile", "updated_at", "_batch_id", "_source_file"]
    assert contract.quarantine_table == "parcels_quarantine"
    assert contract.layout.pattern == Layout(contract.source.layout).pattern


def test_unknown_names_are_key_errors() -> None:
    contract = parse_contract(plain_contract(), "parcels.yaml")
    with pytest.raises(KeyError, match="letters"):
        contract.table("letters")
    with pytest.raises(KeyError, match="colour"):
        contract.table("parcels").column("colour")


def test_json_gives_the_same_contracts_as_yaml() -> None:
    contracts = read_contracts(CONTRACTS)
    text = dump_contracts(contracts.values())
    assert parse_contracts(text) == contracts
    assert dump_contracts(parse_contracts(text).values()) == text


def test_parquet_survives_the_round_trip() -> None:
    data = plain_contract(source={"format": "parquet", "layout": "parcels/%Y-%m-%d"})
    contract = parse_contract(data, "parcels.yaml")
    assert contract.source == ParquetSource("parcels/%Y-%m-%d")
    assert parse_contracts(dump_contracts([contract])) == {"parcels": contract}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dataset: a\ndataset: b\n", "line 2: key 'dataset' stands twice in one mapping"),
        ("dataset: [a\n", "not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
        ("", "a contract is a mapping"),
    ],
)
def test_bad_yaml_is_refused_with_its_file(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "parcels.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        read_contract(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)


def test_yaml_that_is_no_utf8_is_refused_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "parcels.yaml"
    path.write_bytes("dataset: café\n".encode("latin-1"))
    with pytest.raises(ContractError, match="not valid YAML") as caught:
        read_contract(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_dates_in_yaml_stay_text(tmp_path: Path) -> None:
    data = json.dumps(plain_contract()).replace('"type": "timestamp"', '"type": "timestamp", "min": 2026-01-01')
    path = tmp_path / "parcels.yaml"
    path.write_text(data, encoding="utf-8")
    assert read_contract(path).tables[0].column("updated_at").min == "2026-01-01"


def test_the_file_is_named_as_its_dataset(tmp_path: Path) -> None:
    _write(tmp_path, "parcels")
    (tmp_path / "parcels.yaml").rename(tmp_path / "letters.yaml")
    with pytest.raises(ContractError, match=r"'parcels' must be in a file named parcels\.yaml"):
        read_contracts(tmp_path)


def test_a_folder_without_contracts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"no contract \(\*\.yaml\) found"):
        read_contracts(tmp_path)


def test_two_contracts_with_one_table_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, "letters", table="mail")
    _write(tmp_path, "parcels", table="mail")
    with pytest.raises(ContractError, match="table 'mail' is published by 2 tables"):
        read_contracts(tmp_path)


def test_a_table_named_as_another_datasets_quarantine_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "letters", table="parcels_quarantine")
    _write(tmp_path, "parcels")
    with pytest.raises(ContractError, match="table 'parcels_quarantine' is published by 2 tables"):
        read_contracts(tmp_path)


@pytest.mark.parametrize("layout", ["parcels/%Y/%m/%d", "parcels/new/%Y/%m/%d"])
def test_two_contracts_in_one_folder_are_refused(tmp_path: Path, layout: str) -> None:
    _write(tmp_path, "letters", layout=layout)
    _write(tmp_path, "parcels")
    with pytest.raises(ContractError, match="'letters' and 'parcels' share the folder"):
        read_contracts(tmp_path)


def test_folders_that_only_begin_alike_are_apart(tmp_path: Path) -> None:
    _write(tmp_path, "parcels")
    _write(tmp_path, "letters", layout="parcels_eu/%Y/%m/%d")
    assert list(read_contracts(tmp_path)) == ["letters", "parcels"]


def test_one_dataset_twice_in_a_package_is_refused() -> None:
    contract = parse_contract(plain_contract(), "parcels.yaml")
    with pytest.raises(ContractError, match="dataset 'parcels' is declared 2 times"):
        parse_contracts(dump_contracts([contract, contract]))


def test_a_damaged_package_is_refused() -> None:
    with pytest.raises(ContractError, match=r"contracts\.json: not valid JSON"):
        parse_contracts("[{")


def test_the_schema_file_is_current() -> None:
    current = (CONTRACTS / SCHEMA_FILE).read_text(encoding="utf-8")
    assert current == contract_schema(), "run `sluice contract schema` and commit contracts/contract.schema.json"


def test_the_schema_knows_every_field_and_no_other() -> None:
    definitions = json.loads(contract_schema())["$defs"]
    assert definitions["Contract"]["additionalProperties"] is False
    assert set(definitions["CsvSource"]["properties"]) == {
        "layout", "format", "delimiter", "quote", "escape", "header", "encoding", "compression", "multiline",
            "match", "skip_lines", "skip_initial_space", "escape_unquoted",
    }  # fmt: skip
    assert definitions["CsvSource"]["required"] == ["layout", "format"]
    undescribed = [
        f"{name}.{field}"
        for name, definition in definitions.items()
        for field, schema in definition["properties"].items()
        if "description" not in schema and "$ref" not in schema and field not in ("format",)
    ]
    assert undescribed == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VARCHAR(20)", SqlType("varchar", length=20)),
        ("character  varying (20)", SqlType("varchar", length=20)),
        ("varchar", SqlType("varchar", length=256)),
        ("char", SqlType("char", length=1)),
        ("numeric(12, 2)", SqlType("decimal", precision=12, scale=2)),
        ("decimal(5)", SqlType("decimal", precision=5, scale=0)),
        ("decimal", SqlType("decimal", precision=18, scale=0)),
        ("int8", SqlType("bigint")),
        ("float", SqlType("double precision")),
        ("bool", SqlType("boolean")),
    ],
)
def test_type_names(text: str, expected: SqlType) -> None:
    assert SqlType.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "decimal()", "decimal(1,2,3)", "varchar(1,2)", "timestamp(3)", "v\u0430rchar(2)", "int("]
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown type|takes"):
        SqlType.parse(text)


def test_a_type_prints_as_it_is_read_and_has_a_name_everywhere() -> None:
    texts = ["smallint", "integer", "bigint", "decimal(12,2)", "real", "double precision", "boolean", "char(2)",
             "varchar(9)", "date", "timestamp"]  # fmt: skip
    types = [SqlType.parse(text) for text in texts]
    assert [str(type_) for type_ in types] == texts
    assert [type_.catalog for type_ in types] == [
        "smallint", "int", "bigint", "decimal(12,2)", "float", "double", "boolean", "char(2)", "varchar(9)", "date",
        "timestamp",
    ]  # fmt: skip
