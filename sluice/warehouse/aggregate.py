"""Aggregates: one ``.sql`` file each, which says what it is made of, what its table is, and how its rows come about."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from sluice.contract.model import Contract
from sluice.errors import AggregateError
from sluice.warehouse.fixed import blocks, places
from sluice.warehouse.target import Target

BUSINESS_DATE = "business_date"
"""Column of every aggregate, and of the facts that it is made of: the day of business."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_LINE = re.compile(r"^-- (\w+): *(.*?) *$", re.MULTILINE)
_FACTS = re.compile(r"(\w+) \(([\w, ]+)\)")
_DIMENSION = re.compile(r"(\w+) on (\w+) \(([\w, ]+)\)")
_FACTS_FORM = "'-- facts: table (columns)'"
_DIMENSION_FORM = "'-- dimension: table on key (columns)'"
_BLOCKS = {"table", "rows"}


@dataclass(frozen=True)
class Dimension:
    """A table that facts refer to.

    Attributes:
        table: Name of the table.
        key: Column by which they do; the primary key there.
        columns: The columns that the aggregate takes from it.
    """

    table: str
    key: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Aggregate:
    """What the file of an aggregate says.

    Attributes:
        name: Name of the aggregate's table.
        facts: The table whose rows are aggregated.
        columns: The columns that the aggregate takes from it, beside its business date.
        dimensions: The tables that the facts refer to.
        table_sql: The statement that makes the table, with ``{{aggregate}}`` for its name.
        rows_sql: The query of its rows, with ``{{facts}}`` and the names of the dimensions for what it reads.
    """

    name: str
    facts: str
    columns: tuple[str, ...]
    dimensions: tuple[Dimension, ...]
    table_sql: str
    rows_sql: str

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of all tables that it reads."""
        return (self.facts, *(dimension.table for dimension in self.dimensions))


@dataclass(frozen=True)
class Link:
    """A dimension of an aggregate, and the contract of its table.

    Attributes:
        dimension: What the aggregate's file says of it.
        target: Its table in the warehouse.
    """

    dimension: Dimension
    target: Target


@dataclass(frozen=True)
class Plan:
    """An aggregate, and the contracts of the tables that it reads.

    Attributes:
        aggregate: The aggregate.
        facts: The table of its facts in the warehouse.
        date_column: The business date of the facts.
        links: Its dimensions.
    """

    aggregate: Aggregate
    facts: Target
    date_column: str
    links: tuple[Link, ...]

    @property
    def fact_columns(self) -> tuple[str, ...]:
        """What is read of the facts: what the aggregate takes, and what refers to its dimensions."""
        keys = (link.dimension.key for link in self.links)
        return tuple(dict.fromkeys((*self.aggregate.columns, *keys)))


def parse_aggregate(name: str, text: str) -> Aggregate:
    """Read the file of an aggregate.

    Before its blocks stand ``-- facts: table (columns)`` and any number of ``-- dimension: table on key (columns)``.
    The blocks are ``table`` and ``rows``.

    Args:
        name: Name of the file without its suffix; the name of the aggregate.
        text: What is in it.

    Raises:
        AggregateError: It is not formed so; the message names the file and the rule.
    """
    if not _NAME.fullmatch(name):
        raise _refusal(name, "the name must be lower case letters, digits and underscores, beginning with a letter")
    try:
        head, found = blocks(text)
    except ValueError as exc:
        raise _refusal(name, str(exc)) from exc
    if found.keys() != _BLOCKS or not all(found.values()):
        raise _refusal(name, f"it must have the blocks {_listed(_BLOCKS)}, and has {_listed(found) or 'none'}")
    facts, dimensions = _sources(name, head)
    aggregate = Aggregate(name, *facts, dimensions, found["table"], found["rows"])
    _check_places(aggregate)
    return aggregate


def _sources(name: str, head: str) -> tuple[tuple[str, tuple[str, ...]], tuple[Dimension, ...]]:
    facts: list[tuple[str, tuple[str, ...]]] = []
    dimensions: list[Dimension] = []
    for kind, said in _LINE.findall(head):
        if kind == "facts" and (match := _FACTS.fullmatch(said)):
            facts.append((match[1], _columns(match[2])))
        elif kind == "dimension" and (match := _DIMENSION.fullmatch(said)):
            dimensions.append(Dimension(match[1], match[2], _columns(match[3])))
        else:
            raise _refusal(name, f"'-- {kind}: {said}' is neither {_FACTS_FORM} nor {_DIMENSION_FORM}")
    if len(facts) != 1:
        raise _refusal(name, f"there must be one line {_FACTS_FORM}, and there are {len(facts)}")
    tables = [facts[0][0], *(dimension.table for dimension in dimensions)]
    if len(set(tables)) < len(tables):
        raise _refusal(name, "a table is named twice")
    if any(dimension.table == "facts" for dimension in dimensions):
        raise _refusal(name, "a dimension cannot be called facts")
    return facts[0], tuple(dimensions)


def _columns(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _check_places(aggregate: Aggregate) -> None:
    wanted = {
        "table": {"aggregate"},
        "rows": {"facts", *(dimension.table for dimension in aggregate.dimensions)},
    }
    for block, text in (("table", aggregate.table_sql), ("rows", aggregate.rows_sql)):
        if places(text) != wanted[block]:
            names = _listed(f"{{{{{name}}}}}" for name in wanted[block])
            raise _refusal(aggregate.name, f"block {block} must have {names} and nothing else in such braces")
        if "$$" in text or ";" in text:
            raise _refusal(aggregate.name, f"block {block} must be one statement without '$$'")
    if not re.search(rf"\b{BUSINESS_DATE} date\b", aggregate.table_sql):
        raise _refusal(aggregate.name, f"block table must have the column '{BUSINESS_DATE} date'")


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts))


def _refusal(name: str, rule: str) -> AggregateError:
    return AggregateError(f"aggregate {name}: {rule}")


def read_aggregates(folder: Traversable) -> dict[str, Aggregate]:
    """The aggregates of a folder, by name.

    Raises:
        AggregateError: A file is malformed.
    """
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    names = ((file.name.removesuffix(".sql"), file) for file in files)
    return {name: parse_aggregate(name, file.read_text(encoding="utf-8")) for name, file in names}


_FOLDERS: list[Path] = []


def use_folder(folder: Path | None) -> None:
    """Take the aggregates from a folder instead of those that this copy of Sluice carries.

    Args:
        folder: The folder; None for those that it carries.

    Side Effects:
        Holds for the whole process.
    """
    _FOLDERS[:] = [] if folder is None else [folder]
    aggregates.cache_clear()


def own_folder() -> Path | None:
    """The folder that `use_folder` named; None when it named none."""
    return _FOLDERS[0] if _FOLDERS else None


@cache
def aggregates() -> Mapping[str, Aggregate]:
    """The aggregates, by name.

    Raises:
        AggregateError: A file is malformed.
    """
    return read_aggregates(own_folder() or resources.files("sluice.warehouse").joinpath("aggregates"))


def aggregate_of(name: str) -> Aggregate:
    """The aggregate of that name.

    Raises:
        AggregateError: This version has none.
    """
    found = aggregates().get(name)
    if found is None:
        raise AggregateError(f"there is no aggregate {name!r} (known: {', '.join(sorted(aggregates()))})")
    return found


def plans(
    contracts: Mapping[str, Contract], schema: str, found: Mapping[str, Aggregate] | None = None
) -> tuple[Plan, ...]:
    """The aggregates that can be made of what these contracts publish, sorted by name.

    An aggregate of a table that no contract publishes is left out: it belongs to a dataset that is not there.

    Args:
        contracts: The contracts by dataset.
        schema: Schema of the target tables.
        found: The aggregates; those of this version when not given.

    Raises:
        AggregateError: An aggregate does not go with the contract of a table that it reads.
    """
    targets = {
        table.name: Target(contract.dataset, schema, table)
        for contract in contracts.values()
        for table in contract.tables
    }
    known = aggregates() if found is None else found
    return tuple(
        _plan(aggregate, targets)
        for _, aggregate in sorted(known.items())
        if all(table in targets for table in aggregate.tables)
    )


def _plan(aggregate: Aggregate, targets: Mapping[str, Target]) -> Plan:
    facts = targets[aggregate.facts]
    date_column = facts.table.business_date
    if date_column is None:
        raise _refusal(aggregate.name, f"the contract of its facts, {facts.table.name}, has no business_date")
    links = tuple(Link(dimension, targets[dimension.table]) for dimension in aggregate.dimensions)
    plan = Plan(aggregate, facts, date_column, links)
    for problem in _problems(plan):
        raise _refusal(aggregate.name, problem)
    return plan


def _problems(plan: Plan) -> Iterator[str]:
    reads = [(plan.facts, plan.fact_columns), *((link.target, link.dimension.columns) for link in plan.links)]
    for target, columns in reads:
        if target.table.load != "upsert":
            yield f"table {target.table.name} has load mode {target.table.load}; only upsert tells versions of a row"
        for column in columns:
            if column not in target.table.column_names:
                yield f"table {target.table.name} has no column {column}"
            if column == BUSINESS_DATE:
                yield f"column {column} is always there and cannot be asked for"
    if BUSINESS_DATE in plan.facts.table.primary_key:
        yield f"column {BUSINESS_DATE} of table {plan.facts.table.name} is part of its primary key"
    for link in plan.links:
        name, key = link.target.table.name, link.dimension.key
        if link.target.table.primary_key != (key,):
            yield f"{key} is not the primary key of table {name}"
        if key in link.dimension.columns:
            yield f"column {key} of table {name} is always there and cannot be asked for"


def own_names(aggregate: Aggregate) -> tuple[str, str]:
    """Names of the aggregate's procedure and of its guard table, without their schemas."""
    return f"refresh_{aggregate.name}", f"guard_{aggregate.name}"
