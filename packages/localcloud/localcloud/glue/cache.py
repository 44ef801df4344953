"""Bodies of S3 objects kept between runs: fetched once per version, then linked into the runs' folders."""

import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.glue.objects import RemoteObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

DOWNLOADS = 16
# Below this a run gets its own copy: control files are small, and those are what jobs overwrite in place. Spark writes
# its data files under new names, so links to larger bodies stay as they are (and are checked, see `_is_intact`).
LINK_FROM_BYTES = 1 << 20


class ObjectCache:
    """A folder of object bodies, named by bucket, key and ETag; safe between threads."""

    def __init__(self, folder: Path, s3: "Callable[[], S3Client]") -> None:
        """Use a folder, made when it is missing.

        Args:
            folder: on the file system of the runs' folders.
            s3: gives an S3 client.
        """
        self._folder = folder
        self._s3 = s3
        self.lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def place(self, wanted: Iterable[tuple[RemoteObject, Path]]) -> list[tuple[RemoteObject, Path]]:
        """Put objects at paths whose folders exist, fetching what is missing.

        Returns:
            What was placed: an object deleted since its listing is left out, one replaced since then is placed as it is
            now.
        """
        requests = list(wanted)
        missing = [found for found, _ in requests if not self._is_intact(found)]
        fetched = self._fetch_all(missing)
        placed = []
        for found, path in requests:
            current = fetched.get((found.bucket, found.key), found)
            if current is not None:
                self._place(current, path)
                placed.append((current, path))
        return placed

    def prune(self, kept: Iterable[RemoteObject]) -> None:
        """Drop the bodies of objects that no listing has any more."""
        names = {self._path(found).name for found in kept}
        for folder in self._folder.iterdir():
            for path in folder.iterdir():
                if path.name not in names:
                    path.unlink()

    def _path(self, found: RemoteObject) -> Path:
        identity = f"{found.bucket}\0{found.key}\0{found.etag}"
        digest = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / digest[:2] / digest

    def _is_intact(self, found: RemoteObject) -> bool:
        """Whether the body is here and nobody has written through a link to it (that would change its time)."""
        try:
            status = self._path(found).stat()
        except FileNotFoundError:
            return False
        return status.st_size == found.size and status.st_mtime_ns == found.modified_ns

    def _fetch_all(self, missing: list[RemoteObject]) -> dict[tuple[str, str], RemoteObject | None]:
        if not missing:
            return {}
        fetch = partial(self._fetch, self._s3())  # the client of this thread's caller
        with ThreadPoolExecutor(min(DOWNLOADS, len(missing)), "localcloud-fetch") as pool:
            return {(old.bucket, old.key): new for old, new in zip(missing, pool.map(fetch, missing), strict=True)}

    def _fetch(self, s3: "S3Client", found: RemoteObject) -> RemoteObject | None:
        try:
            answer = s3.get_object(Bucket=found.bucket, Key=found.key)
        except s3.exceptions.NoSuchKey:
            return None
        if answer["ETag"] != found.etag:
            modified_ns = round(answer["LastModified"].timestamp() * 1_000_000) * 1000
            found = replace(found, etag=answer["ETag"], size=answer["ContentLength"], modified_ns=modified_ns)
        path = self._path(found)
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_suffix(f".{threading.get_ident()}")
        with answer["Body"] as body, temporary.open("wb") as file:
            shutil.copyfileobj(body, file, 1 << 20)
        os.utime(temporary, ns=(found.modified_ns, found.modified_ns))
        temporary.replace(path)
        return found

    def _place(self, found: RemoteObject, path: Path) -> None:
        body = self._path(found)
        if found.size >= LINK_FROM_BYTES:
            try:
                os.link(body, path)
                return
            except OSError as error:  # a file system without links, or too many of them
                logger.debug("no link to %s: %s", body, error)
        shutil.copyfile(body, path)
        os.utime(path, ns=(found.modified_ns, found.modified_ns))
