"""Writing Parquet where no reader looks, and counting what was written by reading it back."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from glue_jobs.conversion import schema
from glue_jobs.conversion.accounting import StagedFile, StagedTable
from glue_jobs.conversion.storage import Storage
from sluice.contract import Contract, Table
from sluice.kernel.tally import FileTally
from sluice.quarantine import MAX_FILE_TEXT_BYTES, QUARANTINE_COLUMNS

_KIND, _BATCH = "_kind", "_batch"
_PUBLISHED, _DUPLICATE = "published", "duplicate"
COMPRESSION = "zstd"


@dataclass(frozen=True)
class Selection:
    """Which part of the evaluated records to take.

    Attributes:
        left_out_batches: Batches of which nothing is taken.
        broken_files: URLs of files that are quarantined whole, so that none of their records is taken.
    """

    left_out_batches: Collection[str] = ()
    broken_files: Collection[str] = ()

    def of(self, evaluated: DataFrame) -> DataFrame:
        """The records that are taken."""
        for name, refused in ((schema.BATCH, self.left_out_batches), (schema.SOURCE, self.broken_files)):
            if refused:
                evaluated = evaluated.where(~F.col(name).isin(*sorted(refused)))
        return evaluated.where(~F.col(schema.WHOLE_FILE))


def tally(evaluated: DataFrame, contract: Contract) -> dict[str, FileTally]:
    """Count records, rows and reasons of every source file; one job.

    Returns:
        Tallies by URL, of the files that hold at least one record.
    """
    counts = [F.sum(schema.count(table)).alias(table.name) for table in contract.tables]
    keys = [schema.SOURCE, schema.WHOLE_FILE, schema.REASONS]
    groups = evaluated.groupBy(*keys).agg(F.count("*").alias("_records"), *counts).collect()
    tallies: dict[str, FileTally] = defaultdict(FileTally)
    for group in groups:
        if not group[schema.WHOLE_FILE]:
            rows = {table.name: group[table.name] for table in contract.tables}
            tallies[group[schema.SOURCE]].add(group["_records"], group[schema.REASONS], rows)
    for group in groups:
        if group[schema.WHOLE_FILE]:
            tallies[group[schema.SOURCE]] = FileTally.broken(group[schema.REASONS][0], contract.tables)
    return tallies


class Staging:
    """The unpublished files of one attempt."""

    def __init__(self, spark: SparkSession, storage: Storage, folder: str) -> None:
        """Write below a folder.

        Args:
            spark: The session.
            storage: Where the folder lies.
            folder: ``s3://`` URL without a slash at the end; nothing is there yet.
        """
        self._spark, self._storage, self._folder = spark, storage, folder

    def write_table(self, evaluated: DataFrame, table: Table, selection: Selection) -> None:
        """Write the good rows of a table, of all batches in one job."""
        records = selection.of(evaluated).where(F.col(schema.rows(table)).isNotNull())
        row = F.col(schema.rows(table)) if table.explode is None else F.explode(schema.rows(table))
        rows = records.select(schema.BATCH, schema.SOURCE, row.alias("_row"))
        columns = [F.col(f"_row.{name}") for name in table.column_names]
        stored = rows.select(*columns, schema.BATCH, schema.SOURCE)
        sort_key = table.redshift.sort_key or table.primary_key
        if table.primary_key:
            kinds = stored.select("*", _kind(table).alias(_KIND))
            self._write(kinds, table.name, schema.BATCH, [_KIND, _BATCH], sort_key)
        else:
            self._write(stored, _published(table.name), schema.BATCH, [_BATCH], sort_key)

    def write_quarantine(self, evaluated: DataFrame, contract: Contract, selection: Selection, at: datetime) -> None:
        """Write the rows of the quarantine.

        Args:
            evaluated: The evaluated records.
            contract: The contract.
            selection: What to take; broken files get a row each.
            at: Moment of the quarantine, with its time zone.
        """
        bad = selection.of(evaluated).where(F.size(schema.REASONS) > 0)
        whole = evaluated.where(F.col(schema.WHOLE_FILE))
        if selection.left_out_batches:
            whole = whole.where(~F.col(schema.BATCH).isin(*sorted(selection.left_out_batches)))
        texts = self._spark.createDataFrame(
            self._storage.for_all(self._start_of, sorted(selection.broken_files)),
            f"{schema.SOURCE} string, _text string",
        )
        first = whole.dropDuplicates([schema.SOURCE]).join(F.broadcast(texts), on=schema.SOURCE, how="left")
        rows = _quarantined(bad, "record", F.col(schema.RAW_TEXT), at).unionByName(
            _quarantined(first, "file", F.col("_text"), at)
        )
        self._write(rows, _published(contract.quarantine_table), "batch_id", [_BATCH], ())

    def read_back(self, table: str) -> dict[str, StagedTable]:
        """What lies in the staged files of a table, by batch."""
        folder = f"{self._folder}/{table}"
        files = {self._storage.spark_name(file.url): file for file in self._storage.files(folder)}
        if not any(name.endswith(".parquet") for name in files):
            return {}
        source = "source_file" if table.endswith("_quarantine") else schema.SOURCE
        found = self._spark.read.schema(f"{source} string, {_KIND} string, {_BATCH} string").parquet(folder)
        keys = [
            F.col(_BATCH),
            F.col(_KIND),
            F.col("_metadata.file_path").alias("_path"),
            F.col(source).alias("_source"),
        ]
        groups = found.groupBy(*keys).count().collect()
        rows: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
        for group in groups:
            rows[group[_BATCH], group[_KIND], group["_path"]][group["_source"]] = group["count"]
        staged: dict[tuple[str, str], list[StagedFile]] = defaultdict(list)
        for (batch_id, kind, name), by_source in sorted(rows.items()):
            staged[batch_id, kind].append(StagedFile(files[name].url, files[name].size_bytes, by_source))
        return {
            batch_id: StagedTable(tuple(staged[batch_id, _PUBLISHED]), tuple(staged[batch_id, _DUPLICATE]))
            for batch_id in {batch_id for batch_id, _ in staged}
        }

    def _write(
        self, rows: DataFrame, folder: str, batch_column: str, partition_by: Sequence[str], sort_key: Iterable[str]
    ) -> None:
        """One file per batch and kind, more only where their size calls for it, each sorted.

        No column of `partition_by` may be a constant: Spark takes constants out of a sort, then finds that the rows are
        not sorted by the folders, and sorts again, by the folders alone.
        """
        named = rows.select("*", F.col(batch_column).alias(_BATCH))
        # By SQL: DataFrame.hint takes the names of columns from Spark 4 on only.
        columns = ", ".join(f"`{name}`" for name in partition_by)
        parts = self._spark.sql(f"SELECT /*+ REBALANCE({columns}) */ * FROM {{named}}", named=named)  # noqa: S608 - ours
        ordered = parts.sortWithinPartitions(*partition_by, *sort_key)
        writer = ordered.write.partitionBy(*partition_by).mode("errorifexists").option("compression", COMPRESSION)
        writer.parquet(f"{self._folder}/{folder}")

    def _start_of(self, url: str) -> tuple[str, str]:
        content = self._storage.read_start(url, MAX_FILE_TEXT_BYTES)
        return url, content.decode("utf-8", errors="replace").replace("\0", "\ufffd")


def _published(name: str) -> str:
    """Folder of a table that has no duplicates."""
    return f"{name}/{_KIND}={_PUBLISHED}"


def _kind(table: Table) -> SparkColumn:
    """Whether a row is the newest of its key within its batch; ties are broken the same way each time."""
    newest_first = [F.col(name).desc_nulls_last() for name in table.order_by]
    tie_break = [F.col(schema.SOURCE).desc(), F.xxhash64(*table.column_names).desc()]
    same_key = Window.partitionBy(schema.BATCH, *table.primary_key).orderBy(*newest_first, *tie_break)
    return F.when(F.row_number().over(same_key) == 1, F.lit(_PUBLISHED)).otherwise(F.lit(_DUPLICATE))


def _quarantined(records: DataFrame, kind: str, text: SparkColumn, at: datetime) -> DataFrame:
    values: Mapping[str, SparkColumn] = {
        "batch_id": F.col(schema.BATCH),
        "source_file": F.col(schema.SOURCE),
        "kind": F.lit(kind),
        "reasons": F.col(schema.REASONS),
        "raw_text": text,
        "record": F.col(schema.RECORD),
        "quarantined_at": F.lit(at.isoformat(sep=" ")),
    }
    return records.select(*[values[name].cast(form).alias(name) for name, form in QUARANTINE_COLUMNS.items()])
