"""Whole objects in S3, of any size: looked at, copied and deleted, each time exactly the version that is meant.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from sluice.aws.failures import aws_errors, code_of, is_busy_code
from sluice.aws.streams import ObjectStream
from sluice.errors import AwsBusyError, AwsError, InputChangedError, TransientError
from sluice.lake.handover import SourceFile
from sluice.lake.layout import split_url
from sluice.lake.stored import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

MAX_COPY_BYTES = 256 * 1024**2
"""Largest object that one CopyObject copies; larger ones are copied in parts, several at once.

S3 takes up to 5 GiB by one request and answers when it is done, which the client does not wait for: 5 GiB take longer
than its read timeout, and the copy would be asked for again and again.
Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/CopyingObjectsMPUapi.html
"""

PART_BYTES = 64 << 20
"""Files that are larger are uploaded in parts of this size."""
MAX_DELETED_PER_CALL = 1000
"""Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""

_SOURCE_ETAG = "sluice-source-etag"
_MISSING_CODES = {"NoSuchKey", "NoSuchVersion", "NotFound", "404"}
_CHANGED_CODES = {"PreconditionFailed", "412"}
_NO_VERSION = "null"
"""Version id of objects that were written while the bucket kept no versions."""
_CARRIED = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
)
_CHECKSUMS = ("ChecksumCRC64NVME", "ChecksumCRC32", "ChecksumCRC32C", "ChecksumSHA1", "ChecksumSHA256")


