"""The door to whole objects, on the local cloud: versions, conditions, copies in parts."""

import itertools
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path

import pytest

from sluice.aws.clients import Clients
from sluice.aws.objects import CopyDiffersError, Objects
from sluice.errors import AwsError, InputChangedError
from sluice.lake.handover import SourceFile
from sluice.lake.stored import StoredObject
from tests.aws.fixtures_ledger import REGION, clients

__all__ = ["clients"]

_numbers = itertools.count(1)
MIB = 1024**2


@pytest.fixture(params=["versions", "no-versions"])
def bucket(request: pytest.FixtureRequest, clients: Clients) -> str:
    """A bucket of each kind."""
    name = f"objects-{request.param}-{next(_numbers)}"
    clients.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if request.param == "versions":
        clients.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def objects(clients: Clients) -> Objects:
    return Objects(clients.s3)


def put(clients: Clients, bucket: str, key: str, body: bytes, **headers: str) -> str:
    """Write an object; returns its URL."""
    clients.s3.put_object(Bucket=bucket, Key=key, Body=body, **headers)  # type: ignore[arg-type]
    return f"s3://{bucket}/{key}"


def present(objects: Objects, url: str) -> StoredObject:
    found = objects.info(url)
    assert found is not None
    return found


def keys(clients: Clients, bucket: str) -> list[str]:
    return [item["Key"] for item in clients.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def body(clients: Clients, bucket: str, key: str) -> bytes:
    return clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_what_is_there_is_described(clients: Clients, objects: Objects, bucket: str) -> None:
    assert objects.info(f"s3://{bucket}/gone") is None
    url = put(clients, bucket, "a b+c%/ü", b"one")
    found = present(objects, url)
    assert (found.url, found.size_bytes, found.etag) == (url, 3, md5(b"one").hexdigest())
    assert abs((found.modified_at - datetime.now(UTC)).total_seconds()) < 600
    assert bool(found.version_id) is bucket.startswith("objects-versions")
    assert found.source_etag == ""
    assert found.as_file == SourceFile(url, 3, int(found.modified_at.timestamp()), found.etag)


def test_the_first_folders_are_named_and_a_listing_may_be_cut(clients: Clients, objects: Objects, bucket: str) -> None:
    for key in ("orders/1/a", "orders/2/b", "oders/1/c", "readme.txt"):
        put(clients, bucket, key, b"x")
    assert objects.top_folders(bucket) == ("oders", "orders")
    assert [item.url for item in objects.listed(f"s3://{bucket}/orders", 1)] == [f"s3://{bucket}/orders/1/a"]
    assert len(objects.listed(f"s3://{bucket}/orders")) == 2


def test_a_copy_knows_its_source_and_keeps_headers_and_metadata(
    clients: Clients, objects: Objects, bucket: str
) -> None:
    clients.s3.put_object(
        Bucket=bucket,
        Key="x/a.json.gz",
        Body=b"one",
        ContentType="application/json",
        ContentEncoding="gzip",
        Metadata={"origin": "till 7"},
    )
    source = present(objects, f"s3://{bucket}/x/a.json.gz")
    target = f"s3://{bucket}/archive/x/a.json.gz"
    copied = objects.copy(source, target)
    assert copied == present(objects, target)
    assert (copied.size_bytes, copied.source_etag) == (3, source.etag)
    assert copied.is_copy_of(source)
    assert copied.has_content_of(source.as_file)
    head = clients.s3.head_object(Bucket=bucket, Key="archive/x/a.json.gz")
    assert (head["ContentType"], head["ContentEncoding"]) == ("application/json", "gzip")
    assert head["Metadata"] == {"origin": "till 7", "sluice-source-etag": source.etag}
    assert body(clients, bucket, "archive/x/a.json.gz") == b"one"


def test_what_was_uploaded_in_parts_is_copied_in_one_and_in_parts(
    clients: Clients, objects: Objects, bucket: str
) -> None:
    upload = clients.s3.create_multipart_upload(Bucket=bucket, Key="large", Metadata={"origin": "till 7"})["UploadId"]
    bodies = [b"a" * 5 * MIB, b"b" * MIB]
    parts = [
        clients.s3.upload_part(Bucket=bucket, Key="large", UploadId=upload, PartNumber=number, Body=part)
        for number, part in enumerate(bodies, 1)
    ]
    clients.s3.complete_multipart_upload(
        Bucket=bucket,
        Key="large",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(parts, 1)]},
    )
    source = present(objects, f"s3://{bucket}/large")
    assert source.etag.endswith("-2")
    for target, door in (("one", objects), ("parts", Objects(clients.s3, max_copy_bytes=MIB))):
        copied = door.copy(source, f"s3://{bucket}/{target}")
        assert (copied.size_bytes, copied.source_etag) == (6 * MIB, source.etag)
        assert copied.has_content_of(source.as_file)
        assert body(clients, bucket, target) == b"".join(bodies)
        assert clients.s3.head_object(Bucket=bucket, Key=target)["Metadata"]["origin"] == "till 7"


