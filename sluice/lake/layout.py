"""Folders and keys: which partition a raw folder is, and where everything lies in the processed bucket."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from sluice.errors import LayoutError

MANIFEST_NAME = "manifest.json"
PARTITION_KEYS = ("year", "month", "day", "hour")
"""Names of the partition keys in the catalog; a daily dataset has no hour."""

# Not \d, which takes the digits of every script: two folders would be one partition.
_FIELDS = {"Y": "[0-9]{4}", "m": "[0-9]{2}", "d": "[0-9]{2}", "H": "[0-9]{2}"}
_MAX_BUCKET_BYTES = 63
_MAX_KEY_BYTES = 1024
MAX_URL_BYTES = len("s3://") + _MAX_BUCKET_BYTES + len("/") + _MAX_KEY_BYTES
"""The longest URL that `split_url` takes."""

RUNS_FOLDER = "table-files"
"""First folder of all published files. No table has a hyphen in its name, so it is no table's folder."""

MAX_PREDICATE_CHARACTERS = 2048

_DIRECTIVE = re.compile(r"%(.?)")


@dataclass(frozen=True, order=True, slots=True)
class Partition:
    """One hour, or one day, of one dataset.

    Attributes:
        start: First moment of the partition in UTC.
        is_hourly: Whether the partition is an hour; otherwise it is a day.
    """

    start: datetime
    is_hourly: bool = True

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `label` writes: ``2026-11-20T13`` for an hour, ``2026-11-20`` for a day.

        Raises:
            LayoutError: The text is neither.
        """
        for form, is_hourly in (("%Y-%m-%dT%H", True), ("%Y-%m-%d", False)):
            try:
                return cls(datetime.strptime(text, form).replace(tzinfo=UTC), is_hourly)
            except ValueError:
                continue
        raise LayoutError(f"{text!r} is not a partition: write an hour as 2026-11-20T13 and a day as 2026-11-20")

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the partition keys in the catalog."""
        return PARTITION_KEYS if self.is_hourly else PARTITION_KEYS[:-1]

    @property
    def values(self) -> tuple[str, ...]:
        """Values of the partition keys, as the strings that the catalog holds."""
        start = self.start
        parts = (f"{start.year:04}", f"{start.month:02}", f"{start.day:02}", f"{start.hour:02}")
        return parts[: len(self.keys)]

    @property
    def hive_path(self) -> str:
        """Folder in Hive's style: ``year=2026/month=11/day=20/hour=13``."""
        return "/".join(f"{key}={value}" for key, value in zip(self.keys, self.values, strict=True))

    @property
    def label(self) -> str:
        """For people and arguments: ``2026-11-20T13`` or ``2026-11-20``."""
        return "-".join(self.values[:3]) + "".join(f"T{hour}" for hour in self.values[3:])

    @property
    def compact(self) -> str:
        """Digits only; sorts by time among the partitions of a dataset: ``2026112013``."""
        return "".join(self.values)

    @property
    def length(self) -> timedelta:
        """How long the partition is."""
        return timedelta(hours=1) if self.is_hourly else timedelta(days=1)

    def next(self) -> Self:
        """The partition that follows."""
        return type(self)(self.start + self.length, self.is_hourly)