class CopyDiffersError(TransientError):
    """A copy is not what its source was; it is made again."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Moves whole objects by their ``s3://`` URLs.

    Every method raises `AwsBusyError` when S3 could not answer now and `AwsError` when it refused.

    Attributes:
        s3: The client.
        max_copy_bytes: Objects that are larger are copied in parts.
    """

    s3: "S3Client"
    max_copy_bytes: int = MAX_COPY_BYTES

    def info(self, url: str) -> StoredObject | None:
        """The current version of an object; None when there is none."""
        bucket, key = split_url(url)
        with aws_errors(f"look at {url}"):
            try:
                return _stored(url, self.s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED"))
            except ClientError as exc:
                if code_of(exc) in _MISSING_CODES:
                    return None
                raise

    def copy(self, source: StoredObject, target: str) -> StoredObject:
        """Copy exactly one version of an object, with its headers and metadata, and make sure that the copy is right.

        The copy remembers its source's ETag, and keeps its tags.

        Args:
            source: The version to copy, as `info` gave it.
            target: URL of the copy; what is there is replaced.

        Raises:
            InputChangedError: The source is gone, or it is not this version any more.
            CopyDiffersError: The copy is not what its source was.
        """
        with aws_errors(f"copy {source.url} to {target}"):
            try:
                self._copy(source, target)
            except ClientError as exc:
                if code_of(exc) in _MISSING_CODES | _CHANGED_CODES:
                    raise InputChangedError(f"{source.url}: changed while it was copied to {target}") from exc
                raise
        copied = self.info(target)
        if copied is None or not copied.is_copy_of(source):
            raise CopyDiffersError(f"{target}: is not the copy of {source.url} that was made")
        return copied

    def delete(self, stored: StoredObject) -> None:
        """Delete exactly this version of an object; nothing happens when it is not there any more.

        In a bucket that keeps versions, that version is deleted for good, and a newer one stays. An older one that the
        deletion would bring to light again gets a delete marker on top: its writer had replaced it. In a bucket that
        keeps none, the object is deleted if it still has this ETag. What remains there: an object that was written
        again with the very same content at the same moment goes too, and its content is that of the deleted one.
        """
        with aws_errors(f"delete {stored.url}"):
            if not stored.version_id:
                self._delete_if(stored)
                return
            bucket, key = split_url(stored.url)
            self.s3.delete_object(Bucket=bucket, Key=key, VersionId=stored.version_id)
        below = self.info(stored.url)
        # In the same second it could also be a newer one, which must stay.
        if below is not None and below.modified_at < stored.modified_at:
            self.hide(below)

    def hide(self, stored: StoredObject) -> None:
        """Take an object away if it is still this one. A bucket that keeps versions keeps it under a delete marker."""
        with aws_errors(f"hide {stored.url}"):
            self._delete_if(stored)

    def remove(self, url: str) -> None:
        """Delete whatever is at a URL; nothing happens when nothing is there."""
        bucket, key = split_url(url)
        with aws_errors(f"delete {url}"):
            self.s3.delete_object(Bucket=bucket, Key=key)

    def remove_all(self, urls: Iterable[str]) -> None:
        """Delete whatever is at some URLs of one bucket.

        Raises:
            AwsBusyError: S3 deleted some and had no time for others; the message names one.
            AwsError: S3 deleted some and refused others; the message names one.
        """
        keys = [split_url(url) for url in urls]
        for start in range(0, len(keys), MAX_DELETED_PER_CALL):
            chunk = keys[start : start + MAX_DELETED_PER_CALL]
            bucket = chunk[0][0]
            with aws_errors(f"delete {len(chunk)} objects of {bucket}"):
                answer = self.s3.delete_objects(
                    Bucket=bucket, Delete={"Objects": [{"Key": key} for _, key in chunk], "Quiet": True}
                )
            for error in answer.get("Errors", ()):
                code = error.get("Code", "")
                message = f"delete s3://{bucket}/{error.get('Key')}: {code}: {error.get('Message')}"
                raise AwsBusyError(message) if is_busy_code(code) else AwsError(message)

    def listed(self, folder: str, limit: int | None = None) -> tuple[StoredObject, ...]:
        """Objects of a folder and of those in it, in the order of their keys.

        Args:
            folder: ``s3://`` folder.
            limit: Most objects; None for all.
        """
        bucket, prefix = split_url(folder if folder.endswith("/") else f"{folder}/")
        with aws_errors(f"list {folder}"):
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            found = (
                StoredObject(
                    f"s3://{bucket}/{item['Key']}", item["Size"], item["LastModified"], item["ETag"].strip('"')
                )
                for page in pages
                for item in page.get("Contents", ())
            )
            return tuple(islice(found, limit))

    def top_folders(self, bucket: str) -> tuple[str, ...]:
        """Names of the first folders of a bucket, at most 1,000.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html (``CommonPrefixes``)
        """
        with aws_errors(f"list the folders of {bucket}"):
            answer = self.s3.list_objects_v2(Bucket=bucket, Delimiter="/")
        return tuple(item["Prefix"].rstrip("/") for item in answer.get("CommonPrefixes", ()))

    def open(self, file: SourceFile) -> ObjectStream:
        """The content of a file as its manifest was validated, as a stream without a buffer.

        Raises:
            InputChangedError: The object is gone, or is another one.
        """
        return ObjectStream(self.s3, file)

    def upload(self, path: Path, url: str) -> None:
        """Write a file of this machine as an object; what was there before is replaced at once and whole."""
        bucket, key = split_url(url)
        with aws_errors(f"write {url}"):
            if path.stat().st_size <= PART_BYTES:
                with path.open("rb") as body:  # the transfer manager's threads cost more than a small file
                    self.s3.put_object(Bucket=bucket, Key=key, Body=body)
                return
            config = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)
            self.s3.upload_file(str(path), bucket, key, Config=config)

    def create(self, url: str, body: bytes) -> bool:
        """Write an object that does not exist yet.

        Returns:
            False when it exists; then nothing was written.
        """
        bucket, key = split_url(url)
        with aws_errors(f"write {url}"):
            try:
                self.s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as exc:
                if code_of(exc) in _CHANGED_CODES:
                    return False
                raise
        return True

    def replace(self, stored: StoredObject, body: bytes) -> bool:
        """Write an object in place of another, if nobody else has written or deleted it meanwhile.

        Returns:
            False when somebody has; then nothing was written.
        """
        bucket, key = split_url(stored.url)
        with aws_errors(f"replace {stored.url}"):
            try:
                self.s3.put_object(Bucket=bucket, Key=key, Body=body, IfMatch=stored.etag)
            except ClientError as exc:
                if code_of(exc) in _MISSING_CODES | _CHANGED_CODES:
                    return False
                raise
        return True

    def _copy(self, source: StoredObject, target: str) -> None:
        bucket, key = split_url(source.url)
        target_bucket, target_key = split_url(target)
        version: dict[str, Any] = {"VersionId": source.version_id} if source.version_id else {}
        head: Any = self.s3.head_object(Bucket=bucket, Key=key, **version)
        kept: dict[str, Any] = {name: head[name] for name in _CARRIED if name in head}
        kept |= {"Metadata": {**head.get("Metadata", {}), _SOURCE_ETAG: source.etag}, "MetadataDirective": "REPLACE"}
        place: Any = {"Bucket": bucket, "Key": key, **version}
        if source.size_bytes <= self.max_copy_bytes:
            self.s3.copy_object(
                Bucket=target_bucket,
                Key=target_key,
                CopySource=place,
                CopySourceIfMatch=source.etag,
                **kept,
            )
            return
        # Each part is copied under the condition that the source still has the ETag.
        config = TransferConfig(multipart_threshold=self.max_copy_bytes, multipart_chunksize=_part_bytes(source))
        # One request takes the tags along; an upload in parts has those that it is given.
        tags = self.s3.get_object_tagging(Bucket=bucket, Key=key, **version)["TagSet"]
        extra = {"CopySourceIfMatch": source.etag, **kept}
        if tags:
            extra["Tagging"] = urlencode({tag["Key"]: tag["Value"] for tag in tags})
        self.s3.copy(place, target_bucket, target_key, ExtraArgs=extra, Config=config)

    def _delete_if(self, stored: StoredObject) -> None:
        """Delete the current object if it still has the ETag."""
        bucket, key = split_url(stored.url)
        try:
            self.s3.delete_object(Bucket=bucket, Key=key, IfMatch=stored.etag)
        except ClientError as exc:
            if code_of(exc) not in _MISSING_CODES | _CHANGED_CODES:
                raise


def _part_bytes(source: StoredObject) -> int:
    """Size of the parts: 256 MiB, more where 10,000 of them would not be enough."""
    return max(256 * 1024**2, -(-source.size_bytes // 10_000))


def _stored(url: str, head: "HeadObjectOutputTypeDef") -> StoredObject:
    answer: dict[str, Any] = dict(head)
    is_whole = answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    version = answer.get("VersionId", "")
    return StoredObject(
        url,
        answer["ContentLength"],
        answer["LastModified"],
        answer["ETag"].strip('"'),
        "" if version == _NO_VERSION else version,
        answer.get("Metadata", {}).get(_SOURCE_ETAG, ""),
        tuple((name, answer[name]) for name in _CHECKSUMS if name in answer) if is_whole else (),
    )