@pytest.mark.parametrize("max_copy_bytes", [5, 2])
def test_what_changed_before_it_was_copied_is_not_copied(clients: Clients, bucket: str, max_copy_bytes: int) -> None:
    door = Objects(clients.s3, max_copy_bytes)
    url = put(clients, bucket, "a", b"one")
    source = present(door, url)
    if source.version_id:
        clients.s3.delete_object(Bucket=bucket, Key="a", VersionId=source.version_id)
    put(clients, bucket, "a", b"two")
    with pytest.raises(InputChangedError, match=rf"^{url}: changed while it was copied to s3://{bucket}/b$"):
        door.copy(source, f"s3://{bucket}/b")
    clients.s3.delete_object(Bucket=bucket, Key="a")
    with pytest.raises(InputChangedError):
        door.copy(source, f"s3://{bucket}/b")
    assert keys(clients, bucket) == []


def test_an_older_version_is_copied_exactly(clients: Clients, objects: Objects, bucket: str) -> None:
    source = present(objects, put(clients, bucket, "a", b"one"))
    put(clients, bucket, "a", b"two")
    if source.version_id:
        objects.copy(source, f"s3://{bucket}/b")
        assert body(clients, bucket, "b") == b"one"


def test_a_copy_that_is_not_its_source_is_refused(clients: Clients, objects: Objects, bucket: str) -> None:
    class Forgetting(Objects):
        """Somebody else writes the target at the same moment."""

        def _copy(self, source: StoredObject, target: str) -> None:
            super()._copy(source, target)
            put(clients, bucket, "b", b"other")

    source = present(objects, put(clients, bucket, "a", b"one"))
    with pytest.raises(CopyDiffersError, match=rf"^s3://{bucket}/b: is not the copy of s3://{bucket}/a that was made$"):
        Forgetting(clients.s3).copy(source, f"s3://{bucket}/b")


def test_a_file_is_deleted_once(clients: Clients, objects: Objects, bucket: str) -> None:
    stored = present(objects, put(clients, bucket, "a", b"one"))
    objects.delete(stored)
    objects.delete(stored)
    assert keys(clients, bucket) == []


def test_a_newer_file_of_the_same_name_stays(clients: Clients, objects: Objects, bucket: str) -> None:
    stored = present(objects, put(clients, bucket, "a", b"one"))
    put(clients, bucket, "a", b"two")
    objects.delete(stored)
    assert body(clients, bucket, "a") == b"two"


def test_an_older_version_does_not_come_to_light_again(clients: Clients, objects: Objects) -> None:
    bucket = f"objects-older-{next(_numbers)}"
    clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = clients.s3.put_object(Bucket=bucket, Key="a", Body=b"one")["VersionId"]
    second = _a_second_later(clients, bucket, "a")
    stored = present(objects, f"s3://{bucket}/a")
    assert stored.version_id == second
    objects.delete(stored)
    assert keys(clients, bucket) == []
    left = clients.s3.list_object_versions(Bucket=bucket)
    assert [version["VersionId"] for version in left["Versions"]] == [first]
    assert len(left["DeleteMarkers"]) == 1


