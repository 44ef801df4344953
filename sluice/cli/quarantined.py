"""Quarantined records as Athena gives them, as files, and as a terminal may show them."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sluice.analysis.quarantine import Span, quarantine_reasons, quarantine_rows
from sluice.aws.athena import Athena
from sluice.contract import Contract
from sluice.errors import CommandError

FORMATS: Final = (".csv", ".jsonl")
"""Endings of files that records can be written to."""

_SHOWN_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often a reason occurred.

    Attributes:
        records: Records that have it.
        partitions: Partitions that have such a record.
        kind: ``record``, or ``file`` for files that could not be read as a whole.
        reason: The reason.
    """

    records: int
    partitions: int
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class QuarantinedRecord:
    """One record, or one whole file, that broke its contract.

    Attributes:
        partition: Label of its partition.
        batch_id: The batch that brought it.
        source_file: URL of its raw file.
        kind: ``record`` or ``file``.
        reasons: Why it is in quarantine, sorted.
        raw_text: The text as the source wrote it; None where it could not be read.
        record: Its raw values as JSON; None where they could not be read.
    """

    partition: str
    batch_id: str
    source_file: str
    kind: str
    reasons: tuple[str, ...]
    raw_text: str | None
    record: str | None


def read_reasons(athena: Athena, contract: Contract, span: Span) -> list[ReasonCount]:
    """The reasons of a dataset's quarantine, the most frequent first.

    Args:
        athena: Athena on the published files.
        contract: The dataset's contract.
        span: Which partitions to look at.

    Raises:
        AwsBusyError: Athena could not answer now.
        AwsError: Athena refused.
    """
    rows = athena.execute(quarantine_reasons(contract, span)).rows
    return [
        ReasonCount(int(records), int(partitions), str(kind), str(reason)) for reason, kind, records, partitions in rows
    ]


def read_records(athena: Athena, contract: Contract, span: Span, limit: int | None = None) -> list[QuarantinedRecord]:
    """Quarantined records, by partition and source file.

    Args:
        athena: Athena on the published files.
        contract: The dataset's contract.
        span: Which partitions to look at.
        limit: Most records; None for all.

    Raises:
        AwsBusyError: Athena could not answer now.
        AwsError: Athena refused.
    """
    return grouped(athena.execute(quarantine_rows(contract, span, limit)).rows)


def grouped(rows: Iterable[Sequence[str | None]]) -> list[QuarantinedRecord]:
    """Records of the rows that `quarantine_rows` gives: one row per record and reason, those of a record together."""
    found: dict[str | None, QuarantinedRecord] = {}
    for number, partition, batch_id, source_file, kind, raw_text, record, reason in rows:
        earlier = found.get(number)
        reasons = (*earlier.reasons, reason or "") if earlier else (reason or "",)
        found[number] = QuarantinedRecord(
            partition or "", batch_id or "", source_file or "", kind or "", reasons, raw_text, record
        )
    return list(found.values())


def write_records(path: Path, records: Iterable[QuarantinedRecord]) -> None:
    """Write records to a file: ``.jsonl`` one JSON object a line, ``.csv`` with reasons joined by ``; ``.

    Raises:
        CommandError: The file cannot be written.
    """
    plain = [asdict(record) for record in records]
    if path.suffix == ".jsonl":
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in plain)
    else:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(QuarantinedRecord.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(record | {"reasons": "; ".join(record["reasons"])} for record in plain)
        text = buffer.getvalue()
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as exc:
        raise CommandError(f"{path}: cannot be written: {exc.strerror}") from exc


def visible(text: str | None) -> str | None:
    """A source's text on one line of a terminal, cut when it is long; what would steer the terminal is escaped."""
    if text is None:
        return None
    shown = text[:_SHOWN_CHARACTERS]
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)
    return escaped + (f"… ({len(text)} characters)" if len(text) > _SHOWN_CHARACTERS else "")
