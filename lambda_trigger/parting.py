"""Who breaks a run that dies without a word: its batches go apart, in halves, until the one is alone.

That takes two runs for each doubling of the number of batches. When both halves of a run die alike, it is not a single
batch that breaks them: then one batch goes first, alone, as a probe. If it gets through, the halves go on; if it dies
in the same way, what broke the runs is the world.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FIRST, SECOND, PROBE, REST = "1", "2", "p", "r"


@dataclass(frozen=True, slots=True)
class Company:
    """Batches that go together and with nobody else.

    Attributes:
        claim_id: The claim whose run died; empty for batches that may go with any.
        part: Which part of its batches.
    """

    claim_id: str = ""
    part: str = ""

    @classmethod
    def parse(cls, text: str) -> "Company":
        """Read what `str` wrote."""
        claim_id, _, part = text.rpartition(".")
        return cls(claim_id, part)

    def __str__(self) -> str:
        return f"{self.claim_id}.{self.part}" if self.claim_id else ""


def common(companies: Iterable[str]) -> Company:
    """The company of a run: that of all its batches, if they have one."""
    found = set(companies)
    return Company.parse(found.pop()) if len(found) == 1 else Company()


def parts(claim_id: str, batch_ids: Sequence[str], *, with_probe: bool) -> dict[str, Company]:
    """The companies in which batches go on whose run died.

    Args:
        claim_id: The claim of the run.
        batch_ids: The batches, sorted.
        with_probe: Whether one of them goes first, alone.
    """
    probe = batch_ids[sum(claim_id.encode()) % len(batch_ids)] if with_probe else None
    rest = [name for name in batch_ids if name != probe]
    half = (len(rest) + 1) // 2
    found = {name: Company(claim_id, FIRST if index < half else SECOND) for index, name in enumerate(rest)}
    return found if probe is None else found | {probe: Company(claim_id, PROBE)}
