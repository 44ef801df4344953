"""What a bad day is counted as, and how the page tells of it."""

from deploy.compare import Difference
from localcloud.faults.journal import Tally
from localcloud.faults.plan import Kind
from sluice_laptop.demo.after import compare_notifications
from sluice_laptop.demo.inbox import Message
from sluice_laptop.demo.prove import Day, section
from sluice_laptop.demo.report import Report

ROW = {"id": 1}
TALLIES = (
    Tally("s3", "GetObject", 40, {Kind.RESET: 1, Kind.THROTTLED: 2}),
    Tally("glue", "GetTable", 9, {}),
)


def test_a_day_s_differences_are_lost_doubled_or_wrong() -> None:
    report = Report(
        faults=TALLIES,
        is_complete=True,
        differences=[
            Difference("orders", "1", "row", ROW, "none"),
            Difference("orders", "2", "row", "none", ROW),
            Difference("orders", "3", "row", "once", "more than once"),
            Difference("orders", "4", "amount", 1, 2),
            Difference("orders 13", "", "state", "LOADED", "FAILED"),
        ],
    )
    day = Day(1, report)
    assert (day.lost, day.doubled, day.wrong) == (1, 2, 2)
    assert (day.asked, day.injected) == (49, 3)


def test_a_day_without_an_end_is_wrong() -> None:
    day = Day(1, Report(error="not done"))
    assert (day.lost, day.doubled, day.wrong) == (0, 0, 1)


def test_the_page_tells_of_every_day_and_every_operation() -> None:
    days = [
        Day(1, Report(faults=TALLIES, is_complete=True, seconds=61.2, unsent=2)),
        Day(2, Report(faults=TALLIES[:1])),
    ]
    lines = section(days, 0.05, 60).splitlines()
    assert lines[:2] == ["", "## A bad day of AWS"]
    assert "| 1 | 49 | 3 | 0 | 0 | 0 | 2 | 61 |" in lines
    assert "| 2 | 40 | 3 | 0 | 0 | 1 | 0 | 0 |" in lines
    assert "| service | operation | asked | throttled | 500 | 503 | reset |" in "\n".join(lines)
    assert "| s3 | GetObject | 80 | 4 |  |  | 2 |  |  |  |  |  |" in lines
    assert "| glue | GetTable | 9 |  |  |  |  |  |  |  |  |  |" in lines


def test_a_notice_of_an_outage_is_of_no_batch() -> None:
    began = Message("support", "", {"event": "outage_began", "dataset": "orders"})
    assert list(compare_notifications([began], [])) == []
