"""Streams of objects: one version from the first byte to the last, whatever the connection does."""

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from glue_jobs.conversion.one_batch import BUFFER_BYTES
from sluice.aws.streams import ATTEMPTS, RANGE_BYTES, ObjectStream
from sluice.errors import AwsBusyError, AwsDeniedError, AwsError, InputChangedError
from sluice.lake.handover import SourceFile

CONTENT = random.Random(7).randbytes(3 * RANGE_BYTES // 2)
AT = datetime(2026, 11, 20, 13, tzinfo=UTC)
FILE = SourceFile("s3://raw/a.csv", len(CONTENT), int(AT.timestamp()), "one")


class Body(io.BytesIO):
    """An answer's body, which may break off."""

    def __init__(self, content: bytes, breaks_after: int | None) -> None:
        super().__init__(content)
        self._breaks_after = breaks_after

    def read(self, size: int | None = -1) -> bytes:
        if self._breaks_after is not None and self.tell() >= self._breaks_after:
            raise ReadTimeoutError(endpoint_url="http://s3")
        # A socket gives what it has.
        return super().read(size if size is None else min(size, 100_000))


@dataclass
class S3:
    """The one call that streams make."""

    content: bytes = CONTENT
    etag: str = "one"
    modified_at: datetime = AT
    breaks: list[int] = field(default_factory=list)
    error: Exception | None = None
    ranges: list[str] = field(default_factory=list)

    def head_object(self, **_: Any) -> dict[str, Any]:
        return {"SSEKMSKeyId": "arn:aws:kms:eu-central-1:222222222222:key/theirs"}

    def get_object(self, **request: Any) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        if request.get("IfMatch", self.etag) != self.etag:
            raise refused("PreconditionFailed")
        wanted = request.get("Range", "")
        self.ranges.append(wanted)
        content = self.content
        if wanted:
            first, last = wanted.removeprefix("bytes=").split("-")
            content = content[int(first) : int(last) + 1]
        breaks_after = self.breaks.pop(0) if self.breaks else None
        return {"Body": Body(content, breaks_after), "ContentLength": len(content), "LastModified": self.modified_at}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "GetObject")


def stream(s3: S3, file: SourceFile = FILE) -> ObjectStream:
    return ObjectStream(s3, file, sleep=lambda _: None)  # type: ignore[arg-type]


def test_a_file_is_read_by_one_request() -> None:
    s3 = S3()
    with io.BufferedReader(stream(s3), BUFFER_BYTES) as file:
        assert file.read() == CONTENT
    assert s3.ranges == [""]


def test_an_empty_file_has_no_range() -> None:
    s3 = S3(content=b"")
    assert stream(s3, SourceFile(FILE.url, 0, FILE.modified_at, "one")).read() == b""
    assert s3.ranges == [""]


def test_a_broken_connection_is_opened_again_where_it_broke() -> None:
    s3 = S3(breaks=[500_000, 0, 300_000])
    file, found = stream(s3), b""
    while part := file.read(100_000):
        found += part
    assert found == CONTENT
    again = f"bytes=500000-{500_000 + RANGE_BYTES - 1}"
    assert s3.ranges[:3] == ["", again, again]
    assert s3.ranges[3].startswith("bytes=800000-")
    assert s3.ranges[-1].endswith(f"-{len(CONTENT) - 1}")


def test_a_connection_that_always_breaks_is_an_error_of_the_world() -> None:
    found = stream(S3(breaks=[0] * 20))
    with pytest.raises(AwsBusyError, match=r"read s3://raw/a\.csv"):
        found.read(10)
    assert ATTEMPTS > 1


def test_places_are_read_by_ranges() -> None:
    s3 = S3()
    file = io.BufferedReader(stream(s3), BUFFER_BYTES)
    file.seek(-8, io.SEEK_END)
    assert file.read(8) == CONTENT[-8:]
    file.seek(5_000_000)
    assert file.read(3_000_000) == CONTENT[5_000_000:8_000_000]
    assert file.read(3_000_000) == CONTENT[8_000_000:11_000_000]
    assert s3.ranges[0] == ""
    assert all(wanted.startswith("bytes=") for wanted in s3.ranges[1:])


@pytest.mark.parametrize(
    ("s3", "file", "problem"),
    [
        (S3(etag="two"), FILE, "has another ETag than when its manifest was validated"),
        (S3(error=refused("NoSuchKey")), FILE, "is gone since its manifest was validated"),
        (S3(modified_at=AT.replace(minute=1)), FILE, "was written again since its manifest was validated"),
        (S3(content=b"x"), SourceFile(FILE.url, 2, FILE.modified_at, ""), "has other than the 2 bytes of its manifest"),
    ],
)
def test_another_file_than_the_manifests_is_refused(s3: S3, file: SourceFile, problem: str) -> None:
    with pytest.raises(InputChangedError) as caught:
        stream(s3, file)
    assert str(caught.value) == f"s3://raw/a.csv: {problem}"


def test_a_file_that_changes_while_it_is_read_is_refused() -> None:
    s3 = S3(breaks=[400_000])
    found = stream(s3)
    assert found.read(200_000) == CONTENT[:100_000]
    found.seek(300_000)
    s3.etag = "two"
    with pytest.raises(InputChangedError, match="another ETag"):
        found.read(10)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused("AccessDenied"), AwsError),
        (refused("SlowDown"), AwsBusyError),
        (EndpointConnectionError(endpoint_url="http://s3"), AwsBusyError),
    ],
)
def test_refusals_are_of_the_two_families(error: Exception, kind: type[Exception]) -> None:
    raising: Callable[[], object] = lambda: stream(S3(error=error))  # noqa: E731
    with pytest.raises(kind, match=r"read s3://raw/a\.csv"):
        raising()


def test_a_file_that_may_not_be_read_is_named_with_its_key() -> None:
    answer: Any = {"Error": {"Code": "AccessDenied", "Message": "not authorized to perform: kms:Decrypt"}}
    with pytest.raises(AwsDeniedError) as caught:
        ObjectStream(S3(error=ClientError(answer, "GetObject")), FILE)  # type: ignore[arg-type]
    assert FILE.url in str(caught.value)
    assert "kms:Decrypt" in str(caught.value)
    assert str(caught.value).endswith("it is encrypted with KMS key arn:aws:kms:eu-central-1:222222222222:key/theirs")
