"""Statements that register partitions: MSCK REPAIR TABLE and ALTER TABLE ADD, DROP and RENAME PARTITION.

Source: https://docs.aws.amazon.com/athena/latest/ug/msck-repair-table.html,
https://docs.aws.amazon.com/athena/latest/ug/alter-table-add-partition.html,
https://docs.aws.amazon.com/athena/latest/ug/alter-table-drop-partition.html and
https://docs.aws.amazon.com/athena/latest/ug/alter-table-rename-partition.html
"""

from collections.abc import Iterator
from urllib.parse import unquote

from localcloud.athena.catalog import NULL_PARTITION, Catalog, Partition, TableDefinition
from localcloud.athena.errors import QueryError
from localcloud.athena.objects import Objects
from localcloud.athena.results import Answer
from localcloud.athena.scan import partition_name
from localcloud.athena.words import Words

Values = tuple[str | None, ...]


class PartitionCommands:
    """Registers partitions.

    Args:
        catalog: where tables are found.
        objects: where folders are found.
    """

    def __init__(self, catalog: Catalog, objects: Objects) -> None:
        self._catalog = catalog
        self._objects = objects

    def repair(self, table: TableDefinition) -> Answer:
        """MSCK REPAIR TABLE: registers the folders key=value below the table's location; it never removes one."""
        known = {partition.values for partition in self._catalog.partitions(table)}
        found = dict(self._folders(table))
        new = [values for values in sorted(found, key=str) if values not in known]
        self._catalog.create_partitions(table, [Partition(values, found[values]) for values in new])
        names = [partition_name(table, values) for values in new]
        missing = [f"Partitions not in metastore:\t{chr(9).join(f'{table.name}:{name}' for name in names)}"]
        added = [f"Repair: Added partition to metastore {table.name}:{name}" for name in names]
        return Answer.of_texts(["result"], [[line] for line in (missing + added if names else [])])

    def _folders(self, table: TableDefinition) -> Iterator[tuple[Values, str]]:
        root = table.location.rstrip("/")
        for found in self._objects.listed(table.location):
            below = f"s3://{found.bucket}/{found.key}".removeprefix(f"{root}/")
            folders = below.split("/")[: len(table.keys)]
            pairs = [folder.partition("=") for folder in folders]
            if [name.lower() for name, mark, _ in pairs if mark] != [key.name for key in table.keys]:
                continue
            values = [unquote(value) for _, _, value in pairs]
            yield tuple(None if v == NULL_PARTITION else v for v in values), f"{root}/{'/'.join(folders)}/"

    def add(self, table: TableDefinition, words: Words) -> None:
        """ALTER TABLE ADD [IF NOT EXISTS] PARTITION, from behind ADD."""
        may_exist = words.take("IF", "NOT", "EXISTS")
        wanted = []
        while not words.at_end():
            values = self.values(table, words)
            location = words.string() if words.take("LOCATION") else ""
            default = f"{table.location.rstrip('/')}/{partition_name(table, values)}/"
            wanted.append(Partition(values, location or default))
        if not wanted:
            raise words.unexpected()
        known = self._known(table)
        there = [one.values for one in wanted if one.values in known]
        if there and not may_exist:
            name = partition_name(table, there[0])
            raise QueryError("ALREADY_EXISTS", f"Partition already exists: {table.name}:{name}")
        self._catalog.create_partitions(table, [one for one in wanted if one.values not in known])

    def drop(self, table: TableDefinition, words: Words) -> None:
        """ALTER TABLE DROP [IF EXISTS] PARTITION, from behind DROP."""
        may_lack = words.take("IF", "EXISTS")
        wanted = [self.values(table, words)]
        while words.take(","):
            wanted.append(self.values(table, words))
        words.end()
        known = self._known(table)
        missing = [values for values in wanted if values not in known]
        if missing and not may_lack:
            raise _missing(table, missing[0])
        for values in wanted:
            if values in known:
                self._catalog.drop_partition(table, values)

    def rename(self, table: TableDefinition, old: Values, words: Words) -> None:
        """ALTER TABLE PARTITION RENAME TO PARTITION, from behind TO; the files stay where they are."""
        new = self.values(table, words)
        words.end()
        known = self._known(table)
        if old not in known:
            raise _missing(table, old)
        if new in known:
            name = partition_name(table, new)
            raise QueryError("ALREADY_EXISTS", f"Partition already exists: {table.name}:{name}")
        self._catalog.change_partition(table, old, new, {})

    def values(self, table: TableDefinition, words: Words) -> Values:
        """PARTITION (key = value, …) with a value for each key of the table."""
        words.expect("PARTITION")
        words.expect("(")
        given: dict[str, str] = {}
        while True:
            name = words.name()
            words.expect("=")
            given[name] = words.value()
            if not words.take(","):
                break
        words.expect(")")
        if set(given) != {key.name for key in table.keys}:
            keys = ", ".join(key.name for key in table.keys)
            raise QueryError("GENERIC_USER_ERROR", f"a partition of {table.name} has a value for each of {keys}")
        return tuple(None if given[k.name] == NULL_PARTITION else given[k.name] for k in table.keys)

    def _known(self, table: TableDefinition) -> set[Values]:
        return {partition.values for partition in self._catalog.partitions(table)}


def _missing(table: TableDefinition, values: Values) -> QueryError:
    return QueryError("GENERIC_USER_ERROR", f"Partition not found: {table.name}:{partition_name(table, values)}")
