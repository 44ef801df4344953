"""What a booked batch adds to the metrics."""

from datetime import datetime, timedelta

from lambda_trigger.metrics import Metric
from sluice.ledger.record import BatchRecord


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
    written_at = _moment(record.written_at)
    if written_at is not None:
        # The clocks of S3 and of a function may differ a little.
        values[Metric.FRESHNESS_SECONDS] = max(0.0, (now - written_at) / timedelta(seconds=1))
    return values


def _moment(text: str) -> datetime | None:
    """The moment that S3's event names; None when it names none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
