"""The procedures that keep aggregates, in Redshift's PL/pgSQL, and how they are called.

What a procedure counts: of each row of the facts that the target has under one of the days, the newest version among
the published files of the day on which the target's row arrived. What it reads is told by literal predicates on the
partition columns, because Redshift Spectrum prunes partitions by literals; so the cost follows the rows of those days
and not the history.

Source: https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-create.html,
https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-external-performance.html and
https://docs.aws.amazon.com/redshift/latest/dg/r_LISTAGG.html
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sluice.contract.model import BATCH_ID, Table
from sluice.settings import Settings
from sluice.warehouse.affected import day, partition_of
from sluice.warehouse.aggregate import BUSINESS_DATE, Aggregate, Link, Plan, aggregate_of, own_names
from sluice.warehouse.fixed import filled, fixed_sql
from sluice.warehouse.quoting import OWN_SCHEMA, identifier, lines, literal, names, qualified
from sluice.warehouse.target import Target

_CURRENT = identifier("_current")
_PUBLISHED = identifier("_published")
_RANKED = identifier("_ranked")
_RANK = identifier("_rank")
_ARRIVED = identifier("_arrived")
_DATE = identifier(BUSINESS_DATE)
_ARRIVED_DIGITS = 8
MAX_DATES = 200
"""Most days of one call."""


@dataclass(frozen=True)
class Schemas:
    """Where things are in the warehouse.

    Attributes:
        published: External schema of the published files.
        aggregates: Schema of the aggregates and their procedures.
    """

    published: str
    aggregates: str

    @classmethod
    def from_settings(cls, settings: Settings) -> "Schemas":
        """The schemas that the settings name."""
        return cls(settings.spectrum_schema, settings.aggregate_schema)


@dataclass(frozen=True)
class _Source:
    """One table that a procedure reads.

    Attributes:
        target: The table.
        name: What the temporary tables are called after.
        columns: What is taken of it.
        carried: Definition of a column that goes from the current rows to the newest versions, or nothing.
        fill_current: The statement that notes the current rows, in PL/pgSQL.
    """

    target: Target
    name: str
    columns: Sequence[str]
    carried: str
    fill_current: str

    @property
    def current(self) -> str:
        """Temporary table of the rows that count."""
        return identifier(f"_current_{self.name}")

    @property
    def newest(self) -> str:
        """Temporary table of their newest versions."""
        return identifier(f"_newest_{self.name}")


def create_aggregate(plan: Plan, schemas: Schemas) -> tuple[str, ...]:
    """The statements that make an aggregate's table, its guard and its procedure, or make the procedure again."""
    aggregate = plan.aggregate
    return (
        filled(aggregate.table_sql, {"aggregate": qualified(schemas.aggregates, aggregate.name)}),
        filled(fixed_sql("refresh")["create_guard"], {"guard": guard_name(aggregate)}),
        _procedure(plan, schemas),
    )


def call_refresh(aggregate: Aggregate, schemas: Schemas) -> str:
    """The statement that refreshes an aggregate; it takes ``dates``, ISO dates with commas between them."""
    return f"CALL {procedure_name(aggregate, schemas)}(:dates)"


def procedure_name(aggregate: Aggregate, schemas: Schemas) -> str:
    """Name of the procedure with its schema."""
    return qualified(schemas.aggregates, own_names(aggregate)[0])


def guard_name(aggregate: Aggregate) -> str:
    """Name of the table that its refreshes lock, with its schema."""
    return qualified(OWN_SCHEMA, own_names(aggregate)[1])


def _procedure(plan: Plan, schemas: Schemas) -> str:
    aggregate = plan.aggregate
    facts = _facts(plan)
    dimensions = {link.dimension.table: _dimension(link, facts) for link in plan.links}
    sources = [_read(source, schemas) for source in (facts, *dimensions.values())]
    read = {"facts": facts.newest, **{name: source.newest for name, source in dimensions.items()}}
    return filled(
        fixed_sql("refresh")["procedure"],
        {
            "procedure": procedure_name(aggregate, schemas),
            "guard": guard_name(aggregate),
            "aggregate": qualified(schemas.aggregates, aggregate.name),
            "aggregate_name": aggregate.name,
            "sources": "\n".join(f"    {source};" for source in sources),
            "rows": filled(aggregate.rows_sql, read),
        },
    )


def _facts(plan: Plan) -> _Source:
    """The facts of the wanted days; the text of the days is known only when the procedure runs."""
    column = day(identifier(plan.date_column))
    rows = _rows(plan.facts, plan.facts.table.primary_key, column)
    before = literal(f"INSERT INTO {identifier('_current_facts')} {rows} WHERE {column} IN (")
    return _Source(plan.facts, "facts", plan.fact_columns, f"{_DATE} date", f"EXECUTE {before} || _wanted || ')'")


def _dimension(link: Link, facts: _Source) -> _Source:
    """The rows that the facts refer to."""
    name, key = link.dimension.table, link.dimension.key
    rows = _rows(link.target, (key,))
    wanted = f"{identifier(key)} IN (SELECT {identifier(key)} FROM {facts.newest})"
    fill = f"INSERT INTO {identifier(f'_current_{name}')} {rows} WHERE {wanted}"
    return _Source(link.target, name, (key, *link.dimension.columns), "", fill)


