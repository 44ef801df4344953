"""Job 1 beside its peers: CPU seconds, wall seconds and peak memory of whole process trees, and their ratios.

    python -m benchmarks.job1 [--quick] [--only REGULAR-EXPRESSION] [--repeat N] [--seconds N] [--data]

The data is made in build/bench-data by ``tpchgen-cli`` (with ``--data`` that is all). The cases that the goals are
about come first, in case that the time is over before all are done.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.kept import QUICK_RESULTS, RESULTS, ROOT, Kept, Result, machine
from benchmarks.lineitem import render
from benchmarks.measure import Cost, run
from benchmarks.peers import BUCKET
from localcloud.child import LocalCloudProcess
from localcloud.config import LocalCloudConfig
from sluice.aws.clients import Clients

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CreateBucketConfigurationTypeDef

DATA = ROOT / "build" / "bench-data"
PEERS_BIN = ROOT / "build" / "bench" / "bin"
"""The environment of requirements-bench.lock."""
OURS = ("process", "spark")
IN_THEIR_OWN = ("polars", "awswrangler")
"""Peers that are installed there; the others are Sluice's own dependencies."""


@dataclass(frozen=True)
class Case:
    """One conversion.

    Attributes:
        who: ``process`` or ``spark``, the engines of Sluice, or a peer.
        form: Form of the data, as `render` names it.
        scale: TPC-H's scale factor.
    """

    who: str
    form: str
    scale: str

    @property
    def name(self) -> str:
        """What the tables call it."""
        return f"{self.who} {self.form} {self.scale}"


def _cases(*names: str) -> list[Case]:
    return [Case(*name.split()) for name in names]


GOALS = _cases(
    "process csv 0.1", "duckdb csv 0.1", "process json 0.1", "duckdb json 0.1", "process csv.gz 0.1",
    "duckdb csv.gz 0.1", "process 1pc.csv 0.1",
)  # fmt: skip
QUICK = [
    *GOALS,
    *_cases(
        "polars csv 0.1", "awswrangler csv 0.1", "bare-spark csv 0.1", "spark csv 0.1", "process 10pc.csv 0.1",
        "process files 0.1", "duckdb files 0.1", "polars json 0.1",
    ),
]  # fmt: skip
FULL = [
    *GOALS,
    *_cases("process csv 1", "spark csv 1", "bare-spark csv 1", "duckdb csv 1"),
    *QUICK[len(GOALS) :],
    *_cases(
        "process xml 0.1", "polars csv 1", "bare-spark files 0.1", "bare-spark json 0.1", "process json 1",
        "duckdb json 1",
    ),
]  # fmt: skip
REPEAT, ENOUGH_SECONDS = 3, 20.0
"""A case runs so often, or until it has run for so long: other work on the machine moves the short ones most."""
RATIOS = (
    ("CSV: Sluice / DuckDB", "process csv 0.1", "duckdb csv 0.1", "≤ 1.3"),
    ("CSV: Sluice / Polars", "process csv 0.1", "polars csv 0.1", ""),
    ("CSV: Sluice / awswrangler", "process csv 0.1", "awswrangler csv 0.1", ""),
    ("CSV: Sluice / bare Spark", "process csv 0.1", "bare-spark csv 0.1", ""),
    ("JSON lines: Sluice / DuckDB", "process json 0.1", "duckdb json 0.1", "≤ 2"),
    ("gzip CSV: Sluice / DuckDB", "process csv.gz 0.1", "duckdb csv.gz 0.1", "≤ 2"),
    ("1,000 files: Sluice / DuckDB", "process files 0.1", "duckdb files 0.1", ""),
    ("1,000 files / one", "process files 0.1", "process csv 0.1", ""),
    ("1 % bad rows / none", "process 1pc.csv 0.1", "process csv 0.1", "≤ 1.15"),
    ("10 % bad rows / none", "process 10pc.csv 0.1", "process csv 0.1", ""),
    ("XML / CSV", "process xml 0.1", "process csv 0.1", ""),
    ("scale 1: Sluice / DuckDB", "process csv 1", "duckdb csv 1", ""),
    ("scale 1: Sluice in Spark / bare Spark", "spark csv 1", "bare-spark csv 1", "≤ 0.5"),
    ("ten times the rows", "process csv 1", "process csv 0.1", "≤ 11"),
)
"""What is compared: name, measured, by what it is divided, and the goal."""


def command_of(case: Case, path: Path, out: Path) -> list[str]:
    """What runs a case."""
    if case.who in OURS:
        return [sys.executable, "-m", "benchmarks.convert", case.who, str(path), str(out)]
    python = str(PEERS_BIN / "python") if case.who in IN_THEIR_OWN else sys.executable
    return [python, "-m", "benchmarks.peers", case.who.removeprefix("bare-"), str(path), str(out)]


