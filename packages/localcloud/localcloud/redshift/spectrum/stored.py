"""What the warehouse holds of external tables, and whether it is what catalog and bucket have now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from localcloud.redshift.database import Connection
from localcloud.redshift.spectrum.catalog import ExternalTable, Partition
from localcloud.redshift.spectrum.objects import ExternalObject

PATH = "$path"
SIZE = "$size"
#: Under this name an object has the error for which nothing of it was read.
WHOLE = ""
_DEFINITION = """
    SELECT definition FROM pg_catalog.redshift_external_storage WHERE schema_id = %s AND table_name = %s
"""
_OBJECTS = """
    SELECT partition_values, url, etag, object_id, row_count, column_bytes, errors
    FROM pg_catalog.redshift_external_objects WHERE schema_id = %s AND table_name = %s
"""


@dataclass(frozen=True)
class ExternalSchema:
    """An external schema of the warehouse.

    Attributes:
        id: PostgreSQL's number of it, which a new name does not change.
        database: of the Data Catalog.
        role: that reads catalog and files, as IAM_ROLE names it.
    """

    id: int
    name: str
    database: str
    role: str = "default"

    @property
    def storage(self) -> str:
        """The schema in which the rows lie."""
        return f"pg_ext_{self.id}"


Identity = tuple[str, str, str]


@dataclass(frozen=True)
class StoredObject:
    """A file whose rows are here.

    Attributes:
        rows: how many.
        column_bytes: what each of the table's columns takes in the file.
        errors: message and detail for each column that does not fit; under the empty name, why nothing was read at all.
    """

    number: int
    rows: int = 0
    column_bytes: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Stored:
    """What the warehouse holds of a table.

    Attributes:
        definition: of the table when its rows were read; None when nothing is stored.
        objects: each stored object, by partition, address and version.
    """

    definition: str | None
    objects: Mapping[Identity, StoredObject]

    def of(self, partitions: Iterable[Partition]) -> tuple[StoredObject, ...]:
        """Give the objects of some partitions, in the order of their addresses."""
        wanted = {_values(part.values) for part in partitions}
        return tuple(self.objects[key] for key in sorted(self.objects, key=itemgetter(1)) if key[0] in wanted)


def read_stored(connection: Connection, schema: ExternalSchema, name: str) -> Stored:
    """Look up what is stored of a table."""
    found = connection.execute(_DEFINITION, (schema.id, name)).fetchone()
    rows = connection.execute(_OBJECTS, (schema.id, name)).fetchall()
    objects = {(values, url, etag): StoredObject(*facts) for values, url, etag, *facts in rows}
    return Stored(None if found is None else found[0], objects)


def _values(values: tuple[str | None, ...]) -> str:
    return json.dumps(values)


def identity(item: ExternalObject) -> Identity:
    """Give what tells one version of a file of a partition from all others."""
    return _values(item.values), item.file.url, item.etag


@dataclass(frozen=True)
class Listing:
    """The files that are to be here.

    Attributes:
        objects: the visible files of the partitions that were listed.
        unlisted: the registered partitions that were not: what is stored of them stays as it is.
    """

    objects: tuple[ExternalObject, ...]
    unlisted: tuple[Partition, ...] = ()

    @property
    def wanted(self) -> dict[Identity, ExternalObject]:
        """The objects by what identifies their version."""
        return {identity(item): item for item in self.objects}

    def outdated(self, stored: Stored) -> list[Identity]:
        """Give the stored objects that are to go."""
        kept = {_values(part.values) for part in self.unlisted}
        return [key for key in stored.objects.keys() - self.wanted.keys() if key[0] not in kept]


def is_current(stored: Stored, table: ExternalTable, listing: Listing) -> bool:
    """Whether the stored rows are those of the listed objects."""
    is_complete = listing.wanted.keys() <= stored.objects.keys()
    return stored.definition == table.definition and is_complete and not listing.outdated(stored)
