"""S3 as a Glue job reaches it: through Hadoop's FileSystem, so that the same code works on S3A and on a folder."""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from py4j.java_gateway import is_instance_of
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from sluice.errors import MissingObjectError, TransientError
from sluice.logs import in_context

_In = TypeVar("_In")
_Out = TypeVar("_Out")
_THREADS = 16
_NOT_FOUND = "java.io.FileNotFoundException"
_MANY_BYTES = 2**31 - 1
_GLOB = re.compile(r"([*?\[\]{}\\])")


class StorageError(TransientError):
    """S3 did not do what it was asked to."""


@dataclass(frozen=True, slots=True)
class FileStatus:
    """A file as the store describes it.

    Attributes:
        url: ``s3://bucket/key``.
        size_bytes: Length in bytes.
        modified_at: Last change in whole seconds since 1970-01-01 UTC.
        etag: ETag without quotes, or None where the store has none.
    """

    url: str
    size_bytes: int
    modified_at: int
    etag: str | None


class Storage:
    """Files by their ``s3://`` URLs."""

    def __init__(self, spark: SparkSession) -> None:
        """Use the session's Hadoop configuration."""
        self._gateway: Any = spark.sparkContext._gateway
        self._jvm: Any = spark._jvm
        self._configuration = spark._jsc.hadoopConfiguration()

    def read_text(self, url: str) -> str:
        """Content of a small file in UTF-8.

        Raises:
            MissingObjectError: There is no such file.
        """
        return self.read_start(url, _MANY_BYTES).decode()

    def read_start(self, url: str, size_bytes: int) -> bytes:
        """The first bytes of a file, all of them when it is shorter.

        Raises:
            MissingObjectError: There is no such file.
        """
        return self.read_range(url, 0, size_bytes)

    def read_range(self, url: str, start: int, size_bytes: int) -> bytes:
        """Bytes of a file from an offset on, fewer where it ends.

        Raises:
            MissingObjectError: There is no such file.
        """
        path = self.path(url)
        try:
            stream = self._file_system(path).open(path)
        except Py4JJavaError as exc:
            raise self._missing_or(exc, url) from exc
        try:
            stream.seek(start)
            return bytes(stream.readNBytes(size_bytes))
        finally:
            stream.close()

    def write_text(self, url: str, text: str) -> None:
        """Write a small file in UTF-8, in place of what is there."""
        path = self.path(url)
        stream = self._file_system(path).create(path, True)
        try:
            stream.write(bytearray(text.encode()))
        finally:
            stream.close()

    def status(self, url: str) -> FileStatus | None:
        """What the store says of a file; None when it is not there."""
        path = self.path(url)
        try:
            found = self._file_system(path).getFileStatus(path)
        except Py4JJavaError as exc:
            if self._is_not_found(exc):
                return None
            raise
        return None if found.isDirectory() else self._status(url, found)

    def files(self, folder: str) -> list[FileStatus]:
        """Files of a folder and all below it; none when there is no such folder.

        Args:
            folder: ``s3://`` URL without a slash at the end.
        """
        path = self.path(folder)
        try:
            found = self._file_system(path).listFiles(path, True)
            statuses = []
            while found.hasNext():
                status = found.next()
                statuses.append(self._status(str(status.getPath().toString()), status))
        except Py4JJavaError as exc:
            if self._is_not_found(exc):
                return []
            raise
        return statuses

    def move(self, source: str, target: str) -> None:
        """Give a file another name, which no file has yet.

        Raises:
            StorageError: The store refused.
        """
        path = self.path(target)
        file_system = self._file_system(path)
        if file_system.exists(path):
            raise StorageError(f"{target}: exists already")
        file_system.mkdirs(path.getParent())
        if not file_system.rename(self.path(source), path):
            raise StorageError(f"{source}: could not be moved to {target}")

    def delete(self, url: str) -> None:
        """Remove a file, or a folder with all in it; nothing happens when it is not there."""
        path = self.path(url)
        self._file_system(path).delete(path, True)

    def spark_name(self, url: str) -> str:
        """The name by which Spark's ``_metadata.file_path`` calls a file: a URI, with some characters encoded."""
        return str(self.path(url).toUri().toString())

    def for_all(self, work: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
        """Do something for many files at a time.

        Returns:
            The results in the order of the items.

        Raises:
            Exception: The first one that the work raised; the rest of the work may be undone.
        """
        every = list(items)
        shares = [every[start::_THREADS] for start in range(min(_THREADS, len(every)))]
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="storage") as pool:
            done = list(pool.map(in_context(lambda share: self._work_off(work, share)), shares))
        return [done[index % _THREADS][index // _THREADS] for index in range(len(every))]

    def _work_off(self, work: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
        try:
            return [work(item) for item in items]
        finally:
            self._close_connection()

    def _close_connection(self) -> None:
        """Each thread has a connection of its own to the JVM, which nobody closes when the thread ends."""
        client = self._gateway._gateway_client
        connection = client.get_thread_connection() if hasattr(client, "get_thread_connection") else None
        if connection is not None:
            connection.close()

    def path(self, url: str) -> Any:  # noqa: ANN401 - a Java object
        """Hadoop's path of a URL."""
        return self._jvm.org.apache.hadoop.fs.Path(url)

    def _file_system(self, path: Any) -> Any:  # noqa: ANN401
        return path.getFileSystem(self._configuration)

    def _status(self, url: str, found: Any) -> FileStatus:  # noqa: ANN401
        etag: str | None = None
        if is_instance_of(self._gateway, found, "org.apache.hadoop.fs.EtagSource"):
            etag = found.getEtag()
        stripped = None if not etag else etag.strip('"')
        return FileStatus(url, int(found.getLen()), int(found.getModificationTime()) // 1000, stripped)

    def _missing_or(self, exc: Py4JJavaError, url: str) -> Exception:
        return MissingObjectError(f"{url}: not found") if self._is_not_found(exc) else exc

    def _is_not_found(self, exc: Py4JJavaError) -> bool:
        return bool(is_instance_of(self._gateway, exc.java_exception, _NOT_FOUND))


def escape_glob(url: str) -> str:
    """A URL as Spark's readers take it: they understand wildcards."""
    return _GLOB.sub(r"\\\1", url)


class RangeFile:
    """A file as Python's readers like it: they seek, and read little."""

    def __init__(self, storage: Storage, url: str, size_bytes: int) -> None:
        """Read a file.

        Args:
            storage: Where it lies.
            url: Its URL.
            size_bytes: Its length.
        """
        self._storage, self._url, self._size, self._place = storage, url, size_bytes, 0
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        wanted = self._size - self._place if size < 0 else size
        found = self._storage.read_range(self._url, self._place, wanted)
        self._place += len(found)
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to an offset from the start, from here, or from the end."""
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._place

    def close(self) -> None:
        """Nothing is kept open."""
        self.closed = True

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be sought in."""
        return True

    def writable(self) -> bool:
        """It cannot be written."""
        return False

    def flush(self) -> None:
        """Nothing is written."""
