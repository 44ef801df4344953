"""Tables and partitions as a crawl writes them."""

from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.glue.crawls.found import Detected, Form, Group
from localcloud.glue.crawls.kinds import Columns, render

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_TEXT_FORMATS = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
}
_OWN_PARAMETERS = {"CrawlerSchemaSerializerVersion": "1.0", "CrawlerSchemaDeserializerVersion": "1.0"}
CRAWLED_BY = "UPDATED_BY_CRAWLER"
DEPRECATED_BY = "DEPRECATED_BY_CRAWLER"
_DESCRIBES = ("classification", "compressionType", "typeOfData")
_TABLE_FIELDS = ("Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "ViewOriginalText",
                 "ViewExpandedText", "TableType", "Parameters", "TargetTable", "ViewDefinition")  # fmt: skip
_PARTITION_FIELDS = ("Values", "LastAccessTime", "StorageDescriptor", "Parameters", "LastAnalyzedTime")


def catalog_columns(columns: Columns) -> list[dict[str, str]]:
    """Columns as the catalog has them."""
    return [{"Name": name, "Type": render(kind)} for name, kind in columns.items()]


def new_table(name: str, crawler: str, detected: Detected, exclusions: tuple[str, ...], *, has_index: bool) -> dict[str, Any]:  # fmt: skip # noqa: E501
    """The TableInput of a table that a crawl makes.

    Args:
        name: of the table.
        crawler: that makes it.
        detected: what was found.
        exclusions: of the target; kept with the table, for readers that honour them.
        has_index: whether it gets a partition index.
    """
    parameters = {**_parameters(detected.form, detected.groups), CRAWLED_BY: crawler}
    if exclusions:
        # Source: https://docs.aws.amazon.com/glue/latest/dg/define-crawler-choose-data-sources.html
        parameters["exclusions"] = json_list(exclusions)
    if has_index:
        parameters["partition_filtering.enabled"] = "true"
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in detected.keys],
        "StorageDescriptor": _storage(detected.location, detected.form, detected.columns),
    }


def new_partition(table: Mapping[str, Any], group: Group, form: Form | None, columns: Columns | None) -> dict[str, Any]:
    """The PartitionInput of a partition.

    Args:
        table: to which it belongs.
        group: its files.
        form: how most of them are written.
        columns: of its files; None when it has the table's schema.
    """
    if columns is None or form is None:
        storage = {**table.get("StorageDescriptor", {}), "Location": group.location}
        own = {name: table.get("Parameters", {}).get(name) for name in _DESCRIBES}
        parameters = {name: value for name, value in own.items() if value} | _sizes([group])
    else:
        storage, parameters = _storage(group.location, form, columns), _parameters(form, [group])
    return {"Values": list(group.values), "StorageDescriptor": storage, "Parameters": parameters}


def table_input(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table that GetTable shows, as UpdateTable takes it."""
    return {name: table[name] for name in _TABLE_FIELDS if table.get(name) not in (None, "")}


def partition_input(partition: Mapping[str, Any]) -> dict[str, Any]:
    """A partition that GetPartitions shows, as UpdatePartition takes it."""
    return {name: partition[name] for name in _PARTITION_FIELDS if partition.get(name) not in (None, "")}


def with_columns(item: Mapping[str, Any], columns: list[dict[str, str]]) -> dict[str, Any]:
    """A table or partition with other columns."""
    return {**item, "StorageDescriptor": {**item.get("StorageDescriptor", {}), "Columns": columns}}


def with_parameter(item: Mapping[str, Any], name: str, value: str) -> dict[str, Any]:
    """A table or partition with one more parameter."""
    return {**item, "Parameters": {**(item.get("Parameters") or {}), name: value}}


def json_list(items: Iterable[str]) -> str:
    """A list as parameters of tables hold it."""
    quoted = (item.replace("\\", "\\\\").replace('"', '\\"') for item in items)
    return "[" + ",".join(f'"{item}"' for item in quoted) + "]"


def _parameters(form: Form, groups: Iterable[Group]) -> dict[str, str]:
    return {
        **_OWN_PARAMETERS,
        "classification": form.classification,
        "compressionType": form.compression,
        "typeOfData": "file",
        **dict(form.details),
        **_sizes(groups),
    }


def _sizes(groups: Iterable[Group]) -> dict[str, str]:
    groups = list(groups)
    return {
        "objectCount": str(sum(group.object_count for group in groups)),
        "sizeKey": str(sum(group.size_bytes for group in groups)),
    }


def _storage(location: str, form: Form, columns: Columns) -> dict[str, Any]:
    return {
        "Columns": catalog_columns(columns),
        "Location": location,
        "Compressed": form.compression != "none",
        "NumberOfBuckets": -1,
        "StoredAsSubDirectories": False,
        **_reader(form, columns),
    }


def _reader(form: Form, columns: Columns) -> dict[str, Any]:
    if form.classification == "parquet":
        serde = {
            "SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe",
            "Parameters": {"serialization.format": "1"},
        }
        return {
            "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
            "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
            "SerdeInfo": serde,
        }
    if form.classification == "json":
        serde = {
            "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
            "Parameters": {"paths": ",".join(columns)},
        }
        return {**_TEXT_FORMATS, "SerdeInfo": serde}
    if form.classification == "csv":
        # Source: https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html (quoted fields are not understood)
        library = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
        serde = {"SerializationLibrary": library, "Parameters": {"field.delim": dict(form.details)["delimiter"]}}
        return {**_TEXT_FORMATS, "SerdeInfo": serde}
    return {"SerdeInfo": {"Parameters": dict(form.details)}}  # nothing but Glue jobs reads XML
