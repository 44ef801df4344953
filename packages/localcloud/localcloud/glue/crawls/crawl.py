"""One crawl, from its listing to the catalog."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcloud.errors import LocalCloudError
from localcloud.glue.crawls.catalog import Catalog, Item
from localcloud.glue.crawls.classify import classify
from localcloud.glue.crawls.definition import EVENTS, NEW_FOLDERS, CatalogTarget, Crawler, S3Target
from localcloud.glue.crawls.found import Classified, Detected, Group, S3File
from localcloud.glue.crawls.grouping import Grouping, detect
from localcloud.glue.crawls.listing import as_folder, list_files, split_address
from localcloud.glue.crawls.naming import table_name
from localcloud.glue.crawls.partitions import folders_below, values_of
from localcloud.glue.crawls.report import ADD, TABLE, Report
from localcloud.glue.crawls.storage import CRAWLED_BY, new_table
from localcloud.glue.crawls.tables import exclusions_of, folder_of, key_names, owner_of
from localcloud.glue.crawls.update import TableUpdater

Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a crawler keeps from one crawl to the next.

    Attributes:
        version: of the crawler at its last crawl that succeeded; 0 before.
        folders: that it has seen.
    """

    version: int = 0
    folders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Doors:
    """What a crawl reaches, in its crawler's account and region."""

    s3: Any
    catalog: Catalog


