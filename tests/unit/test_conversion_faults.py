"""A run in which S3 fails: of every batch either the rows of an undisturbed run are published, or nothing."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sluice.failures import Verdict
from sluice.lake.handover import SourceFile
from sluice.lake.layout import Partition
from tests.doubles.folder import FolderStore
from tests.spark.lake import HOUR, Lake
from tests.unit.test_kernel_faults import FAULTS, contract

TABLE = contract(format="csv")
NAMES = ("1.csv", "2.csv", "3.csv")
PARTITIONS = (HOUR, HOUR.next())
ROWS = 2000


class Failing(io.FileIO):
    """A file whose reading fails at one of its reads."""

    def __init__(self, path: Path, fails_at: int, fault: Callable[[], BaseException]) -> None:
        super().__init__(path, "rb")
        self._reads, self._fails_at, self._fault = 0, fails_at, fault

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        self._reads += 1
        if self._reads >= self._fails_at:
            raise self._fault()
        return super().readinto(memoryview(buffer)[:4096])


@dataclass(frozen=True)
class FailingStore(FolderStore):
    """S3 that fails while one file is read.

    Attributes:
        fails: By the end of the file's URL: at which read, and how.
    """

    fails: Mapping[str, tuple[int, Callable[[], BaseException]]] = field(default_factory=dict)

    def open(self, file: SourceFile) -> io.RawIOBase:
        for end, (fails_at, fault) in self.fails.items():
            if file.url.endswith(end):
                return Failing(self.path(file.url), fails_at, fault)
        return super().open(file)


def body(first: int) -> str:
    return "k,v\n" + "".join(f"{number},v{number}\n" for number in range(first, first + ROWS))


def lake(folder: Path, **fails: tuple[int, Callable[[], BaseException]]) -> Lake:
    """Two batches of three files each; files fail by name in the second one."""
    made = Lake(folder, None)
    made.store = FailingStore(
        folder, fails={f"{_folder(PARTITIONS[1])}/{name}": fault for name, fault in fails.items()}
    )
    for number, partition in enumerate(PARTITIONS):
        bodies = {name: body(10 * ROWS * number + ROWS * index) for index, name in enumerate(NAMES)}
        made.send(TABLE, partition, bodies)
    return made


def _folder(partition: Partition) -> str:
    return TABLE.layout.folder(partition)


@pytest.mark.parametrize("text", [text for text in FAULTS if text != "memory"])
@pytest.mark.parametrize("name", NAMES)
def test_whatever_s3_does_a_batch_is_published_whole_or_not_at_all(tmp_path: Path, name: str, text: str) -> None:
    undisturbed = lake(tmp_path / "undisturbed")
    assert [batch.error for batch in undisturbed.run(TABLE).batches] == ["", ""]
    whole = undisturbed.everything("t", TABLE.quarantine_table)
    good, _ = undisturbed.sent
    for fails_at in (1, 2, 5, 1000):
        made = lake(tmp_path / f"{fails_at}", **{name: (fails_at, FAULTS[text])})
        outcomes = {batch.batch_id: batch for batch in made.run(TABLE).batches}
        found = made.everything("t", TABLE.quarantine_table)
        assert outcomes.pop(good).error == ""
        (disturbed,) = outcomes.values()
        rows = {key: value for key, value in whole.items() if not disturbed.error or key[1] == HOUR.values}
        assert {key: value for key, value in found.items() if value} == {
            key: value for key, value in rows.items() if value
        }
        assert bool(disturbed.error) == (fails_at < 1000)
        if disturbed.error:
            assert disturbed.verdict in {Verdict.WORLD, Verdict.RUN}
            assert disturbed.is_transient
