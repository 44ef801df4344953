"""Footers of published files against a contract."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sluice.contract import SqlType, Table
from sluice.drift.difference import Difference, Kind, Layer
from sluice.lake.layout import Partition
from sluice.parquet import FileColumn, Footer

_NULL = "nothing: Athena and Spectrum read null there, and so does a load"


def compare_files(dataset: str, table: Table, footers: Mapping[Partition, Sequence[Footer]]) -> list[Difference]:
    """What the files have that differs, one difference for each column and type, with the partitions.

    Texts have no length in a file; everything else is compared to the last digit. A file that has a column by an older
    type stays as it is: its partition is named, with the command that writes it again.

    Args:
        dataset: The table's dataset.
        table: The table.
        footers: Footers of files of the partitions that were looked at.
    """
    seen: dict[tuple[str, str, str], set[Partition]] = {}
    for partition, found in footers.items():
        for key in _pairs(table, found):
            seen.setdefault(key, set()).add(partition)
    return [_difference(dataset, table, key, partitions) for key, partitions in seen.items()]


def replay_command(dataset: str, partitions: Iterable[Partition]) -> str:
    """The command that writes partitions again, and those between them."""
    ordered = sorted(partitions)
    first, last = ordered[0].label, ordered[-1].label
    return f"sluice replay {dataset} {first if first == last else f'{first}..{last}'}"


def _pairs(table: Table, footers: Iterable[Footer]) -> Iterator[tuple[str, str, str]]:
    wanted = table.stored_types
    for footer in footers:
        columns = {column.name: column for column in footer.columns}
        for name, kind in wanted.items():
            column = columns.get(name)
            if column is None:
                yield name, "", str(kind)
            elif not fits(column, kind):
                yield name, column.type, str(kind)
        yield from ((name, column.type, "") for name, column in columns.items() if name not in wanted)


def fits(column: FileColumn, wanted: SqlType) -> bool:
    """Whether a file's column is what a contract's type is written as."""
    if column.sql_type is None:
        return False
    return column.sql_type.is_text if wanted.is_text else column.sql_type == wanted


def _difference(dataset: str, table: Table, key: tuple[str, str, str], partitions: set[Partition]) -> Difference:
    name, have, want = key
    if not have:
        kind, fix = Kind.COMPATIBLE, _NULL
    elif not want:
        kind, fix = Kind.NOTE, "nothing: files keep what the contract does not have; readers do not see it"
    else:
        kind = Kind.BREAKING
        fix = f"Athena and Spectrum refuse these files: {replay_command(dataset, partitions)}"
    labels = tuple(partition.label for partition in sorted(partitions))
    return Difference(Layer.FILES, table.name, name, have, want, kind, fix, labels)
