"""Catalog tables from contracts, whole."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sluice.contract import Column, Contract, CsvSource, ParquetSource, Table, XmlSource
from sluice.contract.files import read_contracts
from sluice.lake.catalog_tables import processed_table, quarantine_table, raw_table
from sluice.lake.layout import ProcessedLayout

CONTRACTS = read_contracts(Path(__file__).parents[2] / "contracts")
LAYOUT = ProcessedLayout("sluice-processed")
HOUR_KEYS = [{"Name": name, "Type": "string"} for name in ("year", "month", "day", "hour")]
HIDDEN = ["{_,.}*", "{_,.}*/**", "**/{_,.}*", "**/{_,.}*/**"]
# What crawlers leave out; a manifest lies in the folder of a partition, and is not data.
EXCLUSIONS, RAW_EXCLUSIONS = json.dumps(HIDDEN), json.dumps([*HIDDEN, "**manifest.json"])
TEXT = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
}
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}


def names(table: Any) -> list[str]:
    return [column["Name"] for column in table["StorageDescriptor"]["Columns"]]


def strings(*columns: str) -> list[dict[str, str]]:
    return [{"Name": name, "Type": "string"} for name in columns]


def test_raw_csv() -> None:
    assert raw_table(CONTRACTS["transactions"], "sluice-raw") == {
        "Name": "transactions",
        "Description": "Raw files of transactions",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE", "partition_filtering.enabled": "true",
            "classification": "csv",
                "exclusions": RAW_EXCLUSIONS,
            "delimiter": ";",
            "skip.header.line.count": "1",
        },
        "PartitionKeys": HOUR_KEYS,
        "StorageDescriptor": {
            "Columns": strings(
                "transaction_id", "order_id", "product_id", "quantity", "unit_price", "discount_percent",
                "transaction_date", "payment_method", "updated_at",
            ),
            "Location": "s3://sluice-raw/transactions/",
            **TEXT,
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
                "Parameters": {"separatorChar": ";", "quoteChar": '"'},
            },
        },
    }  # fmt: skip


def test_raw_csv_with_options() -> None:
    source = CsvSource("logs/%Y-%m-%d", escape="\\", header=False, compression="gzip")
    columns = (
        Column("id", "bigint", source="The ID"),
        Column("day", "date"),
        Column("id_again", "bigint", source="the id"),
    )
    table = raw_table(Contract("logs", source, (Table("logs", columns),)), "raw")
    assert table["Parameters"] == {
        "EXTERNAL": "TRUE", "partition_filtering.enabled": "true",
        "classification": "csv", "compressionType": "gzip", "delimiter": ",",
        "exclusions": RAW_EXCLUSIONS,
    }  # fmt: skip
    assert table["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\\"},
    }
    # A column named as a partition key cannot stand beside it; names that differ in case only are one name.
    assert table["StorageDescriptor"]["Columns"] == strings("the id")
    assert table["PartitionKeys"] == HOUR_KEYS[:3]


def test_raw_json_shows_the_fields_of_a_record() -> None:
    table = raw_table(CONTRACTS["orders"], "sluice-raw")
    fields = [
        "order_id", "customer", "order_date", "ship_date", "ship_mode", "total_amount", "discount", "tax", "profit",
        "order_status", "updated_at", "items",
    ]  # fmt: skip
    assert table["StorageDescriptor"] == {
        "Columns": strings(*fields),
        "Location": "s3://sluice-raw/orders/",
        **TEXT,
        "SerdeInfo": {
            "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
            "Parameters": {"paths": ",".join(fields)},
        },
    }


def test_raw_xml_names_its_row_tag() -> None:
    table = raw_table(CONTRACTS["products"], "sluice-raw")
    assert table["Parameters"] == {
        "EXTERNAL": "TRUE",
        "partition_filtering.enabled": "true",
        "classification": "xml",
        "exclusions": RAW_EXCLUSIONS,
        "rowTag": "product",
    }
    assert names(table) == ["id", "name", "classification", "brand", "pricing", "stock", "updated_at"]


def test_raw_parquet_keeps_types_and_leaves_nested_fields_out() -> None:
    columns = (
        Column("id", "bigint"),
        Column("price", "decimal(12,2)", source="Price"),
        Column("city", "varchar(9)", source="a.b"),
    )
    items = Table("items", (Column("n", "integer"), Column("id_", "bigint", source="$.id")), explode="items")
    contract = Contract("shop", ParquetSource("shop/%Y/%m/%d/%H"), (Table("shop", columns), items))
    table = raw_table(contract, "raw")
    assert table["Parameters"] == {
        "EXTERNAL": "TRUE",
        "partition_filtering.enabled": "true",
        "classification": "parquet",
        "exclusions": RAW_EXCLUSIONS,
    }
    assert table["StorageDescriptor"] == {
        "Columns": [{"Name": "id", "Type": "bigint"}, {"Name": "price", "Type": "decimal(12,2)"}],
        "Location": "s3://raw/shop/",
        **PARQUET,
    }


def test_processed() -> None:
    contract = CONTRACTS["orders"]
    assert processed_table(contract, contract.table("order_items"), LAYOUT) == {
        "Name": "order_items",
        "Description": "One row per line of an order, its newest version.",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "partition_filtering.enabled": "true",
            "classification": "parquet",
            "exclusions": EXCLUSIONS,
        },
        "PartitionKeys": HOUR_KEYS,
        "StorageDescriptor": {
            "Columns": [
                {"Name": "order_id", "Type": "varchar(20)"},
                {"Name": "line_number", "Type": "int"},
                {"Name": "product_id", "Type": "varchar(20)"},
                {"Name": "quantity", "Type": "int"},
                {"Name": "unit_price", "Type": "decimal(12,2)"},
                {"Name": "order_date", "Type": "date"},
                {"Name": "customer_id", "Type": "varchar(20)"},
                {"Name": "updated_at", "Type": "timestamp"},
                {"Name": "_batch_id", "Type": "varchar(256)"},
                {"Name": "_source_file", "Type": "varchar(1093)"},
            ],
            "Location": "s3://sluice-processed/order_items/",
            **PARQUET,
        },
    }


def test_processed_has_comments_where_the_contract_describes() -> None:
    table = Table("t", (Column("a", "bigint", description="what it is" * 50), Column("b", "boolean")))
    contract = replace(CONTRACTS["products"], tables=(table,))
    made = processed_table(contract, table, LAYOUT)
    assert made["Description"] == "t"
    assert made["StorageDescriptor"]["Columns"][:2] == [
        {"Name": "a", "Type": "bigint", "Comment": ("what it is" * 50)[:255]},
        {"Name": "b", "Type": "boolean"},
    ]


def test_quarantine() -> None:
    table = quarantine_table(CONTRACTS["orders"], LAYOUT)
    assert (table["Name"], table["Description"]) == ("orders_quarantine", "Records of orders that broke its contract")
    assert table["PartitionKeys"] == HOUR_KEYS
    types = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert {"batch_id": "string", "source_file": "string", "reasons": "array<string>"}.items() <= types.items()
    assert table["StorageDescriptor"]["Location"] == "s3://sluice-processed/orders_quarantine/"


@pytest.mark.parametrize("contract", list(CONTRACTS.values()), ids=list(CONTRACTS))
def test_no_table_has_a_column_twice_or_named_as_a_key(contract: Contract) -> None:
    tables = [raw_table(contract, "raw"), quarantine_table(contract, LAYOUT)]
    tables += [processed_table(contract, table, LAYOUT) for table in contract.tables]
    for table in tables:
        found = [*names(table), *(key["Name"] for key in table["PartitionKeys"])]
        assert len(found) == len(set(found))
        assert found == [name.lower() for name in found]


def test_xml_without_attributes_uses_lines() -> None:
    source = XmlSource("x/%Y/%m/%d/%H", "row")
    table = raw_table(Contract("x", source, (Table("x", (Column("a", "bigint"),)),)), "raw")
    assert table["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {"serialization.format": "1"},
    }