@dataclass(slots=True)
class Crawl:
    """One crawl.

    Attributes:
        crawler: what to do.
        doors: what is read and written.
        memory: of the crawls before.
        changed: folders that events name; None when everything is listed.
        report: hears what happens.
        check: raises when the crawl is to stop.
        now: seconds since the epoch.
    """

    crawler: Crawler
    doors: Doors
    memory: Memory
    changed: frozenset[str] | None
    report: Report
    check: Callable[[], None]
    now: Callable[[], float]
    _folders: set[str] = field(default_factory=set)

    def run(self) -> Memory:
        """Do it.

        Returns:
            What to remember.

        Raises:
            ClientError: a service refused; what was written so far stays.
            LocalCloudError: the crawler asks for what the local cloud lacks.
        """
        if self.crawler.unsupported:
            raise LocalCloudError(f"the local cloud does not crawl with {', '.join(self.crawler.unsupported)}")
        for catalog_target in self.crawler.catalog_targets:
            self._crawl_tables(catalog_target)
        for s3_target in self.crawler.s3_targets:
            self._crawl_folder(s3_target)
        # Only crawls of new folders ask for those that were seen.
        seen = self.memory.folders | self._folders if self.crawler.recrawl == NEW_FOLDERS else frozenset[str]()
        return Memory(self.crawler.version, seen)

    @property
    def _is_partial(self) -> bool:
        is_incremental = self.crawler.recrawl == NEW_FOLDERS and self.memory.version > 0
        return self.changed is not None or is_incremental

    def _crawl_tables(self, target: CatalogTarget) -> None:
        tables = [self.doors.catalog.table(target.database, name) for name in target.tables]
        for table in tables:
            if not folder_of(table).removeprefix("s3://"):
                raise LocalCloudError(f"table {target.database}.{table['Name']} has no location in S3")
        buckets = {split_address(folder_of(table))[0] for table in tables}
        if self.crawler.recrawl == EVENTS and len(buckets) > 1:
            # Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-event-notifications.html
            raise LocalCloudError(f"event mode needs all tables in one bucket, not in {', '.join(sorted(buckets))}")
        for table in tables:
            root = folder_of(table)
            exclusions = exclusions_of(table)
            files = list(self._list([root], root, exclusions, {root: table}))
            self._update(table, files, None)

    def _crawl_folder(self, target: S3Target) -> None:
        root, database = as_folder(target.path), self.crawler.database
        self.doors.catalog.require_database(database)
        known = {
            folder_of(table): table
            for table in self.doors.catalog.tables(database)
            if folder_of(table).startswith(root)
        }
        files = list(self._list([root], target.path, target.exclusions, known))
        by_table: dict[str, list[S3File]] = {location: [] for location in known}
        unknown: list[S3File] = []
        for file in files:
            owner = owner_of(file, known)
            (unknown if owner is None else by_table[owner]).append(file)
        for location, table in known.items():
            self._crawl_known(table, by_table[location], target)
        self._make_tables(self._classified(self._sampled(unknown, target.sample_size)), target, frozenset(known))

    def _crawl_known(self, table: Item, files: list[S3File], target: S3Target) -> None:
        """A table that has its place in the catalog keeps the files below it; AWS documents no rule."""
        if files or self._is_partial:
            self._update(table, files, target.sample_size)
        elif (table.get("Parameters") or {}).get(CRAWLED_BY) == self.crawler.name:
            self._updater().remove_table(table)

    def _make_tables(self, files: list[Classified], target: S3Target, known: frozenset[str]) -> None:
        root, configuration = as_folder(target.path), self.crawler.configuration
        above = (
            {root, *(known_above for location in known for known_above in _folders_above(location, root))}
            if known
            else ()
        )
        grouping = Grouping(self.crawler.combines, configuration.table_level)
        names = {table["Name"] for table in self.doors.catalog.tables(self.crawler.database)} if files else set()
        for detected in detect(files, root, grouping, frozenset(above)):
            self.check()
            name = table_name(self.crawler.prefix, detected.location, names)
            names.add(name)
            self._make_table(name, detected, target.exclusions)

    def _make_table(self, name: str, detected: Detected, exclusions: tuple[str, ...]) -> None:
        has_index = self.crawler.configuration.indexes and bool(detected.keys)
        wanted = new_table(name, self.crawler.name, detected, exclusions, has_index=has_index)
        table = self.doors.catalog.create_table(self.crawler.database, wanted, has_index=has_index)
        self.report.changed(TABLE, ADD, f"{self.crawler.database}.{name}")
        self._updater().update(table, detected.groups, {}, lambda _: False, is_partial=False)

    def _update(self, table: Item, files: Sequence[S3File], sample_size: int | None) -> None:
        existing = self.doors.catalog.partitions(table) if key_names(table) else {}
        groups = list(self._groups(table, files, existing, sample_size))
        looked_at = self._looked_at(folder_of(table))
        self._updater().update(table, groups, existing, looked_at, is_partial=self._is_partial)

    def _looked_at(self, root: str) -> Callable[[str], bool]:
        changed = self.changed
        if changed is not None:
            return lambda location: any(folder.startswith(as_folder(location)) for folder in changed)
        if self._is_partial:
            return lambda _: False
        return lambda location: location.startswith(root)

    def _list(
        self, roots: list[str], include: str, exclusions: Sequence[str], tables: Mapping[str, Item]
    ) -> Iterator[S3File]:
        """The files to look at: all, those of new folders, or those of folders that events name."""
        listed = roots if self.changed is None else self._places(self.changed, roots, tables)
        is_new = self.crawler.recrawl == NEW_FOLDERS and self.memory.version > 0
        for place in listed:
            for file in list_files(self.doors.s3, place, include, exclusions):
                self.check()
                self._folders.add(file.folder)
                if not is_new or file.folder not in self.memory.folders:
                    yield file

    def _places(self, changed: Iterable[str], roots: Iterable[str], tables: Mapping[str, Item]) -> list[str]:
        """Folders to list for events: whole partitions of tables that are known, the folders themselves elsewhere."""
        places: set[str] = set()
        for folder in changed:
            if not any(folder.startswith(root) for root in roots):
                continue
            owners = [location for location in tables if folder.startswith(location)]
            places.add(_partition_folder(folder, tables[max(owners, key=len)]) if owners else folder)
        # A folder inside another one is listed with it.
        return sorted(
            place for place in places if not any(place != other and place.startswith(other) for other in places)
        )

    def _groups(
        self, table: Item, files: Sequence[S3File], existing: Mapping[Values, Item], sample_size: int | None
    ) -> Iterator[Group]:
        """Files by partition: the registered one in whose folder they lie, or else the one that their folders name.

        AWS documents no rule for folders of registered partitions that do not fit the table's keys.
        """
        keys, root = key_names(table), folder_of(table)
        registered = {folder_of(partition): values for values, partition in existing.items()}
        members: dict[tuple[Values, str], list[S3File]] = {}
        odd: set[str] = set()
        for file in files:
            at = owner_of(file, registered)
            values = (
                registered[at] if at is not None else values_of(keys, folders_below(file.folder, root) if keys else ())
            )
            if values is None:
                odd.add(file.folder)
            else:
                location = at or (_partition_folder(file.folder, table) if keys else root)
                members.setdefault((values, location), []).append(file)
        for folder in sorted(odd):
            self.report.warn(
                f"Folder {folder} does not fit the partition keys {', '.join(keys)} of table {table['Name']}"
            )
        for (values, location), found in members.items():
            looked = self._classified(self._sampled(found, sample_size))
            yield Group(values, location, tuple(looked), len(found), sum(file.size_bytes for file in found))

    def _sampled(self, files: Sequence[S3File], sample_size: int | None) -> list[S3File]:
        """The first files of each folder; which ones AWS takes is not documented."""
        taken: dict[str, int] = {}
        sample = []
        for file in files:
            taken[file.folder] = taken.get(file.folder, 0) + 1
            if sample_size is None or taken[file.folder] <= sample_size:
                sample.append(file)
        return sample

    def _classified(self, files: Iterable[S3File]) -> list[Classified]:
        known = []
        for file in files:
            self.check()
            found = classify(self.doors.s3, file)
            if found is None:
                self.report.warn(f"No classifier knows {file.url}; it is skipped")
            else:
                known.append(found)
        return known

    def _updater(self) -> TableUpdater:
        return TableUpdater(self.crawler, self.doors.catalog, self.report, self.now)


def wants_events(crawler: Crawler, memory: Memory) -> bool:
    """Whether a crawl goes by events: not the first one, and not the first after a change of the crawler.

    Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-event-notifications.html
    """
    return crawler.recrawl == EVENTS and memory.version == crawler.version


def _partition_folder(folder: str, table: Item) -> str:
    root = folder_of(table)
    parts = folders_below(folder, root)[: len(key_names(table))]
    return root + "".join(f"{part}/" for part in parts)


def _folders_above(location: str, root: str) -> Iterator[str]:
    folder = root
    for part in folders_below(location, root)[:-1]:
        folder += f"{part}/"
        yield folder
