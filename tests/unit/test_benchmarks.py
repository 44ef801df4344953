"""What the benchmarks count, and that all forms of their data hold the same rows."""

import gzip
import importlib
import json
import sys
import time
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pyarrow as pa
import pytest

from benchmarks import job2, page
from benchmarks.__main__ import PARTS, command_of
from benchmarks.convert import contract_for
from benchmarks.job1 import FULL, QUICK, RATIOS, Case, chosen, ratios
from benchmarks.kept import Kept
from benchmarks.lineitem import COLUMNS, SMALL_FILES, render
from benchmarks.load_clients import BATCHES, CLIENTS
from benchmarks.measure import CommandFailedError, run
from benchmarks.path import REPORT

ROWS = [
    '1,155,7,1,17,24386.67,0.04,0.02,N,O,1996-03-13,1996-02-12,1996-03-22,DELIVER IN PERSON,TRUCK,"egular <a> & b"',
    '1,673,2,2,36,58958.28,0.09,0.06,N,O,1996-04-12,1996-02-28,1996-04-20,NONE,AIR,"says ""no"", then"',
]
TREE = """
import json, subprocess, sys, time
burn = "import time\\nkept = bytearray(b'x') * (100 << 20)\\nwhile time.process_time() < 0.5: pass"
subprocess.run([sys.executable, "-c", burn], check=True)
print("noise")
print(json.dumps({"rows": 3}))
"""


def test_the_whole_tree_is_accounted_for(tmp_path: Path) -> None:
    cost = run([sys.executable, "-c", TREE], tmp_path, {})
    assert cost.answer == {"rows": 3}
    assert cost.cpu >= 0.5  # nearly all of it is a grandchild's
    assert cost.peak_mb >= 100
    assert cost.wall > 0


def test_a_failure_says_why(tmp_path: Path) -> None:
    with pytest.raises(CommandFailedError, match=r"ended with 3: (?s:.)*no such thing"):
        run([sys.executable, "-c", "import sys; sys.stderr.write('no such thing'); sys.exit(3)"], tmp_path, {})


def test_what_hangs_is_ended_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    code = (
        "import pathlib, subprocess, sys; child = subprocess.Popen(['sleep', '600']); "
        "pathlib.Path('child').write_text(str(child.pid)); child.wait()"
    )
    with pytest.raises(CommandFailedError, match="longer than it may"):
        run([sys.executable, "-c", code], tmp_path, {}, limit_seconds=1.0)
    child = int((tmp_path / "child").read_text())
    until = time.monotonic() + 30
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until, "it was not ended"
        time.sleep(0.02)


def test_a_case_that_breaks_takes_no_other_with_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "results" / "part.json", {"at": "now"})
    assert kept.run("first", lambda: {"cpu": 1.5}) == {"cpu": 1.5}
    assert kept.run("second", lambda: {"cpu": 1 / 0}) is None
    after_two = json.loads((tmp_path / "results" / "part.json").read_text())
    assert kept.run("third", lambda: {"cpu": 2.5}) == {"cpu": 2.5}
    broken = {"second": "ZeroDivisionError: division by zero"}
    assert after_two == {"at": "now", "cases": {"first": {"cpu": 1.5}}, "failed": broken, "left_out": []}
    assert json.loads((tmp_path / "results" / "part.json").read_text()) == {
        "at": "now",
        "cases": {"first": {"cpu": 1.5}, "third": {"cpu": 2.5}},
        "failed": broken,
        "left_out": [],
    }
    with pytest.raises(SystemExit, match="1 of the cases failed"):
        kept.end()


def test_what_there_is_no_time_for_is_named(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "part.json", {}, seconds=-1.0)
    assert kept.run("late", lambda: {"cpu": 1.0}) is None
    assert json.loads((tmp_path / "part.json").read_text()) == {"cases": {}, "failed": {}, "left_out": ["late"]}
    kept.end()


def test_the_page_shows_the_results() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.filled(text, page.read_results()) == text, "run `python -m benchmarks.page`"
    assert all(f"<!-- bench: {name} -->" in text for name in page.BLOCKS)


def test_a_part_that_was_never_measured_says_so() -> None:
    nothing: page.Results = {part: {} for part in PARTS}
    rows = [line.split(" | ") for line in page.goals(nothing).splitlines()[2:]]
    assert {row[-1] for row in rows} == {f"{page.NOT_MEASURED} |"}
    assert all(f"`{part}` | {page.NOT_MEASURED}" in page.machines(nothing) for part in PARTS)
    assert {len(block(nothing).splitlines()) for name, block in page.BLOCKS.items() if name[:1] in "jpcl"} == {2}


def test_goals_are_read_off_the_results() -> None:
    results: page.Results = {part: {} for part in PARTS}
    results["job1"] = {"cases": {"process csv 0.1": {"cpu": 3.0}, "duckdb csv 0.1": {"cpu": 2.0}}}
    results["path"] = {"cases": {"300x1": {"rounds": [{"seconds": 3.14}, {"seconds": 2.9}, {"seconds": 2.5}]}}}
    results["commands"] = {"cases": {"sluice --help": {"wall": 0.171}}}
    found = [line for line in page.goals(results).splitlines()[2:] if page.NOT_MEASURED not in line]
    assert found == [
        "| job 1, lineitem 0.1 as CSV, CPU seconds | ≤ 1.3 times DuckDB | 1.50 times (3.00 and 2.00 s) |",
        "| 300 rows, manifest to LOADED | ≤ 5 s | 3.1 s the first time, 2.5 s later |",
        "| `sluice --help` | ≤ 0.3 s | 0.17 s |",
    ]


