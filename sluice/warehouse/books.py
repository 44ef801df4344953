"""The books of a target: tables in Sluice's own schema that belong to this target alone."""

from collections.abc import Collection

from sluice.warehouse.fixed import filled, fixed_sql
from sluice.warehouse.quoting import literal
from sluice.warehouse.target import Target


def create_books(target: Target) -> tuple[str, ...]:
    """The statements that make the books of a target; each may be run again at any time.

    They need the audit table. Each stands for itself: what one of them has done, a second run leaves alone.
    """
    values = {
        "loads": target.loads,
        "dates": target.dates,
        "schema": literal(target.schema),
        "table": literal(target.table.name),
    }
    return tuple(filled(fixed_sql("books")[name], values) for name in ("create_loads", "adopt_loads", "create_dates"))


def has_books(target: Target, own_tables: Collection[str]) -> bool:
    """Whether all of them are there.

    Args:
        target: The table.
        own_tables: Names of the tables in Sluice's own schema.
    """
    # The one that is made last: a run that died before it makes the others again.
    return f"dates_{target.table.name}" in own_tables
