"""A survey of one dataset: looks at every layer, compares, and makes the compatible changes when it is asked to.

The order matters: the catalog first, because Spectrum shows the catalog's tables; then the warehouse; then the files,
which nothing but a replay changes. Every step may be repeated, and two surveys may run at once: what the one has
changed, the other does not find, or does not change again.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sluice.contract import Contract, CsvSource, ParquetSource
from sluice.drift.columns import Wanted, changed_columns, compare_columns, compare_keys
from sluice.drift.difference import Difference, Kind, Layer
from sluice.drift.files import compare_files
from sluice.drift.ports import CatalogPort, FilesPort
from sluice.drift.published import PublishedFooters
from sluice.drift.redshift import RedshiftSurvey
from sluice.drift.sampling import fields_of, fields_of_footers, head_of
from sluice.drift.source import SourceFields, compare_source
from sluice.errors import InputChangedError, MissingObjectError, SampleError
from sluice.lake.catalog_tables import processed_table, quarantine_table, raw_table
from sluice.lake.layout import MANIFEST_NAME, Partition
from sluice.parquet import ParquetError
from sluice.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef

logger = logging.getLogger(__name__)

MAX_PARTITIONS = 48
"""Newest partitions of each published table whose files are looked at."""
MAX_RAW_FILES = 3
"""Files of the newest raw partition that are looked at."""
HEAD_BYTES = 1 << 20
"""Bytes of the beginning of a raw file that are read."""
RECENT = timedelta(days=31)
"""How far back partitions are looked for before all are asked for."""


@dataclass(frozen=True)
class Survey:
    """Compares the layers of a dataset.

    Attributes:
        catalog: The Data Catalog.
        files: Beginnings and ends of files.
        redshift: The warehouse and its external schema.
        settings: Names of everything.
        clock: The present moment in UTC.
    """

    catalog: CatalogPort
    files: FilesPort
    redshift: RedshiftSurvey
    settings: Settings
    clock: Callable[[], datetime]

    def processed(self, contract: Contract, *, apply: bool) -> list[Difference]:
        """Everything of a dataset's published tables: catalog, Spectrum, warehouse, files.

        Args:
            contract: The dataset's contract.
            apply: Whether compatible changes are made.

        Returns:
            The differences that were found; those that have been settled say so.

        Raises:
            SluiceError: A layer could not be asked, or refused a change; what was changed before stays.
        """
        database, layout = self.settings.processed_database, self.settings.processed
        found: list[Difference] = []
        for definition in (
            *(processed_table(contract, table, layout) for table in contract.tables),
            quarantine_table(contract, layout),
        ):
            found += self._catalog(database, _wanted(definition), apply=apply)
        found += self.redshift.external(contract)
        found += self.redshift.targets(contract, apply=apply)
        for table in contract.tables:
            footers = self._footers(database, table.name)
            found += compare_files(contract.dataset, table, footers.read)
            found += [_unreadable(Layer.FILES, table.name, error) for error in footers.errors]
        return found

    def raw(self, contract: Contract, *, apply: bool) -> list[Difference]:
        """What the source sends, and the catalog's table over it.

        Args:
            contract: The dataset's contract.
            apply: Whether compatible changes are made to the catalog.

        Returns:
            The differences that were found; those that have been settled say so.

        Raises:
            SluiceError: A layer could not be asked, or refused a change.
        """
        database = self.settings.raw_database
        definition = raw_table(contract, self.settings.raw_bucket)
        wanted = _wanted(definition, is_by_position=isinstance(contract.source, CsvSource))
        return [*self._catalog(database, wanted, apply=apply), *self._source(contract)]

    def _catalog(self, database: str, wanted: Wanted, *, apply: bool) -> list[Difference]:
        table = self.catalog.table(database, wanted.name)
        if table is None:
            fix = "deploy: tables of the catalog are made from the contracts"
            return [Difference(Layer.CATALOG, wanted.name, "", "", "a table", Kind.BREAKING, fix)]
        # The catalog's API asks for a column's name only; readers of the catalog do not tell its case.
        live = {str(column["Name"]).lower(): str(column.get("Type", "")) for column in table.columns}
        keys = {str(key["Name"]).lower(): str(key.get("Type", "")) for key in table.keys}
        found = compare_columns(Layer.CATALOG, wanted, live)
        if apply and any(item.kind is Kind.COMPATIBLE for item in found):
            self.catalog.change_columns(database, wanted.name, lambda columns: changed_columns(wanted, columns, found))
            logger.info("catalog table %s.%s follows its contract", database, wanted.name)
            found = [item.settled() for item in found]
        return [*found, *compare_keys(Layer.CATALOG, wanted, keys)]

    def _footers(self, database: str, table: str) -> PublishedFooters:
        partitions = self.catalog.newest(database, table, MAX_PARTITIONS, self._recent())
        return PublishedFooters.read_all(self.files, partitions)

    def _recent(self) -> Partition:
        return Partition((self.clock() - RECENT).replace(minute=0, second=0, microsecond=0))

    def _source(self, contract: Contract) -> list[Difference]:
        """Compare the fields of the newest files; a file that cannot be read is told, not raised."""
        database = self.settings.raw_database
        newest = self.catalog.newest(database, contract.dataset, 1, self._recent())
        try:
            return [
                difference
                for folder in newest.values()
                for difference in compare_source(contract, self._fields(contract, folder))
            ]
        except (SampleError, ParquetError) as exc:
            return [_unreadable(Layer.SOURCE, contract.dataset, str(exc))]
        except (InputChangedError, MissingObjectError) as exc:
            logger.info("dataset %s: the newest files are being replaced: %s", contract.dataset, exc)
            return []

    def _fields(self, contract: Contract, folder: str) -> SourceFields:
        listed = self.files.listed(folder, MAX_RAW_FILES + 1)
        files = [file for file in listed if not file.url.endswith(MANIFEST_NAME) and file.size_bytes][:MAX_RAW_FILES]
        if isinstance(contract.source, ParquetSource):
            return fields_of_footers(list(PublishedFooters.of_files(self.files, files)))
        heads = []
        for file in files:
            content = self.files.head(file, HEAD_BYTES)
            heads.append(head_of(contract, file.url, content, is_whole=len(content) >= file.size_bytes))
        return fields_of(contract, heads)


def _wanted(definition: "TableInputTypeDef", *, is_by_position: bool = False) -> Wanted:
    keys = tuple(key["Name"] for key in definition["PartitionKeys"])
    return Wanted(definition["Name"], definition["StorageDescriptor"]["Columns"], keys, is_by_position)


def _unreadable(layer: Layer, table: str, error: str) -> Difference:
    return Difference(layer, table, "", "a file that cannot be read", "", Kind.BREAKING, error)
