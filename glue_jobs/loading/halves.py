"""Finding the batches that cannot be loaded among those that can, with few joint loads.

One bad batch among *n* is found with about 2 log2 *n* loads. A cause that concerns all of them would be found again in
every half; so when both halves of many batches fail with the same words, a few are tried alone, and when those say the
same, that is the answer for all.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from sluice.errors import SluiceError, TransientError, WarehouseUnclearError
from sluice.lake.handover import LoadCounts

Results = dict[str, LoadCounts | SluiceError]
"""What became of each batch of a table: its counts, or why it failed."""
Files = TypeVar("Files")

_FEW = 8
_STAGE = re.compile(r"stage_\w+")


@dataclass(frozen=True)
class Halves(Generic[Files]):
    """Loads batches together and, when that fails for a reason that may be one batch's own, in halves.

    Attributes:
        load: Loads batches together, all or none.
        failed: The results of batches that failed for a reason.
    """

    load: Callable[[Mapping[str, Files]], Results]
    failed: Callable[[Iterable[str], SluiceError], Results]

    def run(self, batches: Mapping[str, Files]) -> Results:
        """Counts or error of every batch.

        Args:
            batches: What is loaded of each batch; not empty.
        """
        error = self._try(batches)
        return self._within(batches, error) if isinstance(error, SluiceError) else error

    def _try(self, batches: Mapping[str, Files]) -> Results | SluiceError:
        try:
            return self.load(batches)
        except SluiceError as exc:
            return exc

    def _within(self, batches: Mapping[str, Files], error: SluiceError) -> Results:
        """The results of batches that failed together."""
        # What no rule knows may be one batch's own; what is known to pass is nobody's.
        is_passing = isinstance(error, TransientError) and not isinstance(error, WarehouseUnclearError)
        if is_passing or len(batches) == 1:
            return self.failed(batches, error)
        first, second = _halves(batches)
        of_first = self._try(first)
        if not isinstance(of_first, SluiceError):
            # It is in the other half, which need not fail once more to show it; alone it has to, for its own words.
            return of_first | (self.run(second) if len(second) == 1 else self._within(second, error))
        of_second = self._try(second)
        if not isinstance(of_second, SluiceError):
            return self._within(first, of_first) | of_second
        if len(batches) > _FEW and _are_alike(of_first, of_second):
            return self._of_all(batches, of_first)
        return self._within(first, of_first) | self._within(second, of_second)

    def _of_all(self, batches: Mapping[str, Files], error: SluiceError) -> Results:
        """Both halves failed with the same words: a few alone tell whether all would."""
        names = sorted(batches)
        tried: Results = {}
        for name in (names[0], names[len(names) // 2], names[-1]):
            tried |= self.run({name: batches[name]})
            if not _are_alike(tried[name], error):
                rest = {other: batches[other] for other in names if other not in tried}
                return tried | self._within(rest, error)
        return self.failed(names, error)


def _halves(batches: Mapping[str, Files]) -> tuple[dict[str, Files], dict[str, Files]]:
    names = sorted(batches)
    middle = (len(names) + 1) // 2
    return {name: batches[name] for name in names[:middle]}, {name: batches[name] for name in names[middle:]}


def _are_alike(found: LoadCounts | SluiceError, error: SluiceError) -> bool:
    """Whether it failed with the same words; the name of the staging table is different each time."""
    return isinstance(found, SluiceError) and _STAGE.sub("", str(found)) == _STAGE.sub("", str(error))
