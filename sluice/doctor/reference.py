"""The health queries as text: for one's own contracts, and in ``docs/operations.md``.

The page is written by ``python -m sluice.doctor.reference``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sluice.analysis.quarantine import Span, quarantine_reasons, quarantine_share
from sluice.contract import Contract
from sluice.contract.files import read_contract
from sluice.lake.layout import Partition
from sluice.settings import Settings
from sluice.warehouse.health import bad_keys, freshness, rows_per_load

REFERENCE_FILE: Final = Path("docs/operations.md")
EXAMPLE_CONTRACT: Final = Path("contracts/orders.yaml")
_EXAMPLE_DAY: Final = Partition(datetime(2026, 11, 20, tzinfo=UTC), is_hourly=False)
_MARK: Final = "<!-- What follows is made by `python -m sluice.doctor.reference`. -->\n"


@dataclass(frozen=True, slots=True)
class HealthQuery:
    """One query that tells something of the data's health.

    Attributes:
        title: What it tells.
        engine: Where it runs: ``redshift`` or ``athena``, as `sluice query` names them.
        meaning: What its answer should be.
        sql: The statement.
    """

    title: str
    engine: str
    meaning: str
    sql: str


def health_queries(contracts: Mapping[str, Contract], settings: Settings, since: Partition) -> Iterator[HealthQuery]:
    """The queries for these contracts.

    Args:
        contracts: The contracts by dataset.
        settings: Names of schemas.
        since: From which partition on the quarantine is looked at.
    """
    yield HealthQuery("Freshness", "redshift", "One row per dataset; `minutes_ago` stays small.", freshness())
    meaning = "One row per batch and table of the last day; `unaccounted` is 0."
    yield HealthQuery("Rows of each load", "redshift", meaning, rows_per_load())
    for contract in contracts.values():
        for table in contract.tables:
            sql = bad_keys(settings.warehouse_schema, table)
            if sql is not None:
                yield HealthQuery(f"Keys of `{table.name}`", "redshift", "Both numbers are 0.", sql)
    span = Span(first=since)
    for contract in contracts.values():
        share = f"`quarantined` is at most {contract.max_rejected_ratio:g} of both together; change the date."
        title = f"Quarantine of `{contract.dataset}`"
        yield HealthQuery(f"{title}: its share", "athena", share, quarantine_share(contract, span))
        reasons = "The most frequent reason first; a record with two reasons counts for both."
        yield HealthQuery(f"{title}: its reasons", "athena", reasons, quarantine_reasons(contract, span))


def with_reference(page: str, contract: Contract) -> str:
    """A page whose part after the mark is the health queries of one contract, the same for the same code.

    Raises:
        ValueError: The page has no mark.
    """
    prose, mark, _ = page.partition(_MARK)
    if not mark:
        raise ValueError(f"the page has no line {_MARK!r}")
    queries = health_queries({contract.dataset: contract}, Settings(), _EXAMPLE_DAY)
    return prose + mark + "".join(map(_section, queries))


def _section(query: HealthQuery) -> str:
    return f"\n### {query.title}\n\nIn `sluice query {query.engine}`. {query.meaning}\n\n```sql\n{query.sql};\n```\n"


if __name__ == "__main__":
    current = REFERENCE_FILE.read_text(encoding="utf-8")
    REFERENCE_FILE.write_text(with_reference(current, read_contract(EXAMPLE_CONTRACT)), encoding="utf-8")
