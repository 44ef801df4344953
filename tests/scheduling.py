"""Which file of tests goes to which worker: all cores have work to the end, and what a layer shares is made once."""

from collections.abc import Iterable, Sequence

from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

LAYERS = ("e2e", "terraform", "aws", "warehouse", "spark", "unit")
"""The longest first, and those that wait for others while they run. Unit tests share nothing and come in small files:
they fill up what the others leave."""

OWN_CLOUD = ("tests/e2e/test_bad_day.py", "tests/e2e/test_demo.py")
"""Long files that start a local cloud of their own, so that any worker may have them."""

_ORDER = (*LAYERS[:2], *OWN_CLOUD, *LAYERS[2:])


def layer_of(file: str) -> str:
    """The folder in which a file, or the file of a test, is: of the product's tests, or of the local cloud's own."""
    return file.partition("::")[0].split("/")[-2]


def group_of(file: str) -> str:
    """What a file shares something with: the files of its layer, or nothing but itself."""
    return file if file in OWN_CLOUD else layer_of(file)


def next_file(files: Sequence[str], mine: str, begun: Iterable[str]) -> str:
    """The file for a worker that is free.

    Args:
        files: What is left, in its order; at least one.
        mine: Group of the worker's last file; empty when it has had none.
        begun: Groups that any worker has begun.
    """
    left: dict[str, list[str]] = {}
    for file in files:
        left.setdefault(group_of(file), []).append(file)
    if mine in left:
        return left[mine][0]
    for group in _ORDER:
        if group in left and group not in begun:
            return left[group][0]
    # All are begun: help where most is left, from the end, for the one who began comes from the front.
    return max(left.values(), key=len)[-1]


class LayerScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """A worker goes on with its layer while that has files; then it begins another, and in the end it helps."""

    def __init__(self, config: object, log: Producer) -> None:
        super().__init__(config, log)
        self._groups: dict[WorkerController, str] = {}
        self._begun: set[str] = set()

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        file = next_file(list(self.workqueue), self._groups.get(node, ""), self._begun)
        self._groups[node] = group_of(file)
        self._begun.add(group_of(file))
        self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)
