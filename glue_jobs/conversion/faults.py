"""What an exception means for a batch: its text for people, and whether trying again may help.

Only Sluice's own messages are shown: those of parsers and libraries may hold values of the input.
"""

from dataclasses import dataclass

from sluice.errors import SluiceError
from sluice.failures import Verdict, verdict_of


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a batch was not converted.

    Attributes:
        error: The error for people, beginning with its class name.
        verdict: What it is a failure of.
    """

    error: str
    verdict: Verdict

    @property
    def is_transient(self) -> bool:
        """Whether trying again may succeed."""
        return self.verdict is not Verdict.FINAL

    @classmethod
    def of(cls, exc: Exception) -> "Failure":
        """The failure that an exception stands for.

        What stands in a file is never an exception. So one that is not Sluice's own is of the machine (its memory, its
        disk, its network) or a mistake of ours, and is tried again.
        """
        verdict = verdict_of(exc)
        if isinstance(exc, SluiceError):
            return cls(exc.named, verdict)
        return cls(f"{type(exc).__name__}: the conversion could not be finished; the run's log has the place", verdict)
