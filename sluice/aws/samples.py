"""Beginnings and ends of files in S3, for those who must know what a file is and not what is in it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Range) and
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sluice.aws.failures import aws_errors, code_of
from sluice.errors import InputChangedError, MissingObjectError
from sluice.lake.layout import split_url
from sluice.lake.stored import ListedFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING_CODES = {"NoSuchKey", "NotFound", "404"}
_CHANGED_CODES = {"PreconditionFailed", "412", "InvalidRange", "416"}
_MOST_A_PAGE = 1000
_HIDDEN = ("_", ".")


@dataclass(frozen=True, slots=True)
class Samples:
    """Reads parts of files by their ``s3://`` URL.

    Every method raises `AwsBusyError` when S3 could not answer now and `AwsError` when it refused.
    """

    s3: "S3Client"

    def listed(self, folder: str, limit: int) -> tuple[ListedFile, ...]:
        """Files of a folder and of those in it, in the order of their keys, without hidden ones.

        Args:
            folder: ``s3://`` folder.
            limit: Most keys that are looked at.
        """
        bucket, prefix = split_url(folder if folder.endswith("/") else f"{folder}/")
        with aws_errors(f"list {folder}"):
            answer = self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=min(limit, _MOST_A_PAGE))
        return tuple(
            ListedFile(f"s3://{bucket}/{item['Key']}", item["Size"], item["ETag"].strip('"'))
            for item in answer.get("Contents", ())
            if item["Size"] and not any(part.startswith(_HIDDEN) for part in item["Key"][len(prefix) :].split("/"))
        )

    def head(self, file: ListedFile, size_bytes: int) -> bytes:
        """The first bytes of a file that was listed, or all of a shorter one.

        Raises:
            MissingObjectError: The file is gone.
            InputChangedError: It is another one now.
        """
        return self._range(file, 0, min(size_bytes, file.size_bytes))

    def tail(self, file: ListedFile, size_bytes: int) -> bytes:
        """The last bytes of a file that was listed, or all of a shorter one.

        Raises:
            MissingObjectError: The file is gone.
            InputChangedError: It is another one now.
        """
        return self._range(file, max(0, file.size_bytes - size_bytes), file.size_bytes)

    def _range(self, file: ListedFile, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        bucket, key = split_url(file.url)
        with aws_errors(f"read {file.url}"):
            try:
                answer = self.s3.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}", IfMatch=file.etag)
                return answer["Body"].read()
            except ClientError as exc:
                if code_of(exc) in _MISSING_CODES:
                    raise MissingObjectError(f"{file.url}: there is no such object any more") from exc
                if code_of(exc) in _CHANGED_CODES:
                    raise InputChangedError(f"{file.url}: changed while it was looked at") from exc
                raise
