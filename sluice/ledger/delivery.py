"""Bringing files to a partition without a source system: files first, then the manifest that opens the gate.

What lies in the folders of a dataset without a manifest is found here as well; nobody converts it, because nobody said
that it is whole. Raw folders are emptied by the archive, so listing one reads what still waits there.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from sluice.contract import Contract
from sluice.errors import CommandError, LayoutError, ManifestError
from sluice.lake.layout import MANIFEST_NAME, Partition, is_reserved, split_url
from sluice.lake.manifest import Manifest, ManifestEntry
from sluice.lake.stored import StoredObject
from sluice.ledger.batch import BatchId
from sluice.ledger.record import BatchRecord
from sluice.ledger.replay import Replay, ReplayPlan, Store, Versions

GRACE: Final = timedelta(minutes=2)
"""Files that came later than this ago may still be followed by their manifest."""

_SHOWN_FILES: Final = 3


class Mode(StrEnum):
    """What becomes of the files that a partition has already."""

    NEW = "new"
    """There may be none."""
    ADD = "add"
    """They stay, and the new ones come to them."""
    REPLACE = "replace"
    """The partition has the new ones only."""


class Files(Store, Protocol):
    """The part of `sluice.aws.objects.Objects` that a delivery uses."""

    def listed(self, folder: str, limit: int | None = None) -> tuple[StoredObject, ...]:
        """Objects of a folder and of those in it, in the order of their keys."""

    def top_folders(self, bucket: str) -> tuple[str, ...]:
        """Names of the first folders of a bucket."""

    def upload(self, path: Path, url: str) -> None:
        """Write a file of this machine as an object."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A partition's folder of the raw bucket, and what lies in it.

    Attributes:
        dataset: The dataset.
        partition: The partition.
        url: The folder, without a slash at the end.
        files: Its files in the order of their names, without the manifest and hidden ones (``_SUCCESS``, ``.crc``).
        has_manifest: Whether its manifest lies there.
        misnamed: Name of a file that was meant for the manifest by its name; empty when there is none.
    """

    dataset: str
    partition: Partition
    url: str
    files: tuple[StoredObject, ...]
    has_manifest: bool
    misnamed: str = ""

    @property
    def is_unannounced(self) -> bool:
        """Whether there are files and no manifest."""
        return bool(self.files) and not self.has_manifest

    @property
    def newest(self) -> datetime:
        """When the last of the files came."""
        return max(file.modified_at for file in self.files)

    @property
    def manifest(self) -> Manifest:
        """A manifest of all its files.

        Raises:
            ManifestError: A file has a name that no manifest may list.
        """
        manifest = Manifest(tuple(ManifestEntry(file.url, file.size_bytes) for file in self.files))
        bucket, key = split_url(self.url)
        manifest.check_inside(bucket, key, f"{self.url}/{MANIFEST_NAME}")
        return manifest


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in the folders of a dataset.

    Attributes:
        folders: Folders of partitions, sorted by partition.
        strays: Folders that have files, and whose names are those of no partition, each with the rule.
    """

    folders: tuple[Folder, ...]
    strays: tuple[tuple[str, str], ...]


def folders_of(contract: Contract, lying: Iterable[StoredObject]) -> Found:
    """Sort the objects of a dataset's folders by partition.

    Args:
        contract: The dataset's contract.
        lying: Objects of the raw bucket.
    """
    depth = contract.layout.pattern.count("/") + 1
    by_folder: dict[str, list[StoredObject]] = defaultdict(list)
    for stored in lying:
        bucket, key = split_url(stored.url)
        parts = key.split("/")
        if parts[-1] and len(parts) > 1 and not is_reserved(key):
            by_folder["/".join((f"s3://{bucket}", *parts[:-1][:depth]))].append(stored)
    folders, strays = [], []
    for url, stored_there in sorted(by_folder.items()):
        try:
            partition = contract.layout.partition(split_url(url)[1])
        except LayoutError as exc:
            strays.append((url, str(exc)))
            continue
        folders.append(_folder(contract.dataset, partition, url, stored_there))
    return Found(tuple(sorted(folders, key=lambda folder: folder.partition)), tuple(strays))