def data(scale: str) -> Path:
    """The CSV of a scale, made once."""
    path = DATA / scale / "lineitem.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [str(PEERS_BIN / "tpchgen-cli"), "csv", "-s", scale, "--tables=lineitem"]
        subprocess.run(command, cwd=path.parent, check=True)  # noqa: S603 - ours
    return path


def measure(case: Case, repeat: int) -> Result:
    """Run a case a few times; the run with the fewest CPU seconds.

    Raises:
        CommandFailedError: It failed.
    """
    path, found = render(data(case.scale), case.form), list[Cost]()
    began = time.monotonic()
    while len(found) < repeat and (not found or time.monotonic() - began < ENOUGH_SECONDS):
        with TemporaryDirectory(prefix="out-", dir=DATA) as out, _s3(case) as environment:
            found.append(run(command_of(case, path, Path(out)), ROOT, environment))
    return {**asdict(min(found, key=lambda cost: cost.cpu)), "runs": len(found)}


@contextmanager
def _s3(case: Case) -> Iterator[Mapping[str, str]]:
    """An S3 for awswrangler, which writes nowhere else; what it spends is not counted. Gives the environment."""
    if case.who != "awswrangler":
        yield {}
        return
    with TemporaryDirectory(prefix="sluice-bench-") as folder:
        config = LocalCloudConfig(Path(folder) / "state", port=0, with_warehouse=False)
        with LocalCloudProcess(config) as cloud:
            clients = Clients.of_local_cloud(cloud.endpoint_url, config.region)
            place: CreateBucketConfigurationTypeDef = {"LocationConstraint": "eu-central-1"}
            clients.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
            keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
            yield {"AWS_ENDPOINT_URL": cloud.endpoint_url, "AWS_DEFAULT_REGION": config.region, **keys}


def ratios(costs: Mapping[str, Result]) -> Iterable[tuple[str, float, float, float, str]]:
    """Name, ratio of CPU seconds, of wall seconds and of peak memory, and the goal for the CPU seconds."""
    for name, ours, other, goal in RATIOS:
        if ours in costs and other in costs:
            cpu, wall, peak = (costs[ours][what] / costs[other][what] for what in ("cpu", "wall", "peak_mb"))
            yield name, cpu, wall, peak, goal


def chosen(cases: Iterable[Case], pattern: str) -> list[Case]:
    """The cases whose name a regular expression finds something in."""
    return [case for case in cases if re.search(pattern, case.name)]


def peers() -> dict[str, str]:
    """The versions of what the other environment has."""
    names = ("polars", "awswrangler", "dlt")
    asked = f"from importlib import metadata as m; print(*(m.version(n) for n in {names}))"
    said = subprocess.run([str(PEERS_BIN / "python"), "-c", asked], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return dict(zip(names, said.stdout.split(), strict=True))


def main() -> None:
    """Run all cases; print a line for each, then the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="scale 0.1 alone, without XML")
    parser.add_argument("--only", default="", help="the cases whose name, such as 'duckdb csv 0.1', matches this")
    parser.add_argument("--repeat", type=int, default=REPEAT, help="runs of each case; the one with least CPU counts")
    parser.add_argument("--seconds", type=float, help="for how long cases are begun")
    parser.add_argument("--data", action="store_true", help="make the data and nothing else")
    options = parser.parse_args()
    cases = chosen(QUICK if options.quick else FULL, options.only)
    if options.data:
        for scale, form in sorted({(case.scale, case.form) for case in cases}):
            print(render(data(scale), form), flush=True)
        return
    told = {**machine(), "peers": peers()}
    kept = Kept((QUICK_RESULTS if options.quick else RESULTS) / "job1.json", told, options.seconds)
    print(f"{'case':24}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}{'rows':>10}{'refused':>9}", flush=True)
    for case in cases:
        cost = kept.run(case.name, partial(measure, case, options.repeat))
        if cost is not None:
            rows, refused = cost["answer"]["rows"], cost["answer"].get("rejected", "")
            figures = f"{cost['cpu']:9.2f}{cost['wall']:9.2f}{cost['peak_mb']:9.0f}{rows:10}{refused:>9}"
            print(f"{case.name:24}{figures}", flush=True)
    print(f"\n{'ratio':40}{'CPU':>7}{'wall':>7}{'peak':>7}  goal (CPU)")
    for name, cpu, wall, peak, goal in ratios(kept.cases):
        print(f"{name:40}{cpu:7.2f}{wall:7.2f}{peak:7.2f}  {goal}")
    for leftover in DATA.glob("out-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    kept.end()


if __name__ == "__main__":
    main()
