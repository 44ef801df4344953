"""Small objects in S3: the documents that the parts of Sluice hand each other, and manifests."""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sluice.aws.failures import aws_errors, code_of
from sluice.errors import MissingObjectError, ObjectTooLargeError, UnreadableObjectError
from sluice.lake.layout import split_url

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef, ObjectTypeDef

_MISSING_CODES = {"NoSuchKey", "NoSuchVersion", "NotFound", "404"}
_FORBIDDEN_CODES = {
    "AccessDenied",
    "AllAccessDisabled",
    "Forbidden",
    "403",
    "InvalidObjectState",
    "KMS.DisabledException",
    "KMS.InvalidKeyUsageException",
    "KMS.InvalidStateException",
    "KMS.KMSInvalidStateException",
    "KMS.NotFoundException",
}
"""S3 has the object and does not give it: a right of S3 or KMS is missing, its key is no more, or it lies in a class
for archives.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""
_MOST_A_PAGE = 1000
_MOST_READS = 3
_EXISTS_CODES = {"PreconditionFailed", "412"}


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What S3 knows of one object.

    Attributes:
        size_bytes: Length in bytes.
        modified_at: LastModified in UTC; S3 keeps whole seconds.
        etag: ETag without quotes.
    """

    size_bytes: int
    modified_at: datetime
    etag: str


