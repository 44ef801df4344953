"""What the demo found: for machines as report.json, for people as tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from deploy.compare import Difference
from localcloud.faults.journal import Tally
from sluice.analysis import Reader
from sluice.lake.handover import TableCounts
from sluice.ledger.record import BatchRecord
from sluice.terminal import Sheet, state_text, table_of
from sluice_laptop.demo.after import AggregateResult
from sluice_laptop.demo.inbox import Message

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """What became of an analysis query.

    Attributes:
        rows: Rows of its answer in the warehouse.
        agrees: Whether all readers gave the same rows.
    """

    rows: int
    agrees: bool


@dataclass
class Report:
    """What the demo found, as far as it came.

    Attributes:
        seconds: How long it took.
        tables: By table: its counts from the ledger, rows in the warehouse, rows expected.
        aggregates: By aggregate: its rows in the warehouse and whether they are right.
        readers: By table: its current rows through each reader.
        analyses: By query: its rows, and whether all readers gave the same ones.
        archived_files: Raw files that lie in the archive.
        messages: The notifications that were sent.
        faults: What was asked of AWS, and what of it went wrong by plan.
        batches: The ledger's batches, by dataset and partition.
        differences: What is not as it must be.
        error: Why the demo ended early; empty when it did not.
        is_complete: Whether everything was compared.
    """

    seconds: float = 0.0
    tables: dict[str, tuple[TableCounts, int, int]] = field(default_factory=dict)
    aggregates: dict[str, AggregateResult] = field(default_factory=dict)
    readers: dict[str, dict[Reader, int]] = field(default_factory=dict)
    analyses: dict[str, AnalysisResult] = field(default_factory=dict)
    archived_files: int = 0
    messages: Sequence[Message] = ()
    faults: Sequence[Tally] = ()
    batches: Sequence[BatchRecord] = ()
    differences: list[Difference] = field(default_factory=list)
    error: str = ""
    is_complete: bool = False

    @property
    def ok(self) -> bool:
        """Whether everything was compared and nothing differs."""
        return self.is_complete and not self.error and not self.differences

    def write(self, path: Path) -> None:
        """Write report.json."""
        document = {
            "ok": self.ok,
            "seconds": round(self.seconds, 1),
            "tables": {name: _plain(*found) for name, found in self.tables.items()},
            "aggregates": {name: {"rows": found.rows, "ok": found.is_right} for name, found in self.aggregates.items()},
            "readers": {name: {str(reader): n for reader, n in found.items()} for name, found in self.readers.items()},
            "analyses": {name: {"rows": found.rows, "ok": found.agrees} for name, found in self.analyses.items()},
            "archived_files": self.archived_files,
            "notifications": {topic: self._count(topic) for topic in ("business", "support")},
            "faults": [tally.to_fields() for tally in self.faults],
            "error": self.error,
            "differences": [f"{d.where} {d.key} {d.what}: {d.expected!r}, {d.got!r}" for d in self.differences],
            "batches": [
                {
                    "dataset": b.dataset,
                    "partition": b.partition,
                    "state": str(b.state),
                    "engine": b.engine,
                    "reason": b.reason,
                }
                for b in self.batches
            ],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def show(self, console: Console) -> None:
        """Print the summary."""
        if self.batches:
            _print_titled(console, "Batches", _batches(self.batches))
            _print_reasons(console, self.batches)
        if self.tables:
            _print_titled(console, "Tables", _tables(self.tables))
        if self.readers:
            _print_titled(console, "Current rows by reader", _readers(self.readers), is_last=False)
            console.print(_agreement(self.analyses))
            console.print()
        if self.aggregates:
            _print_titled(console, "Aggregates", _aggregates(self.aggregates), is_last=False)
            console.print(f"raw files in the archive: {self.archived_files}")
            console.print()
        _print_messages(console, self.messages)
        _print_differences(console, self.differences)
        if self.error:
            console.print(Text(self.error, "red"), soft_wrap=True)
        verdict = "every row and every count is as it was sent" if self.ok else "NOT as it was sent"
        console.print(Text(f"{verdict}; {self.seconds:.0f} s", "bold green" if self.ok else "bold red"))

    def _count(self, topic: str) -> int:
        return sum(message.topic == topic for message in self.messages)


def _plain(counts: TableCounts, warehouse: int, expected: int) -> dict[str, int]:
    return {
        "rows_read": counts.read,
        "rejected": counts.rejected,
        "duplicates": counts.duplicates,
        "published": counts.published,
        "warehouse": warehouse,
        "expected": expected,
    }


def _print_titled(console: Console, title: str, sheet: Sheet, *, is_last: bool = True) -> None:
    console.print(Text(title, "bold"))
    console.print(sheet)
    if is_last:
        console.print()


def _tables(tables: Mapping[str, tuple[TableCounts, int, int]]) -> Sheet:
    columns = ("table", "rows read", "rejected", "duplicates", "published", "warehouse", "expected")
    rows = [(name, *(f"{number:,}" for number in _plain(*found).values())) for name, found in tables.items()]
    return table_of(columns, rows, numbers=columns[1:])


def _readers(readers: Mapping[str, Mapping[Reader, int]]) -> Sheet:
    names = [str(reader) for reader in Reader]
    rows = [(name, *(f"{found[reader]:,}" for reader in Reader)) for name, found in readers.items()]
    return table_of(("table", *names), rows, numbers=names)


def _agreement(analyses: Mapping[str, AnalysisResult]) -> Text:
    differing = [name for name, found in analyses.items() if not found.agrees]
    if differing:
        return Text(f"analysis queries on which the readers do not agree: {', '.join(differing)}", "red")
    return Text(f"{len(analyses)} analysis queries give the same rows through every reader")


def _aggregates(aggregates: Mapping[str, AggregateResult]) -> Sheet:
    rows = [
        (name, f"{found.rows:,}", Text("yes", "green") if found.is_right else Text("no", "red"))
        for name, found in aggregates.items()
    ]
    return table_of(("table", "rows", "as computed from what was sent"), rows, numbers=("rows",))


def _print_messages(console: Console, messages: Sequence[Message]) -> None:
    if messages:
        rows = [(message.topic, message.subject, _gist(message)) for message in messages]
        _print_titled(console, "Notifications", table_of(("topic", "subject", "says"), rows, note="says"))


def _gist(message: Message) -> str:
    """What a person wants to know of a notification first."""
    body = message.body
    if "rows" not in body:
        return "; ".join(str(body[name]) for name in ("why", "retry") if name in body)
    rows = (f"{table} {n['inserted']} inserted, {n['updated']} updated" for table, n in body["rows"].items())
    return "; ".join([*rows, f"{body['quarantined']} quarantined", f"{body['seconds']:.0f} s"])


def _batches(batches: Sequence[BatchRecord]) -> Sheet:
    columns = ("dataset", "partition", "state", "converted by", "reason")
    rows = [(one.dataset, one.partition, state_text(one.state), one.engine, one.reason) for one in batches]
    return table_of(columns, rows, note="reason")


def _print_reasons(console: Console, batches: Sequence[BatchRecord]) -> None:
    reasons: dict[tuple[str, str], int] = {}
    for batch in batches:
        for reason, count in batch.reasons.items():
            reasons[batch.dataset, reason] = reasons.get((batch.dataset, reason), 0) + count
    if not reasons:
        return
    rows = [(dataset, count, reason) for (dataset, reason), count in sorted(reasons.items())]
    sheet = table_of(("dataset", "records", "reason"), rows, numbers=("records",))
    _print_titled(console, "Quarantined records", sheet)


def _print_differences(console: Console, differences: Sequence[Difference]) -> None:
    for difference in differences[:_MOST_SHOWN]:
        at = f"{difference.where} [{difference.key}]" if difference.key else difference.where
        line = f"{at} {difference.what}: expected {difference.expected!r}, got {difference.got!r}"
        console.print(Text(line, "red"), soft_wrap=True)
    if len(differences) > _MOST_SHOWN:
        console.print(Text(f"... and {len(differences) - _MOST_SHOWN} more differences", "red"))
