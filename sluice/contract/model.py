"""The values of a contract. They are made by `sluice.contract.load`, which refuses whatever breaks a rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from sluice.contract.sqltype import SqlType
from sluice.errors import UnknownDatasetError
from sluice.lake.layout import MAX_URL_BYTES, Layout

ROOT_PREFIX = "$."
"""Before the path of an exploded table's column: the path begins at the record, not at the element."""

Scalar = str | int | float | bool
LoadMode = Literal["upsert", "append", "full_refresh"]
Match = Literal["exact", "ignore_case"]
"""How names of a file are compared with those of the contract; under ``ignore_case`` a name spelt exactly so wins."""
YEAR_PIVOT: Final = 69
"""Source: strptime of POSIX (https://pubs.opengroup.org/onlinepubs/9699919799/functions/strptime.html, ``%y``: 69 to 99
are 1969 to 1999, 00 to 68 are 2000 to 2068)."""
EPOCHS: Final = {"epoch_s": 1, "epoch_ms": 1000}
"""Formats of moments that are counted since 1970-01-01 UTC, and how many there are in a second."""

BATCH_ID = "_batch_id"
SOURCE_FILE = "_source_file"
LINEAGE = {BATCH_ID: SqlType("varchar", length=256), SOURCE_FILE: SqlType("varchar", length=MAX_URL_BYTES)}
"""Columns that every published table carries after its own, for lineage: which batch and which file a row came from."""


@dataclass(frozen=True)
class CsvSource:
    r"""Files of delimited text.

    Attributes:
        layout: Folder of a partition below the bucket, as a strptime pattern.
        delimiter: One character between fields.
        quote: One character around fields that contain the delimiter, a quote or a line break.
        escape: Character before a quote inside a quoted field; the quote itself means that quotes are doubled.
        header: Whether the first record of each file names its columns. Without a header, columns are taken in the
            order of the contract.
        encoding: Character encoding of the files.
        compression: How the files are compressed.
        multiline: Whether quoted fields may contain line breaks. Switch it off to let large files be split.
        match: How the header's names are compared with the contract's: ``exact``, or ``ignore_case``.
        skip_lines: Lines at the beginning of each file that are no data, such as a title above the header.
        escape_unquoted: Whether `escape` stands before delimiters, line breaks and itself outside of quotes as well, as
            MySQL and Redshift's UNLOAD with ESCAPE write it. There ``\N`` alone is null, and ``\n``, ``\t`` and the
            like are the characters that MySQL and PostgreSQL mean.
        skip_initial_space: Whether blanks that follow a delimiter are no part of the field; quotes may follow them.
    """

    layout: str
    format: Literal["csv"] = "csv"
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    header: bool = True
    encoding: str = "UTF-8"
    compression: Literal["none", "gzip", "bzip2"] = "none"
    multiline: bool = True
    match: Match = "exact"
    skip_lines: int = 0
    escape_unquoted: bool = False
    skip_initial_space: bool = False


@dataclass(frozen=True)
class JsonSource:
    """Files of JSON.

    Attributes:
        layout: Folder of a partition below the bucket, as a strptime pattern.
        records: ``lines`` (one object a line), ``array`` (the whole file is one array of objects) or ``concatenated``
            (objects that follow each other, with or without white space between them).
        encoding: Character encoding of the files.
        compression: How the files are compressed.
        match: How keys are compared with the contract's: ``exact``, or ``ignore_case``.
    """

    layout: str
    format: Literal["json"] = "json"
    records: Literal["lines", "array", "concatenated"] = "lines"
    encoding: str = "UTF-8"
    compression: Literal["none", "gzip", "bzip2"] = "none"
    match: Match = "exact"


@dataclass(frozen=True)
class XmlSource:
    """Files of XML in which each element of one name is a record.

    Attributes:
        layout: Folder of a partition below the bucket, as a strptime pattern.
        row_tag: Name of the element that is one record, without a namespace.
        compression: How the files are compressed.
        match: How names of elements and attributes are compared with the contract's: ``exact``, or ``ignore_case``.
    """

    layout: str
    row_tag: str
    format: Literal["xml"] = "xml"
    compression: Literal["none", "gzip", "bzip2"] = "none"
    match: Match = "exact"


