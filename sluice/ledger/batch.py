"""A batch: one version of one manifest, its states, and what a run did with it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from sluice.lake.layout import Partition

_SEQUENCER_DIGITS = 32


class BatchState(StrEnum):
    """Where a batch stands. The order of the first seven is the order of the path.

    WAITING is left out where all is there. It is for manifests whose files are missing or not whole, or which may not
    be read themselves, as long as that may pass.
    """

    WAITING = "WAITING"
    RECEIVED = "RECEIVED"
    CONVERTING = "CONVERTING"
    CONVERTED = "CONVERTED"
    LOADING = "LOADING"
    LOADED = "LOADED"
    ARCHIVED = "ARCHIVED"
    REJECTED = "REJECTED"
    SUPERSEDED = "SUPERSEDED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        """Whether nothing happens to the batch any more by itself."""
        return self in _FINAL

    @property
    def is_accepted(self) -> bool:
        """Whether the batch's manifest was found good: one that was not, or is not yet, replaces no older batch."""
        return self not in {BatchState.WAITING, BatchState.REJECTED}


_FINAL = {BatchState.LOADED, BatchState.ARCHIVED, BatchState.REJECTED, BatchState.SUPERSEDED, BatchState.FAILED}


class Stage(StrEnum):
    """The two kinds of Glue runs that a batch goes through."""

    CONVERT = "convert"
    LOAD = "load"


ARRIVAL: Final = "arrive"
"""Name of the waiting list of batches that wait for their files. No run carries them, so it is not a stage."""
WaitingList = Stage | Literal["arrive"]


@dataclass(frozen=True, order=True, slots=True)
class BatchId:
    """Name of a batch. Its text sorts like time: first by partition, then by the order in which S3 took the manifests.

    That makes the text the last tie-break everywhere: of two rows that are equally new, the one whose batch id is
    larger wins, whatever the order of arrival, conversion or load.

    Attributes:
        dataset: The dataset.
        partition: Digits of the partition, as `Partition.compact` gives them.
        sequencer: S3's sequencer of the manifest, padded with zeros on the left so that it sorts. Where that would not
            be the order of time, `after` has put the sequencer behind that of an older batch.
            Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """

    dataset: str
    partition: str
    sequencer: str

    @classmethod
    def make(cls, dataset: str, partition: Partition, sequencer: str) -> "BatchId":
        """The id of the batch that a manifest event announces.

        Args:
            dataset: The dataset.
            partition: The manifest's partition.
            sequencer: The hexadecimal ``sequencer`` of the event.
        """
        return cls.of_folder(dataset, partition.compact, sequencer)

    @classmethod
    def of_folder(cls, dataset: str, partition: str, sequencer: str) -> "BatchId":
        """The id of a batch whose partition is given as text without dots; otherwise as `make`."""
        return cls(dataset, partition, sequencer.upper().rjust(_SEQUENCER_DIGITS, "0"))

    @classmethod
    def parse(cls, text: str) -> "BatchId":
        """Read what ``str()`` wrote.

        Raises:
            ValueError: The text is not a batch id.
        """
        parts = text.split(".")
        if len(parts) != 3 or not all(parts):
            raise ValueError(
                f"{text!r} is not a batch id: it looks like orders.2026112013.00000000000000000055AED6DCD90281E5"
            )
        return cls(*parts)

    def after(self, older: "BatchId | None") -> "BatchId":
        """The id of this batch at another place: right behind an older batch of the partition, before all newer ones.

        Args:
            older: The batch that is to sort before it; None for a place before all others.
        """
        before = "0" * _SEQUENCER_DIGITS if older is None else older.sequencer
        return BatchId(self.dataset, self.partition, f"{before}-{self.sequencer.lstrip('0') or '0'}")

    @property
    def prefix(self) -> str:
        """What all batches of the same partition begin with."""
        return f"{self.dataset}.{self.partition}."

    def __str__(self) -> str:
        return f"{self.prefix}{self.sequencer}"
