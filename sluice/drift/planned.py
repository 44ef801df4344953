"""What a plan of Terraform's would change in the published tables of the Data Catalog, before it is applied.

The plan is read as ``terraform show -json`` prints it.
Source: https://developer.hashicorp.com/terraform/internals/json-format
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sluice.drift.columns import Wanted, compare_columns, compare_keys
from sluice.drift.difference import Difference, Kind, Layer

_TABLE: Final = "aws_glue_catalog_table"
GONE: Final = "leaves the catalog; files that have it keep it"
REMOVED: Final = "keep its contract, or agree that its files are read by nobody any more"


def planned_changes(plan: Mapping[str, Any]) -> list[Difference]:
    """Compare the tables that a plan changes or removes with what it makes of them.

    Only tables of Parquet files are compared: what is published. Tables of raw files are read by no consumer by type.

    Args:
        plan: The plan's document.

    Returns:
        The differences, in the order of the plan.

    Raises:
        KeyError: The document is no plan; the message is the name that it lacks.
    """
    changes = (entry["change"] for entry in plan["resource_changes"] if entry["type"] == _TABLE)
    return [found for change in changes for found in _compared(change["before"], change["after"])]


def _compared(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Iterator[Difference]:
    if before is None or not _is_parquet(before):
        return
    if after is None:
        yield Difference(Layer.CATALOG, before["name"], "", "the table", "", Kind.BREAKING, REMOVED)
        return
    columns = [{"Name": column["name"], "Type": column["type"]} for column in _columns(after)]
    wanted = Wanted(after["name"], columns, tuple(key["name"] for key in after["partition_keys"] or ()))
    for found in compare_columns(Layer.CATALOG, wanted, _types(_columns(before))):
        yield found if found.want else replace(found, fix=GONE)
    yield from compare_keys(Layer.CATALOG, wanted, _types(before["partition_keys"] or ()))


def _is_parquet(table: Mapping[str, Any]) -> bool:
    return any("parquet" in str(each["input_format"]).lower() for each in table["storage_descriptor"])


def _columns(table: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [column for each in table["storage_descriptor"] for column in each["columns"] or ()]


def _types(columns: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(column["name"]).lower(): str(column["type"]) for column in columns}
