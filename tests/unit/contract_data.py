"""A small contract as plain data, and a way to change one field of it."""

import copy
from typing import Any

_PLAIN: dict[str, Any] = {
    "dataset": "parcels",
    "source": {"format": "csv", "layout": "parcels/year=%Y/month=%m/day=%d/hour=%H"},
    "tables": [
        {
            "name": "parcels",
            "primary_key": ["parcel_id"],
            "order_by": ["updated_at"],
            "columns": [
                {"name": "parcel_id", "type": "varchar(20)"},
                {"name": "weight", "type": "decimal(8,3)"},
                {"name": "is_fragile", "type": "boolean"},
                {"name": "updated_at", "type": "timestamp"},
            ],
        }
    ],
}
DROP = object()


def plain_contract(**changes: Any) -> dict[str, Any]:
    """The contract with top-level fields replaced."""
    return copy.deepcopy(_PLAIN) | changes


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """The contract with the field under a path set, or left out with `DROP`."""
    data = plain_contract()
    node: Any = data
    for step in path[:-1]:
        node = node[step]
    if value is DROP:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return data
