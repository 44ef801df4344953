"""What a survey needs of the outside world, so that tests can put doors in that fail on demand."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sluice.lake.layout import Partition
from sluice.lake.stored import ListedFile


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table as the catalog has it.

    Attributes:
        columns: Its columns as the catalog's API gives them: ``Name``, ``Type``, and what else they say.
        keys: Its partition keys, likewise.
    """

    columns: Sequence[Mapping[str, Any]]
    keys: Sequence[Mapping[str, Any]]


class CatalogPort(Protocol):
    """The part of `sluice.aws.schemas.CatalogSchemas` that a survey uses; see there for what each method promises."""

    def table(self, database: str, name: str) -> CatalogTable | None: ...
    def change_columns(
        self,
        database: str,
        name: str,
        change: Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[str, Any]]],
    ) -> None: ...
    def newest(self, database: str, name: str, count: int, since: Partition) -> dict[Partition, str]: ...


class FilesPort(Protocol):
    """The part of `sluice.aws.samples.Samples` that a survey uses."""

    def listed(self, folder: str, limit: int) -> tuple[ListedFile, ...]: ...
    def head(self, file: ListedFile, size_bytes: int) -> bytes: ...
    def tail(self, file: ListedFile, size_bytes: int) -> bytes: ...


class WarehousePort(Protocol):
    """The part of `sluice.aws.data_api.DataApi` that a survey uses."""

    def rows(
        self, sql: str, parameters: Mapping[str, str] | None = None, *, label: str = "query"
    ) -> Iterable[tuple[Any, ...]]: ...
    def execute(
        self, sql: str, parameters: Mapping[str, str] | None = None, *, label: str = "query", token: str = ""
    ) -> object: ...
    def transaction(self, statements: Sequence[str], *, label: str, token: str = "") -> None: ...
