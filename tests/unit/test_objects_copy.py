"""Copies of large objects: by which requests, and what goes along. MiniStack forgets tags of uploads in parts."""

from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qsl

import pytest

from sluice.aws.objects import MAX_COPY_BYTES, Objects
from sluice.errors import AwsBusyError, AwsError, SluiceError
from sluice.lake.stored import StoredObject

AT = datetime(2026, 11, 20, 13, tzinfo=UTC)
MIB = 1024**2
GIB = 1024**3
TAGS = [{"Key": "till", "Value": "7"}, {"Key": "place", "Value": "a&b =c"}]


class Bucket:
    """S3, as far as a copy needs it."""

    def __init__(self, size_bytes: int, tags: list[dict[str, str]]) -> None:
        self.size_bytes, self.tags = size_bytes, tags
        self.copied: dict[str, Any] = {}

    def head_object(self, **request: Any) -> dict[str, Any]:
        metadata = {"sluice-source-etag": "e"} if request["Key"] == "archive/large" else {}
        return {"ContentLength": self.size_bytes, "LastModified": AT, "ETag": '"e"', "Metadata": metadata}

    def get_object_tagging(self, **request: Any) -> dict[str, Any]:
        assert request == {"Bucket": "raw", "Key": "large", "VersionId": "v1"}
        return {"TagSet": self.tags}

    def copy_object(self, **request: Any) -> None:
        self.copied = {"by": "one request", "extra": request}

    def copy(self, source: Any, bucket: str, key: str, **options: Any) -> None:
        assert (source, bucket, key) == ({"Bucket": "raw", "Key": "large", "VersionId": "v1"}, "raw", "archive/large")
        self.copied = {"by": "parts", "extra": options["ExtraArgs"], "config": options["Config"]}


def copied(size_bytes: int, tags: list[dict[str, str]]) -> dict[str, Any]:
    bucket = Bucket(size_bytes, tags)
    Objects(cast("Any", bucket)).copy(
        StoredObject("s3://raw/large", size_bytes, AT, "e", "v1"), "s3://raw/archive/large"
    )
    return bucket.copied


@pytest.mark.parametrize(
    ("size_bytes", "way"),
    [
        (MAX_COPY_BYTES, "one request"),
        (MAX_COPY_BYTES + 1, "parts"),
        (2 * GIB, "parts"),
        (6 * GIB, "parts"),
        (5 * 1024 * GIB, "parts"),
    ],
)
def test_no_request_copies_more_than_its_time_allows(size_bytes: int, way: str) -> None:
    found = copied(size_bytes, [])
    assert (found["by"], found["extra"]["CopySourceIfMatch"]) == (way, "e")
    if way == "parts":
        part = found["config"].multipart_chunksize
        # Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
        assert -(-size_bytes // part) <= 10_000
        assert part <= max(256 * MIB, 5 * 1024 * GIB // 10_000 + 1)


def test_tags_go_along_in_parts() -> None:
    assert dict(parse_qsl(copied(2 * GIB, TAGS)["extra"]["Tagging"])) == {"till": "7", "place": "a&b =c"}
    assert "Tagging" not in copied(2 * GIB, [])["extra"]


def test_one_request_takes_the_tags_along_by_itself() -> None:
    assert {"Tagging", "TaggingDirective"}.isdisjoint(copied(MIB, TAGS)["extra"])


@pytest.mark.parametrize(
    ("code", "kind"), [("SlowDown", AwsBusyError), ("InternalError", AwsBusyError), ("AccessDenied", AwsError)]
)
def test_an_object_that_is_not_deleted_with_the_others_is_an_error_of_its_own_kind(
    code: str, kind: type[SluiceError]
) -> None:
    """The call is answered with 200; what S3 had no time for would fail a whole run as if it could never be deleted.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html (Errors)
    """

    class S3:
        def delete_objects(self, **_: Any) -> Any:
            return {"Errors": [{"Key": "a", "Code": code, "Message": "no"}]}

    with pytest.raises(kind) as caught:
        Objects(S3()).remove_all(["s3://raw/a"])  # type: ignore[arg-type]
    assert (type(caught.value), str(caught.value)) == (kind, f"delete s3://raw/a: {code}: no")
