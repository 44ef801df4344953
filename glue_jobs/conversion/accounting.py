"""The books: every record and row of every source file, and whether all of them went somewhere."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sluice.contract import Contract
from sluice.errors import AccountingError, TerminalError
from sluice.handover import FileCounts, SourceFile, TableCounts
from sluice.kernel.tally import FileTally


class TooManyRejectedError(TerminalError):
    """More of a batch was quarantined than its contract allows."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A Parquet file that was written and read back.

    Attributes:
        url: Where it lies.
        size_bytes: Its length.
        rows: Its rows by the source file that they came from.
    """

    url: str
    size_bytes: int
    rows: Mapping[str, int]


@dataclass(frozen=True)
class StagedTable:
    """What was written for one batch and table.

    Attributes:
        published: Files of the rows to publish.
        duplicates: Files of the rows left out for a newer one.
    """

    published: tuple[StagedFile, ...] = ()
    duplicates: tuple[StagedFile, ...] = ()


def check_ratio(contract: Contract, files: Iterable[SourceFile], tallies: Mapping[str, FileTally]) -> None:
    """Make sure that not more of a batch is quarantined than its contract allows, in records and in whole files' bytes.

    Raises:
        TooManyRejectedError: It is.
    """
    files = tuple(files)
    records = sum(tallies[file.url].records for file in files)
    rejected = sum(tallies[file.url].rejected for file in files)
    all_bytes = sum(file.size_bytes for file in files)
    broken_bytes = sum(file.size_bytes for file in files if tallies[file.url].file_error is not None)
    limit = contract.max_rejected_ratio
    for part, whole, what in ((rejected, records, "records"), (broken_bytes, all_bytes, "bytes, in whole files,")):
        if whole and part / whole > limit:
            top = _most_frequent({file.url: tallies[file.url].reasons for file in files})
            raise TooManyRejectedError(
                f"{part} of {whole} {what} were quarantined, more than max_rejected_ratio {limit:g} allows: {top}"
            )


def _most_frequent(reasons_by_file: Mapping[str, Counter[str]]) -> str:
    """The most frequent reasons, each with its count and the file in which it is most frequent."""
    total = sum(reasons_by_file.values(), Counter[str]())
    shown = []
    for reason, count in total.most_common(3):
        url = max(reasons_by_file, key=lambda name: (reasons_by_file[name][reason], name))
        shown.append(f"{reason} ({count}, as in {url})")
    return "; ".join(shown)


def file_counts(
    contract: Contract, files: Iterable[SourceFile], tallies: Mapping[str, FileTally], staged: Mapping[str, StagedTable]
) -> tuple[FileCounts, ...]:
    """The books of one batch: what was read, against what was found in the files that were written.

    Args:
        contract: The contract.
        files: The batch's source files.
        tallies: What was read, by URL.
        staged: What was written, by table.

    Raises:
        AccountingError: Rows read are not rows rejected, removed as duplicates and published, for a file and a table.
    """
    published = {name: _rows(table.published) for name, table in staged.items()}
    duplicates = {name: _rows(table.duplicates) for name, table in staged.items()}
    found = []
    for file in files:
        tally = tallies[file.url]
        tables = {}
        for table in contract.tables:
            name = table.name
            tables[name] = TableCounts(
                read=tally.read_rows[name],
                rejected=tally.rejected_rows[name],
                duplicates=duplicates.get(name, Counter())[file.url],
                published=published.get(name, Counter())[file.url],
            )
            _check_balance(file.url, name, tables[name])
        found.append(FileCounts(file.url, tally.records, tally.rejected, tables))
    _check_sources({file.url for file in files}, published, duplicates)
    return tuple(found)


def _rows(files: Iterable[StagedFile]) -> Counter[str]:
    total: Counter[str] = Counter()
    for file in files:
        total.update(file.rows)
    return total


def _check_balance(url: str, table: str, counts: TableCounts) -> None:
    if not counts.is_balanced:
        raise AccountingError(
            f"{url}: table {table}: {counts.read} rows read, but {counts.rejected} rejected, "
            f"{counts.duplicates} duplicates and {counts.published} published"
        )


def _check_sources(known: set[str], *written: Mapping[str, Counter[str]]) -> None:
    for tables in written:
        for table, rows in tables.items():
            strange = sorted(set(rows) - known)
            if strange:
                raise AccountingError(f"table {table}: rows came from {strange[0]}, which is no file of the batch")
