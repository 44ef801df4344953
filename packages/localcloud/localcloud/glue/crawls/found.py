"""What a crawl finds: files, how they are written, and the partitions in which they lie."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from localcloud.glue.crawls.kinds import Columns, Kind, merged


@dataclass(frozen=True, slots=True)
class S3File:
    """An object of a bucket."""

    bucket: str
    key: str
    size_bytes: int

    @property
    def url(self) -> str:
        """Its full path."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def folder(self) -> str:
        """Address of the folder in which it lies, with a slash at the end."""
        return self.url.rpartition("/")[0] + "/"


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written; files of one table share it.

    Attributes:
        classification: the classifier's name of the format.
        compression: as the catalog's parameter compressionType writes it.
        details: what a reader needs, such as the delimiter; parameters of the table.
        has_names: whether the file names its columns.
    """

    classification: str
    compression: str = "none"
    details: tuple[tuple[str, str], ...] = ()
    has_names: bool = True


@dataclass(frozen=True, slots=True)
class Classified:
    """A file that a classifier knows.

    Attributes:
        file: the object.
        form: how it is written.
        columns: by name in lower case, as the catalog folds them.
    """

    file: S3File
    form: Form
    columns: Columns


@dataclass(frozen=True, slots=True)
class Group:
    """The files of one partition, or of a table that has none.

    Attributes:
        values: of the partition keys.
        location: the folder, with a slash at the end.
        files: those that were looked at.
        object_count: of all files that lie there.
        size_bytes: of all files that lie there.
    """

    values: tuple[str, ...]
    location: str
    files: tuple[Classified, ...]
    object_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Detected:
    """A table that a crawl would make.

    Attributes:
        location: its folder, or its only file.
        form: how its files are written.
        keys: names of its partition keys.
        groups: its partitions; one without values when it has no keys.
    """

    location: str
    form: Form
    keys: tuple[str, ...]
    groups: tuple[Group, ...] = field(default=())

    @property
    def columns(self) -> dict[str, Kind]:
        """Columns of all files; one that is named as a partition key is that key."""
        found = merged(file.columns for group in self.groups for file in group.files if file.form == self.form)
        return {name: kind for name, kind in found.items() if name not in self.keys}


def main_form(files: Sequence[Classified]) -> Form | None:
    """How most of the files are written; None when there are none."""
    most = Counter(file.form for file in files).most_common(1)
    return most[0][0] if most else None
