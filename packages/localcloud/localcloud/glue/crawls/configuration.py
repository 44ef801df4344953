"""A crawler's Configuration, a text of JSON.

Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-configuration.html,
https://docs.aws.amazon.com/glue/latest/dg/crawler-schema-changes-prevent.html,
https://docs.aws.amazon.com/glue/latest/dg/crawler-grouping-policy.html,
https://docs.aws.amazon.com/glue/latest/dg/crawler-table-level.html and
https://docs.aws.amazon.com/glue/latest/dg/crawler-configure-partition-indexes.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from localcloud.errors import invalid_input

COMBINE = "CombineCompatibleSchemas"


@dataclass(frozen=True, slots=True)
class Configuration:
    """How a crawl writes and groups.

    Attributes:
        inherits: partitions have the table's schema (InheritFromTable).
        merges: tables gain columns and change nothing else (MergeNewColumns).
        combines: schemas need not be similar (CombineCompatibleSchemas).
        table_level: folders from the bucket down to a table; None to find out.
        indexes: new partitioned tables get a partition index.
    """

    inherits: bool = False
    merges: bool = False
    combines: bool = False
    table_level: int | None = None
    indexes: bool = True

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a configuration; an empty text is the default.

        Raises:
            AwsApiError: InvalidInputException, it breaks a rule.
        """
        if not text:
            return cls()
        try:
            document = json.loads(text)
        except ValueError as exc:
            raise invalid_input(f"Configuration is not JSON: {exc}") from exc
        if not isinstance(document, dict) or document.get("Version") != 1.0:
            raise invalid_input("Configuration must be a JSON object with Version 1.0")
        output, grouping = _part(document, "CrawlerOutput"), _part(document, "Grouping")
        level = grouping.get("TableLevelConfiguration")
        if level is not None and (not isinstance(level, int) or level < 1):
            raise invalid_input(f"TableLevelConfiguration must be a positive integer, not {level!r}")
        return cls(
            inherits=_choice(_part(output, "Partitions"), "AddOrUpdateBehavior", "InheritFromTable"),
            merges=_choice(_part(output, "Tables"), "AddOrUpdateBehavior", "MergeNewColumns"),
            combines=_choice(grouping, "TableGroupingPolicy", COMBINE),
            table_level=level,
            indexes=document.get("CreatePartitionIndex") is not False,
        )


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = document.get(name) or {}
    if not isinstance(part, dict):
        raise invalid_input(f"Configuration's {name} must be a JSON object")
    return part


def _choice(part: Mapping[str, Any], name: str, allowed: str) -> bool:
    value = part.get(name)
    if value not in (None, allowed):
        raise invalid_input(f"Configuration's {name} must be {allowed}, not {value!r}")
    return value is not None
