"""Results in S3: a CSV file for a query, a text file for any other statement.

Source: https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localcloud.athena.errors import QueryError
from localcloud.athena.results import Answer
from localcloud.errors import AwsApiError
from localcloud.glue.objects import split_location

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class ResultWriter:
    """Puts results into S3.

    Args:
        s3: gives a client.
    """

    def __init__(self, s3: "Callable[[], S3Client]") -> None:
        self._s3 = s3

    def require_bucket(self, location: str) -> None:
        """Make sure that the bucket of a location is there.

        Raises:
            AwsApiError: it is not.
        """
        bucket = location.removeprefix("s3://").partition("/")[0]
        try:
            self._s3().get_bucket_location(Bucket=bucket)
        except ClientError as error:
            raise AwsApiError("InvalidRequestException", f"Unable to verify/create output bucket {bucket}") from error

    def write(self, location: str, answer: Answer) -> None:
        """Write a result.

        Args:
            location: of the file; its ending says which kind it is.
            answer: the result.

        Raises:
            QueryError: S3 refuses.
        """
        body = csv_text(answer) if location.endswith(".csv") else plain_text(answer)
        self._put(location, body)

    def write_manifest(self, location: str, answer: Answer) -> None:
        """Write the list of the files that a statement has written, one a line.

        Source: https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html (data manifest files)

        Raises:
            QueryError: S3 refuses.
        """
        self._put(location, "".join(f"{url}\n" for url in answer.files))

    def _put(self, location: str, body: str) -> None:
        bucket, key = split_location(location)
        try:
            self._s3().put_object(Bucket=bucket, Key=key, Body=body.encode())
        except ClientError as error:
            raise QueryError("GENERIC_INTERNAL_ERROR", f"the result cannot be written: {error}") from error


def csv_text(answer: Answer) -> str:
    """A result as Athena's CSV: every value in quotes, null is nothing at all."""
    lines = [[column.name for column in answer.columns], *answer.rows]
    return "".join(f"{','.join(_quoted(value) for value in line)}\n" for line in lines)


def plain_text(answer: Answer) -> str:
    """A result as lines whose values are separated by tabs."""
    return "".join(f"{_tabbed(row)}\n" for row in answer.rows)


def _quoted(value: str | None) -> str:
    return "" if value is None else '"{}"'.format(value.replace('"', '""'))


def _tabbed(row: Sequence[str | None]) -> str:
    return "\t".join("" if value is None else value for value in row)
