"""The states of a batch and their moves on one page: the table is the ledger's own, and each move has its function."""

import re
from pathlib import Path

from lambda_trigger import moves
from sluice.ledger.record import ALLOWED_MOVES, FIRST_STATES, BatchRecord

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ([A-Z, ]+|\(new\)) \| ([A-Z, ]+) \| (.+?) \| .+ \|$", re.MULTILINE)


def rows() -> list[tuple[list[str], list[str], str]]:
    """From, to and maker of each row of the page's table."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    return [(before.split(", "), after.split(", "), maker) for before, after, maker in ROW.findall(page)]


def test_the_page_has_every_move_and_no_other() -> None:
    told = {(before, after) for befores, afters, _ in rows() for before in befores for after in afters}
    allowed = {(str(before), str(after)) for before, afters in ALLOWED_MOVES.items() for after in afters}
    assert told == allowed | {("(new)", str(state)) for state in FIRST_STATES}


def test_every_move_is_a_function() -> None:
    named = {name for _, _, maker in rows() for name in re.findall(r"`(\w+)`", maker)}
    assert named == {"first_record", "wait_ended", "left", "claimed", "unclaimed", "booked", "archived", "retried"}
    assert {name for name in named if not hasattr(moves, name)} == {"unclaimed", "retried"}
    assert all(hasattr(BatchRecord, name) for name in ("unclaimed", "retried"))


def test_nothing_else_moves_a_batch() -> None:
    makers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("lambda_trigger", "glue_jobs", "crawlers", "sluice")
        for path in (ROOT / folder).rglob("*.py")
        if ".moved(" in path.read_text(encoding="utf-8")
    ]
    assert sorted(makers) == ["lambda_trigger/moves.py", "sluice/ledger/record.py"]
