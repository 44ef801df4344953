"""Spark's settings on which the conversion's results depend."""

from collections.abc import Mapping

from pyspark.sql import SparkSession

STAGED_BYTES_PER_TASK = 512 << 20
"""Shuffled bytes that make one file. They are rows without Parquet's encodings, two to four times the file: so files
come out at about 128 to 512 MB."""

SETTINGS: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # Names in raw data differ by case alone more often than one would think.
    "spark.sql.caseSensitive": "true",
    # COPY's rules for older kinds of timestamps are not documented.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.optimizeSkewsInRebalancePartitions.enabled": "true",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": str(STAGED_BYTES_PER_TASK),
}


def configure(spark: SparkSession, overrides: Mapping[str, str] | None = None) -> None:
    """Make a session give the same results everywhere."""
    for name, value in {**SETTINGS, **(overrides or {})}.items():
        spark.conf.set(name, value)