def _folder(dataset: str, partition: Partition, url: str, lying: Sequence[StoredObject]) -> Folder:
    files = tuple(stored for stored in lying if _is_data(stored.url.removeprefix(f"{url}/")))
    names = [stored.url.removeprefix(f"{url}/") for stored in lying]
    misnamed = next((name for name in names if _looks_like_manifest(name)), "")
    kept = tuple(file for file in files if file.url != f"{url}/{misnamed}")
    return Folder(dataset, partition, url, kept, MANIFEST_NAME in names, misnamed)


def _is_data(name: str) -> bool:
    return name != MANIFEST_NAME and not any(part.startswith(("_", ".")) for part in name.split("/"))


def _looks_like_manifest(name: str) -> bool:
    """Whether a name was meant for the manifest's: S3 tells small letters from capital ones."""
    return name != MANIFEST_NAME and re.fullmatch(r"_?manifests?([._]json)?", name.lower()) is not None


@dataclass(frozen=True)
class Delivery:
    """Writes files and manifests.

    Attributes:
        ledger: Knows the batches of a partition.
        objects: The raw bucket.
        replays: Know the files that a partition has.
        bucket: Name of the raw bucket.
    """

    ledger: Versions
    objects: Files
    replays: Replay
    bucket: str

    def folder_url(self, contract: Contract, partition: Partition) -> str:
        """The folder of a partition.

        Raises:
            LayoutError: The partition is a day where the contract has hours, or the other way round.
        """
        return f"s3://{self.bucket}/{contract.layout.folder(partition)}"

    def batches(self, contract: Contract, partition: Partition) -> tuple[BatchRecord, ...]:
        """The batches of a partition, newest manifest first."""
        return self.ledger.versions(str(BatchId.make(contract.dataset, partition, "0")))

    def plan(self, contract: Contract, partition: Partition, files: Mapping[str, int], mode: Mode) -> ReplayPlan:
        """What to write for files that are about to come; nothing is written yet.

        Args:
            contract: The dataset's contract.
            partition: The partition.
            files: Size in bytes of each file by its name in the partition's folder.
            mode: What becomes of the files that the partition has.

        Raises:
            CommandError: The partition has something that this would replace, or a name is not possible.
            LayoutError: The partition is a day where the contract has hours, or the other way round.
        """
        url = self.folder_url(contract, partition)
        if mode is Mode.ADD:
            return self.replays.with_files(self.replays.plan(contract.dataset, partition), files)
        if mode is Mode.NEW:
            self._expect_free(contract, partition, url, files)
        entries = tuple(ManifestEntry(f"{url}/{name}", size) for name, size in sorted(files.items()))
        manifest_url = f"{url}/{MANIFEST_NAME}"
        text = checked(Manifest(entries), url).to_json()
        lying = self.objects.info(manifest_url)
        return ReplayPlan(contract.dataset, partition, "", manifest_url, text, len(entries), lying)

    def _expect_free(self, contract: Contract, partition: Partition, url: str, files: Mapping[str, int]) -> None:
        what = f"{contract.dataset} {partition.label}"
        choice = "add to its files with --add, or have these alone with --replace"
        accepted = [batch for batch in self.batches(contract, partition) if batch.state.is_accepted]
        if accepted:
            raise CommandError(f"{what} has a batch already ({accepted[0].state}): {choice}")
        others = [
            file.url.rpartition("/")[2]
            for folder in folders_of(contract, self.objects.listed(url)).folders
            for file in folder.files
            if file.url not in {f"{url}/{name}" for name in files}
        ]
        if others:
            more = f" and {len(others) - _SHOWN_FILES} more" if len(others) > _SHOWN_FILES else ""
            raise CommandError(
                f"{what}: {url}/ has other files ({', '.join(others[:_SHOWN_FILES])}{more}); announce them with "
                f"`sluice announce {contract.dataset} {partition.label}`, or leave them out with --replace"
            )

    def unannounced(self, contract: Contract, partitions: Sequence[Partition] | None) -> tuple[Folder, ...]:
        """Folders that have files and no manifest.

        Args:
            contract: The dataset's contract.
            partitions: Where to look; None for all folders of the dataset.
        """
        roots = (
            [f"s3://{self.bucket}/{contract.layout.root}"]
            if partitions is None
            else [self.folder_url(contract, partition) for partition in partitions]
        )
        lying = [stored for listed in self.replays.each(self.objects.listed, roots) for stored in listed]
        return tuple(folder for folder in folders_of(contract, lying).folders if folder.is_unannounced)

    def announce(self, contract: Contract, folder: Folder, *, is_forced: bool = False) -> str:
        """Write the manifest of a folder that has none.

        Args:
            contract: The dataset's contract.
            folder: The folder.
            is_forced: Whether the partition's content may become these files alone, if it had others before.

        Returns:
            Empty when it was written; otherwise why not.
        """
        if not is_forced:
            known = next((b for b in self.batches(contract, folder.partition) if b.state.is_accepted), None)
            if known is not None:
                return f"has a batch ({known.state}), whose files these would replace"
        try:
            body = folder.manifest.to_json().encode()
        except (ManifestError, LayoutError) as exc:
            return str(exc)
        return "" if self.objects.create(f"{folder.url}/{MANIFEST_NAME}", body) else "was announced meanwhile"


