"""How a target follows its contract: columns come, ``varchar`` and ``decimal`` grow, and nothing is ever dropped.

Redshift alters the size of ``VARCHAR`` columns only, and not inside a transaction block. A decimal grows by a new
column: in one transaction the table is locked, the old column gets a name that tells its type, and a new one is added
under its name and filled. The old one stays, so that whoever still needs it can find it. Other changes of a table may
stand in a transaction: they lock it until its end.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html and
https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sluice.contract.sqltype import SqlType
from sluice.errors import WarehouseAheadError, WarehouseError
from sluice.warehouse.quoting import MAX_IDENTIFIER_BYTES, identifier
from sluice.warehouse.target import LiveColumn, Target, add_column

_FIXED_ENCODINGS = {"bytedict", "runlength", "text255", "text32k"}
ANOTHER_COLUMN = "any other change of a type needs a new column or a new table"


@dataclass(frozen=True)
class Change:
    """One change that brings a column up to its contract.

    Attributes:
        column: The column.
        have: Its type in the warehouse; empty when the table lacks it.
        want: Its type in the contract.
        statements: One statement, which must run alone, or several, which are one transaction.
    """

    column: str
    have: str
    want: str
    statements: tuple[str, ...]

    @property
    def is_transaction(self) -> bool:
        """Whether the statements go together."""
        return len(self.statements) > 1


@dataclass(frozen=True)
class Misfit:
    """A column whose type cannot become the contract's.

    Attributes:
        column: The column.
        have: Its type in the warehouse.
        want: Its type in the contract.
        why: The reason, where it is not the types themselves; otherwise empty.
        is_ahead: Whether the warehouse's type holds all values of the contract's, and more.
    """

    column: str
    have: str
    want: str
    why: str = ""
    is_ahead: bool = False

    def __str__(self) -> str:
        reason = f" ({self.why})" if self.why else ""
        return f"column {self.column} is {self.have} in the warehouse and {self.want} in the contract{reason}"


@dataclass(frozen=True)
class Evolution:
    """What lies between a table of the warehouse and its contract.

    Attributes:
        changes: What can be done, in the order of the contract's columns.
        misfits: What cannot.
        extra: Columns that the contract does not have; they stay.
    """

    changes: tuple[Change, ...]
    misfits: tuple[Misfit, ...]
    extra: tuple[LiveColumn, ...]

    @property
    def replaced(self) -> tuple[str, ...]:
        """The columns whose place a new one takes under the same name."""
        return tuple(change.column for change in self.changes if change.is_transaction)

    def held_by(self, views: Mapping[str, Collection[str]]) -> "Evolution":
        """What is left when no column is taken from under a view.

        A view knows its columns by their place and not by their name: when another column takes the name, the view goes
        on showing the old one, which nothing fills any more.

        Args:
            views: Views by the column that they show.
        """
        held = [change for change in self.changes if change.is_transaction and views.get(change.column)]
        misfits = [Misfit(it.column, it.have, it.want, _why_held(views[it.column])) for it in held]
        return replace(
            self,
            changes=tuple(change for change in self.changes if change not in held),
            misfits=(*self.misfits, *misfits),
        )


def evolution_of(target: Target, live: Iterable[LiveColumn]) -> Evolution:
    """Compare a table with its contract.

    Args:
        target: The table and its contract.
        live: Its columns in the warehouse.
    """
    existing = {column.name: column for column in live}
    steps = list(_steps(target, existing))
    kept = {kept_name(name, kind) for name in target.columns for kind in _widenable(existing)}
    return Evolution(
        tuple(step for step in steps if isinstance(step, Change)),
        tuple(step for step in steps if isinstance(step, Misfit)),
        tuple(column for name, column in existing.items() if name not in kept.union(target.columns)),
    )


def read_views(rows: Iterable[Sequence[object]]) -> dict[str, list[str]]:
    """Views by the column that they show, from rows of the statement ``views`` in ``catalog.sql``."""
    views: dict[str, list[str]] = {}
    for column, schema, view in rows:
        views.setdefault(str(column), []).append(f"{schema}.{view}")
    return views


def evolve_target(
    target: Target, live: Iterable[LiveColumn], views: Callable[[], Mapping[str, Collection[str]]] = dict
) -> tuple[Change, ...]:
    """The changes that bring an existing target up to its contract; none when it is.

    Args:
        target: The table and its contract.
        live: Its columns in the warehouse.
        views: Asks for the views by the column that they show; it is asked only when a column is to be replaced.

    Raises:
        WarehouseAheadError: Columns are wider than in the contract, and nothing else is in the way: while a deployment
            is under way the contract may be that of yesterday.
        WarehouseError: A column has a type that cannot become the contract's; the message names every such column.
    """
    found = evolution_of(target, live)
    if found.replaced:
        found = found.held_by(views())
    if found.misfits:
        kind = WarehouseAheadError if all(it.is_ahead for it in found.misfits) else WarehouseError
        raise kind(
            f"table {target}: {'; '.join(map(str, found.misfits))}. A table can gain columns, longer varchar columns "
            f"and wider decimal columns; {ANOTHER_COLUMN}"
        )
    return found.changes


def follow(plan: Callable[[], tuple[Change, ...]], make: Callable[[Change], None]) -> tuple[Change, ...]:
    """Make the changes of a plan one by one.

    A load and the schema sync may do it at the same moment: a change that fails and is not needed any more when one
    looks again has been made by the other.

    Args:
        plan: Looks at the table and gives what is still to be done.
        make: Makes one change.

    Returns:
        The changes that were made here.

    Raises:
        WarehouseError: The warehouse refused a change that is still needed.
    """
    done: list[Change] = []
    waiting = plan()
    while waiting:
        change = waiting[0]
        try:
            make(change)
        except WarehouseError:
            waiting = plan()
            if change in waiting:
                raise
            continue
        done.append(change)
        waiting = waiting[1:]
    return tuple(done)


def kept_name(column: str, kind: SqlType) -> str:
    """The name under which a decimal column stays when a wider one takes its place: ``price__decimal_8_2``."""
    return f"{column}__decimal_{kind.precision}_{kind.scale}"


def _steps(target: Target, existing: Mapping[str, LiveColumn]) -> Iterator[Change | Misfit]:
    for name, wanted in target.table.stored_types.items():
        column = existing.get(name)
        if column is None:
            yield Change(name, "", str(wanted), (add_column(target, name, wanted),))
        elif column.sql_type != wanted:
            yield _retyped(target, column, wanted, existing)


def _retyped(
    target: Target, column: LiveColumn, wanted: SqlType, existing: Mapping[str, LiveColumn]
) -> Change | Misfit:
    if column.sql_type is None or not wanted.widens(column.sql_type):
        is_ahead = column.sql_type is not None and column.sql_type.widens(wanted)
        return Misfit(column.name, column.type, str(wanted), is_ahead=is_ahead)
    if wanted.name == "varchar":
        encoding = next((item.encode for item in target.table.columns if item.name == column.name), None) or ""
        if encoding.lower() in _FIXED_ENCODINGS:
            return Misfit(column.name, column.type, str(wanted), f"Redshift cannot alter a column encoded {encoding}")
        sql = f"ALTER TABLE {target.sql} ALTER COLUMN {identifier(column.name)} TYPE {wanted.redshift}"
        return Change(column.name, column.type, str(wanted), (sql,))
    kept = kept_name(column.name, column.sql_type)
    reason = _why_fixed(target, column.name, kept, existing)
    if reason:
        return Misfit(column.name, column.type, str(wanted), reason)
    return Change(column.name, column.type, str(wanted), _widen_decimal(target, column.name, wanted, kept))


def _why_fixed(target: Target, name: str, kept: str, existing: Mapping[str, LiveColumn]) -> str:
    """Why a decimal column cannot be replaced by a wider one; empty when it can."""
    table = target.table
    if name in table.primary_key:
        return "a column of the key cannot be replaced"
    if name == table.redshift.dist_key or name in table.redshift.sort_key:
        return "a column by which the table is distributed or sorted cannot be replaced"
    if kept in existing or kept in target.columns:
        return f"a column {kept} is there already"
    return f"its name is too long to keep it as {kept}" if len(kept) > MAX_IDENTIFIER_BYTES else ""


def _why_held(views: Collection[str]) -> str:
    listed = ", ".join(sorted(views))
    return f"{listed} would go on showing the old column: drop what shows it, and make it again after the next load"


def _widen_decimal(target: Target, name: str, wanted: SqlType, kept: str) -> tuple[str, ...]:
    """One transaction; LOCK comes first, so that the snapshot is taken when no load and no other writer is left.

    The rename comes next, so that whoever waited for the lock while another did the same fails before the long UPDATE.
    Source: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
    """
    return (
        f"LOCK {target.loads}, {target.sql}",
        f"ALTER TABLE {target.sql} RENAME COLUMN {identifier(name)} TO {identifier(kept)}",
        add_column(target, name, wanted),
        f"UPDATE {target.sql} SET {identifier(name)} = {identifier(kept)}",
    )


def _widenable(existing: Mapping[str, LiveColumn]) -> set[SqlType]:
    kinds = {column.sql_type for column in existing.values()}
    return {kind for kind in kinds if kind is not None and kind.name == "decimal"}
