"""What Sluice measures, as CloudWatch's embedded metric format: one JSON line of the log is one measurement.

The Lambda functions measure, because every end of a batch passes through them; a Glue job's numbers reach them in its
outcome document. The only dimension is the dataset: it is bounded by the contracts, which a batch or a run is not, and
CloudWatch bills each combination of dimensions as a metric of its own.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import math
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.metric_properties import MetricUnit

from sluice.ledger.record import BatchRecord, moment

NAMESPACE = "Sluice"
DIMENSION = "dataset"
MAX_DIMENSION_CHARACTERS = 1024


class Metric(StrEnum):
    """The metrics by name. Whoever measures more adds it here, where alarms and dashboards look."""

    FILES_PROCESSED = "FilesProcessed"
    BYTES_PROCESSED = "BytesProcessed"
    ROWS_PUBLISHED = "RowsPublished"
    ROWS_QUARANTINED = "RowsQuarantined"
    CONVERTED_BY_SPARK = "ConvertedBySpark"
    DATA_ROWS_LOADED = "DataRowsLoaded"
    PROCESSING_ERRORS = "ProcessingErrors"
    EXECUTION_DURATION = "ExecutionDuration"
    FRESHNESS_SECONDS = "FreshnessSeconds"
    NOTIFICATIONS_FAILED = "NotificationsFailed"
    MANIFESTS_FOUND = "ManifestsFound"
    BREAKING_DIFFERENCES = "BreakingDifferences"
    SCHEMA_CHANGES = "SchemaChanges"


UNITS: Mapping[Metric, MetricUnit] = {
    Metric.FILES_PROCESSED: MetricUnit.Count,
    Metric.BYTES_PROCESSED: MetricUnit.Bytes,
    Metric.ROWS_PUBLISHED: MetricUnit.Count,
    Metric.ROWS_QUARANTINED: MetricUnit.Count,
    Metric.CONVERTED_BY_SPARK: MetricUnit.Count,
    Metric.DATA_ROWS_LOADED: MetricUnit.Count,
    Metric.PROCESSING_ERRORS: MetricUnit.Count,
    Metric.EXECUTION_DURATION: MetricUnit.Seconds,
    Metric.FRESHNESS_SECONDS: MetricUnit.Seconds,
    Metric.NOTIFICATIONS_FAILED: MetricUnit.Count,
    Metric.MANIFESTS_FOUND: MetricUnit.Count,
    Metric.BREAKING_DIFFERENCES: MetricUnit.Count,
    Metric.SCHEMA_CHANGES: MetricUnit.Count,
}


class EmfMetrics:
    """Writes measurements to standard output, where Lambda's log and so CloudWatch picks them up.

    It keeps nothing between two calls: measurements of several datasets in one invocation, or in several threads at
    once, do not mix.
    """

    def emit(self, dataset: str, values: Mapping[str, float]) -> None:
        """Measure: one line, one value for each metric. 0 is a value.

        Args:
            dataset: The dataset that all values belong to.
            values: Values by the name of a `Metric`, in the unit that `UNITS` has for it. Without values there is
                no line.

        Raises:
            ValueError: A name is not a metric, a value is not a finite number, or the dataset cannot be a dimension.
                Nothing has been written then.

        Side Effects:
            Writes to standard output.
        """
        measured = checked(dataset, values)
        if not measured:
            return
        # An empty service keeps powertools from adding the function's name as a second dimension.
        line = EphemeralMetrics(namespace=NAMESPACE, service="")
        line.add_dimension(DIMENSION, dataset)
        for metric, value in measured.items():
            line.add_metric(metric.value, UNITS[metric], value)
        # Not flush_metrics: it prints the text and its line's end in two pieces, between which another thread's line
        # may come, and a switch of the environment silences it.
        sys.stdout.write(json.dumps(line.serialize_metric_set(), separators=(",", ":")) + "\n")
        sys.stdout.flush()


def checked(dataset: str, values: Mapping[str, float]) -> dict[Metric, float]:
    """The values by metric.

    CloudWatch drops a line that breaks its rules without a word, so a breach is an error here.

    Raises:
        ValueError: See `EmfMetrics.emit`.
    """
    if not dataset.strip() or not dataset.isascii() or len(dataset) > MAX_DIMENSION_CHARACTERS:
        raise ValueError(f"dataset {dataset[:100]!r}: a dimension has 1 to {MAX_DIMENSION_CHARACTERS} ASCII characters")
    known = {metric.value: metric for metric in Metric}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"no such metric: {unknown[0]!r}; there are {', '.join(known)}")
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} of {dataset}: {value} is not a finite number")
    return {known[name]: value for name, value in values.items()}


def measures_of_conversion(record: BatchRecord) -> dict[str, float]:
    """What the conversion of a batch did.

    Args:
        record: The batch, converted.
    """
    return {
        Metric.FILES_PROCESSED: record.files,
        Metric.BYTES_PROCESSED: record.size_bytes,
        Metric.ROWS_PUBLISHED: sum(counts.published for counts in record.counts.values()),
        Metric.ROWS_QUARANTINED: sum(counts.rejected for counts in record.counts.values()),
        Metric.CONVERTED_BY_SPARK: float(record.engine == "spark"),
    }


def measures_of_load(record: BatchRecord, now: datetime) -> dict[str, float]:
    """What the load of a batch did.

    Args:
        record: The batch, loaded.
        now: The present moment: its rows can be queried.
    """
    rows = sum(counts.inserted + counts.updated for counts in record.load_counts.values())
    values: dict[str, float] = {Metric.DATA_ROWS_LOADED: rows}
    written_at = moment(record.written_at)
    if written_at is not None:
        # The clocks of S3 and of a function may differ a little.
        values[Metric.FRESHNESS_SECONDS] = max(0.0, (now - written_at) / timedelta(seconds=1))
    return values