@dataclass(frozen=True, slots=True)
class Documents:
    """Reads and writes whole objects by their ``s3://`` URL.

    Every method raises `AwsBusyError` when S3 could not answer now and `AwsError` when it refused.
    """

    s3: "S3Client"

    def fetch(
        self, url: str, version_id: str | None = None, *, max_bytes: int | None = None
    ) -> tuple[bytes, ObjectInfo]:
        """Content of an object, and what S3 knows of it.

        Args:
            url: ``s3://bucket/key``.
            version_id: Read exactly this version; None reads the current one.
            max_bytes: A longer object is not read; None for any length.

        Raises:
            MissingObjectError: The object, or this version of it, is not there.
            UnreadableObjectError: It is there and may not be read.
            ObjectTooLargeError: It is longer.
        """
        bucket, key = split_url(url)
        version: Any = {} if version_id is None else {"VersionId": version_id}
        with aws_errors(f"read {url}"):
            try:
                return self._whole({"Bucket": bucket, "Key": key, **version}, url, max_bytes)
            except ClientError as exc:
                if _is_missing(exc):
                    text = "" if version_id is None else f" of version {version_id}"
                    raise MissingObjectError(f"{url}: there is no such object{text}") from exc
                if _is_forbidden(exc):
                    raise UnreadableObjectError(
                        f"{url}: may not be read: {exc}{encryption_key_of(self.s3, url, **version)}"
                    ) from exc
                raise

    def _whole(
        self,
        which: Any,  # noqa: ANN401 - boto3's arguments
        url: str,
        max_bytes: int | None,
        reads: int = _MOST_READS,
    ) -> tuple[bytes, ObjectInfo]:
        """Read an object; a body that ends too early is asked for again, which the SDK leaves to its caller.

        Source: https://docs.aws.amazon.com/boto3/latest/reference/customizations/s3.html (``num_download_attempts`` of
        TransferConfig does so for downloads)
        """
        answer = self.s3.get_object(**which)
        if max_bytes is not None and answer["ContentLength"] > max_bytes:
            answer["Body"].close()
            raise ObjectTooLargeError(f"{url}: has {answer['ContentLength']} bytes; at most {max_bytes} are read")
        try:
            return answer["Body"].read(), _info(answer)
        except BotoCoreError:
            if reads == 1:
                raise
            return self._whole(which, url, max_bytes, reads - 1)

    def read(self, url: str) -> str:
        """Content of a UTF-8 text object.

        Raises:
            MissingObjectError: The object is not there.
        """
        return self.fetch(url)[0].decode("utf-8")

    def write(self, url: str, text: str) -> None:
        """Write a text as UTF-8; what was there before is replaced at once and whole."""
        bucket, key = split_url(url)
        with aws_errors(f"write {url}"):
            self.s3.put_object(Bucket=bucket, Key=key, Body=text.encode("utf-8"), ContentType="application/json")

    def create(self, url: str, text: str) -> bool:
        """Write a text as UTF-8 unless the object exists.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

        Returns:
            False when it exists; then nothing was written.
        """
        bucket, key = split_url(url)
        with aws_errors(f"write {url}"):
            try:
                self.s3.put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=text.encode("utf-8"),
                    ContentType="application/json",
                    IfNoneMatch="*",
                )
            except ClientError as exc:
                if code_of(exc) in _EXISTS_CODES:
                    return False
                raise
        return True

    def info(self, url: str) -> ObjectInfo | None:
        """Size, time and ETag of an object; None when it is not there."""
        bucket, key = split_url(url)
        with aws_errors(f"look at {url}"):
            try:
                return _info(self.s3.head_object(Bucket=bucket, Key=key))
            except ClientError as exc:
                if _is_missing(exc):
                    return None
                raise

    def infos(self, folder: str, urls: Collection[str]) -> dict[str, ObjectInfo]:
        """Size, time and ETag of objects of one folder, by URL; those that are not there are left out.

        They are listed, up to 1,000 by one request, instead of being looked at one by one. Each request begins right
        before the next object that is looked for, so what else lies in the folder costs no more than the objects
        themselves would. A listing shows what has been written before it began.
        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html (StartAfter, order of keys) and
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel

        Args:
            folder: ``s3://`` URL of the folder, with a slash at the end.
            urls: The objects, all of them below the folder.
        """
        bucket, prefix = split_url(folder)
        wanted = {split_url(url)[1]: url for url in urls}
        with aws_errors(f"list {folder}"):
            return {
                wanted[item["Key"]]: ObjectInfo(
                    item["Size"], item["LastModified"].replace(microsecond=0), item["ETag"].strip('"')
                )
                for item in self._listed(bucket, prefix, sorted(wanted))
                if item["Key"] in wanted
            }

    def _listed(self, bucket: str, prefix: str, keys: list[str]) -> "Iterator[ObjectTypeDef]":
        """Objects of a folder, page by page, as far as there are keys to look for in ascending order."""
        after, place = "", 0
        while place < len(keys):
            answer = self.s3.list_objects_v2(
                Bucket=bucket,
                Prefix=prefix,
                StartAfter=max(after, _before(keys[place])),
                # A few more than are looked for: others may lie between them.
                MaxKeys=min(_MOST_A_PAGE, 2 * (len(keys) - place) + 8),
            )
            page = answer.get("Contents", [])
            yield from page
            if not answer.get("IsTruncated") or not page:
                return
            after = page[-1]["Key"]
            place = bisect_right(keys, after, place)

    def exists(self, url: str) -> bool:
        """Whether the object is there."""
        return self.info(url) is not None


def _info(answer: "GetObjectOutputTypeDef | HeadObjectOutputTypeDef") -> ObjectInfo:
    return ObjectInfo(answer["ContentLength"], answer["LastModified"], answer["ETag"].strip('"'))


def _before(key: str) -> str:
    """A text that sorts before a key, with as few keys as possible between the two."""
    last = ord(key[-1]) - 1
    # Half of a surrogate pair is not a character.
    return key[:-1] + ("" if last < 0x20 or 0xD800 <= last < 0xE000 else chr(last))


def _is_forbidden(exc: ClientError) -> bool:
    return code_of(exc) in _FORBIDDEN_CODES


def _is_missing(exc: ClientError) -> bool:
    return code_of(exc) in _MISSING_CODES


def encryption_key_of(s3: "S3Client", url: str, **version: Any) -> str:  # noqa: ANN401 - the request's own values
    """For a message: with which key an object is encrypted, where S3 tells it to who may not read the object."""
    bucket, key = split_url(url)
    try:
        name = s3.head_object(Bucket=bucket, Key=key, **version).get("SSEKMSKeyId", "")
    except (ClientError, BotoCoreError):
        return ""
    return f"; it is encrypted with KMS key {name}" if name else ""