@pytest.mark.parametrize("is_quick", [False, True])
@pytest.mark.parametrize("part", PARTS)
def test_every_part_takes_the_options_it_is_given(
    part: str, is_quick: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, module, *options = command_of(part, 60, is_quick=is_quick)
    monkeypatch.setattr(sys, "argv", [part, *options, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(module).main()
    assert ended.value.code == 0
    assert f"usage: {part}" in capsys.readouterr().out


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "lineitem.csv"
    path.write_text("\n".join([",".join(COLUMNS), *ROWS, ""]), encoding="utf-8")
    return path


def test_every_form_holds_the_same_rows(source: Path) -> None:
    body = source.read_bytes()
    assert render(source, "csv") == source
    assert gzip.decompress(render(source, "csv.gz").read_bytes()) == body
    comments = ["egular <a> & b", 'says "no", then']
    rows = [json.loads(line) for line in render(source, "json").read_text().splitlines()]
    assert [list(row) for row in rows] == [list(COLUMNS)] * 2
    assert [(row["l_orderkey"], row["l_extendedprice"], row["l_comment"]) for row in rows] == [
        (1, 24386.67, comments[0]),
        (1, 58958.28, comments[1]),
    ]
    elements = ElementTree.parse(render(source, "xml")).getroot()
    assert [[field.tag for field in row] for row in elements] == [list(COLUMNS)] * 2
    assert [row.findtext("l_comment") for row in elements] == comments
    parts = [part.read_text().splitlines() for part in sorted(render(source, "files").iterdir())]
    assert len(parts) == SMALL_FILES
    assert {part[0] for part in parts} == {",".join(COLUMNS)}
    assert [row for part in parts for row in part[1:]] == ROWS


def test_so_many_of_a_hundred_rows_are_bad(source: Path) -> None:
    assert render(source, "100pc.csv").read_text().splitlines()[1:] == [row.replace("-", "/", 1) for row in ROWS]
    assert render(source, "0pc.csv").read_text() == source.read_text()


def test_every_ratio_has_its_cases() -> None:
    names = {case.name for case in FULL}
    assert len(names) == len(FULL)
    assert {case.name for case in QUICK} <= names
    assert {name for _, ours, other, _ in RATIOS for name in (ours, other)} <= names


def test_ratios_are_of_what_was_measured() -> None:
    costs = {
        "process csv 0.1": {"wall": 2.0, "cpu": 3.0, "peak_mb": 200},
        "duckdb csv 0.1": {"wall": 4.0, "cpu": 2.0, "peak_mb": 400},
    }
    assert list(ratios(costs)) == [("CSV: Sluice / DuckDB", 1.5, 0.5, 0.5, "≤ 1.3")]


def test_some_of_the_cases_can_be_chosen() -> None:
    cases = [Case("process", "csv", "0.1"), Case("duckdb", "csv", "0.1"), Case("process", "csv.gz", "0.1")]
    assert chosen(cases, "") == cases
    assert chosen(cases, "process csv ") == cases[:1]


@pytest.mark.parametrize(("form", "format_"), [("csv", "csv"), ("csv.gz", "csv"), ("json", "json"), ("xml", "xml")])
def test_the_contract_reads_the_form_and_bears_ten_percent_of_bad_rows(form: str, format_: str) -> None:
    contract = contract_for(Path(f"lineitem.{form}"))
    assert contract.source.format == format_
    assert contract.max_rejected_ratio > 0.1


@pytest.mark.parametrize(("present", "keys"), [(0, []), (50, [1, 2]), (100, [1, 2, 3, 4])])
def test_so_many_of_the_keys_are_there_in_an_older_version(present: int, keys: list[int]) -> None:
    day = date(1996, 3, 13)
    newer = pa.table({"l_orderkey": pa.array([1, 2, 3, 4], pa.int64()), "l_shipdate": [day] * 4, "l_tax": ["a"] * 4})
    older = job2.older_versions(newer, present)
    assert older.schema == newer.schema
    others = [1_000_000_001, 1_000_000_002, 1_000_000_003, 1_000_000_004][len(keys) :]
    assert older["l_orderkey"].to_pylist() == [*keys, *others]
    assert older["l_shipdate"].to_pylist() == [date(1996, 3, 12)] * 4


def test_loads_are_compared_with_those_of_the_same_share() -> None:
    found = {
        "sluice 50% 0.1": {"cpu": 9.0, "server": 3.0},
        "psql-merge 50% 0.1": {"cpu": 3.0, "server": 2.0},
        "psql-merge 100% 0.1": {"cpu": 2.0, "server": 1.0},
    }
    assert list(job2.ratios(found, "0.1")) == [("0.1, 50 % present: Sluice / psql-merge", 3.0, 1.5)]
    assert {case.who for case in job2.FULL} == set(CLIENTS)
    assert sorted(BATCHES.values()) == [BATCHES["older"], BATCHES["newer"]]


def test_the_report_of_an_invocation_is_read() -> None:
    line = (
        "REPORT RequestId: 5f9 \tDuration: 12.4 ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\tMax Memory Used: 90 MB"
    )
    match = REPORT.search(line)
    assert match is not None
    assert match.groups() == ("13", "512")
