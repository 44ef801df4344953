"""A guessed contract tried on its own samples: what the conversion would make of them, before anybody relies on it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from sluice.contract import Contract
from sluice.errors import SampleError

_MOST_TOLD = 3


def tried(contract: Contract, files: Sequence[Path], rows: int) -> str:
    """A sentence on what came of converting the samples in memory.

    Args:
        contract: The contract.
        files: The samples.
        rows: Records of each file to convert, at most.

    Raises:
        SampleError: Nothing of a file, or of all files together, can be converted with it.
    """
    try:
        from sluice.kernel.convert import Kernel, RawFile  # noqa: PLC0415 - pyarrow is heavy, and an optional library
    except ModuleNotFoundError as exc:
        return f"Not tried on the samples: that needs the library {exc.name}."
    records = refused = 0
    reasons: Counter[str] = Counter()
    kernel = Kernel(contract, datetime.now(UTC))
    for path in files:
        of_file = 0
        for chunk in kernel.read(RawFile(str(path), "trial", path.stat().st_size, partial(_opened, path))):
            if chunk.voids_the_file:
                raise SampleError(f"{path}: the contract that its records show refuses it: {chunk.tally.file_error}")
            of_file += chunk.tally.records
            refused += chunk.tally.rejected
            reasons.update(chunk.tally.reasons)
            if of_file >= rows:
                break
        records += of_file
    told = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(_MOST_TOLD))
    if records and refused == records:
        raise SampleError(f"{files[0]}: the contract that its records show refuses every one: {told}")
    if not refused:
        return f"Tried on the samples: all of their {records} records are converted."
    return f"Tried on the samples: {refused} of their {records} records are REFUSED: {told}. Fix this first."


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")
