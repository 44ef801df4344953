"""What the benchmarks count, and that all forms of their data hold the same rows."""

import gzip
import json
import sys
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pytest

from benchmarks import job2
from benchmarks.convert import contract_for
from benchmarks.job1 import FULL, RATIOS, Case, chosen, ratios
from benchmarks.lineitem import COLUMNS, SMALL_FILES, render
from benchmarks.load_clients import BATCHES, CLIENTS
from benchmarks.measure import CommandFailedError, Cost, run
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
    assert {name for _, ours, other, _ in RATIOS for name in (ours, other)} <= names


def test_ratios_are_of_what_was_measured() -> None:
    costs = {"process csv 0.1": Cost(2, 3, 200, {}), "duckdb csv 0.1": Cost(4, 2, 400, {})}
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
        "sluice 50% 0.1": job2.Spent(client=2, cloud=4, server=3, wall=9, rows=1),
        "psql-merge 50% 0.1": job2.Spent(client=1, cloud=0, server=2, wall=3, rows=1),
        "psql-merge 100% 0.1": job2.Spent(client=1, cloud=0, server=1, wall=3, rows=1),
    }
    assert list(job2.ratios(found, "0.1")) == [("50 % present: Sluice / psql-merge", 3.0, 1.5)]
    assert {case.who for case in job2.FULL} == set(CLIENTS)
    assert sorted(BATCHES.values()) == [BATCHES["older"], BATCHES["newer"]]


def test_the_report_of_an_invocation_is_read() -> None:
    line = (
        "REPORT RequestId: 5f9 \tDuration: 12.4 ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\tMax Memory Used: 90 MB"
    )
    match = REPORT.search(line)
    assert match is not None
    assert match.groups() == ("13", "512")