class Layout:
    """A folder layout: a strptime pattern such as ``orders/year=%Y/month=%m/day=%d/hour=%H``.

    Raises:
        ValueError: The pattern does not name one hour or one day.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern.strip("/")
        found = _DIRECTIVE.findall(self.pattern)
        unknown = sorted(set(found) - set(_FIELDS))
        if unknown:
            raise ValueError(f"{pattern!r}: %{unknown[0]} is not allowed (use %Y, %m, %d and %H)")
        if sorted(found) not in (["Y", "d", "m"], ["H", "Y", "d", "m"]):
            raise ValueError(f"{pattern!r}: %Y, %m and %d must each appear once, and %H at most once")
        if {"", ".", ".."} & set(self.pattern.split("/")):
            raise ValueError(f"{pattern!r}: a folder cannot be empty, '.' or '..'")
        if not self.root:
            raise ValueError(f"{pattern!r}: the first folder must be a fixed name, so that datasets do not mix")
        self.is_hourly = "H" in found
        self._regex = re.compile(self._expression())

    @property
    def root(self) -> str:
        """The fixed folders before the first one that varies, without a slash at the end."""
        fixed = self.pattern.split("%", 1)[0]
        return fixed.rpartition("/")[0]

    def folder(self, partition: Partition) -> str:
        """Folder of a partition below the bucket, without a slash at the end.

        Raises:
            LayoutError: The partition is a day where the layout has hours, or the other way round.
        """
        if partition.is_hourly != self.is_hourly:
            wanted = "hours" if self.is_hourly else "days"
            raise LayoutError(f"partition {partition.label} does not fit layout {self.pattern!r}, which has {wanted}")
        fields = dict(zip(_FIELDS, partition.values, strict=False))
        return _DIRECTIVE.sub(lambda match: fields[match[1]], self.pattern)

    def matches(self, folder: str) -> bool:
        """Whether a folder has the layout's form, be its date valid or not."""
        return self._regex.fullmatch(folder) is not None

    def partition(self, folder: str) -> Partition:
        """The partition whose folder this is.

        Args:
            folder: Key prefix below the bucket, without a slash at the end.

        Raises:
            LayoutError: The folder does not have the layout's form, or its date or hour does not exist.
        """
        match = self._regex.fullmatch(folder)
        if match is None:
            raise LayoutError(f"folder {folder!r} does not have the layout {self.pattern!r}")
        year, month, day, hour = (int(match.groupdict().get(field, 0)) for field in _FIELDS)
        try:
            return Partition(datetime(year, month, day, hour, tzinfo=UTC), self.is_hourly)
        except ValueError as exc:
            raise LayoutError(f"folder {folder!r} names no valid date and hour: {exc}") from exc

    def _expression(self) -> str:
        parts = re.split(r"%([YmdH])", self.pattern)
        return "".join(
            f"(?P<{part}>{_FIELDS[part]})" if index % 2 else re.escape(part) for index, part in enumerate(parts)
        )


ARCHIVE_FOLDER = "archive"
"""Folder of the raw bucket to which files move, with their whole key, when their batch is loaded."""


def is_reserved(key: str) -> bool:
    """Whether a key of the raw bucket lies where no dataset may: in ``archive``, or under a name that begins ``_``."""
    return key.startswith((f"{ARCHIVE_FOLDER}/", "_"))


def is_archive_url(url: str) -> bool:
    """Whether an object of the raw bucket lies in the archive.

    Raises:
        LayoutError: The text is not an object URL.
    """
    return split_url(url)[1].startswith(f"{ARCHIVE_FOLDER}/")


def archive_url(url: str) -> str:
    """Where an object of the raw bucket lies when it is archived; what is in the archive already stays where it is.

    Raises:
        LayoutError: The text is not an object URL, or the key in the archive would be longer than S3 allows.
    """
    bucket, key = split_url(url)
    archived = url if is_archive_url(url) else f"s3://{bucket}/{ARCHIVE_FOLDER}/{key}"
    split_url(archived)
    return archived


def incoming_url(url: str) -> str:
    """Where an object of the raw bucket lay before it was archived; what is not archived stays where it is.

    Raises:
        LayoutError: The text is not an object URL.
    """
    bucket, key = split_url(url)
    return f"s3://{bucket}/{key.removeprefix(f'{ARCHIVE_FOLDER}/')}"


