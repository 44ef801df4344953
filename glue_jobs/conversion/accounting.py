"""The books: every record and row of every source file, and whether all of them went somewhere."""

from collections import Counter
from collections.abc import Iterable, Mapping

from sluice.contract import Contract
from sluice.errors import AccountingError, TerminalError
from sluice.kernel.tally import FileTally
from sluice.kernel.write import WrittenTable
from sluice.lake.handover import FileCounts, SourceFile, TableCounts


class TooManyRejectedError(TerminalError):
    """More of a batch was quarantined than its contract allows."""


class EmptyDeliveryError(TerminalError):
    """A batch would leave nothing of a table that it replaces."""


def check_content(contract: Contract, files: Iterable[SourceFile], tallies: Mapping[str, FileTally]) -> None:
    """Make sure that a batch may be published: not too much of it is quarantined, and it replaces no table by nothing.

    Raises:
        TooManyRejectedError: More is quarantined than the contract allows.
        EmptyDeliveryError: It has no good record, and one of its tables is replaced by each batch.
    """
    files = tuple(files)
    check_ratio(contract, files, tallies)
    good = sum(tallies[file.url].records - tallies[file.url].rejected for file in files)
    replaced = next((table.name for table in contract.tables if table.load == "full_refresh"), None)
    if replaced is not None and not good and not contract.allow_empty:
        raise EmptyDeliveryError(
            f"none of its {len(files)} files has a good record, and table {replaced} (load: full_refresh) would be "
            "emptied; send the partition again, or say allow_empty: true in the contract"
        )


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
    contract: Contract,
    files: Iterable[SourceFile],
    tallies: Mapping[str, FileTally],
    tables: Mapping[str, WrittenTable],
) -> tuple[FileCounts, ...]:
    """The books of one batch: what was read, against what was found in the files that were written.

    Args:
        contract: The contract.
        files: The batch's source files.
        tallies: What was read, by URL.
        tables: What was written, by table.

    Raises:
        AccountingError: Rows read are not rows rejected, removed as duplicates and published, for a file and a table.
    """
    written = {table.name: tables.get(table.name, WrittenTable((), Counter())) for table in contract.tables}
    published = {name: _rows(found) for name, found in written.items()}
    duplicates = {name: found.duplicates for name, found in written.items()}
    found = []
    for file in files:
        tally = tallies[file.url]
        counts = {}
        for table in contract.tables:
            name = table.name
            counts[name] = TableCounts(
                read=tally.read_rows[name],
                rejected=tally.rejected_rows[name],
                duplicates=duplicates[name][file.url],
                published=published[name][file.url],
            )
            _check_balance(file.url, name, counts[name])
        found.append(FileCounts(file.url, tally.records, tally.rejected, counts, tuple(sorted(tally.absent))))
    _check_sources({file.url for file in files}, published, duplicates)
    return tuple(found)


def rejected_counts(files: Iterable[SourceFile], tallies: Mapping[str, FileTally]) -> tuple[FileCounts, ...]:
    """The books of a batch of which only the quarantine is published."""
    return tuple(FileCounts(file.url, tallies[file.url].records, tallies[file.url].rejected, {}) for file in files)


def _rows(written: WrittenTable) -> Counter[str]:
    total: Counter[str] = Counter()
    for file in written.files:
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
                raise AccountingError(f"table {table}: rows came from {strange[0]}, which is not a file of the batch")


def absent_columns(table: str, sources: Iterable[str], tallies: Mapping[str, FileTally]) -> dict[str, tuple[str, ...]]:
    """The columns of a table that raw files lack altogether, by the file's URL; files that lack none are left out.

    Args:
        table: The table.
        sources: URLs of raw files.
        tallies: What was read of each.
    """
    prefix = f"{table}."
    found = {
        url: tuple(sorted(place.removeprefix(prefix) for place in tallies[url].absent if place.startswith(prefix)))
        for url in sources
    }
    return {url: columns for url, columns in sorted(found.items()) if columns}
