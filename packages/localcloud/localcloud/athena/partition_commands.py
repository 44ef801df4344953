"""Statements that register partitions: MSCK REPAIR TABLE and ALTER TABLE ADD and DROP PARTITION.

Source: https://docs.aws.amazon.com/athena/latest/ug/msck-repair-table.html,
https://docs.aws.amazon.com/athena/latest/ug/alter-table-add-partition.html and
https://docs.aws.amazon.com/athena/latest/ug/alter-table-drop-partition.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from localcloud.athena.catalog import NULL_PARTITION, Catalog, TableDefinition
from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.objects import Objects
from localcloud.athena.results import Answer
from localcloud.athena.scan import partition_name
from localcloud.athena.words import Words

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

_PER_CALL = 100


class PartitionCommands:
    """Registers partitions.

    Args:
        glue: gives a client of the catalog.
        catalog: where tables are found.
        objects: where folders are found.
    """

    def __init__(self, glue: "Callable[[], GlueClient]", catalog: Catalog, objects: Objects) -> None:
        self._glue = glue
        self._catalog = catalog
        self._objects = objects

    def repair(self, table: TableDefinition) -> Answer:
        """MSCK REPAIR TABLE: registers the folders key=value below the table's location; it never removes one."""
        known = {partition.values for partition in self._catalog.partitions(table)}
        found = dict(self._folders(table))
        new = [values for values in sorted(found, key=str) if values not in known]
        self._create(table, [(values, found[values]) for values in new])
        names = [partition_name(table, values) for values in new]
        missing = [f"Partitions not in metastore:\t{chr(9).join(f'{table.name}:{name}' for name in names)}"]
        added = [f"Repair: Added partition to metastore {table.name}:{name}" for name in names]
        return Answer.of_texts(["result"], [[line] for line in (missing + added if names else [])])

    def alter(self, table: TableDefinition, words: Words) -> Answer:
        """ALTER TABLE from behind the table's name."""
        if words.take("ADD", "COLUMNS"):
            raise not_here("ALTER TABLE ADD COLUMNS")
        if words.take("ADD"):
            may_exist = words.take("IF", "NOT", "EXISTS")
            self._add(table, words, may_exist=may_exist)
        elif words.take("DROP"):
            may_lack = words.take("IF", "EXISTS")
            self._drop(table, words, may_lack=may_lack)
        else:
            raise QueryError("NOT_SUPPORTED", f"ALTER TABLE {words.rest} is not in the local stand-in of Athena")
        return Answer()

    def _folders(self, table: TableDefinition) -> Iterator[tuple[tuple[str | None, ...], str]]:
        root = table.location.rstrip("/")
        for found in self._objects.listed(table.location):
            below = f"s3://{found.bucket}/{found.key}".removeprefix(f"{root}/")
            folders = below.split("/")[: len(table.keys)]
            pairs = [folder.partition("=") for folder in folders]
            if [name.lower() for name, mark, _ in pairs if mark] != [key.name for key in table.keys]:
                continue
            values = [unquote(value) for _, _, value in pairs]
            yield tuple(None if v == NULL_PARTITION else v for v in values), f"{root}/{'/'.join(folders)}/"

    def _add(self, table: TableDefinition, words: Words, *, may_exist: bool) -> None:
        wanted = []
        while not words.at_end():
            values = self._values(table, words)
            location = words.string() if words.take("LOCATION") else ""
            default = f"{table.location.rstrip('/')}/{partition_name(table, values)}/"
            wanted.append((values, location or default))
        if not wanted:
            raise words.unexpected()
        known = {partition.values for partition in self._catalog.partitions(table)}
        there = [values for values, _ in wanted if values in known]
        if there and not may_exist:
            name = partition_name(table, there[0])
            raise QueryError("ALREADY_EXISTS", f"Partition already exists: {table.name}:{name}")
        self._create(table, [(values, location) for values, location in wanted if values not in known])

    def _drop(self, table: TableDefinition, words: Words, *, may_lack: bool) -> None:
        wanted = [self._values(table, words)]
        while words.take(","):
            wanted.append(self._values(table, words))
        words.end()
        known = {partition.values for partition in self._catalog.partitions(table)}
        missing = [values for values in wanted if values not in known]
        if missing and not may_lack:
            name = partition_name(table, missing[0])
            raise QueryError("GENERIC_USER_ERROR", f"Partition not found: {table.name}:{name}")
        for values in wanted:
            if values in known:
                request: Any = {"PartitionValues": _catalog_values(values)}
                self._call("delete_partition", table, request)

    def _values(self, table: TableDefinition, words: Words) -> tuple[str | None, ...]:
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

    def _create(self, table: TableDefinition, wanted: Sequence[tuple[tuple[str | None, ...], str]]) -> None:
        if not wanted:
            return
        item = self._glue().get_table(DatabaseName=table.database, Name=table.name)["Table"]
        storage: Any = item.get("StorageDescriptor", {})
        inputs = [
            {"Values": _catalog_values(values), "StorageDescriptor": storage | {"Location": location}}
            for values, location in wanted
        ]
        for start in range(0, len(inputs), _PER_CALL):
            request = {"PartitionInputList": inputs[start : start + _PER_CALL]}
            self._call("batch_create_partition", table, request)

    def _call(self, action: str, table: TableDefinition, request: Mapping[str, Any]) -> None:
        try:
            getattr(self._glue(), action)(DatabaseName=table.database, TableName=table.name, **request)
        except ClientError as error:
            raise QueryError("HIVE_METASTORE_ERROR", str(error)) from error


def _catalog_values(values: Sequence[str | None]) -> list[str]:
    return [NULL_PARTITION if value is None else value for value in values]
