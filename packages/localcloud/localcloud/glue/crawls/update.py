"""Brings one catalog table in step with the files that were found, as far as the crawler's policy goes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from localcloud.glue.crawls.catalog import Catalog, Item
from localcloud.glue.crawls.definition import DELETE, LOG, UPDATE, Crawler
from localcloud.glue.crawls.differences import differences, updated_columns
from localcloud.glue.crawls.found import Classified, Form, Group, main_form
from localcloud.glue.crawls.kinds import merged
from localcloud.glue.crawls.listing import as_folder
from localcloud.glue.crawls.report import ADD, PARTITION, TABLE, Report
from localcloud.glue.crawls.report import DELETE as DELETED
from localcloud.glue.crawls.report import UPDATE as UPDATED
from localcloud.glue.crawls.storage import (
    DEPRECATED_BY,
    new_partition,
    partition_input,
    table_input,
    with_columns,
    with_parameter,
)

Values = tuple[str, ...]


class TableUpdater:
    """Writes what a crawl found into the catalog.

    New partitions are always made. Columns of tables and partitions follow UpdateBehavior; what has no files any more
    follows DeleteBehavior.
    Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-configuration.html
    """

    def __init__(self, crawler: Crawler, catalog: Catalog, report: Report, now: Callable[[], float]) -> None:
        """Act for a crawler.

        Args:
            crawler: whose policy holds.
            catalog: is read and written.
            report: hears of changes, and of what is different and stays so.
            now: seconds since the epoch.
        """
        self._crawler, self._catalog, self._report, self._now = crawler, catalog, report, now

    def update(
        self,
        table: Item,
        groups: Sequence[Group],
        existing: Mapping[Values, Item],
        looked_at: Callable[[str], bool],
        *,
        is_partial: bool,
    ) -> None:
        """Bring a table in step.

        Args:
            table: as the catalog has it.
            groups: what was found of it.
            existing: its partitions.
            looked_at: whether a partition of this location was looked at, so that it is gone when it was not found.
            is_partial: only some partitions were looked at, so that a column they lack is not gone.
        """
        keys = [key["Name"] for key in table.get("PartitionKeys") or ()]
        files, form = self._readable(table, groups)
        table = self._update_columns(table, files, keys, is_partial=is_partial)
        if keys:
            self._create(table, list(_first_of_each(group for group in groups if group.values not in existing)), form)
            self._update_partitions(
                table, [(existing[group.values], group) for group in groups if group.values in existing], form
            )
            found = {group.values for group in groups}
            gone = [item for values, item in existing.items() if values not in found]
            self._remove_partitions(table, [item for item in gone if looked_at(_location(item))])

    def remove_table(self, table: Item) -> None:
        """Do with a table that has no files any more as DeleteBehavior says."""
        name = _name(table)
        if self._crawler.delete_behavior == DELETE:
            self._catalog.delete_table(table["DatabaseName"], table["Name"])
            self._report.changed(TABLE, DELETED, name)
        elif self._crawler.delete_behavior == LOG:
            self._report.warn(f"Table {name} has no files any more; it stays")
        elif DEPRECATED_BY not in table.get("Parameters", {}):
            deprecated = with_parameter(table_input(table), DEPRECATED_BY, self._stamp())
            self._catalog.update_table(table["DatabaseName"], deprecated)
            self._report.changed(TABLE, UPDATED, f"{name} (deprecated)")

    def _readable(self, table: Item, groups: Sequence[Group]) -> tuple[list[Classified], Form | None]:
        """The files that are of the table's format, and how most of them are written."""
        files = [file for group in groups for file in group.files]
        wanted = table.get("Parameters", {}).get("classification", "")
        of_format = [file for file in files if file.form.classification == wanted] if wanted else files
        form = main_form(of_format)
        odd: dict[str, Classified] = {}
        for file in files:
            if wanted and file.form.classification != wanted:
                odd.setdefault(file.form.classification, file)
        for classification, file in odd.items():
            self._report.warn(f"Table {_name(table)} has {wanted} files, but {file.file.url} is {classification}")
        return [file for file in of_format if form is not None and _reads_alike(file.form, form)], form

    def _update_columns(self, table: Item, files: Sequence[Classified], keys: list[str], *, is_partial: bool) -> Item:
        catalog = table.get("StorageDescriptor", {}).get("Columns", [])
        found = differences(catalog, files, keys)
        if is_partial:
            found = [difference for difference in found if difference.found is not None]
        if not found:
            return table
        only_adds = self._crawler.configuration.merges or is_partial
        columns = updated_columns(catalog, files, keys, only_adds=only_adds)
        is_updated = self._crawler.update_behavior == UPDATE and columns != catalog
        for difference in found:
            self._tell(f"Table {_name(table)} differs: {difference}", is_updated=is_updated)
        if not is_updated:
            return table
        self._catalog.update_table(table["DatabaseName"], with_columns(table_input(table), columns))
        self._report.changed(TABLE, UPDATED, _name(table))
        return with_columns(table, columns)

    def _tell(self, text: str, *, is_updated: bool) -> None:
        if is_updated:
            self._report.say(text)
        else:
            self._report.warn(text)

    def _create(self, table: Item, groups: Sequence[Group], form: Form | None) -> None:
        inputs = [new_partition(table, group, *self._own_schema(group, form)) for group in groups]
        for made in self._catalog.create_partitions(table, inputs):
            self._report.changed(PARTITION, ADD, f"{_name(table)} {list(made['Values'])}")

    def _own_schema(self, group: Group, form: Form | None) -> tuple[Form | None, Any]:
        files = [file for file in group.files if form is not None and _reads_alike(file.form, form)]
        if self._crawler.configuration.inherits or not files:
            return None, None
        return files[0].form, merged(file.columns for file in files)

    def _update_partitions(self, table: Item, pairs: Iterable[tuple[Item, Group]], form: Form | None) -> None:
        stale = [name for name in (self._update_partition(table, *pair, form) for pair in pairs) if name is not None]
        if stale:
            more = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
            self._report.warn(f"Partition {stale[0]}{more}: other columns than its files or its table; they stay")

    def _update_partition(self, table: Item, partition: Item, group: Group, form: Form | None) -> str | None:
        """Update a partition, or give its name when its columns differ and stay.

        A partition whose location is another folder is another's: it stays as it is (not documented).
        """
        name = f"{_name(table)} {list(group.values)}"
        if as_folder(_location(partition)) != group.location:
            self._report.say(f"Partition {name} is registered at {_location(partition)} and stays as it is")
            return None
        catalog = partition.get("StorageDescriptor", {}).get("Columns", [])
        of_table = table.get("StorageDescriptor", {}).get("Columns", [])
        columns = self._partition_columns(catalog, of_table, group, form)
        if columns != catalog and self._crawler.update_behavior == UPDATE:
            self._catalog.update_partition(table, with_columns(partition_input(partition), columns))
            self._report.changed(PARTITION, UPDATED, name)
        elif catalog not in (columns, of_table):
            return name
        return None

    def _partition_columns(
        self, catalog: list[dict[str, str]], of_table: list[dict[str, str]], group: Group, form: Form | None
    ) -> list[dict[str, str]]:
        if self._crawler.configuration.inherits:
            return of_table
        files = [file for file in group.files if form is not None and _reads_alike(file.form, form)]
        if not differences(catalog, files):
            return catalog
        return updated_columns(catalog, files, (), only_adds=False)

    def _remove_partitions(self, table: Item, partitions: Iterable[Item]) -> None:
        for partition in partitions:
            name = f"{_name(table)} {list(partition['Values'])}"
            if self._crawler.delete_behavior == DELETE:
                self._catalog.delete_partition(table, partition["Values"])
                self._report.changed(PARTITION, DELETED, name)
            elif self._crawler.delete_behavior == LOG:
                self._report.warn(f"Partition {name} has no files any more; it stays")
            elif DEPRECATED_BY not in (partition.get("Parameters") or {}):
                # AWS documents deprecation of tables; that partitions are marked alike is our reading.
                marked = with_parameter(partition_input(partition), DEPRECATED_BY, self._stamp())
                self._catalog.update_partition(table, marked)
                self._report.changed(PARTITION, UPDATED, f"{name} (deprecated)")

    def _stamp(self) -> str:
        return str(int(self._now() * 1000))


def _first_of_each(groups: Iterable[Group]) -> Iterator[Group]:
    """Two folders can name one partition, such as ``p=1`` and ``P=1``: the first one is registered (not documented)."""
    seen: set[Values] = set()
    for group in groups:
        if group.values not in seen:
            seen.add(group.values)
            yield group


def _name(table: Item) -> str:
    return f"{table['DatabaseName']}.{table['Name']}"


def _location(item: Item) -> str:
    return str(item.get("StorageDescriptor", {}).get("Location") or "")


def _reads_alike(one: Form, other: Form) -> bool:
    return (one.classification, one.compression) == (other.classification, other.compression)
