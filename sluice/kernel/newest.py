"""Which of several versions of a row is the newest, and the order of rows in a file."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from sluice.contract import SOURCE_FILE, Table
from sluice.kernel.arrow import Array, pc, plain


def by_source(rows: pa.Table, column: str = SOURCE_FILE) -> Counter[str]:
    """How many rows came from each source file."""
    counted = pc.value_counts(rows[column].combine_chunks()) if rows.num_rows else []
    return Counter({str(item["values"]): item["counts"].as_py() for item in counted})


def keys(table: Table, rows: pa.Table) -> pa.Table:
    """The key of each row as it is compared.

    Redshift does not tell texts apart by blanks at their ends, so rows that differ by them alone are versions of one.
    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html (significance of trailing blanks)
    """
    found = {
        name: pc.utf8_rtrim(rows[name], " ") if table.column(name).sql_type.is_text else rows[name]
        for name in table.primary_key
    }
    return pa.table(found)


def newest(table: Table, rows: pa.Table) -> tuple[pa.Table, Counter[str]]:
    """The newest version of each row, ordered by the key, and how many others there are by source file.

    The largest `order_by` is the newest. Ties are broken by content, so that the result does not depend on the order in
    which rows come: the larger name of the source file wins, then the larger value of the other columns, in their
    order; null is smaller than any value.

    Args:
        table: The contract's table, which has a primary key.
        rows: Its rows, without chunks.
    """
    key = keys(table, rows)
    order = pc.sort_indices(key, sort_keys=[(name, "ascending") for name in table.primary_key])
    repeats = _repeats(key.take(order))
    if not pc.any(repeats).as_py():
        return rows.take(order), Counter()
    beside = pc.or_(repeats, pa.concat_arrays([repeats[1:], pa.array([False])]))
    versions = rows.take(order.filter(beside))
    ranked = versions.take(_rank(table, versions))
    is_old = _repeats(keys(table, ranked))
    best = pa.concat_tables([rows.take(order.filter(pc.invert(beside))), ranked.filter(pc.invert(is_old))])
    return in_order(best.combine_chunks(), table.primary_key), by_source(ranked.filter(is_old))


def _rank(table: Table, versions: pa.Table) -> Array:
    """The order of versions: by key, the newest first."""
    key = keys(table, versions).rename_columns([f"key {name}" for name in table.primary_key])
    others = [name for name in table.column_names if name not in table.order_by]
    ranks = plain(versions.select([*table.order_by, SOURCE_FILE, *others]))
    combined = pa.table({**_columns(key), **_columns(ranks)})
    sort_keys = [(name, "ascending") for name in key.column_names] + [
        (name, "descending") for name in ranks.column_names
    ]
    return pc.sort_indices(combined, sort_keys=sort_keys)


def _columns(rows: pa.Table) -> dict[str, Array]:
    return dict(zip(rows.column_names, rows.columns, strict=True))


def _repeats(ordered: pa.Table) -> Array:
    """For each row whether its key is that of the row before."""
    rows = ordered.num_rows
    if rows < 2:
        return pa.array([False] * rows, pa.bool_())
    same: Any = True
    for column in ordered.columns:
        values = column.combine_chunks()
        equal = pc.equal(values[1:], values[:-1])
        same = equal if same is True else pc.and_(same, equal)
    return pa.concat_arrays([pa.array([False]), same])


def in_order(rows: pa.Table, names: Iterable[str]) -> pa.Table:
    """Rows ordered by columns, null first."""
    by: dict[str, Any] = {}
    for name in names:
        if rows[name].null_count:
            # Arrow puts null last; how to ask for the other differs between its versions.
            by[f"has {name}"] = rows[name].is_valid()
        by[name] = rows[name]
    if not by or rows.num_rows < 2:
        return rows
    return rows.take(pc.sort_indices(pa.table(by), sort_keys=[(name, "ascending") for name in by]))
