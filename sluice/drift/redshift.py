"""The warehouse's part of a survey: the external schema and who may use it, its columns, and the target tables."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice.backoff import Backoff
from sluice.contract import Contract
from sluice.drift.columns import Wanted, compare_columns, compare_keys
from sluice.drift.difference import Difference, Kind, Layer
from sluice.drift.ports import WarehousePort
from sluice.drift.warehouse import compare_grants, compare_schema, compare_target
from sluice.errors import TransientError
from sluice.lake.catalog_tables import processed_table
from sluice.settings import Settings
from sluice.warehouse.evolution import Change, Evolution, evolution_of, follow, read_views
from sluice.warehouse.fixed import fixed_sql
from sluice.warehouse.parts import users
from sluice.warehouse.quoting import qualified
from sluice.warehouse.target import LiveColumn, Target

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RedshiftSurvey:
    """Compares what Redshift has, and changes it.

    Attributes:
        warehouse: Runs statements.
        settings: Names of schemas.
        backoff: How a step is repeated that the warehouse was too busy for.
    """

    warehouse: WarehousePort
    settings: Settings
    backoff: Backoff = field(default_factory=Backoff)

    def external(self, contract: Contract) -> list[Difference]:
        """The external schema, those who may use it, and the columns of a dataset's tables in it.

        Args:
            contract: The dataset's contract.

        Raises:
            WarehouseError: The warehouse refused a statement.
            WarehouseBusyError: It stayed busy.
        """
        if found := self._schema():
            return found
        return [*compare_grants(self.settings, self._shut_out(contract)), *self._external_tables(contract)]

    def targets(self, contract: Contract, *, apply: bool) -> list[Difference]:
        """The target tables of a dataset; one that is not there yet is made by the first load.

        Args:
            contract: The dataset's contract.
            apply: Whether compatible changes are made, also where another column of the table breaks its contract.

        Raises:
            WarehouseError: The warehouse refused a statement.
            WarehouseBusyError: It stayed busy.
        """
        targets = [Target(contract.dataset, self.settings.warehouse_schema, table) for table in contract.tables]
        return [difference for target in targets for difference in self._target(target, apply=apply)]

    def _target(self, target: Target, *, apply: bool) -> list[Difference]:
        evolution = self._evolution(target)
        found = compare_target(target.table.name, evolution)
        if not apply or not evolution.changes:
            return found
        self._repeat(f"table {target}: follow its contract", lambda: self._follow(target))
        return [item.settled() for item in found]

    def _follow(self, target: Target) -> None:
        follow(lambda: self._evolution(target).changes, lambda change: self._make(target, change))

    def _make(self, target: Target, change: Change) -> None:
        label = f"table {target}: follow its contract"
        logger.info("%s: %s", label, "; ".join(change.statements))
        if change.is_transaction:
            self.warehouse.transaction(change.statements, label=label)
        else:
            self.warehouse.execute(change.statements[0], label=label)

    def _evolution(self, target: Target) -> Evolution:
        name = {"table_schema": target.schema, "table_name": target.table.name}
        rows = self._rows("catalog", "columns", name, f"table {target}: columns")
        live = [LiveColumn.from_catalog(row) for row in rows]
        found = evolution_of(target, live) if live else Evolution((), (), ())
        if not found.replaced:
            return found
        return found.held_by(read_views(self._rows("catalog", "views", name, f"table {target}: views")))

    def _schema(self) -> list[Difference]:
        name = {"schema_name": self.settings.spectrum_schema}
        rows = self._rows("live", "external_schema", name, "look for the external schema")
        return compare_schema(self.settings, [str(database) for (database,) in rows])

    def _shut_out(self, contract: Contract) -> Iterable[str]:
        """Users who may read a table of the dataset and may not use the external schema; Sluice's own may not."""
        own = {user.lower() for user in users(self.settings)}
        sql, schema = fixed_sql("live")["shut_out"], self.settings.warehouse_schema
        there = {str(name) for (name,) in self._rows("live", "tables", {"schema_name": schema}, "look at the tables")}
        return {
            str(user)
            for table in contract.tables
            if table.name in there
            for (user,) in self.warehouse.rows(
                sql,
                {"table_name": qualified(schema, table.name), "schema_name": self.settings.spectrum_schema},
                label=f"who may read {table.name}",
            )
            if str(user).lower() not in own
        }

    def _external_tables(self, contract: Contract) -> list[Difference]:
        name = {"schema_name": self.settings.spectrum_schema}
        rows = self._rows("live", "external_columns", name, "look at the external tables")
        found: dict[str, list[tuple[str, str, bool]]] = {}
        for table, column, kind, key in rows:
            found.setdefault(str(table), []).append((str(column), str(kind), int(key) > 0))
        return [
            difference
            for table in contract.tables
            for difference in _compare_external(
                _wanted(contract, table.name, self.settings), found.get(table.name), self.settings
            )
        ]

    def _rows(self, file: str, name: str, parameters: Mapping[str, str], label: str) -> list[tuple[Any, ...]]:
        return list(self.warehouse.rows(fixed_sql(file)[name], parameters, label=label))

    def _repeat(self, label: str, step: Callable[[], object]) -> None:
        self.backoff.call(lambda _: step(), TransientError, label)


def _wanted(contract: Contract, name: str, settings: Settings) -> Wanted:
    definition = processed_table(contract, contract.table(name), settings.processed)
    keys = tuple(key["Name"] for key in definition["PartitionKeys"])
    return Wanted(name, definition["StorageDescriptor"]["Columns"], keys)


def _compare_external(
    wanted: Wanted, columns: list[tuple[str, str, bool]] | None, settings: Settings
) -> list[Difference]:
    if columns is None:
        fix = f"the catalog has no such table in {settings.processed_database}: deploy"
        return [Difference(Layer.SPECTRUM, wanted.name, "", "", "a table", Kind.BREAKING, fix)]
    plain = {name: kind for name, kind, is_key in columns if not is_key}
    keys = {name: kind for name, kind, is_key in columns if is_key}
    return [*compare_columns(Layer.SPECTRUM, wanted, plain), *compare_keys(Layer.SPECTRUM, wanted, keys)]
