"""A run's picture of S3 and what it sends back, against the local cloud's S3."""

import time
from pathlib import Path
from typing import Any

import pytest

from localcloud.glue.cache import LINK_FROM_BYTES, ObjectCache
from localcloud.glue.workspace import Changes, Deletion, Upload, Workspace
from localcloud_tests.aws.cloud import Aws

BIG = b"x" * LINK_FROM_BYTES


class Bench:
    """Workspaces over one cache and one bucket."""

    def __init__(self, aws: Aws, bucket: str, folder: Path) -> None:
        self.s3: Any = aws.client("s3")
        self.bucket = bucket
        self.cache_folder = folder / "cache"
        self._folder = folder
        self._cache = ObjectCache(self.cache_folder, lambda: self.s3)
        self._made = 0

    def workspace(self) -> tuple[Workspace, Path]:
        """A filled workspace and the bucket's folder in it."""
        self._made += 1
        folder = self._folder / f"run-{self._made}"
        folder.mkdir()
        made = Workspace(folder, self._cache, lambda: self.s3)
        assert self.bucket in made.fetch()
        return made, made.bucket_folder(self.bucket)

    def put(self, key: str, body: bytes) -> str:
        """Put an object; its ETag."""
        return str(self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["ETag"])

    def bodies(self) -> dict[Path, int]:
        """Sizes of the cached bodies, those of other buckets included."""
        return {path: path.stat().st_size for path in self.cache_folder.rglob("*") if path.is_file()}

    def objects(self) -> dict[str, bytes]:
        """All objects of the bucket."""
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {i["Key"]: self.s3.get_object(Bucket=self.bucket, Key=i["Key"])["Body"].read() for i in found}


