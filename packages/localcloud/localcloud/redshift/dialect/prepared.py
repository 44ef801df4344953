"""What a statement becomes before it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
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


class TextKind(StrEnum):
    """How records stand in the files of a COPY that is not columnar."""

    DELIMITED = "delimited"
    CSV = "csv"
    FIXED = "fixedwidth"
    JSON = "json"


@dataclass(frozen=True)
class TextFormat:
    """The files of a COPY that is not columnar, and how their texts become values.

    Attributes:
        compression: ``gzip``, ``bzip2`` or ``zstd``; empty when there is none.
        widths: of the fields of a fixed-width file, in bytes.
        paths: ``auto``, ``auto ignorecase``, or ``s3://bucket/key`` of a JSONPaths file.
        null: the text that is null.
        skipped: lines at the begin of each file that are no records.
        most_errors: how many records may be left out before the command fails.
        replacement: for invalid characters; empty when they are errors.
        date_format: empty for the usual one, or ``auto``.
        time_format: likewise, or ``epochsecs`` or ``epochmillisecs``.
        flags: the options without a value, in lower case.
    """

    kind: TextKind = TextKind.DELIMITED
    delimiter: str = "|"
    quote: str = '"'
    compression: str = ""
    widths: tuple[int, ...] = ()
    paths: str = ""
    null: str = "\\N"
    skipped: int = 0
    most_errors: int = 0
    replacement: str = ""
    date_format: str = ""
    time_format: str = ""
    encoding: str = "utf8"
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CopyCommand:
    """A COPY from files in S3.

    Attributes:
        table: the table to load.
        columns: the columns to load, in file order; empty means all.
        source: ``s3://bucket/key`` of the manifest, or the key prefix of the files.
        is_manifest: whether the source is a manifest.
        fills_record: whether missing trailing columns are null.
        role: that reads the files: ``default``, or an ARN, or several of a chain.
        text: the form of the files; None for Parquet.
    """

    table: TableName
    columns: tuple[str, ...]
    source: str
    is_manifest: bool
    fills_record: bool
    role: str = "default"
    text: TextFormat | None = None


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
