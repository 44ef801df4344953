"""Contents of large objects as streams: read once from the beginning to the end, or here and there.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Range, If-Match)
"""

import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from sluice.aws.documents import encryption_key_of
from sluice.aws.failures import as_sluice_error, code_of
from sluice.errors import AwsBusyError, AwsDeniedError, InputChangedError, SluiceError
from sluice.lake.handover import SourceFile
from sluice.lake.layout import split_url

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3 import S3Client

RANGE_BYTES = 8 << 20
"""Least that one request asks for after a jump; whoever jumps once often reads on."""
ATTEMPTS = 5
"""How often one place of an object is tried before its reader gives up. boto3 tries a request again by itself, but not
the rest of an answer that breaks off."""
_MISSING_CODES = {"NoSuchKey", "NotFound", "404"}
_CHANGED_CODES = {"PreconditionFailed", "412", "InvalidRange", "416"}


class ObjectStream(io.RawIOBase):
    """The content of one version of an object; it can be sought in.

    Every request asks for the ETag that the manifest's validation saw, so what is read is that version from the first
    byte to the last, or an error. A connection that breaks is opened again where it broke.
    """

    def __init__(self, s3: "S3Client", file: SourceFile, sleep: Callable[[float], None] = time.sleep) -> None:
        """Open an object.

        Args:
            s3: The client.
            file: What to read.
            sleep: Waits before a further attempt.

        Raises:
            InputChangedError: The object is gone, or is not the one that was validated.
            AwsBusyError: S3 could not answer now.
            AwsError: S3 refused.
        """
        super().__init__()
        self._s3, self._file, self._sleep = s3, file, sleep
        self._bucket, self._key = split_url(file.url)
        self._position = 0
        self._body: Any = None
        self._body_end = 0
        self._open(file.size_bytes)

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be sought in."""
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset from the start, from here, or from the end; what is asked for next begins there."""
        place = offset + (0, self._position, self._file.size_bytes)[whence]
        if place != self._position:
            self._drop()
            self._position = place
        return place

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read on; 0 at the end.

        Raises:
            InputChangedError: The object was written again or deleted meanwhile.
            AwsBusyError: S3 did not deliver, however often it was asked.
            AwsError: S3 refused.
        """
        view = memoryview(buffer).cast("B")
        if self._position >= self._file.size_bytes or not view:
            return 0
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._read(view)
            except (BotoCoreError, HTTPError, OSError, EOFError) as exc:
                self._drop()
                if attempt == ATTEMPTS:
                    raise AwsBusyError(f"read {self._file.url}: {exc}") from exc
                self._sleep(0.1 * 2**attempt)
        raise AssertionError  # the last attempt has returned or raised

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        super().close()

    def _read(self, view: memoryview) -> int:
        if self._body is None:
            self._open(max(len(view), RANGE_BYTES))
        wanted = min(len(view), self._body_end - self._position)
        found = self._body.read(wanted)
        if not found:
            raise EOFError("the answer ended too early")
        view[: len(found)] = found
        self._position += len(found)
        if self._position >= self._body_end:
            self._drop()
        return len(found)

    def _open(self, wanted: int) -> None:
        """Ask for bytes from the present position on."""
        end = min(self._position + wanted, self._file.size_bytes)
        request: dict[str, Any] = {"Bucket": self._bucket, "Key": self._key}
        if self._file.etag:
            request["IfMatch"] = self._file.etag
        if self._position or end < self._file.size_bytes:
            request["Range"] = f"bytes={self._position}-{end - 1}"
        try:
            answer = self._s3.get_object(**request)
        except ClientError as exc:
            raise self._refused(exc) from exc
        except BotoCoreError as exc:
            raise as_sluice_error(exc, f"read {self._file.url}") from exc
        self._body, self._body_end = answer["Body"], end
        self._check(answer, end - self._position)

    def _check(self, answer: Any, size_bytes: int) -> None:  # noqa: ANN401 - boto3's answer
        """Compare what the ETag does not tell: a file that was written again with the same content is another one."""
        problem = ""
        if answer["ContentLength"] != size_bytes:
            problem = f"has other than the {self._file.size_bytes} bytes of its manifest"
        elif int(answer["LastModified"].timestamp()) != self._file.modified_at:
            problem = "was written again since its manifest was validated"
        if problem:
            self._drop()
            raise InputChangedError(f"{self._file.url}: {problem}")

    def _refused(self, exc: ClientError) -> SluiceError:
        code = code_of(exc)
        if code in _MISSING_CODES:
            return InputChangedError(f"{self._file.url}: is gone since its manifest was validated")
        if code in _CHANGED_CODES:
            return InputChangedError(f"{self._file.url}: has another ETag than when its manifest was validated")
        error = as_sluice_error(exc, f"read {self._file.url}")
        if isinstance(error, AwsDeniedError):
            return AwsDeniedError(f"{error}{encryption_key_of(self._s3, self._file.url)}")
        return error

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