def test_whatever_is_at_a_place_is_removed(clients: Clients, objects: Objects, bucket: str) -> None:
    url = put(clients, bucket, "a", b"one")
    objects.remove(url)
    objects.remove(url)
    assert keys(clients, bucket) == []


def test_what_exists_is_not_created(clients: Clients, objects: Objects, bucket: str) -> None:
    assert objects.create(f"s3://{bucket}/a", b"one") is True
    assert objects.create(f"s3://{bucket}/a", b"two") is False
    assert body(clients, bucket, "a") == b"one"


def test_only_what_nobody_has_touched_is_replaced(clients: Clients, objects: Objects, bucket: str) -> None:
    url = put(clients, bucket, "a", b"one")
    seen = objects.info(url)
    assert seen is not None
    assert objects.replace(seen, b"two") is True
    assert objects.replace(seen, b"three") is False
    assert body(clients, bucket, "a") == b"two"
    objects.remove(url)
    assert objects.replace(seen, b"four") is False
    assert keys(clients, bucket) == []


def test_a_bucket_that_is_not_there_is_an_error(objects: Objects) -> None:
    with pytest.raises(AwsError, match=r"^write s3://no-such-bucket/a: .*NoSuchBucket"):
        objects.create("s3://no-such-bucket/a", b"one")


def _a_second_later(clients: Clients, bucket: str, key: str) -> str:
    """Write another version whose LastModified is a later second; S3 keeps whole seconds."""
    before = clients.s3.head_object(Bucket=bucket, Key=key)["LastModified"]
    while True:
        version = clients.s3.put_object(Bucket=bucket, Key="clock", Body=b"")["VersionId"]
        is_later = clients.s3.head_object(Bucket=bucket, Key="clock")["LastModified"] > before
        clients.s3.delete_object(Bucket=bucket, Key="clock", VersionId=version)
        if is_later:
            return clients.s3.put_object(Bucket=bucket, Key=key, Body=b"two")["VersionId"]


def test_listing_uploading_and_removing_many(clients: Clients, objects: Objects, bucket: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    urls = [f"s3://{bucket}/folder/{number:04}" for number in range(1003)]
    for url in urls[:3]:
        objects.upload(path, url)
    for url in urls[3:]:
        put(clients, bucket, url.partition(f"{bucket}/")[2], b"")
    objects.upload(path, f"s3://{bucket}/folder-of-others/x")
    assert [(item.url, item.size_bytes) for item in objects.listed(f"s3://{bucket}/folder")] == [
        (url, 7 if number < 3 else 0) for number, url in enumerate(urls)
    ]
    objects.remove_all(urls)
    assert objects.listed(f"s3://{bucket}/folder") == ()
    assert keys(clients, bucket) == ["folder-of-others/x"]
    objects.remove_all([])


def test_a_file_in_parts_is_uploaded_whole(
    clients: Clients, objects: Objects, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluice.aws.objects.PART_BYTES", 5 * MIB)
    path = tmp_path / "file"
    path.write_bytes(b"0123456789abcdef" * (MIB // 2))
    objects.upload(path, f"s3://{bucket}/large")
    assert body(clients, bucket, "large") == path.read_bytes()
    assert "-" in clients.s3.head_object(Bucket=bucket, Key="large")["ETag"]


def test_a_file_is_opened_as_it_was_validated(clients: Clients, objects: Objects, bucket: str) -> None:
    file = present(objects, put(clients, bucket, "a", b"one")).as_file
    with objects.open(file) as stream:
        assert stream.read() == b"one"
    put(clients, bucket, "a", b"two")
    with pytest.raises(InputChangedError, match="another ETag"):
        objects.open(file)
