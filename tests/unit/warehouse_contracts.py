"""Targets to try the SQL builders on: every load mode and type, one to five keys, reserved words as names."""

from collections.abc import Iterator
from itertools import product

from sluice.contract.model import Column, LoadMode, RedshiftHints, Table
from sluice.warehouse.target import Target

TYPES = (
    "smallint", "integer", "bigint", "decimal(38,10)", "decimal(18,0)", "real", "double precision", "boolean",
    "char(3)", "varchar(65535)", "date", "timestamp",
)  # fmt: skip
# Words that Redshift reserves, beside ones that mean something in the statements themselves.
RESERVED = (
    "select", "order", "table", "group", "from", "user", "timestamp", "partition", "default", "end", "analyse", "all",
    "tag", "offset", "when", "rows", "batch_id", "sluice", "load_audit",
)  # fmt: skip
MODES: tuple[LoadMode, ...] = ("upsert", "append", "full_refresh")
HINTS = (
    RedshiftHints(),
    RedshiftHints("even"),
    RedshiftHints("all", sort_key=("select",)),
    RedshiftHints("key", dist_key="select", sort_key=("order", "select")),
)


def targets() -> Iterator[Target]:
    """Targets of every mode with every number of keys; the hints take turns, because they touch other statements."""
    for index, (mode, keys) in enumerate(product(MODES, range(1, 6))):
        name = RESERVED[index % len(RESERVED)]
        yield Target("dataset", ("public", "analytics")[index % 2], table(name, mode, keys, HINTS[index % len(HINTS)]))


def table(name: str, mode: LoadMode, keys: int, hints: RedshiftHints) -> Table:
    columns = tuple(
        Column(column, TYPES[place % len(TYPES)], encode=("zstd", "AUTO", None)[place % 3])
        for place, column in enumerate(RESERVED)
    )
    return Table(
        name,
        columns,
        primary_key=RESERVED[:keys],
        order_by=RESERVED[10 : 10 + max(1, keys - 2)],
        load=mode,
        redshift=hints,
        business_date=(None, RESERVED[10], RESERVED[11])[keys % 3],  # a date and a timestamp
    )
