"""Data Catalog tables from contracts: the one definition of what crawlers, Athena, Spectrum and the jobs see.

Raw tables exist for the catalog's partitions and for people who want to look at raw files with Athena; the conversion
reads the files by the contract. Partition keys are strings everywhere, so that a value such as hour ``07`` stays as it
is.
"""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from sluice.contract import Contract, CsvSource, ParquetSource, SqlType, Table, XmlSource
from sluice.contract.model import ROOT_PREFIX
from sluice.lake.layout import MANIFEST_NAME, PARTITION_KEYS, ProcessedLayout
from sluice.lake.quarantine import QUARANTINE_COLUMNS

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import ColumnTypeDef, SerDeInfoTypeDef, TableInputTypeDef

PARTITION_INDEX = "by_time"
"""Name of every table's index over all of its partition keys. Look-ups name the year first, so one index serves them.

Source: https://docs.aws.amazon.com/glue/latest/dg/partition-indexes.html
"""

PARTITION_FILTERING = {"partition_filtering.enabled": "true"}
"""What makes Athena use the index; without it, it reads all partitions of a table.

Source: https://docs.aws.amazon.com/athena/latest/ug/glue-best-practices-partition-index.html
"""

_MAX_COMMENT = 255
_HIDDEN = ("{_,.}*", "{_,.}*/**", "**/{_,.}*", "**/{_,.}*/**")
"""What readers of tables do not see, as a crawler's patterns: files and folders whose names begin with ``_`` or ``.``.

A crawler over tables that exist has no patterns of its own; it keeps to those in the table's parameter ``exclusions``.
Source: https://docs.aws.amazon.com/glue/latest/dg/define-crawler-choose-data-sources.html
"""

_TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
_PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
_PARQUET_SERDE: "SerDeInfoTypeDef" = {
    "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    "Parameters": {"serialization.format": "1"},
}


class Zone(StrEnum):
    """Raw or published files: one bucket and one catalog database each."""

    RAW = "raw"
    PROCESSED = "processed"


def zone_tables(
    contract: Contract, raw_bucket: str, layout: ProcessedLayout
) -> "Iterator[tuple[Zone, TableInputTypeDef]]":
    """All tables of a dataset, each after its zone: raw files, published tables, quarantine.

    Args:
        contract: The dataset's contract.
        raw_bucket: The raw bucket.
        layout: Where things lie in the processed bucket.
    """
    yield Zone.RAW, raw_table(contract, raw_bucket)
    for table in contract.tables:
        yield Zone.PROCESSED, processed_table(contract, table, layout)
    yield Zone.PROCESSED, quarantine_table(contract, layout)


def raw_table(contract: Contract, bucket: str) -> "TableInputTypeDef":
    """The table over the raw files of a dataset, named as the dataset.

    Columns are texts, one for each field of the record that the contract reads; nested JSON shows as JSON text. Parquet
    has the contract's types, because its files do not give text for a number, and only fields that are not nested.
    Athena takes CSV columns by their position, here the contract's order, and has no reader for XML: it shows lines.

    Args:
        contract: The dataset's contract.
        bucket: The raw bucket.
    """
    types = {name: kind for name, kind in _raw_columns(contract).items() if name not in PARTITION_KEYS}
    return _table(
        contract.dataset,
        f"Raw files of {contract.dataset}",
        f"s3://{bucket}/{contract.layout.root}/",
        _columns(types),
        _raw_serde(contract),
        {**_raw_parameters(contract), **_exclusions(f"**{MANIFEST_NAME}")},
        is_hourly=contract.layout.is_hourly,
        is_parquet=isinstance(contract.source, ParquetSource),
    )


def processed_table(contract: Contract, table: Table, layout: ProcessedLayout) -> "TableInputTypeDef":
    """The table over the published Parquet files of one table of a contract, lineage columns last.

    Args:
        contract: The table's contract.
        table: The table.
        layout: Where things lie in the processed bucket.
    """
    comments = {column.name: column.description or "" for column in table.columns}
    types = {name: kind.catalog for name, kind in table.stored_types.items()}
    return _parquet_table(contract, table.name, table.description or table.name, layout, _columns(types, comments))


def quarantine_table(contract: Contract, layout: ProcessedLayout) -> "TableInputTypeDef":
    """The table over the quarantined records of a dataset.

    Args:
        contract: The dataset's contract.
        layout: Where things lie in the processed bucket.
    """
    description = f"Records of {contract.dataset} that broke its contract"
    return _parquet_table(contract, contract.quarantine_table, description, layout, _columns(QUARANTINE_COLUMNS))