@dataclass(frozen=True)
class ParquetSource:
    """Files of Parquet, compressed as they say themselves.

    Attributes:
        layout: Folder of a partition below the bucket, as a strptime pattern.
        match: How the file's columns are compared with the contract's: ``exact``, or ``ignore_case``.
    """

    layout: str
    format: Literal["parquet"] = "parquet"
    match: Match = "exact"


Source = CsvSource | JsonSource | XmlSource | ParquetSource


@dataclass(frozen=True)
class Column:
    """One column: where its value comes from, what is done to it, and what it must satisfy.

    A value is taken from `source`, trimmed, compared with `null_values`, changed to `case`, replaced by `default` when
    it is null, cast to `type`, and checked, in this order.

    Attributes:
        name: Name in Parquet, catalog and warehouse.
        type: Redshift type, such as ``decimal(12,2)``; the length of ``varchar`` counts UTF-8 bytes.
        source: Where the value stands in a record: a CSV column, or ``#1`` for the first field where the header gives
            it no name; a path such as ``customer.id``; an XML attribute as ``@id``. In an exploded table paths start at
            the element, or at the record with ``$.`` before them; ``#text`` is an element that is a single value.
        description: What the column holds.
        format: strptime pattern of a date or timestamp, in which ``%d``, ``%m``, ``%H`` and ``%I`` may lack their
            leading zero where no digit stands beside them; or ``epoch_s`` or ``epoch_ms``, seconds or milliseconds
            since 1970. ISO 8601 when not given.
        year_pivot: The first two-digit year (``%y``) that is of the 1900s; smaller ones are of the 2000s. POSIX has 69.
        timezone: Time zone of moments that are written without an offset, such as ``Europe/Berlin``; that of the
            contract when not given. Where a clock is set back, the hour that comes twice is taken for its first time;
            an hour that is left out does not exist, and is refused.
        sub_microseconds: What becomes of a moment with more than six digits of a second: ``refuse`` it unless the
            others are 0, or ``cut`` them.
        decimal_mark: What stands before the fraction of a number.
        thousands_mark: What may stand between groups of three digits of a number.
        json: Whether the value is taken with all that is in it, as JSON text: an array or object of JSON or Parquet.
            Numbers keep their digits.
        trim: Whether white space around the value is removed.
        case: ``upper`` or ``lower`` to change letters.
        null_values: Texts that mean null, beside those of the contract.
        default: Value in place of null.
        required: Whether null is refused. Key and order columns are required in any case.
        may_be_absent: Whether a whole file may lack the field. A file that does is refused otherwise, with the nearest
            name that it has, because a renamed field would be null in every row. Where it may, files without it are
            counted, and the values that the warehouse holds stay.
        min: Smallest allowed value.
        max: Largest allowed value.
        allowed: The only allowed values.
        pattern: Regular expression, of Python's kind, that the whole value matches; its digits, words and blanks are
            those of ASCII.
        encode: Redshift compression encoding.
    """

    name: str
    type: str
    source: str | None = None
    description: str | None = None
    format: str | None = None
    year_pivot: int = YEAR_PIVOT
    timezone: str | None = None
    sub_microseconds: Literal["refuse", "cut"] = "refuse"
    decimal_mark: Literal[".", ","] = "."
    thousands_mark: str | None = None
    json: bool = False
    trim: bool = False
    case: Literal["upper", "lower"] | None = None
    null_values: tuple[str, ...] = ()
    default: Scalar | None = None
    required: bool = False
    may_be_absent: bool = False
    min: Scalar | None = None
    max: Scalar | None = None
    allowed: tuple[Scalar, ...] = ()
    pattern: str | None = None
    encode: str | None = None

    @cached_property
    def sql_type(self) -> SqlType:
        """The parsed type."""
        return SqlType.parse(self.type)

    @property
    def path(self) -> str:
        """Where the value stands in a record; the column's own name when the contract does not say."""
        return self.name if self.source is None else self.source


