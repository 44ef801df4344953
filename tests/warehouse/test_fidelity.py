"""The count of other people's statements: how they are cut, run and judged, and what the page says of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.redshift.fidelity.fixtures import NoFixturesError, read_fixtures
from localcloud.redshift.fidelity.report import NoBlockError, write_block
from localcloud.redshift.fidelity.verdicts import Outcome, Verdict, judge

ROOT = Path(__file__).parents[2]

STATEMENTS = """
SELECT 'a;b', 1; -- a comment; with a semicolon
CREATE TABLE t (id INT);
CREATE TABLE t (id INT);
CREATE PROCEDURE p() AS $$ BEGIN INSERT INTO t VALUES (1); END; $$ LANGUAGE plpgsql;
CALL p();
SELECT id FROM t;
SELECT * FROM missing;
SELECT f_own(1);
SELECT unknown_function(1);
BEGIN;
SELECT 1/0;
SELECT id FROM t;
COPY t FROM 's3://nowhere/key' IAM_ROLE DEFAULT FORMAT PARQUET;
COPY t FROM 's3://nowhere/key' IAM_ROLE DEFAULT FORMAT CSV;
CREATE EXTERNAL SCHEMA lake FROM DATA CATALOG DATABASE 'lake' IAM_ROLE DEFAULT;
CREATE EXTERNAL SCHEMA lake2 FROM DATA CATALOG DATABASE 'lake' IAM_ROLE DEFAULT CREATE EXTERNAL DATABASE IF NOT EXISTS;
SELECT pg_sleep(30);
SELECT id FROM;
SELECT ARRAY_AGG(id) FROM t;
CREATE USER clerk PASSWORD DISABLE;
GRANT SELECT ON t TO clerk;
"""
VERDICTS = [
    "runs", "runs", "accepted", "runs", "runs", "runs", "accepted", "accepted", "error", "runs", "error", "runs",
    "accepted", "not here", "accepted", "runs", "error", "error", "error", "runs", "runs",
]  # fmt: skip


def count(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "localcloud.redshift.fidelity", "--fixtures", str(folder), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_every_statement_is_run_in_its_own_file_and_counted(tmp_path: Path) -> None:
    (tmp_path / "b.sql").write_text(STATEMENTS)
    # Nothing of one file is there in the next one, and a text that cannot be cut is one statement.
    (tmp_path / "a.sql").write_text(
        "CREATE TABLE t (id INT); CREATE USER clerk PASSWORD DISABLE; GRANT SELECT ON t TO clerk"
    )
    (tmp_path / "c.sql").write_text("SELECT id FROM t; SELECT 'open")
    found = count(tmp_path, "--timeout", "2", "--json", str(tmp_path / "counts.json"))
    assert found.returncode == 0, found.stderr
    counts = json.loads((tmp_path / "counts.json").read_text())
    expected = {verdict: VERDICTS.count(verdict) for verdict in ("runs", "accepted", "not here", "error")}
    assert counts["files"] == {
        "a.sql": {"runs": 3, "accepted": 0, "not here": 0, "error": 0},
        "b.sql": expected,
        "c.sql": {"runs": 0, "accepted": 0, "not here": 0, "error": 1},
    }
    assert counts["statements"] == len(VERDICTS) + 4
    assert counts["total"] == {**expected, "runs": expected["runs"] + 3, "error": expected["error"] + 1}
    assert counts["reasons"]["error"] == {
        "unterminated quoted string": 1,
        "function unknown_function(integer) does not exist": 1,
        "division by zero": 1,
        "not through after 2 seconds": 1,
        "syntax error at end of input": 1,
        "function array_agg() does not exist": 1,
    }
    assert counts["reasons"]["not here"] == {"COPY with FORMAT CSV": 1}
    assert counts["reasons"]["accepted"] == {
        "relation already exists": 1,
        "relation does not exist": 1,
        "function does not exist": 1,
        "a bucket or catalog does not exist": 2,
    }
    assert "b.sql" in found.stdout


def test_a_folder_without_statements_is_an_error_that_says_where_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(NoFixturesError, match="git clone"):
        read_fixtures(tmp_path)
    found = count(tmp_path)
    assert (found.returncode, found.stdout) == (1, "")
    assert "has no .sql files" in found.stderr


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome(Verdict.RUNS)),
        ('ERROR: relation "a.b" does not exist\n  Position: 15', Outcome(Verdict.ACCEPTED, "relation does not exist")),
        ('ERROR: column "x" does not exist', Outcome(Verdict.ACCEPTED, "column does not exist")),
        ("ERROR: function public.f(integer) does not exist", Outcome(Verdict.ACCEPTED, "function does not exist")),
        (
            "ERROR: function nvl3(integer) does not exist",
            Outcome(Verdict.ERROR, "function nvl3(integer) does not exist"),
        ),
        (
            "ERROR: function f_x() does not exist\n  Detail: Redshift does not have this function of PostgreSQL",
            Outcome(Verdict.ERROR, "function f_x() does not exist"),
        ),
        ("ERROR: UNLOAD is not supported by the local stand-in", Outcome(Verdict.NOT_HERE, "UNLOAD")),
        ('ERROR: syntax error at or near "x"', Outcome(Verdict.ERROR, 'syntax error at or near "x"')),
    ],
)
def test_an_error_is_judged_by_its_first_line(error: str | None, outcome: Outcome) -> None:
    assert judge(error) == outcome


def test_the_counts_on_the_page_add_up() -> None:
    page = (ROOT / "docs/fidelity.md").read_text(encoding="utf-8")
    block = page.split("python -m localcloud.redshift.fidelity`. -->")[1].split("<!-- Here it ends. -->")[0]
    stated = re.search(r"Counted on \d{4}-\d\d-\d\d with .+: (\d+) statements in (\d+) files\.", block)
    assert stated is not None
    runs, accepted, not_here, error = (
        int(number) for number in re.findall(r"^\| .+ \| (\d+) \| \d+% \|$", block, re.M)
    )
    assert runs + accepted + not_here + error == int(stated[1])
    for title, total in (("What is not here", not_here), ("Other failures", error)):
        (line,) = re.findall(rf"^{title}: (.+)\.$", block, re.M)
        assert sum(int(number) for number in re.findall(r"` (\d+)", line)) == total


def test_the_block_is_put_into_its_place_again_and_again(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = "<!-- What follows is made by `python -m localcloud.redshift.fidelity`. -->", "<!-- Here it ends. -->"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    for _ in range(2):
        write_block(page, "new\n")
        assert page.read_text() == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"
    page.write_text("before\n")
    with pytest.raises(NoBlockError, match="has no lines"):
        write_block(page, "new\n")
    assert page.read_text() == "before\n"
