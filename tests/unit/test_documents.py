"""Looking for the files of a manifest: few requests, whatever else lies in the folder."""

from bisect import bisect_right
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ResponseStreamingError
from hypothesis import given
from hypothesis import strategies as st

from sluice.aws.documents import Documents, ObjectInfo
from sluice.errors import AwsBusyError, ObjectTooLargeError, UnreadableObjectError

AT = datetime(2026, 11, 20, 13, tzinfo=UTC)
FOLDER = "s3://raw/orders/13/"
PREFIX = "orders/13/"


class Bucket:
    """S3, as far as it lists: keys in the order of their UTF-8, at most 1,000 of them by one request."""

    def __init__(self, *names: str) -> None:
        self.keys = sorted((PREFIX + name for name in names), key=str.encode)
        self.requests: list[tuple[str, int]] = []

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        after, most = request["StartAfter"], request["MaxKeys"]
        assert request == {"Bucket": "raw", "Prefix": PREFIX, "StartAfter": after, "MaxKeys": most}
        assert 1 <= most <= 1000
        self.requests.append((after, most))
        order = [key.encode() for key in self.keys]
        start = bisect_right(order, after.encode())
        page = self.keys[start : start + most]
        contents = [
            {"Key": key, "Size": len(key), "LastModified": AT, "ETag": f'"{key.encode().hex()}"'} for key in page
        ]
        return {"Contents": contents, "IsTruncated": start + most < len(order)}


def found(bucket: Bucket, *names: str) -> set[str]:
    urls = [FOLDER + name for name in names]
    infos = Documents(cast("Any", bucket)).infos(FOLDER, urls)
    for url, info in infos.items():
        key = url.removeprefix("s3://raw/")
        assert info == ObjectInfo(len(key), AT, key.encode().hex())
    return {url.removeprefix(FOLDER) for url in infos}


def test_many_files_are_found_by_few_requests() -> None:
    names = [f"part-{number:05}" for number in range(20_000)]
    bucket = Bucket(*names, "manifest.json")
    assert found(bucket, *names) == set(names)
    assert len(bucket.requests) == 20


def test_a_few_files_among_many_others_cost_no_more_than_a_look_at_each() -> None:
    names = [f"part-{number:05}" for number in range(20_000)]
    bucket = Bucket(*names)
    assert found(bucket, names[0], names[9_999], names[-1], "gone") == {names[0], names[9_999], names[-1]}
    assert len(bucket.requests) <= 4
    assert all(most < 20 for _, most in bucket.requests)


def test_one_file_is_one_request() -> None:
    bucket = Bucket("a", "b", "c")
    assert found(bucket, "b") == {"b"}
    assert len(bucket.requests) == 1


def test_nothing_is_looked_for_without_a_request() -> None:
    bucket = Bucket("a")
    assert found(bucket) == set()
    assert bucket.requests == []


def test_files_that_are_all_missing_are_one_request() -> None:
    bucket = Bucket("manifest.json")
    assert found(bucket, *(f"part-{number}" for number in range(3000))) == set()
    assert len(bucket.requests) == 1


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=3)


@given(st.sets(NAMES, max_size=40), st.sets(NAMES, max_size=20))
def test_what_a_listing_finds_is_what_looking_at_each_finds(there: set[str], wanted: set[str]) -> None:
    bucket = Bucket(*there)
    assert found(bucket, *wanted) == there & wanted
    assert len(bucket.requests) <= max(1, len(wanted))


class Refusing:
    """S3 that refuses to give an object, and tells its key or not."""

    def __init__(self, code: str, status: int = 403, key: str = "") -> None:
        self.code, self.status, self.key = code, status, key

    def _error(self, code: str, status: int) -> ClientError:
        answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return ClientError(answer, "GetObject")

    def get_object(self, **_: Any) -> Any:
        raise self._error(self.code, self.status)

    def head_object(self, **_: Any) -> Any:
        if not self.key:
            raise self._error("403", 403)
        return {"SSEKMSKeyId": self.key}


@pytest.mark.parametrize(
    ("s3", "end"),
    [
        (Refusing("AccessDenied"), "(AccessDenied) when calling the GetObject operation: no"),
        (
            Refusing("AccessDenied", key="arn:kms:k"),
            "(AccessDenied) when calling the GetObject operation: no; it is encrypted with KMS key arn:kms:k",
        ),
        (Refusing("KMS.DisabledException", 400), "(KMS.DisabledException) when calling the GetObject operation: no"),
        (Refusing("InvalidObjectState"), "(InvalidObjectState) when calling the GetObject operation: no"),
    ],
)
def test_what_may_not_be_read_is_told_with_its_key(s3: Refusing, end: str) -> None:
    with pytest.raises(UnreadableObjectError) as caught:
        Documents(cast("Any", s3)).fetch("s3://raw/a", "v1")
    assert str(caught.value) == f"s3://raw/a: may not be read: An error occurred {end}"


def test_what_s3_cannot_give_now_is_no_missing_right() -> None:
    with pytest.raises(AwsBusyError):
        Documents(cast("Any", Refusing("SlowDown", 503))).fetch("s3://raw/a")


def test_a_long_object_is_not_read() -> None:
    class Body:
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    body = Body()

    class Long:
        def get_object(self, **_: Any) -> Any:
            return {"ContentLength": 11, "Body": body}

    with pytest.raises(ObjectTooLargeError, match=r"^s3://raw/a: has 11 bytes; at most 10 are read$"):
        Documents(cast("Any", Long())).fetch("s3://raw/a", max_bytes=10)
    assert body.is_closed


class Cut:
    """An object whose body ends too early, some times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.asked = 0

    def get_object(self, **_: Any) -> Any:
        self.asked += 1
        return {"ContentLength": 4, "LastModified": AT, "ETag": '"e"', "Body": self}

    def read(self) -> bytes:
        self.left -= 1
        if self.left >= 0:
            raise ResponseStreamingError(error="IncompleteRead(2 bytes read, 2 more expected)")
        return b"body"


def test_a_body_that_ends_too_early_is_read_again() -> None:
    s3 = Cut(2)
    assert Documents(cast("Any", s3)).fetch("s3://raw/a") == (b"body", ObjectInfo(4, AT, "e"))
    assert s3.asked == 3


def test_a_body_that_always_ends_too_early_is_of_the_world() -> None:
    s3 = Cut(100)
    with pytest.raises(AwsBusyError, match=r"^read s3://raw/a: .*IncompleteRead"):
        Documents(cast("Any", s3)).fetch("s3://raw/a")
    assert s3.asked == 3
