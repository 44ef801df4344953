"""The corpus of documented statements: how it is read and judged, and that no answer gets worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.fidelity import report
from localcloud.fidelity.__main__ import results
from localcloud.fidelity.corpus import Case, CorpusError, Outcome, areas, read_area
from localcloud.fidelity.verdicts import Answer, Judged, Verdict, judge

ROOT = Path(__file__).parents[2]


def test_no_answer_of_the_corpus_is_a_wrong_value_and_the_page_has_the_counts() -> None:
    found = results()
    judged = [one for by_area in found.values() for many in by_area.values() for one in many]
    wrong = report.differences(judged, [Verdict.WRONG_VALUE, Verdict.TAKEN_WRONGLY, Verdict.OBSCURE])
    assert not any(one.verdict is Verdict.WRONG_VALUE for one in judged), wrong
    # Whatever changes a count, for better or worse, changes the page: `make fidelity` writes it.
    assert report.block(found) == report.written(ROOT / "docs/fidelity.md"), wrong + report.block(found)


@pytest.mark.parametrize(("service", "least"), [("redshift", 1000), ("athena", 400)])
def test_the_corpus_has_enough_statements(service: str, least: int) -> None:
    assert sum(len(area.cases) for area in areas(service)) >= least


FILE = """# comment
+ create table t (id int)

@ page one
select 1 ==> [[1, null, true, "x"], [2.50, 1e3, false, ""]] :: int4, numeric ## a, b
select a,
  b ;; select '==>' ==> ok
@ two
select x ==> refused: no such: x
bad ==> refused
"""


def test_a_file_of_the_corpus_is_read_line_by_line() -> None:
    area = read_area("redshift", "some-area.txt", FILE)
    assert (area.name, area.setup) == ("some-area", ("create table t (id int)",))
    rows = (("1", None, "true", "x"), ("2.50", "1e3", "false", ""))
    assert area.cases == (
        Case(
            ("select 1",),
            Outcome(rows=rows, types=("int4", "numeric"), names=("a", "b")),
            "redshift/some-area.txt:5",
            "page one",
        ),
        Case(("select a,\n  b", "select '==>'"), Outcome(), "redshift/some-area.txt:6", "page one"),
        Case(
            ("select x",), Outcome(is_refused=True, words="no such: x"), "redshift/some-area.txt:9", "two"
        ),
        Case(("bad",), Outcome(is_refused=True), "redshift/some-area.txt:10", "two"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 1 ==> ok\n", "athena/a.txt:1: a line '@ page'"),
        ("@ page\nselect 1\n", "athena/a.txt:2: no '==>'"),
        ("@ page\nselect 1 ==> [[1]\n", "athena/a.txt:2: the outcome is neither"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(CorpusError) as caught:
        read_area("athena", "a.txt", text)
    assert str(caught.value).startswith(message)


ROWS = Outcome(rows=(("1",),), types=("int4",), names=("a",))
REFUSED = Outcome(is_refused=True, words="does not exist")


@pytest.mark.parametrize(
    ("outcome", "answer", "verdict"),
    [
        (ROWS, Answer("", (("1",),), ("int4",), ("a",)), Verdict.RIGHT),
        (ROWS, Answer("", (("2",),), ("int4",), ("a",)), Verdict.WRONG_VALUE),
        (ROWS, Answer("", (("1",),), ("int8",), ("a",)), Verdict.WRONG_VALUE),
        (ROWS, Answer("", (("1",),), ("int4",), ("b",)), Verdict.WRONG_VALUE),
        (ROWS, Answer("ERROR: PIVOT is not supported by the local stand-in"), Verdict.REFUSED_CLEARLY),
        (ROWS, Answer("NOT_SUPPORTED: json_value is not in the local stand-in of Athena"), Verdict.REFUSED_CLEARLY),
        (ROWS, Answer("ERROR: function f() does not exist"), Verdict.OBSCURE),
        (Outcome(), Answer("", (("9",),)), Verdict.RIGHT),
        (Outcome(rows=()), Answer("", (("9",),)), Verdict.WRONG_VALUE),
        (REFUSED, Answer("", (("1",),)), Verdict.TAKEN_WRONGLY),
        (REFUSED, Answer('ERROR: relation "t" Does Not Exist'), Verdict.RIGHT),
        (REFUSED, Answer("ERROR: syntax error"), Verdict.OBSCURE),
        (REFUSED, Answer("ERROR: f is not supported by the local stand-in"), Verdict.RIGHT),
    ],
)
def test_an_answer_is_judged_by_the_documented_outcome(outcome: Outcome, answer: Answer, verdict: Verdict) -> None:
    assert judge(Case(("select 1",), outcome, "a.txt:1", "page"), answer).verdict is verdict


def test_the_table_counts_and_is_put_into_its_place_again_and_again(tmp_path: Path) -> None:
    case = Case(("select 1", "select 2"), ROWS, "redshift/dates.txt:7", "page")
    judged = [Judged(case, Verdict.RIGHT), Judged(case, Verdict.OBSCURE, "error")]
    table = report.block({"redshift": {"dates": judged}})
    assert table.splitlines()[1:] == [
        "| area | statements | RIGHT | REFUSED CLEARLY | TAKEN WRONGLY | WRONG VALUE | OBSCURE |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| redshift: dates | 2 | 1 | 0 | 0 | 0 | 1 |",
        "| **redshift** | 2 | 1 | 0 | 0 | 0 | 1 |",
        "",
    ]
    assert report.differences(judged, [Verdict.OBSCURE]) == (
        "OBSCURE  redshift/dates.txt:7  select 1 ;; select 2\n    error\n"
    )
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- What follows is made by `make fidelity`. -->\nold\n<!-- Here it ends. -->\nafter\n")
    for _ in range(2):
        report.write(page, table)
        assert report.written(page) == table
    assert page.read_text().splitlines()[0] == "before"
    assert page.read_text().splitlines()[-1] == "after"
    page.write_text("before\n")
    with pytest.raises(report.NoBlockError, match="has no lines"):
        report.write(page, table)