def checked(manifest: Manifest, folder_url: str) -> Manifest:
    """A manifest whose files have names that Sluice can work with.

    Raises:
        CommandError: One has not.
    """
    bucket, key = split_url(folder_url)
    try:
        manifest.check_inside(bucket, key, f"{folder_url}/{MANIFEST_NAME}")
    except (ManifestError, LayoutError) as exc:
        raise CommandError(f"not a name that a file can have: {exc}") from exc
    return manifest


@dataclass(frozen=True, slots=True)
class Lost:
    """Files of the raw bucket that nothing takes, and what to do about them.

    Attributes:
        what: Where they lie, and why nothing takes them.
        remedy: What to do.
    """

    what: str
    remedy: str


def lost_files(
    contracts: Mapping[str, Contract], objects: Files, bucket: str, now: datetime, limit: int = 1000
) -> Iterator[Lost]:
    """Files that lie in the folders of the datasets and will not be taken as they lie there.

    Args:
        contracts: The contracts by dataset.
        objects: The raw bucket.
        bucket: Its name.
        now: The present moment in UTC.
        limit: Most objects of a dataset that are looked at: one request gives up to 1,000.
    """
    yield from _unknown_folders(contracts, objects.top_folders(bucket), bucket)
    for contract in contracts.values():
        found = folders_of(contract, objects.listed(f"s3://{bucket}/{contract.layout.root}", limit))
        late = [one for one in found.folders if one.is_unannounced and now - one.newest > GRACE]
        yield from _lost_folders(contract, late)
        for url, rule in found.strays[:_SHOWN_FILES]:
            yield Lost(f"{url}/ has files of no partition: {rule}", "move them to the folder of a partition")


def _unknown_folders(contracts: Mapping[str, Contract], names: Iterable[str], bucket: str) -> Iterator[Lost]:
    known = {contract.layout.root.partition("/")[0]: contract for contract in contracts.values()}
    for name in names:
        if name in known or is_reserved(f"{name}/"):
            continue
        near = get_close_matches(name.lower(), known, n=1)
        what = f"s3://{bucket}/{name}/ is the folder of no dataset"
        if near:
            yield Lost(what, f"did you mean {near[0]}? Files go to {known[near[0]].layout.pattern}/")
        else:
            yield Lost(
                what, f"there are the folders {', '.join(sorted(known))}; `sluice contract new` makes a contract"
            )


def _lost_folders(contract: Contract, late: Sequence[Folder]) -> Iterator[Lost]:
    named = [folder for folder in late if folder.misnamed]
    for folder in named[:_SHOWN_FILES]:
        what = f"{folder.url}/ has {folder.misnamed!r}; the manifest's name is {MANIFEST_NAME}"
        yield Lost(what, f"name it so, or: sluice announce {contract.dataset} {folder.partition.label}")
    rest = [folder for folder in late if not folder.misnamed]
    if rest:
        labels = [folder.partition.label for folder in rest]
        files = sum(len(folder.files) for folder in rest)
        span = labels[0] if len(labels) == 1 else f"{labels[0]}..{labels[-1]}"
        where = f"folder {span}" if len(labels) == 1 else f"{len(labels)} folders ({span})"
        what = f"{contract.dataset}: {where} with {files} file{'' if files == 1 else 's'} and no {MANIFEST_NAME}"
        yield Lost(what, f"sluice announce {contract.dataset} {span}")
