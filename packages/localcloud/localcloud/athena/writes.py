"""Statements that write files: CREATE TABLE AS, INSERT INTO and UNLOAD.

Source: https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html,
https://docs.aws.amazon.com/athena/latest/ug/insert-into.html and https://docs.aws.amazon.com/athena/latest/ug/unload.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from localcloud.athena.catalog import Catalog, Column, Partition, TableDefinition
from localcloud.athena.coercions import coerces
from localcloud.athena.engine import Control, Engine, Shape
from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.objects import Objects
from localcloud.athena.results import Answer, ResultColumn, athena_type
from localcloud.athena.types import hive_type, parse_type
from localcloud.athena.views import require_names
from localcloud.athena.words import Property, TableName, Words
from localcloud.athena.written import (
    JSON_SERDE,
    PARQUET_SERDE,
    TEXT_SERDE,
    FileFormat,
    Layout,
    Values,
    partition_folder,
    write_files,
)

_PROPERTIES: Final = frozenset(
    {
        "format", "external_location", "partitioned_by", "bucketed_by", "bucket_count", "field_delimiter",
        "write_compression", "parquet_compression", "orc_compression", "compression_level", "table_type",
        "is_external", "location", "partitioning", "null_format",
    }
)  # fmt: skip
_UNLOAD_PROPERTIES: Final = frozenset(
    {"format", "compression", "compression_level", "field_delimiter", "partitioned_by"}
)
_COMPRESSIONS: Final = ("GZIP", "SNAPPY", "ZSTD", "LZ4", "NONE")
_COUNT: Final = (ResultColumn("rows", "bigint", 19),)


@dataclass(frozen=True)
class Source:
    """The query whose rows are written, and where it runs.

    Attributes:
        database: of tables that are named without one.
        parameters: SQL of the values for question marks.
        control: stops it.
        tables_location: where the files of tables go whose statement names no place.
        is_enforced: whether the workgroup enforces its place of results.
    """

    database: str
    parameters: Sequence[str]
    control: Control
    tables_location: str
    is_enforced: bool


class Writes:
    """Runs statements that write files.

    What a failing statement has put into S3 by then stays there, as on AWS; the catalog is changed last.

    Args:
        engine: gives rows.
        catalog: has the tables.
        objects: takes the files.
    """

    def __init__(self, engine: Engine, catalog: Catalog, objects: Objects) -> None:
        self._engine = engine
        self._catalog = catalog
        self._objects = objects

    def create(self, words: Words, source: Source) -> Answer:
        """CREATE TABLE AS, from behind CREATE."""
        words.expect("TABLE")
        may_exist = words.take("IF", "NOT", "EXISTS")
        name = words.table()
        given = words.properties() if words.take("WITH") else {}
        words.expect("AS")
        is_empty = words.drop_end("WITH", "NO", "DATA")
        if not is_empty:
            words.drop_end("WITH", "DATA")
        database = name.database or source.database
        if self._catalog.item(database, name.name) is not None:
            if may_exist:
                return Answer(_COUNT, (), updated=0)
            text = f"line 1:1: Destination table 'awsdatacatalog.{database}.{name.name}' already exists"
            raise QueryError("TABLE_ALREADY_EXISTS", text)
        wanted = _Wanted.of_table(given)
        location = self._location(given, name, source)
        sql = words.rest
        planned: list[Layout] = []

        def accept(shape: Shape) -> Mapping[str, str]:
            require_names(shape)
            planned.append(wanted.layout(shape))
            return _casts(planned[0])

        if is_empty:
            accept(self._engine.shape(sql, source.database, source.control, source.parameters))
            self._register(database, name.name, location, planned[0], ())
            return Answer(_COUNT, (), updated=0)
        rows = self._engine.rows(sql, source.database, source.control, source.parameters, accept)
        [layout] = planned
        urls, values = self._put(rows.table, layout, lambda one: f"{location}{partition_folder(layout.keys, one)}")
        self._register(database, name.name, location, layout, values)
        return Answer(_COUNT, (), rows.scanned_bytes, rows.table.num_rows, urls)

    def insert(self, words: Words, source: Source) -> Answer:
        """INSERT INTO, from behind its words."""
        name = words.table()
        table = self._catalog.table(name.database or source.database, name.name)
        if table is None:
            full = f"awsdatacatalog.{name.database or source.database}.{name.name}"
            raise QueryError("TABLE_NOT_FOUND", f"line 1:1: Table '{full}' does not exist")
        is_query = any(words.follows("(", word) for word in ("SELECT", "WITH", "VALUES", "TABLE", "("))
        named = words.names() if words.follows("(") and not is_query else []
        layout = _layout_of(table)
        columns = _inserted(table, named)

        def accept(shape: Shape) -> Mapping[str, str]:
            if len(shape.kinds) != len(columns) or not all(
                coerces(kind, column.type) for kind, column in zip(shape.kinds, columns, strict=True)
            ):
                raise _mismatch(columns, shape)
            given = {column.name: f"c{place}" for place, column in enumerate(columns)}
            return {
                column.name: f"CAST({given.get(column.name, 'NULL')} AS {column.type.duckdb})"
                for column in table.all_columns
            }

        rows = self._engine.rows(words.rest, source.database, source.control, source.parameters, accept)
        known = {partition.values: partition.location for partition in self._catalog.partitions(table)}

        def folder(values: Values) -> str:
            found = known.get(values) or f"{_slashed(table.location)}{partition_folder(table.keys, values)}"
            return _slashed(found)

        urls, written = self._put(rows.table, layout, folder)
        new = [Partition(values, folder(values)) for values in written if values not in known]
        self._catalog.create_partitions(table, new)
        return Answer(_COUNT, (), rows.scanned_bytes, rows.table.num_rows, urls)

    def unload(self, words: Words, source: Source) -> Answer:
        """UNLOAD (query) TO place WITH (…), from behind UNLOAD."""
        sql = words.bracketed()
        words.expect("TO")
        location = _slashed(words.string())
        words.expect("WITH")
        wanted = _Wanted.of_unload(words.properties())
        words.end()
        if not wanted.partitioned_by and not self._objects.is_empty(location):
            raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"Target directory {location} already exists")
        planned: list[Layout] = []

        def accept(shape: Shape) -> Mapping[str, str]:
            planned.append(wanted.layout(shape))
            return _casts(planned[0])

        rows = self._engine.rows(sql, source.database, source.control, source.parameters, accept)
        [layout] = planned
        urls, _ = self._put(rows.table, layout, lambda one: f"{location}{partition_folder(layout.keys, one)}")
        return Answer(_COUNT, (), rows.scanned_bytes, rows.table.num_rows, urls)

    def _location(self, given: Mapping[str, Property], name: TableName, source: Source) -> str:
        if "external_location" not in given:
            return source.tables_location
        if source.is_enforced:
            raise QueryError(
                "INVALID_TABLE_PROPERTY",
                "The Create Table As Select query failed because it was submitted with an 'external_location' property "
                "to an Athena Workgroup that enforces a centralized output location for all queries. Please remove the "
                "'external_location' property and resubmit the query.",
            )
        location = _slashed(str(given["external_location"]))
        if not self._objects.is_empty(location):
            text = f"Target directory for table '{name.database or source.database}.{name.name}' already exists"
            raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"{text}: {location}")
        return location

    def _put(
        self, rows: pa.Table, layout: Layout, folder_of: Callable[[Values], str]
    ) -> tuple[tuple[str, ...], list[Values]]:
        """Put rows into S3; give the files, and the partitions that they are of."""
        with self._objects.workspace() as folder:
            files = write_files(rows, layout, folder)
            urls = tuple(f"{folder_of(file.values)}{file.name}" for file in files)
            for url, file in zip(urls, files, strict=True):
                self._objects.put(url, file.path)
        return urls, list(dict.fromkeys(file.values for file in files))

    def _register(self, database: str, name: str, location: str, layout: Layout, values: Sequence[Values]) -> None:
        self._catalog.create(database, _table_input(name, location, layout))
        table = self._catalog.table(database, name)
        if layout.keys and table is not None:
            partitions = [Partition(one, f"{location}{partition_folder(layout.keys, one)}") for one in values]
            self._catalog.create_partitions(table, partitions)


@dataclass(frozen=True)
class _Wanted:
    """What a statement says of the files that it writes."""

    format: FileFormat
    partitioned_by: tuple[str, ...]

    @classmethod
    def of_table(cls, given: Mapping[str, Property]) -> "_Wanted":
        for name in given:
            if name not in _PROPERTIES:
                raise QueryError(
                    "INVALID_TABLE_PROPERTY", f"Catalog 'awsdatacatalog' table property '{name}' does not exist"
                )
        if str(given.get("table_type", "HIVE")).upper() == "ICEBERG" or "location" in given or "partitioning" in given:
            raise not_here("an Iceberg table")
        if "bucketed_by" in given or "bucket_count" in given:
            raise not_here("a table that is bucketed (bucketed_by)")
        name = str(given.get("format", "PARQUET")).upper()
        compression = given.get("write_compression") or given.get("parquet_compression")
        return cls(_format(name, compression, given), _names(given))

    @classmethod
    def of_unload(cls, given: Mapping[str, Property]) -> "_Wanted":
        for name in given:
            if name not in _UNLOAD_PROPERTIES:
                raise QueryError("INVALID_TABLE_PROPERTY", f"Unknown property of UNLOAD: {name}")
        if "format" not in given:
            raise QueryError("INVALID_TABLE_PROPERTY", "UNLOAD needs the property format")
        return cls(_format(str(given["format"]).upper(), given.get("compression"), given), _names(given))

    def layout(self, shape: Shape) -> Layout:
        """The columns and keys of a query's columns.

        Raises:
            QueryError: Hive has no type for one, or the partition keys are not the last columns.
        """
        columns = []
        for name, kind in zip(shape.names, shape.kinds, strict=True):
            found = hive_type(kind)
            if found is None:
                raise QueryError("NOT_SUPPORTED", f"Unsupported Hive type: {athena_type(kind)} (column '{name}')")
            if self.format.name == "TEXTFILE" and kind.children:
                raise not_here(f"TEXTFILE with the nested column '{name}'")
            columns.append(Column(name.lower(), parse_type(found)))
        names = [column.name for column in columns]
        missing = [name for name in self.partitioned_by if name not in names]
        if missing:
            text = f"Partition columns {_listed(missing)} not present in schema"
            raise QueryError("INVALID_TABLE_PROPERTY", text)
        first = len(names) - len(self.partitioned_by)
        if tuple(names[first:]) != self.partitioned_by:
            text = "Partition keys must be the last columns in the table and in the same order as the table properties"
            raise QueryError("HIVE_COLUMN_ORDER_MISMATCH", f"{text}: {_listed(self.partitioned_by)}")
        if first == 0:
            raise QueryError("INVALID_TABLE_PROPERTY", "Table contains only partition columns")
        return Layout(columns[:first], columns[first:], self.format)


def _format(name: str, compression: Property | None, given: Mapping[str, Property]) -> FileFormat:
    if name in ("ORC", "AVRO", "ION"):
        raise not_here(f"writing the format {name}")
    if name not in ("PARQUET", "JSON", "TEXTFILE"):
        raise QueryError("INVALID_TABLE_PROPERTY", f"Unable to set table property 'format' to '{name}'")
    word = "GZIP" if compression is None else str(compression).upper()
    if word not in _COMPRESSIONS:
        raise QueryError("INVALID_TABLE_PROPERTY", f"Unable to set the compression to '{word}' for the format {name}")
    if name != "PARQUET" and word not in ("GZIP", "NONE"):
        raise not_here(f"{name} with the compression {word}")
    delimiter = str(given.get("field_delimiter", "\x01"))
    if len(delimiter) != 1:
        text = f"field_delimiter has to be one character: '{delimiter}'"
        raise QueryError("INVALID_TABLE_PROPERTY", text)
    return FileFormat(name, word.lower(), delimiter)


def _names(given: Mapping[str, Property]) -> tuple[str, ...]:
    found = given.get("partitioned_by", ())
    if not isinstance(found, tuple):
        raise QueryError("INVALID_TABLE_PROPERTY", "partitioned_by is a list of names: ARRAY['a', 'b']")
    return tuple(name.lower() for name in found)


def _casts(layout: Layout) -> Mapping[str, str]:
    columns = (*layout.columns, *layout.keys)
    return {column.name: f"CAST(c{place} AS {column.type.duckdb})" for place, column in enumerate(columns)}


def _layout_of(table: TableDefinition) -> Layout:
    """How rows are added to a table.

    Raises:
        QueryError: they cannot be.
    """
    if table.view_text is not None:
        raise QueryError("NOT_SUPPORTED", f"Inserting into views is not supported: {table.name}")
    if table.buckets:
        raise QueryError("NOT_SUPPORTED", f"INSERT INTO is not supported on bucketed tables: {table.name}")
    if table.parameters.get("table_type", "").upper() == "ICEBERG":
        raise not_here("an Iceberg table")
    if table.parameters.get("projection.enabled", "").lower() == "true":
        raise not_here("partition projection")
    return Layout(table.columns, table.keys, _format_of(table))


def _format_of(table: TableDefinition) -> FileFormat:
    if table.serde == PARQUET_SERDE:
        given = table.parameters
        return _format("PARQUET", given.get("parquet.compression") or given.get("write.compression"), {})
    if table.serde == JSON_SERDE:
        return FileFormat("JSON")
    if table.serde == TEXT_SERDE:
        return _text_format_of(table)
    if "orc" in table.serde.lower() or "avro" in table.serde.lower():
        raise not_here(f"writing with the SerDe {table.serde}")
    raise QueryError("NOT_SUPPORTED", f"INSERT INTO is not supported for the SerDe {table.serde} of table {table.name}")


def _text_format_of(table: TableDefinition) -> FileFormat:
    if int(table.parameters.get("skip.header.line.count") or 0):
        raise not_here("INSERT INTO a table with skip.header.line.count")
    if any(column.type.children for column in table.columns):
        raise not_here("INSERT INTO a text table with a nested column")
    given = table.serde_parameters
    delimiter = given.get("field.delim") or given.get("serialization.format") or "1"
    null = given.get("serialization.null.format", "\\N")
    return FileFormat("TEXTFILE", delimiter="\x01" if delimiter == "1" else delimiter, null=null)


def _inserted(table: TableDefinition, named: Sequence[str]) -> list[Column]:
    """The columns that a query's columns go to."""
    if not named:
        return list(table.all_columns)
    known = {column.name: column for column in table.all_columns}
    for place, name in enumerate(named):
        if name not in known:
            text = f"line 1:1: Insert column name does not exist in target table: {name}"
            raise QueryError("COLUMN_NOT_FOUND", text)
        if name in named[:place]:
            text = f"line 1:1: Insert column name is specified more than once: {name}"
            raise QueryError("DUPLICATE_COLUMN_NAME", text)
    return [known[name] for name in named]


