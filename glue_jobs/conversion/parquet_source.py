"""Parquet as a source: values keep their own types until they are written out as the text that the casts read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from glue_jobs.conversion import schema
from glue_jobs.conversion.storage import RangeFile, Storage, escape_glob
from sluice.contract import Contract
from sluice.contract.shape import Group, Items, Leaf, Node, Shape, needed_places, place_name
from sluice.kernel.parse.parsed import BrokenFileError, lacks

_EXACT_IN_DOUBLE = 2.0**53
_PATH = "_path"


class ParquetReader:
    """Reads Parquet files, those of one schema together."""

    def __init__(self, spark: SparkSession, storage: Storage, contract: Contract, shape: Shape) -> None:
        self._spark, self._storage, self._contract, self._shape = spark, storage, contract, shape

    def read(self, sizes: Mapping[str, int]) -> tuple[list[DataFrame], dict[str, str]]:
        """The records of files.

        Args:
            sizes: Length in bytes of each file, by URL.

        Returns:
            DataFrames with the file's name as Spark says it and the parsed fields, and the files that cannot be read
            with the reason.
        """
        problems: dict[str, str] = {}
        groups: dict[str, list[str]] = defaultdict(list)
        for url, footer in self._storage.for_all(lambda item: self._footer(*item), sizes.items()):
            if footer is None:
                problems[url] = "file: has no valid Parquet footer"
            else:
                groups[footer].append(url)
        parts = []
        for urls in groups.values():
            try:
                parts.append(self._group(urls))
            except BrokenFileError as exc:
                problems |= dict.fromkeys(urls, f"file: {exc}")
        return parts, problems

    def _footer(self, url: str, size_bytes: int) -> tuple[str, str | None]:
        """The file's schema as text, from its last bytes."""
        try:
            with pq.ParquetFile(cast("pa.NativeFile", RangeFile(self._storage, url, size_bytes))) as file:
                return url, str(file.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
            return url, None

    def _group(self, urls: list[str]) -> DataFrame:
        paths = [escape_glob(url) for url in urls]
        found = self._spark.read.option("recursiveFileLookup", "true").parquet(paths[0]).schema
        self._check_required(found)
        files = self._spark.read.schema(found).option("recursiveFileLookup", "true").parquet(*paths)
        record = _texts(self._shape.record, found, None, "")
        return files.select(
            F.col("_metadata.file_path").alias(_PATH),
            record.alias(schema.RECORD),
            F.lit(None).cast("string").alias(schema.RAW_TEXT),
            F.lit(None).cast("string").alias(schema.ERROR),
            F.lit(False).alias(schema.WHOLE_FILE),
        )

    def _check_required(self, found: T.StructType) -> None:
        """Refuse files without a field that no file may lack."""
        needed = needed_places(self._contract, self._shape)
        missing = sorted(place_name(path) for path in needed if not _has(found, path))
        if missing:
            raise lacks("column", missing, found.names)


def _has(found: T.DataType, path: Iterable[str]) -> bool:
    def inside(outer: T.DataType | None, name: str) -> T.DataType | None:
        if isinstance(outer, T.ArrayType):
            outer = outer.elementType
        return outer[name].dataType if isinstance(outer, T.StructType) and name in outer.names else None

    return reduce(inside, path, cast("T.DataType | None", found)) is not None


def _texts(node: Node, found: T.DataType, column: SparkColumn | None, path: str) -> SparkColumn:
    """A column as the shape's texts.

    Raises:
        BrokenFileError: The files have an object, an array or a single value where the shape has another of these.
    """
    if isinstance(node, Leaf):
        if column is None or isinstance(found, T.StructType | T.ArrayType | T.MapType):
            raise BrokenFileError(f"{path} is not a single value")
        return _text(found, column)
    if isinstance(node, Items):
        if column is None or not isinstance(found, T.ArrayType) or not isinstance(found.elementType, T.StructType):
            raise BrokenFileError(f"{path} is not an array of objects")
        element = found.elementType
        return F.transform(column, lambda item: _texts(node.element, element, item, path))
    return _group_texts(node, found, column, path)


def _group_texts(node: Group, found: T.DataType, column: SparkColumn | None, path: str) -> SparkColumn:
    if not isinstance(found, T.StructType):
        raise BrokenFileError(f"{path} is not an object")
    members = []
    for name, child in node.members.items():
        if name in found.names:
            inner = F.col(f"`{name}`") if column is None else column.getField(name)
            member = _texts(child, found[name].dataType, inner, f"{path}.{name}" if path else name)
        else:
            member = F.lit(None).cast(schema.spark_type(child))
        members.append(member.alias(name))
    group = F.struct(*members)
    return group if column is None else F.when(column.isNotNull(), group)


def _text(found: T.DataType, column: SparkColumn) -> SparkColumn:
    """A value as text that is cast back without loss; floating-point numbers without a fraction look like integers."""
    text = column.cast("string")
    if not isinstance(found, T.FloatType | T.DoubleType):
        return text
    is_whole = (column == F.floor(column)) & (F.abs(column) < F.lit(_EXACT_IN_DOUBLE))
    return F.when(is_whole, F.when(is_whole, column).cast("bigint").cast("string")).otherwise(text)