def _parquet_table(
    contract: Contract, name: str, description: str, layout: ProcessedLayout, columns: "list[ColumnTypeDef]"
) -> "TableInputTypeDef":
    return _table(
        name,
        description,
        f"{layout.table(name)}/",
        columns,
        _PARQUET_SERDE,
        {"classification": "parquet", **_exclusions()},
        is_hourly=contract.layout.is_hourly,
        is_parquet=True,
    )


def _exclusions(*patterns: str) -> dict[str, str]:
    return {"exclusions": json.dumps([*_HIDDEN, *patterns])}


def _table(  # noqa: PLR0913 - the parts of a table, each named
    name: str,
    description: str,
    location: str,
    columns: "list[ColumnTypeDef]",
    serde: "SerDeInfoTypeDef",
    parameters: Mapping[str, str],
    *,
    is_hourly: bool,
    is_parquet: bool,
) -> "TableInputTypeDef":
    keys = PARTITION_KEYS if is_hourly else PARTITION_KEYS[:-1]
    return {
        "Name": name,
        "Description": description,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **PARTITION_FILTERING, **parameters},
        "PartitionKeys": _columns(dict.fromkeys(keys, "string")),
        "StorageDescriptor": {
            "Columns": columns,
            "Location": location,
            "InputFormat": _PARQUET_INPUT if is_parquet else _TEXT_INPUT,
            "OutputFormat": _PARQUET_OUTPUT if is_parquet else _TEXT_OUTPUT,
            "SerdeInfo": serde,
        },
    }


def _columns(types: Mapping[str, str], comments: Mapping[str, str] | None = None) -> "list[ColumnTypeDef]":
    columns: list[ColumnTypeDef] = []
    for name, kind in types.items():
        comment = (comments or {}).get(name, "")[:_MAX_COMMENT]
        columns.append({"Name": name, "Type": kind, "Comment": comment} if comment else {"Name": name, "Type": kind})
    return columns


def _raw_serde(contract: Contract) -> "SerDeInfoTypeDef":
    source = contract.source
    if isinstance(source, CsvSource):
        parameters = {"separatorChar": source.delimiter, "quoteChar": source.quote}
        if source.escape != source.quote:
            # The reader refuses an escape character that is the quote; doubled quotes it understands anyway.
            parameters["escapeChar"] = source.escape
        return {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde", "Parameters": parameters}
    if isinstance(source, ParquetSource):
        return _PARQUET_SERDE
    if isinstance(source, XmlSource):
        library, parameters = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", {"serialization.format": "1"}
        return {"SerializationLibrary": library, "Parameters": parameters}
    paths = ",".join(_raw_columns(contract))
    return {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe", "Parameters": {"paths": paths}}


def _raw_parameters(contract: Contract) -> dict[str, str]:
    source = contract.source
    parameters: dict[str, str] = {"classification": source.format}
    if isinstance(source, ParquetSource):
        return parameters
    if source.compression != "none":
        parameters["compressionType"] = source.compression
    if isinstance(source, XmlSource):
        parameters["rowTag"] = source.row_tag
    if isinstance(source, CsvSource):
        parameters["delimiter"] = source.delimiter
        if source.header:
            parameters["skip.header.line.count"] = "1"
    return parameters


def _raw_columns(contract: Contract) -> dict[str, str]:
    """Catalog type of each field of a record that the contract reads; the catalog folds names to lower case."""
    if isinstance(contract.source, ParquetSource):
        return {path.lower(): kind.catalog for path, kind in _record_paths(contract) if "." not in path}
    if isinstance(contract.source, CsvSource):
        return {path.lower(): "string" for path, _ in _record_paths(contract)}
    fields = [path.split(".")[0] for path, _ in _record_paths(contract)]
    fields += [table.explode.split(".")[0] for table in contract.tables if table.explode is not None]
    return {field.removeprefix("@").lower(): "string" for field in fields}


def _record_paths(contract: Contract) -> Iterator[tuple[str, SqlType]]:
    """Paths that begin at the record, not at the element of an exploded array."""
    for table in contract.tables:
        for column in table.columns:
            if table.explode is None or column.path.startswith(ROOT_PREFIX):
                yield column.path.removeprefix(ROOT_PREFIX), column.sql_type
