"""Whether published files still go with the contract: it may have changed since the conversion wrote them.

A batch whose files no longer fit in one of its tables is loaded in none of them: it is converted again as a whole.
"""

from collections.abc import Iterable, Mapping, Sequence

from sluice.errors import EmptyDeliveryError, OutdatedFilesError
from sluice.lake.handover import PublishedFile
from sluice.warehouse.stored import Stored
from sluice.warehouse.target import Target

Files = Sequence[PublishedFile]


def outdated(batches: Mapping[str, Mapping[str, Files]], targets: Iterable[Target]) -> dict[str, OutdatedFilesError]:
    """The batches whose files do not fit, each with the reason.

    Args:
        batches: For each batch, its published files by table.
        targets: The tables of the dataset, as the contract has them today.
    """
    found: dict[str, OutdatedFilesError] = {}
    for target in targets:
        for batch_id, files in batches.items():
            misfit = _misfit(files.get(target.table.name, ()), target)
            if misfit:
                reason = f"table {target}: batch {batch_id} was converted by another version of the contract: {misfit}"
                found.setdefault(batch_id, OutdatedFilesError(reason))
    return found


def emptying(batches: Mapping[str, Mapping[str, Files]], targets: Iterable[Target]) -> dict[str, EmptyDeliveryError]:
    """The batches that would empty a table, each with the reason: full refreshes without a row.

    Args:
        batches: For each batch, its published files by table.
        targets: The tables of a dataset whose contract does not allow empty deliveries.
    """
    return {
        batch_id: EmptyDeliveryError(
            f"table {target}: batch {batch_id} has no row, and a full refresh with it would empty the table. Send the "
            "partition again; where an empty delivery is meant, the contract says `allow_empty: true`"
        )
        for target in targets
        if target.table.load == "full_refresh"
        for batch_id, files in batches.items()
        if not any(file.rows for file in files.get(target.table.name, ()))
    }


def stored_of(files: Files, target: Target) -> Stored:
    """The columns of the files of one batch, which all have the same; those of the contract when there is no file."""
    return Stored.of_columns(files[0].columns, target.table) if files else Stored.of_table(target.table)


def _misfit(files: Files, target: Target) -> str:
    if len({file.columns for file in files}) > 1:
        return "its files have different columns"
    return stored_of(files, target).misfit(target.table)
