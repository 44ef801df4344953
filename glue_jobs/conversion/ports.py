"""What a conversion needs of the outside world, so that tests can put doors in that fail on demand.

S3 is reached by the same client in the job's own process and in Spark's workers
(docs/adr/0019-the-kernel-and-its-engines.md).
"""

import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from sluice.errors import SluiceError
from sluice.lake.handover import SourceFile
from sluice.lake.stored import StoredObject

Values = tuple[str, ...]


class DocumentsPort(Protocol):
    """The part of `sluice.aws.documents.Documents` that a conversion uses; see there for what each method promises."""

    def read(self, url: str) -> str: ...
    def write(self, url: str, text: str) -> None: ...
    def exists(self, url: str) -> bool: ...


class ObjectsPort(Protocol):
    """The part of `sluice.aws.objects.Objects` that a conversion uses; see there for what each method promises."""

    def open(self, file: SourceFile) -> io.RawIOBase: ...
    def upload(self, path: Path, url: str) -> None: ...
    def listed(self, folder: str) -> tuple[StoredObject, ...]: ...
    def remove_all(self, urls: Iterable[str]) -> None: ...


class CatalogPort(Protocol):
    """The part of `sluice.aws.catalog.GlueCatalog` that a conversion uses; see there for what each method promises."""

    def locations(self, database: str, table: str, expression: str) -> dict[Values, str]: ...
    def switch(self, database: str, wanted: Mapping[str, Mapping[Values, str]]) -> dict[Values, SluiceError]: ...


OpenObjects = Callable[[], ObjectsPort]
"""Makes the door to objects in the process that calls it: a client cannot travel to Spark's workers."""
