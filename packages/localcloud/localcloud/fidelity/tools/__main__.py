"""Runs dbt-redshift and awswrangler against a local cloud and prints the counts.

``python -m localcloud.fidelity.tools --tools DIR`` takes the tools from an environment of their own; ``--docs`` writes
the table into ``docs/fidelity.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from localcloud import LocalCloud, LocalCloudConfig
from localcloud.fidelity import report

PAGE = Path("docs/fidelity.md")
MADE_BY = "make fidelity-tools"
_HERE = Path(__file__).parent
_LONGEST_SECONDS = 600
_GOOD = frozenset({"success", "pass"})


@dataclass(frozen=True)
class Step:
    """One thing that a tool did.

    Attributes:
        tool: whose step it is.
        name: what it did.
        error: why it failed; empty when it did not.
    """

    tool: str
    name: str
    error: str = ""


@dataclass(frozen=True)
class Place:
    """Where the tools are, and what they are given.

    Attributes:
        programs: the folder of the tools' environment that has its programs.
        work: a folder to work in.
        environment: of the tools' processes.
        dsn: the address of the warehouse's port.
    """

    programs: Path
    work: Path
    environment: Mapping[str, str]
    dsn: str

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the tools' environment in the work folder."""
        return subprocess.run(  # noqa: S603 - programs of an environment that we made
            [str(self.programs / command[0]), *command[1:]],
            cwd=self.work,
            env={**os.environ, **self.environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
        )


def dbt(place: Place) -> Iterator[Step]:
    """Build a project twice, the second time from a seed that has changed, make its docs, and look at what is there."""
    project = place.work / "project"
    shutil.copytree(_HERE / "project", project)
    where = ("--project-dir", str(project), "--profiles-dir", str(project), "--no-use-colors")
    yield from _built(project, "first", place.run("dbt", "build", *where))
    shutil.copy(project / "later" / "raw_orders.csv", project / "seeds" / "raw_orders.csv")
    yield from _built(project, "again", place.run("dbt", "build", *where))
    yield from _built(project, "full refresh", place.run("dbt", "build", "--full-refresh", *where))
    made = place.run("dbt", "docs", "generate", *where)
    yield Step("dbt-redshift", "docs generate", "" if made.returncode == 0 else _last(made))
    for name, query, wanted in _LEFT_BY_DBT:
        with psycopg.connect(place.dsn) as connection:
            found = connection.execute(query.encode()).fetchall()
        yield Step("dbt-redshift", name, "" if found == wanted else f"{found} instead of {wanted}")


_LEFT_BY_DBT: tuple[tuple[str, str, list[tuple[object, ...]]], ...] = (
    ("rows of the merge", "SELECT id, amount::varchar FROM shop.orders ORDER BY id",
     [(1, "11.5"), (2, "20"), (3, "5.25"), (4, "1")]),
    ("versions of the snapshot",
     "SELECT id, count(*), count(dbt_valid_to) FROM shop.orders_history GROUP BY id ORDER BY id",
     [(1, 2, 1), (2, 1, 0), (3, 1, 0), (4, 1, 0)]),
    ("the late-binding view", "SELECT customer, total::varchar FROM shop.late ORDER BY customer",
     [("ann", "16.75"), ("bob", "21")]),
)  # fmt: skip


def _built(project: Path, turn: str, done: subprocess.CompletedProcess[str]) -> Iterator[Step]:
    results = project / "target" / "run_results.json"
    if not results.exists():
        yield Step("dbt-redshift", f"build, {turn}", _last(done))
        return
    for one in json.loads(results.read_text(encoding="utf-8"))["results"]:
        kind, _, name = str(one["unique_id"]).partition(".")
        error = "" if one["status"] in _GOOD else str(one.get("message"))
        yield Step("dbt-redshift", f"{kind} {name.split('.')[1]}, {turn}", error)
    results.unlink()


def wrangler(place: Place) -> Iterator[Step]:
    """Run the functions of ``awswrangler.redshift``, each as its manual shows it."""
    done = place.run("python", str(_HERE / "wrangler.py"))
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        yield Step("awswrangler", "all", _last(done))
    for line in lines:
        one = json.loads(line)
        yield Step("awswrangler", one["name"], one["error"])


def _last(done: subprocess.CompletedProcess[str]) -> str:
    return " | ".join((done.stdout + done.stderr).splitlines()[-5:])


TOOLS: Mapping[str, Callable[[Place], Iterator[Step]]] = {"dbt-redshift": dbt, "awswrangler": wrangler}


def run(programs: Path) -> list[Step]:
    """Run all tools against a local cloud of their own.

    Args:
        programs: the folder of the tools' environment that has its programs.
    """
    with tempfile.TemporaryDirectory(prefix="fidelity-tools-") as folder:
        config = LocalCloudConfig(Path(folder) / "cloud", port=0, warehouse_port=0)
        with LocalCloud(config) as cloud:
            dsn = cloud.warehouse_dsn or ""
            parts = psycopg.conninfo.conninfo_to_dict(dsn)
            environment = {
                "WAREHOUSE_PORT": str(parts["port"]),
                "WAREHOUSE_PASSWORD": str(parts["password"]),
                "AWS_ENDPOINT_URL": cloud.endpoint_url,
                "AWS_DEFAULT_REGION": config.region,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "DO_NOT_TRACK": "1",
            }
            steps: list[Step] = []
            for name, tool in TOOLS.items():
                work = Path(folder) / name
                work.mkdir()
                steps += tool(Place(programs, work, environment, dsn))
            return steps


def block(steps: Sequence[Step], versions: Mapping[str, str]) -> str:
    """Give the table of the counts."""
    lines = ["", "| tool | version | steps | right |", "| --- | --- | ---: | ---: |"]
    for tool, version in versions.items():
        found = [step for step in steps if step.tool == tool]
        lines.append(f"| {tool} | {version} | {len(found)} | {sum(not step.error for step in found)} |")
    return "\n".join(lines) + "\n\n"


def _versions(programs: Path) -> dict[str, str]:
    code = f"from importlib.metadata import version; print(*map(version, {list(TOOLS)!r}))"
    command = [str(programs / "python"), "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own interpreter
    return dict(zip(TOOLS, done.stdout.split(), strict=True))


def main() -> int:
    """Run the tools, and print; give the exit code."""
    made = argparse.ArgumentParser(description="Run tools that people have against the local warehouse.")
    made.add_argument("--tools", type=Path, required=True, help="the environment that has them")
    made.add_argument("--docs", action="store_true", help=f"write the counts into {PAGE}")
    options = made.parse_args()
    programs = options.tools.absolute() / "bin"
    steps = run(programs)
    table = block(steps, _versions(programs))
    if options.docs:
        report.write(PAGE, table, MADE_BY)
    failed = [step for step in steps if step.error]
    sys.stdout.write("".join(f"{step.tool}: {step.name}: {step.error}\n" for step in failed) + table)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