def _mismatch(columns: Sequence[Column], shape: Shape) -> QueryError:
    table = ", ".join(column.type.athena for column in columns)
    query = ", ".join(athena_type(kind) for kind in shape.kinds)
    text = f"Insert query has mismatched column types: Table: [{table}], Query: [{query}]"
    return QueryError("TYPE_MISMATCH", f"line 1:1: {text}")


def _table_input(name: str, location: str, layout: Layout) -> dict[str, object]:
    form = layout.format
    parameters = {"EXTERNAL": "TRUE", "has_encrypted_data": "false"}
    if form.name == "PARQUET":
        parameters["parquet.compression"] = form.compression.upper()
    serde = {"field.delim": form.delimiter, "serialization.format": form.delimiter} if form.name == "TEXTFILE" else {}
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": [_catalog_column(key) for key in layout.keys],
        "StorageDescriptor": {
            "Columns": [_catalog_column(column) for column in layout.columns],
            "Location": location.rstrip("/"),
            "InputFormat": form.classes[0],
            "OutputFormat": form.classes[1],
            "SerdeInfo": {"SerializationLibrary": form.serde, "Parameters": {"serialization.format": "1"} | serde},
        },
    }


def _catalog_column(column: Column) -> dict[str, str]:
    return {"Name": column.name, "Type": column.type.hive}


def _slashed(location: str) -> str:
    return location if location.endswith("/") else f"{location}/"


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"