def split_url(url: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` into bucket and key.

    Raises:
        LayoutError: The text is no such URL, or S3 cannot have such a key.
            Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
    """
    match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)", url, re.DOTALL)
    if match is None:
        raise LayoutError(f"{url!r} is not an object URL: write s3://bucket/key")
    try:
        size_bytes = len(match[2].encode())
    except UnicodeEncodeError as exc:
        raise LayoutError(f"{url!r}: the key cannot be written as UTF-8") from exc
    if size_bytes > _MAX_KEY_BYTES:
        raise LayoutError(f"{url!r}: the key has {size_bytes} bytes; S3 allows {_MAX_KEY_BYTES}")
    return match[1], match[2]


@dataclass(frozen=True, slots=True)
class ProcessedLayout:
    """Where things lie in the processed bucket. All methods give ``s3://`` URLs; folders end without a slash."""

    bucket: str

    def table(self, table: str) -> str:
        """Folder of a published table."""
        return f"s3://{self.bucket}/{table}"

    def runs(self, table: str, partition: Partition) -> str:
        """Folder with a folder of each run that wrote files of one partition of a published table.

        It lies outside the table's own folder (docs/adr/0018-publish-is-a-switch.md).
        """
        return f"s3://{self.bucket}/{RUNS_FOLDER}/{table}/{partition.hive_path}"

    def partition(self, table: str, partition: Partition, run: str) -> str:
        """Folder of the files that one run wrote for one partition of a published table: the partition's location.

        Args:
            table: The table.
            partition: The partition.
            run: The run's name.
        """
        return f"{self.runs(table, partition)}/{run}"

    def replaced(self, dataset: str) -> str:
        """Folder of the notes on which partitions runs of a dataset were about to replace."""
        return f"s3://{self.bucket}/_sluice/replaced/{dataset}"

    def frozen_manifest(self, dataset: str, batch_id: str) -> str:
        """The manifest of a batch as it was validated."""
        return f"s3://{self.bucket}/_sluice/manifests/{dataset}/{batch_id}.json"

    def run_input(self, claim_id: str) -> str:
        """What a conversion run is to do."""
        return f"s3://{self.bucket}/_sluice/runs/{claim_id}/input.json"

    def run_outcome(self, claim_id: str) -> str:
        """What a conversion run did."""
        return f"s3://{self.bucket}/_sluice/runs/{claim_id}/outcome.json"

    def run_closed(self, claim_id: str) -> str:
        """The fence of a conversion's claim: while it is there, no run may publish anything for the claim."""
        return f"s3://{self.bucket}/_sluice/runs/{claim_id}/closed.json"

    def load_manifest(self, claim_id: str, table: str) -> str:
        """The Parquet files that a load run copies into one table, in the format of COPY's manifest."""
        return f"s3://{self.bucket}/_sluice/loads/{claim_id}/{table}.manifest.json"

    def load_input(self, claim_id: str) -> str:
        """What a load run is to do."""
        return f"s3://{self.bucket}/_sluice/loads/{claim_id}/input.json"

    def load_outcome(self, claim_id: str) -> str:
        """What a load run did."""
        return f"s3://{self.bucket}/_sluice/loads/{claim_id}/outcome.json"

    def drift_report(self, dataset: str) -> str:
        """How a dataset differed from its contract when it was last looked at."""
        return f"s3://{self.bucket}/_sluice/drift/{dataset}.json"


def partition_predicate(partitions: Iterable[Partition], max_characters: int = MAX_PREDICATE_CHARACTERS) -> str:
    """A catalog expression that every given partition satisfies: how a Glue run asks the Data Catalog for them.

    The catalog takes at most 2048 characters and filters fastest on ``AND`` of the first keys. The expression names
    exactly the given partitions while that fits; beyond, it widens to whole days, months, years, and at last to
    everything between the first and the last year. The run takes from the answer only what its manifests name.

    Sources: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-partitions.html and
    https://docs.aws.amazon.com/glue/latest/dg/partition-indexes.html

    Args:
        partitions: Partitions of one dataset, at least one.
        max_characters: Longest allowed expression.

    Returns:
        For one hour ``year='2026' and month='11' and day='20' and hour='13'``.

    Raises:
        ValueError: No partition was given.
    """
    wanted = sorted(set(partitions))
    if not wanted:
        raise ValueError("a predicate needs at least one partition")
    keys = wanted[0].keys
    for depth in range(len(keys), 0, -1):
        paths = sorted({partition.values[:depth] for partition in wanted})
        expression = _expression(keys[:depth], paths)
        if len(expression) <= max_characters:
            return expression
    return f"year between '{wanted[0].values[0]}' and '{wanted[-1].values[0]}'"


def _expression(keys: tuple[str, ...], paths: list[tuple[str, ...]]) -> str:
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in paths:
        groups[path[:-1]].append(path[-1])
    terms = [_term(dict(zip(keys, parents, strict=False)), keys[-1], values) for parents, values in groups.items()]
    return terms[0] if len(terms) == 1 else " or ".join(f"({term})" for term in terms)


def _term(parents: Mapping[str, str], key: str, values: list[str]) -> str:
    equal = [f"{name}='{value}'" for name, value in parents.items()]
    listed = ",".join(f"'{value}'" for value in values)
    last = f"{key}={listed}" if len(values) == 1 else f"{key} in ({listed})"
    return " and ".join([*equal, last])
