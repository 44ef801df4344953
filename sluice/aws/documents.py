"""Small objects in S3: the documents that the parts of Sluice hand each other, and manifests."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sluice.aws.failures import aws_errors, code_of
from sluice.errors import MissingObjectError
from sluice.layout import split_url

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

_MISSING_CODES = {"NoSuchKey", "NoSuchVersion", "NotFound", "404"}
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

    def fetch(self, url: str, version_id: str | None = None) -> tuple[bytes, ObjectInfo]:
        """Content of an object, and what S3 knows of it.

        Args:
            url: ``s3://bucket/key``.
            version_id: Read exactly this version; None reads the current one.

        Raises:
            MissingObjectError: The object, or this version of it, is not there.
        """
        bucket, key = split_url(url)
        with aws_errors(f"read {url}"):
            try:
                if version_id is None:
                    answer = self.s3.get_object(Bucket=bucket, Key=key)
                else:
                    answer = self.s3.get_object(Bucket=bucket, Key=key, VersionId=version_id)
                return answer["Body"].read(), _info(answer)
            except ClientError as exc:
                if _is_missing(exc):
                    version = "" if version_id is None else f" of version {version_id}"
                    raise MissingObjectError(f"{url}: there is no such object{version}") from exc
                raise

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

    def exists(self, url: str) -> bool:
        """Whether the object is there."""
        return self.info(url) is not None


def _info(answer: "GetObjectOutputTypeDef | HeadObjectOutputTypeDef") -> ObjectInfo:
    return ObjectInfo(answer["ContentLength"], answer["LastModified"], answer["ETag"].strip('"'))


def _is_missing(exc: ClientError) -> bool:
    return code_of(exc) in _MISSING_CODES
