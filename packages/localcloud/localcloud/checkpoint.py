"""Saving MiniStack's state while it runs; by itself it saves at a clean shutdown only."""

import hashlib
import json
import logging
import pickle
import threading
from collections.abc import Callable
from pathlib import Path

from localcloud import registry
from localcloud.errors import BrokenStateError

logger = logging.getLogger(__name__)

# Services change without a request too (a schedule fires, a message becomes visible): look at least this often.
UNASKED_EVERY = 12
TRIES = 5


class Checkpointer:
    """Writes each service's state that has changed since the last look, one atomic file per service.

    What a kill may lose: changes of the last interval, except S3 objects (on disk before the request is answered) and
    Glue runs (saved at each change of state). The files of several services are written one after the other, so a kill
    may leave one service a moment newer than another; the pipeline's sweeper fixes what that breaks.
    """

    def __init__(self, seconds: float) -> None:
        """Prepare; `start` begins.

        Args:
            seconds: between two looks.
        """
        self._seconds = seconds
        self._digests: dict[str, bytes] = {}
        self._touched = threading.Event()
        self._stopped = threading.Event()
        self._saving = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="localcloud-checkpoint", daemon=True)

    def touch(self) -> None:
        """Say that a request came; an idle local cloud saves nothing."""
        self._touched.set()

    def start(self) -> None:
        """Begin to save."""
        self._thread.start()

    def stop(self) -> None:
        """End; a save under way is finished first."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def save(self) -> list[str]:
        """Write what has changed now; the services written."""
        self._touched.clear()
        with self._saving:
            states = {name: _read(get_state) for name, get_state in registry.state_readers().items()}
            return [name for name, state in states.items() if state is not None and self._write(name, state)]

    def _write(self, name: str, state: object) -> bool:
        digest = hashlib.blake2b(pickle.dumps(state)).digest()
        if self._digests.get(name) == digest:
            return False
        if not registry.save_state(name, state):
            # Not taken for saved: the next look tries again, whether a request came or not.
            logger.error("the state of %s could not be saved; is the disk full? A kill would lose its changes", name)
            self._touched.set()
            return False
        self._digests[name] = digest
        return True

    def _run(self) -> None:
        looks = 0
        while not self._stopped.wait(self._seconds):
            looks += 1
            if self._touched.is_set() or looks % UNASKED_EVERY == 0:
                self.save()


def check_saved(folder: Path) -> None:
    """Make sure that what was saved is whole, before services read it: MiniStack would start a broken one empty.

    Args:
        folder: Where the states of the services are.

    Raises:
        BrokenStateError: One is not; nothing was changed.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            json.loads(path.read_bytes())
        except (OSError, ValueError) as exc:
            raise BrokenStateError(
                f"{path} is not whole ({exc}); put back a copy of it, move it away to start this one service empty, or "
                f"remove {folder.parent} to start again"
            ) from exc


def _read(get_state: Callable[[], object]) -> object:
    """A copy of one service's state.

    The copy is taken beside running requests; Python notices a dictionary that changes under the copy, and another try
    fixes it. After the last try the service is left for the next look.
    """
    for _ in range(TRIES):
        try:
            return get_state()
        except RuntimeError as error:
            logger.debug("state changed while it was copied: %s", error)
    return None
