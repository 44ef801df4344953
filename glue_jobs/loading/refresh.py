"""What must be brought up to date after a load: which aggregates, and for which days.

All of it is asked from the warehouse, so a run that finds its batches loaded by an earlier one gives the same answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

from glue_jobs.loading.context import LoadContext
from sluice.contract.model import Contract
from sluice.warehouse.affected import select_dates, select_referring
from sluice.warehouse.aggregate import Link, Plan
from sluice.warehouse.fixed import fixed_sql
from sluice.warehouse.target import Target

Rows: TypeAlias = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Refresh:
    """Finds the days that batches of one dataset affect.

    Attributes:
        context: Doors of the run.
        contract: The contract of the dataset.
        plans: The aggregates of all datasets.
    """

    context: LoadContext
    contract: Contract
    plans: tuple[Plan, ...]
    _answers: dict[tuple[object, ...], Rows] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, batch_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The days, as ISO dates in order, by aggregate; an aggregate that nothing changes in is left out.

        Args:
            batch_ids: Batches that are loaded, in all their tables.
        """
        self._answers.clear()
        listed = sorted(batch_ids)
        if not listed:
            return {}
        own = {table.name for table in self.contract.tables}
        found = {
            plan.aggregate.name: self._days_of_facts(plan, own, listed) | self._days_of_links(plan, own, listed)
            for plan in self.plans
        }
        return {name: tuple(sorted(day.isoformat() for day in days)) for name, days in found.items() if days}

    def _days_of_facts(self, plan: Plan, own: set[str], batch_ids: list[str]) -> set[date]:
        if plan.facts.table.name not in own:
            return set()
        label = f"table {plan.facts}: affected dates"
        return self._days(select_dates(plan.facts, batch_ids), label)

    def _days_of_links(self, plan: Plan, own: set[str], batch_ids: list[str]) -> set[date]:
        links = (link for link in plan.links if link.target.table.name in own)
        return set().union(*(self._days_of_link(plan, link, batch_ids) for link in links))

    def _days_of_link(self, plan: Plan, link: Link, batch_ids: list[str]) -> set[date]:
        if not {plan.date_column, link.dimension.key} <= self._live_columns(plan.facts):
            return set()
        queries = select_referring(plan.facts, plan.date_column, link.target, link.dimension.key, batch_ids)
        return self._days(queries, f"table {plan.facts}: dates that refer to {link.target}")

    def _live_columns(self, target: Target) -> set[str]:
        """What a table has; the facts may never have been loaded, or not since their contract changed."""
        sql = fixed_sql("catalog")["columns"]
        return {str(name) for name, *_ in self._ask(sql, f"table {target}: columns", _name_of(target))}

    def _days(self, queries: Iterable[str], label: str) -> set[date]:
        return {day for sql in queries for (day,) in self._ask(sql, label, {})}

    def _ask(self, sql: str, label: str, parameters: Mapping[str, str]) -> Rows:
        """The rows of a query, which is run once: several aggregates are made of the same tables."""
        question = (sql, *sorted(parameters.items()))
        if question not in self._answers:
            self._answers[question] = self.context.warehouse.rows(sql, parameters, label=label)
        return self._answers[question]


def _name_of(target: Target) -> dict[str, str]:
    return {"table_schema": target.schema, "table_name": target.table.name}
