"""Queries of the published files for Athena: the quarantine, and its share of what was read.

They use only what Athena and its local stand-in both understand. Names come from contracts, whose rules let nothing
else through than lower case letters, digits and underscores; partitions are digits.
"""

# ruff: noqa: S608 - the builders of this module make SQL of names and digits only
from collections.abc import Sequence
from dataclasses import dataclass

from sluice.contract import Contract, Table
from sluice.lake.layout import PARTITION_KEYS, Partition

SAMPLE_COLUMNS = ("number", "partition", "batch_id", "source_file", "kind", "raw_text", "record", "reason")
"""Columns of `quarantine_rows`, in order."""


@dataclass(frozen=True, slots=True)
class Span:
    """Partitions from one to another, both included.

    Attributes:
        first: The first; None for no bound.
        last: The last; None for no bound.
    """

    first: Partition | None = None
    last: Partition | None = None


def quarantine_reasons(contract: Contract, span: Span) -> str:
    """Quarantined records by reason; a record with two reasons counts for both. One row per reason and kind.

    Args:
        contract: The dataset's contract.
        span: Which partitions to look at.
    """
    return _lines(
        _with_quarantine(contract, span),
        'SELECT t.reason, q.kind, COUNT(*) AS records, COUNT(DISTINCT q."partition") AS partitions',
        "FROM q CROSS JOIN UNNEST(q.reasons) AS t(reason)",
        "GROUP BY t.reason, q.kind",
        "ORDER BY records DESC, t.reason, q.kind",
    )


def quarantine_rows(contract: Contract, span: Span, limit: int | None = None) -> str:
    """Quarantined records, one row per record and reason; the rows of one record have the same ``number``.

    Args:
        contract: The dataset's contract.
        span: Which partitions to look at.
        limit: Most records; None for all.
    """
    order = '"partition", source_file, raw_text'
    columns = ", ".join("t.reason" if name == "reason" else f'n."{name}"' for name in SAMPLE_COLUMNS)
    return _lines(
        _with_quarantine(contract, span),
        f"SELECT {columns}",
        f"FROM (SELECT q.*, ROW_NUMBER() OVER (ORDER BY {order}) AS number FROM q) AS n",
        "CROSS JOIN UNNEST(n.reasons) AS t(reason)",
        *([] if limit is None else [f"WHERE n.number <= {int(limit)}"]),
        "ORDER BY n.number, t.reason",
    )


def quarantine_share(contract: Contract, span: Span) -> str:
    """How many records were quarantined and how many rows were published: one row.

    Args:
        contract: The dataset's contract.
        span: Which partitions to look at.
    """
    table = record_table(contract)
    published = _lines("SELECT COUNT(*) AS records", f'FROM "{table.name}"', *partition_predicate(contract, span))
    return _lines(
        _with_quarantine(contract, span),
        f"SELECT '{contract.dataset}' AS dataset, c.records AS quarantined, p.records AS published",
        "FROM (SELECT COUNT(*) AS records FROM q) AS c",
        f"CROSS JOIN ({published}) AS p",
    )


def record_table(contract: Contract) -> Table:
    """The table whose rows are the records; of a dataset that has none, its first."""
    return next((table for table in contract.tables if table.explode is None), contract.tables[0])


def _with_quarantine(contract: Contract, span: Span) -> str:
    """The beginning of a query in which ``q`` is the quarantine; a partition shows one batch at any moment."""
    return _lines(
        "WITH q AS (",
        f'SELECT {_label(contract)} AS "partition", batch_id, source_file, kind, reasons, raw_text, record',
        f'FROM "{contract.quarantine_table}"',
        *partition_predicate(contract, span),
        ")",
    )


def partition_keys(contract: Contract) -> Sequence[str]:
    """Names of the partition keys of a dataset's tables."""
    return PARTITION_KEYS if contract.layout.is_hourly else PARTITION_KEYS[:-1]


def _label(contract: Contract) -> str:
    """The partition's label, made of its keys."""
    day = '"year" || \'-\' || "month" || \'-\' || "day"'
    return f"{day} || 'T' || \"hour\"" if contract.layout.is_hourly else day


def partition_predicate(contract: Contract, span: Span) -> tuple[str, ...]:
    """The WHERE of a span, over partition keys alone so that no file of another partition is read; none for all.

    Args:
        contract: The dataset's contract.
        span: Which partitions to look at.
    """
    conditions = []
    for operator, partition in ((">=", span.first), ("<=", span.last)):
        if partition is not None:
            conditions.append(f"\"year\" {operator} '{partition.values[0]}'")
            conditions.append(f"{_label(contract)} {operator} '{_bound(contract, operator, partition)}'")
    return (f"WHERE {' AND '.join(conditions)}",) if conditions else ()


def _bound(contract: Contract, operator: str, partition: Partition) -> str:
    """The label to compare with: a day stands for all of its hours, and an hour of a daily dataset for its day."""
    if not contract.layout.is_hourly:
        return "-".join(partition.values[:3])
    if partition.is_hourly:
        return partition.label
    return f"{partition.label}T{'00' if operator == '>=' else '23'}"


def _lines(*parts: str) -> str:
    return "\n".join(parts)
