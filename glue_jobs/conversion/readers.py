"""Raw files of many batches to one DataFrame of records; every file is opened once.

Text is read in one of two ways. Lines, by Spark's text reader, wherever a line end always ends a record: large files
are split. Whole files, by its binary reader, where only a parser knows the records, where Spark would not unpack a file
because of its name, and where the encoding is not made of bytes. Spark cannot hold more than 2 GiB of such a file.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from glue_jobs.conversion import schema
from glue_jobs.conversion.parquet_source import ParquetReader
from glue_jobs.conversion.storage import Storage, escape_glob
from sluice.contract import Contract, CsvSource, JsonSource, ParquetSource
from sluice.contract.shape import Shape
from sluice.errors import AccountingError
from sluice.handover import SourceFile
from sluice.kernel.parse import Parsed
from sluice.kernel.parse.content import first_line
from sluice.kernel.parse.json_text import JsonRecords
from sluice.kernel.parse.reader import csv_records, text_reader
from sluice.kernel.parse.worker import JsonLine, csv_lines, whole_files, with_origin

SPLIT_FROM_BYTES = 1 << 20
"""Smaller files are never split: it is less than Spark's smallest part (spark.sql.files.openCostInBytes, 4 MiB)."""

_HEADER_BYTES = 2 << 20
_ENDINGS = {"gzip": ".gz", "bzip2": ".bz2"}
_UNPACKED_BY_SPARK = re.compile(r"\.(?:gz|bz2|deflate|snappy|lz4|zst|passthrough)\Z")
_NOT_BLANK = r"[^\s\x{FEFF}]"
_PATH, _START = "_path", "_start"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to read.

    Attributes:
        batch_id: The batch that it belongs to.
        file: The file.
    """

    batch_id: str
    file: SourceFile


class RecordReader:
    """Reads the raw files of one contract."""

    def __init__(self, spark: SparkSession, storage: Storage, contract: Contract, shape: Shape) -> None:
        self._spark, self._storage, self._contract, self._shape = spark, storage, contract, shape
        self._schema = schema.record_schema(shape.record)

    def read(self, files: Sequence[InputFile], unreadable: Mapping[str, str] | None = None) -> DataFrame:
        """The records of files, with the columns of `schema.record_schema`.

        Args:
            files: The files.
            unreadable: URLs of files that are known to break the reader, with the reason; they are not opened.
        """
        refused = {item.file.url: reason for item in files if (reason := _refusal(item.file.url)) is not None}
        refused |= unreadable or {}
        readable = [item for item in files if item.file.url not in refused]
        parts = self._parts(readable) if readable else []
        broken = [(item.batch_id, item.file.url, refused[item.file.url]) for item in files if item.file.url in refused]
        if broken or not parts:
            parts.append(self._broken(broken))
        records = parts[0]
        for part in parts[1:]:
            records = records.unionByName(part)
        return records

    def _parts(self, files: Sequence[InputFile]) -> list[DataFrame]:
        source = self._contract.source
        if isinstance(source, ParquetSource):
            records, problems = ParquetReader(self._spark, self._storage, self._contract, self._shape).read(
                {item.file.url: item.file.size_bytes for item in files}
            )
            batches = {item.file.url: item.batch_id for item in files}
            broken = [(batches[url], url, reason) for url, reason in problems.items()]
            found = [self._with_origins(part, batches) for part in records]
            return [*found, self._broken(broken)] if broken else found
        by_lines = [item for item in files if self._is_read_by_lines(item.file.url)]
        whole = [item for item in files if not self._is_read_by_lines(item.file.url)]
        parts = [self._whole_files(whole)] if whole else []
        if by_lines:
            parts.append(self._json_lines(by_lines) if isinstance(source, JsonSource) else self._csv_lines(by_lines))
        return parts

    def _is_read_by_lines(self, url: str) -> bool:
        source = self._contract.source
        if isinstance(source, JsonSource):
            has_lines = source.records == "lines" and _is_utf_8(source.encoding)
        else:
            has_lines = isinstance(source, CsvSource) and not source.multiline and _has_byte_line_ends(source.encoding)
        if not has_lines or not isinstance(source, CsvSource | JsonSource):
            return False
        if source.compression == "none":
            return _UNPACKED_BY_SPARK.search(url) is None
        return url.endswith(_ENDINGS[source.compression])

    def _json_lines(self, files: Sequence[InputFile]) -> DataFrame:
        source = self._contract.source
        if not isinstance(source, JsonSource):
            raise TypeError(source.format)
        result = T.StructType(
            [*schema.parsed_fields(self._shape.record)[:1], T.StructField(schema.ERROR, T.StringType())]
        )
        parse = F.udf(JsonLine(JsonRecords(source, self._shape.record)), result, useArrow=False)
        lines = self._open("text", files).where(F.col("value").rlike(_NOT_BLANK))
        parsed = lines.select(_PATH, F.col("value").alias(schema.RAW_TEXT), parse("value").alias("_parsed"))
        batches = {item.file.url: item.batch_id for item in files}
        return self._with_origins(
            parsed.select(_PATH, "_parsed.*", schema.RAW_TEXT, F.lit(False).alias(schema.WHOLE_FILE)),
            batches,
        )

    def _csv_lines(self, files: Sequence[InputFile]) -> DataFrame:
        source = self._contract.source
        if not isinstance(source, CsvSource):
            raise TypeError(source.format)
        headers = self._broadcast(self._headers(source, files))
        lines = self._open("text", files).select(_PATH, F.col("value").cast("binary"), _START)
        return self._parsed_by(
            lines, files, partial(csv_lines, csv_records(self._contract, self._shape), source.encoding, headers)
        )

    def _whole_files(self, files: Sequence[InputFile]) -> DataFrame:
        contents = self._open("binaryFile", files).select(_PATH, "content")
        return self._parsed_by(contents, files, partial(whole_files, text_reader(self._contract, self._shape)))

    def _headers(self, source: CsvSource, files: Sequence[InputFile]) -> dict[str, str]:
        """First record of each file that Spark may split, by Spark's name of the file."""
        if not source.header or source.compression == "gzip":
            return {}
        large = [item.file.url for item in files if item.file.size_bytes >= SPLIT_FROM_BYTES]

        def header(url: str) -> tuple[str, str | None]:
            start = self._storage.read_start(url, _HEADER_BYTES)
            return self._storage.spark_name(url), first_line(start, source.compression, source.encoding)

        return {name: line for name, line in self._storage.for_all(header, large) if line is not None}

    def _open(self, form: str, files: Sequence[InputFile]) -> DataFrame:
        """Open files by their exact names and with nothing else.

        Raises:
            AccountingError: Spark would leave a file out.
        """
        paths = [escape_glob(item.file.url) for item in files]
        opened = self._spark.read.format(form).option("recursiveFileLookup", "true").load(paths)
        if len(opened.inputFiles()) != len(files):
            raise AccountingError(f"Spark sees {len(opened.inputFiles())} of {len(files)} files")
        return opened.select(
            "*", F.col("_metadata.file_path").alias(_PATH), F.col("_metadata.file_block_start").alias(_START)
        )

    def _parsed_by(
        self,
        opened: DataFrame,
        files: Sequence[InputFile],
        parse: Callable[[Iterable[Any]], Iterator[tuple[str, Parsed]]],
    ) -> DataFrame:
        origins = self._broadcast(
            {self._storage.spark_name(item.file.url): (item.batch_id, item.file.url) for item in files}
        )
        records = opened.rdd.mapPartitions(partial(with_origin, parse, origins))
        return self._spark.createDataFrame(records, self._schema, verifySchema=False)

    def _with_origins(self, records: DataFrame, batches: Mapping[str, str]) -> DataFrame:
        """Exchange Spark's name of the file for batch and URL."""
        rows = [(self._storage.spark_name(url), batch_id, url) for url, batch_id in batches.items()]
        names = T.StructType(
            [T.StructField(name, T.StringType(), nullable=False) for name in (_PATH, schema.BATCH, schema.SOURCE)]
        )
        origins = F.broadcast(self._spark.createDataFrame(rows, names))
        return records.join(origins, on=_PATH, how="inner").select(*self._schema.fieldNames())

    def _broken(self, files: Iterable[tuple[str, str, str]]) -> DataFrame:
        rows = [(batch_id, url, None, "", reason, True) for batch_id, url, reason in files]
        return self._spark.createDataFrame(rows, self._schema)

    def _broadcast(self, value: Mapping[str, Any]) -> "Broadcast[Mapping[str, Any]]":
        return self._spark.sparkContext.broadcast(value)


def _refusal(url: str) -> str | None:
    """Why Spark would leave a file out.

    Source: Spark skips files whose names begin with ``_`` or ``.`` (HadoopFSUtils.shouldFilterOutPathName).
    """
    name = url.rpartition("/")[2]
    if name.startswith(("_", ".")) or name.endswith("._COPYING_"):
        return "file: its name marks it as hidden"
    return None


def _is_utf_8(encoding: str) -> bool:
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8")


def _has_byte_line_ends(encoding: str) -> bool:
    return "\r\n".encode(encoding) == b"\r\n"
