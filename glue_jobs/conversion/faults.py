"""What an exception means for a batch: its text for people, and whether trying again may help.

Only Sluice's own messages are shown: those of parsers and libraries may hold values of the input.
"""

from dataclasses import dataclass

from sluice.errors import SluiceError, TransientError


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a batch was not converted.

    Attributes:
        error: The error for people, beginning with its class name.
        is_transient: Whether trying again may succeed.
    """

    error: str
    is_transient: bool

    @classmethod
    def of(cls, exc: Exception) -> "Failure":
        """The failure that an exception stands for.

        What stands in a file is never an exception. So one that is not Sluice's own is of the machine (its memory, its
        disk, its network) or a mistake of ours, and as nobody can tell which, it is tried again.
        """
        if isinstance(exc, SluiceError):
            return cls(exc.named, isinstance(exc, TransientError))
        text = f"{type(exc).__name__}: the conversion could not be finished; the run's log has the place"
        return cls(text, is_transient=True)