@pytest.fixture
def bench(aws: Aws, bucket: str, tmp_path: Path) -> Bench:
    return Bench(aws, bucket, tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_odd_keys_come_and_go_unchanged(bench: Bench) -> None:
    keys = ["a b/+%20%25.csv", "year=2026/é ü/€.json", "plain", "q?x&y;z", "tab\tname", "日本/語.txt"]
    for key in keys:
        bench.put(key, key.encode())
    workspace, folder = bench.workspace()
    assert files(folder) == {key: key.encode() for key in keys}
    assert workspace.changes() == Changes((), ())

    for key in keys:
        (folder / key).write_bytes(b"new")
    workspace.send(workspace.changes())
    assert bench.objects() == dict.fromkeys(keys, b"new")


def test_keys_that_no_file_system_holds_are_left_out_and_left_alone(bench: Bench) -> None:
    kept = {"a/b": b"1", "marker/": b"", "marker/x": b"2"}
    left_out = {"a": b"3", "d//e": b"4", "f/../g": b"5", "long/" + "x" * 256: b"6", ".h.crc": b"7"}
    for key, body in (kept | left_out).items():
        bench.put(key, body)
    workspace, folder = bench.workspace()
    assert files(folder) == {"a/b": b"1", "marker/x": b"2"}
    assert workspace.changes() == Changes((), ())


def test_changes_are_what_was_written_moved_overwritten_and_deleted(bench: Bench) -> None:
    etags = {
        key: bench.put(key, body) for key, body in {"moved": BIG, "over": b"1", "gone": b"2", "same": b"3"}.items()
    }
    workspace, folder = bench.workspace()
    (folder / "over").write_bytes(b"9")
    (folder / "sub").mkdir()
    (folder / "moved").rename(folder / "sub" / "moved")
    (folder / "gone").unlink()
    for temporary in (".over.crc", "_temporary/0/part-0", "out/.spark-staging-1/x", "y._COPYING_"):
        (folder / temporary).parent.mkdir(parents=True, exist_ok=True)
        (folder / temporary).write_bytes(b"")

    changes = workspace.changes()
    assert changes == Changes(
        (Upload(bench.bucket, "over"), Upload(bench.bucket, "sub/moved")),
        (Deletion(bench.bucket, "gone", etags["gone"]), Deletion(bench.bucket, "moved", etags["moved"])),
    )
    assert bench.objects() == {"moved": BIG, "over": b"1", "gone": b"2", "same": b"3"}, "nothing is sent before send"
    workspace.send(changes)
    assert bench.objects() == {"over": b"9", "same": b"3", "sub/moved": BIG}
    workspace.send(changes)
    assert bench.objects() == {"over": b"9", "same": b"3", "sub/moved": BIG}, "sending twice is sending once"


def test_files_are_sent_in_the_order_in_which_they_appeared(bench: Bench) -> None:
    workspace, folder = bench.workspace()
    (folder / "_staging").mkdir()
    for name in ("c", "a", "b"):
        (folder / "_staging" / name).write_bytes(b"")
    for name in ("b", "c", "a"):  # a rename publishes: its moment counts, not the writing's
        (folder / "_staging" / name).rename(folder / name)
        time.sleep(0.02)  # file systems count in ticks of the kernel
    files = [upload.key for upload in workspace.changes().uploads if not upload.key.endswith("/")]
    assert files == ["b", "c", "a"]


def test_a_folder_that_is_made_or_emptied_is_an_empty_object_as_s3a_has_it(bench: Bench) -> None:
    bench.put("kept/", b"")
    bench.put("emptied/x", b"1")
    workspace, folder = bench.workspace()
    assert workspace.changes() == Changes((), ())
    (folder / "made" / "inner").mkdir(parents=True)
    (folder / "made" / "_temporary").mkdir()
    (folder / "used").mkdir()
    (folder / "used" / "file").write_bytes(b"2")
    (folder / "emptied" / "x").unlink()
    workspace.send(workspace.changes())
    assert bench.objects() == {"kept/": b"", "made/inner/": b"", "used/file": b"2", "emptied/": b""}


def test_an_object_replaced_by_somebody_else_is_not_deleted(bench: Bench) -> None:
    bench.put("x", b"old")
    bench.put("y", b"old")
    workspace, folder = bench.workspace()
    (folder / "x").unlink()
    (folder / "y").unlink()
    bench.put("x", b"newer than the run")
    workspace.send(workspace.changes())
    assert bench.objects() == {"x": b"newer than the run"}


def test_runs_do_not_see_each_other(bench: Bench) -> None:
    bench.put("small", b"1")
    bench.put("big", BIG)
    first, folder_one = bench.workspace()
    _, folder_two = bench.workspace()
    (folder_one / "small").write_bytes(b"2")
    (folder_one / "big").unlink()
    (folder_one / "big").write_bytes(b"2")
    assert files(folder_two) == {"small": b"1", "big": BIG}
    first.send(first.changes())
    assert files(folder_two) == {"small": b"1", "big": BIG}
    _, folder_three = bench.workspace()
    assert files(folder_three) == {"small": b"2", "big": b"2"}


def test_a_body_is_fetched_once_and_dropped_when_its_object_is_gone(bench: Bench) -> None:
    bench.put("keep", BIG)
    bench.put("drop", b"1")
    _, folder = bench.workspace()
    before = bench.bodies()
    bench.s3.delete_object(Bucket=bench.bucket, Key="drop")
    _, again = bench.workspace()
    assert (folder / "keep").stat().st_ino == (again / "keep").stat().st_ino, "both are links to one body"
    assert files(again) == {"keep": BIG}
    after = bench.bodies()
    assert after.items() < before.items()
    assert [before[path] for path in before.keys() - after.keys()] == [1]


def test_a_body_written_through_a_link_is_fetched_again(bench: Bench) -> None:
    bench.put("big", BIG)
    workspace, folder = bench.workspace()
    with (folder / "big").open("r+b") as file:
        file.write(b"spoilt")
    assert [upload.key for upload in workspace.changes().uploads] == ["big"]
    _, fresh = bench.workspace()
    assert files(fresh) == {"big": BIG}


def test_the_time_of_a_file_is_its_object_s(bench: Bench) -> None:
    bench.put("small", b"1")
    bench.put("big", BIG)
    _, folder = bench.workspace()
    for key in ("small", "big"):
        modified = bench.s3.head_object(Bucket=bench.bucket, Key=key)["LastModified"].timestamp()
        assert int((folder / key).stat().st_mtime) == int(modified)


def test_changes_survive_a_restart(tmp_path: Path) -> None:
    changes = Changes((Upload("b", "é \n"),), (Deletion("b", "k", '"etag"'),))
    changes.save(tmp_path / "changes.json")
    assert Changes.load(tmp_path / "changes.json") == changes
    assert [path.name for path in tmp_path.iterdir()] == ["changes.json"]