@dataclass(frozen=True)
class RedshiftHints:
    """How Redshift stores a table.

    Attributes:
        distribution: ``auto``, ``even``, ``all`` or ``key``; ``key`` goes with `dist_key`.
        dist_key: Column by whose value rows are spread over the slices.
        sort_key: Columns by which rows are sorted, in Redshift and within each Parquet file.
    """

    distribution: Literal["auto", "even", "all", "key"] = "auto"
    dist_key: str | None = None
    sort_key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One published table.

    Attributes:
        name: Name in catalog and warehouse, unique over all contracts.
        columns: The columns in the order of Parquet, catalog and warehouse. New ones are added at the end.
        description: What a row is.
        explode: Path of the array of which each element is a row; without it each record is one row.
        may_be_absent: Whether a whole file may lack the array of `explode`; one that does is refused otherwise.
        primary_key: Columns that name a row.
        order_by: Columns that tell which of two versions of a row is newer: the larger first column wins, the next
            ones break ties. Of equal ones the row of the later partition wins, whenever it arrived; within a partition
            that of the newer manifest.
        load: ``upsert`` (one row per key, the newest), ``append`` (the rows of all partitions) or ``full_refresh``
            (the newest batch is the whole table). A partition that is sent again replaces its rows in the published
            files, and in the table with ``append``. With ``upsert`` it is merged: a key that it no longer has stays in
            the table, because an older version from another partition may lie beneath it.
        business_date: Column of type date or timestamp that tells to which day a row belongs. Aggregates of the table
            are by that day, and a load brings those days up to date that it changes.
        redshift: How Redshift stores the table.
    """

    name: str
    columns: tuple[Column, ...]
    description: str | None = None
    explode: str | None = None
    may_be_absent: bool = False
    primary_key: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    load: LoadMode = "upsert"
    business_date: str | None = None
    redshift: RedshiftHints = field(default_factory=RedshiftHints)

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: The table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns in order, without the lineage columns."""
        return tuple(column.name for column in self.columns)

    @property
    def not_null(self) -> frozenset[str]:
        """Columns in which null is a reason for quarantine."""
        required = {column.name for column in self.columns if column.required}
        return frozenset(required.union(self.primary_key, self.order_by))

    @property
    def stored_types(self) -> dict[str, SqlType]:
        """Type of every stored column in the order of the Parquet files, lineage columns last."""
        return {column.name: column.sql_type for column in self.columns} | LINEAGE

    @property
    def written_columns(self) -> tuple[str, ...]:
        """The stored columns as `sluice.lake.handover.PublishedFile.columns` has them."""
        return tuple(f"{name} {kind}" for name, kind in self.stored_types.items())


@dataclass(frozen=True)
class Contract:
    """All that Sluice knows of one dataset.

    Attributes:
        dataset: Name of the dataset.
        source: Format and place of the raw files.
        tables: The tables that the dataset publishes.
        description: What the dataset is.
        null_values: Texts that mean null in every column.
        timezone: Time zone of moments without an offset, in columns that do not say another one.
        max_rejected_ratio: Largest share of quarantined records, 0 to 1; above it nothing of the batch is published.
        allow_empty: Whether a delivery without a record is one. Otherwise XML without an element of `row_tag` is
            refused, and a batch without a record does not replace a table of load mode ``full_refresh``. Files that
            say themselves that they hold nothing (a header alone, ``[]``) are taken where they replace nothing.
        archive: Whether raw files move to the archive after their batch is loaded.
    """

    dataset: str
    source: Source
    tables: tuple[Table, ...]
    description: str | None = None
    null_values: tuple[str, ...] = ("",)
    timezone: str = "UTC"
    max_rejected_ratio: float = 0.05
    allow_empty: bool = False
    archive: bool = False

    @cached_property
    def layout(self) -> Layout:
        """The folder layout of the raw files."""
        return Layout(self.source.layout)

    def table(self, name: str) -> Table:
        """The table of that name.

        Raises:
            KeyError: The contract has no such table.
        """
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    @property
    def quarantine_table(self) -> str:
        """Name of the catalog table that shows the quarantined records."""
        return f"{self.dataset}_quarantine"


def contract_of(contracts: Mapping[str, Contract], dataset: str) -> Contract:
    """The contract of a dataset, which may be gone: datasets are taken out while batches are on their way.

    Args:
        contracts: The contracts by dataset.
        dataset: The dataset.

    Raises:
        UnknownDatasetError: It has none.
    """
    found = contracts.get(dataset)
    if found is None:
        raise UnknownDatasetError(f"no contract has the dataset {dataset} (known: {', '.join(sorted(contracts))})")
    return found