def _rows(target: Target, key: Iterable[str], *carried: str) -> str:
    """The query of the rows that the target has, and of the day on which each arrived."""
    arrived = f"SUBSTRING({partition_of(identifier(BATCH_ID))}, 1, {_ARRIVED_DIGITS})"
    return f"SELECT {', '.join([names(key), *carried, arrived])} FROM {target.sql}"


def _read(source: _Source, schemas: Schemas) -> str:
    """The part of the procedure that reads one table."""
    table = source.target.table
    carried = [source.carried] if source.carried else []
    arrived = f"{_ARRIVED} varchar({_ARRIVED_DIGITS})"
    before, after = _insert_newest(source, schemas)
    return filled(
        fixed_sql("refresh")["source"],
        {
            "current": source.current,
            "current_columns": ", ".join([*_typed(table, table.primary_key), *carried, arrived]),
            "fill_current": source.fill_current,
            "newest": source.newest,
            "newest_columns": ", ".join([*carried, *_typed(table, source.columns)]),
            "before_days": literal(before),
            "after_days": literal(after),
        },
    )


def _typed(table: Table, columns: Iterable[str]) -> list[str]:
    return [f"{identifier(name)} {table.column(name).sql_type.redshift}" for name in columns]


def _insert_newest(source: _Source, schemas: Schemas) -> tuple[str, str]:
    """The statement that takes the newest versions: what stands before the predicate of the partitions and after it.

    Only versions of the day on which the current row arrived take part, so that what is found for a row depends on that
    row alone and not on what else is looked for.
    """
    table = source.target.table
    newest_first = ", ".join(
        f"{_PUBLISHED}.{identifier(name)} DESC NULLS LAST" for name in dict.fromkeys((*table.order_by, BATCH_ID))
    )
    same_key = [f"{_PUBLISHED}.{identifier(name)} = {_CURRENT}.{identifier(name)}" for name in table.primary_key]
    arrived = f'{_PUBLISHED}."year" || {_PUBLISHED}."month" || {_PUBLISHED}."day" = {_CURRENT}.{_ARRIVED}'
    carried = [f"{_CURRENT}.{_DATE}"] if source.carried else []
    taken = [*([_DATE] if source.carried else []), *map(identifier, source.columns)]
    before = lines(
        f"INSERT INTO {source.newest} ({', '.join(taken)})",
        f"SELECT {', '.join(taken)}",
        "FROM (",
        f"SELECT {', '.join([*carried, names(source.columns, _PUBLISHED)])},",
        f"ROW_NUMBER() OVER (PARTITION BY {names(table.primary_key, _PUBLISHED)} ORDER BY {newest_first}) AS {_RANK}",
        f"FROM {qualified(schemas.published, table.name)} AS {_PUBLISHED}",
        f"INNER JOIN {source.current} AS {_CURRENT} ON {' AND '.join([*same_key, arrived])}",
        "WHERE ",
    )
    after = lines("", f") AS {_RANKED}", f"WHERE {_RANK} = 1")
    return before, after


def refresh_statement(settings: Settings, aggregate: str, dates: Sequence[str]) -> dict[str, object]:
    """What the state machine's task ``aws-sdk:redshiftdata:executeStatement`` is given to refresh an aggregate.

    Names are written as Step Functions wants them, with a large first letter everywhere.

    Args:
        settings: Where the warehouse is.
        aggregate: Name of the aggregate.
        dates: ISO dates; at least one, because the Data API takes no empty text.

    Raises:
        AggregateError: There is no such aggregate.
        ValueError: There is no date, or the settings name no warehouse.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html (PascalCase)
    """
    if not dates:
        raise ValueError(f"aggregate {aggregate}: there is no date to refresh")
    sql = call_refresh(aggregate_of(aggregate), Schemas.from_settings(settings))
    return {
        "Sql": sql,
        "Parameters": [{"Name": "dates", "Value": ",".join(dates)}],
        "StatementName": f"refresh {aggregate}",
        **_address(settings),
    }


def refresh_statements(settings: Settings, refresh: Mapping[str, Sequence[str]]) -> list[dict[str, object]]:
    """The statements that bring aggregates up to date, at most `MAX_DATES` days each.

    Args:
        settings: Where the warehouse is.
        refresh: The days by aggregate, as `LoadOutcome.refresh` has them.
    """
    return [
        refresh_statement(settings, aggregate, dates[start : start + MAX_DATES])
        for aggregate, dates in sorted(refresh.items())
        for start in range(0, len(dates), MAX_DATES)
    ]


def _address(settings: Settings) -> dict[str, object]:
    """Where a statement runs; a cluster goes before a workgroup."""
    if not settings.warehouse_cluster and not settings.warehouse_workgroup:
        raise ValueError("neither warehouse_workgroup nor warehouse_cluster is set")
    place = (
        {"ClusterIdentifier": settings.warehouse_cluster}
        if settings.warehouse_cluster
        else {"WorkgroupName": settings.warehouse_workgroup}
    )
    secret = {"SecretArn": settings.warehouse_secret} if settings.warehouse_secret else {}
    return {"Database": settings.warehouse_database, **place, **secret}
