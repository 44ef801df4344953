"""What a statement becomes before it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from localcloud.redshift.dialect.reader import TableName

if TYPE_CHECKING:
    from localcloud.redshift.dialect.unload import UnloadCommand


class Scope(Enum):
    """How a statement stands to the transaction around it."""

    JOINS = "joins"
    #: It commits the transaction it runs in, like TRUNCATE.
    COMMITS = "commits"
    #: It refuses to run inside a transaction block, like VACUUM.
    ALONE = "alone"
    #: It opens its own transaction when it is not inside one, and may commit inside, like CALL.
    MAY_COMMIT = "may commit"
    #: It begins or ends a transaction.
    CONTROLS = "controls"


@dataclass(frozen=True)
class CopyCommand:
    """A COPY from Parquet files.

    Attributes:
        table: the table to load.
        columns: the columns to load, in file order; empty means all.
        source: ``s3://bucket/key`` of the manifest, or the key prefix of the files.
        is_manifest: whether the source is a manifest.
        fills_record: whether missing trailing columns are null.
        role: that reads the files: ``default``, or an ARN, or several of a chain.
    """

    table: TableName
    columns: tuple[str, ...]
    source: str
    is_manifest: bool
    fills_record: bool
    role: str = "default"


@dataclass(frozen=True)
class Prepared:
    """A statement ready for PostgreSQL.

    Attributes:
        kind: what the statement is, such as ``create table``.
        steps: PostgreSQL statements in order; the first gives the result, the others only follow up.
        locks: tables that the statement changes rows of: it waits for other such writers before it takes its snapshot.
        scope: how it stands to the transaction around it.
        copy: the COPY to run instead of steps.
        unload: where the rows of the only step go.
        alters: the table that the statement alters, which whoever was granted ALTER may do beside its owner.
    """

    kind: str
    steps: tuple[str, ...] = ()
    locks: tuple[TableName, ...] = ()
    scope: Scope = field(default=Scope.JOINS)
    copy: CopyCommand | None = None
    unload: UnloadCommand | None = None
    alters: TableName | None = None
