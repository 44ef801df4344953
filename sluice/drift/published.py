"""Footers of the newest published files: of each run that wrote into a partition one file is enough."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sluice.drift.ports import FilesPort
from sluice.errors import InputChangedError, MissingObjectError
from sluice.lake.layout import Partition
from sluice.lake.stored import ListedFile
from sluice.parquet import TAIL_BYTES, Footer, ParquetError, footer_bytes, read_footer

logger = logging.getLogger(__name__)

MAX_FILES = 1000
"""Files of a partition among which one of each run is taken."""
FIRST_READ_BYTES = 32 << 10
"""Bytes of the end of a file that are read at once; the footer of a file of ours mostly fits."""


@dataclass(frozen=True)
class PublishedFooters:
    """What the files of some partitions say of themselves.

    Attributes:
        read: Footers by partition.
        errors: What is wrong with files that could not be read.
    """

    read: dict[Partition, list[Footer]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def read_all(cls, files: FilesPort, partitions: Mapping[Partition, str]) -> "PublishedFooters":
        """Read one footer of each run in each partition.

        Args:
            files: Lists and reads files.
            partitions: Folder of each partition.

        Raises:
            AwsBusyError: S3 could not answer now.
            AwsError: S3 refused.
        """
        found = cls()
        for partition, folder in partitions.items():
            for file in one_of_each_run(files.listed(folder, MAX_FILES)):
                found._add(files, partition, file)
        return found

    @staticmethod
    def of_files(files: FilesPort, listed: Iterable[ListedFile]) -> Iterator[Footer]:
        """Footers of files.

        Raises:
            ParquetError: One is not Parquet file.
            MissingObjectError: One is gone.
            InputChangedError: One is another one now.
        """
        return (_footer(files, file) for file in listed)

    def _add(self, files: FilesPort, partition: Partition, file: ListedFile) -> None:
        try:
            self.read.setdefault(partition, []).append(_footer(files, file))
        except ParquetError as exc:
            self.errors.append(str(exc))
        except (InputChangedError, MissingObjectError) as exc:
            logger.info("partition %s is being replaced: %s", partition.label, exc)


def one_of_each_run(listed: Iterable[ListedFile]) -> Sequence[ListedFile]:
    """One file for each folder and name without its number: ``part-<number>.parquet``."""
    found: dict[str, ListedFile] = {}
    for file in listed:
        found.setdefault(file.url.rpartition("-")[0] or file.url, file)
    return list(found.values())


def _footer(files: FilesPort, file: ListedFile) -> Footer:
    """Read the end of a file, and once more when its footer is longer than what was read."""
    end = files.tail(file, min(FIRST_READ_BYTES, file.size_bytes))
    needed = footer_bytes(end, file.size_bytes, file.url) + TAIL_BYTES
    if needed > len(end):
        end = files.tail(file, needed)
    return read_footer(end, file.size_bytes, file.url)
