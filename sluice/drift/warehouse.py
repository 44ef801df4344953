"""Tables and schemas of the warehouse against contracts and settings."""

from collections.abc import Iterable, Sequence

from sluice.drift.columns import DECIDE, STAYS
from sluice.drift.difference import Difference, Kind, Layer
from sluice.settings import Settings
from sluice.warehouse.evolution import Evolution

_USAGE = "USAGE"


def compare_target(table: str, evolution: Evolution) -> list[Difference]:
    """What lies between a table and its contract.

    Args:
        table: The table.
        evolution: The comparison; see `sluice.warehouse.evolution`.
    """
    return [
        *(
            Difference(
                Layer.WAREHOUSE, table, change.column, change.have, change.want, Kind.COMPATIBLE,
                "; ".join(change.statements),
            )
            for change in evolution.changes
        ),
        *(
            Difference(
                Layer.WAREHOUSE, table, misfit.column, misfit.have, misfit.want, Kind.BREAKING,
                f"{misfit.why}; {DECIDE}" if misfit.why else DECIDE,
            )
            for misfit in evolution.misfits
        ),
        *(
            Difference(Layer.WAREHOUSE, table, column.name, column.type, "", Kind.NOTE, STAYS)
            for column in evolution.extra
        ),
    ]  # fmt: skip


def compare_schema(settings: Settings, databases: Sequence[str]) -> list[Difference]:
    """Whether the external schema is there and shows the processed database.

    Args:
        settings: Names.
        databases: What the warehouse has of the schema: its catalog database, or nothing.
    """
    name, wanted = settings.spectrum_schema, f"external schema over {settings.processed_database}"
    if not databases:
        return [Difference(Layer.SPECTRUM, name, "", "", wanted, Kind.BREAKING, "deploy: the bootstrap makes it")]
    if databases[0] == settings.processed_database:
        return []
    have = f"external schema over {databases[0]}"
    fix = f"drop schema {name} when nobody needs it, and deploy: the bootstrap makes it"
    return [Difference(Layer.SPECTRUM, name, "", have, wanted, Kind.BREAKING, fix)]


def compare_grants(settings: Settings, readers: Iterable[str]) -> list[Difference]:
    """Whether those who may read the tables may read the published files as well.

    A right is given by people: the statement is told, and not run.

    Args:
        settings: Names.
        readers: Database users who may read a table and may not use the external schema.
    """
    name = settings.spectrum_schema
    return [
        Difference(Layer.SPECTRUM, name, reader, "", _USAGE, Kind.NOTE, f'GRANT USAGE ON SCHEMA "{name}" TO "{reader}"')
        for reader in sorted(set(readers))
    ]
