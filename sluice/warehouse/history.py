"""The load history for people: queries of the audit table."""

from dataclasses import dataclass, field

from sluice.warehouse.audit import AUDIT
from sluice.warehouse.quoting import identifier, lines, names

COLUMNS = (
    "loaded_at", "dataset", "table_name", "partition_label", "load_mode", "rows_staged", "rows_inserted",
    "rows_updated", "rows_stale", "batch_id", "claim_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """A query of the load history.

    Attributes:
        sql: The statement.
        parameters: Values of the ``:name`` in it.
    """

    sql: str
    parameters: dict[str, str] = field(default_factory=dict)


def select_history(*, dataset: str = "", table: str = "", batch: str = "", since: str = "", limit: int) -> HistoryQuery:
    """The newest loads that fit all filters.

    Args:
        dataset: Only this dataset; empty for all.
        table: Only this table; empty for all.
        batch: Only this batch; empty for all.
        since: Only loads since this moment, as ``2026-11-20 13:00:00`` in UTC; empty for all.
        limit: Most rows.
    """
    equal = {"dataset": dataset, "table_name": table, "batch_id": batch}
    parameters = {name: value for name, value in equal.items() if value}
    conditions = [f"{identifier(name)} = :{name}" for name in parameters]
    if since:
        parameters["since"] = since
        conditions.append('"loaded_at" >= CAST(:since AS timestamp)')
    where = [f"WHERE {' AND '.join(conditions)}"] if conditions else []
    sql = lines(
        f"SELECT {names(COLUMNS)}",
        f"FROM {AUDIT}",
        *where,
        'ORDER BY "loaded_at" DESC, "batch_id" DESC, "table_name"',
        f"LIMIT {int(limit)}",
    )
    return HistoryQuery(sql, parameters)
