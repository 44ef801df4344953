"""The tables of ``docs/performance.md``, from the results in ``benchmarks/results``.

    python -m benchmarks.page

A table stands between ``<!-- bench: NAME -->`` and ``<!-- /bench -->``; what is around it is written by hand and has no
figure that a run changes. A test holds the page to the results.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks import job1
from benchmarks.kept import RESULTS, ROOT

PAGE = ROOT / "docs" / "performance.md"
NOT_MEASURED = "not measured"
_BLOCK = re.compile(r"(<!-- bench: (\w+) -->\n).*?(<!-- /bench -->)", re.DOTALL)
Results = dict[str, dict[str, Any]]
"""By part, what `kept` wrote."""


def read_results() -> Results:
    """What was kept, by part; empty where a part was never run."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    return {part: found.get(part, {}) for part in ("commands", "path", "job1", "job2", "statements", "load_lookup")}


def write_page() -> None:
    """Write the tables into the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), read_results()), encoding="utf-8")


def filled(text: str, results: Results) -> str:
    """A page with its tables made of results.

    Raises:
        KeyError: The page asks for a table that there is not.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]](results)}\n{found[3]}", text)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; None is an empty field."""
    lines = [head, ["---"] * len(head), *(["" if cell is None else str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machines(results: Results) -> str:
    """When and where each part was measured, and what is missing."""
    rows = []
    for part, kept in results.items():
        versions = {**kept.get("versions", {}), **kept.get("peers", {})}
        missing = [*kept.get("failed", {}), *kept.get("left_out", [])]
        rows.append((
            f"`{part}`", kept.get("at", NOT_MEASURED), kept.get("cores"), kept.get("load_average_before"),
            ", ".join(f"{name} {version}" for name, version in versions.items()), ", ".join(missing),
        ))  # fmt: skip
    return table(("part", "at", "cores", "load before it", "versions", "failed, or no time left"), rows)


def goals(results: Results) -> str:
    """Each goal beside what was found."""
    commands, cases = _cases(results, "commands"), _cases(results, "job1")
    one = _rounds(results, "300x1")
    many = _rounds(results, "300x66")
    ten = _ratio(cases, "process csv 1", "process csv 0.1")
    found = (
        (
            "job 1, lineitem 0.1 as CSV, CPU seconds",
            "≤ 1.3 times DuckDB",
            _times(cases, "process csv 0.1", "duckdb csv 0.1"),
        ),
        ("JSON lines", "≤ 2 times DuckDB", _times(cases, "process json 0.1", "duckdb json 0.1")),
        ("gzip CSV", "≤ 2 times DuckDB", _times(cases, "process csv.gz 0.1", "duckdb csv.gz 0.1")),
        ("1 % of bad rows", "≤ 1.15 times none", _times(cases, "process 1pc.csv 0.1", "process csv 0.1")),
        ("CPU seconds per row from 0.1 to 1", "≤ 1.1 times", None if ten is None else f"{ten / 10:.2f} times"),
        ("peak memory at scale 1, no Spark", "≤ 1 GB", _figure(cases, "process csv 1", "peak_mb", "{:.0f} MB")),
        (
            "scale 1 inside Spark, CPU seconds",
            "≤ 0.5 times bare PySpark",
            _times(cases, "spark csv 1", "bare-spark csv 1"),
        ),
        ("300 rows, manifest to LOADED", "≤ 5 s", _first_and_best(*one)),
        ("66 manifests at once, last LOADED", "≤ 30 s", _first_and_best(*many)),
        ("`make demo` after set-up", "≤ 90 s", _figure(commands, "sluice demo", "wall", "{:.0f} s")),
        ("`sluice --help`", "≤ 0.3 s", _figure(commands, "sluice --help", "wall", "{:.2f} s")),
    )
    return table(("what", "goal", "found"), ((what, goal, value or NOT_MEASURED) for what, goal, value in found))


def conversions(results: Results) -> str:
    """Each conversion of job 1."""
    rows = []
    for name, case in _cases(results, "job1").items():
        who, form, scale = name.split()
        answer = case.get("answer", {})
        figures = (_of(case, "cpu", "{:.2f}"), _of(case, "wall", "{:.2f}"), _of(case, "peak_mb", "{:,.0f}"))
        rows.append((_WHO.get(who, who), form, scale, *figures, _of(answer, "rows", "{:,}"), answer.get("rejected")))
    rows.sort(key=lambda row: (str(row[2]), str(row[1]), "Sluice" not in str(row[0]), str(row[0])))
    return table(("who", "form", "scale", "CPU s", "s", "peak MB", "rows", "refused"), rows)


def conversion_ratios(results: Results) -> str:
    """What is compared of job 1."""
    cases = _cases(results, "job1")
    rows = [
        (name, *(_ratio_text(cases, ours, other, what) for what in ("cpu", "wall", "peak_mb")), goal)
        for name, ours, other, goal in job1.RATIOS
        if ours in cases and other in cases
    ]
    return table(("what", "CPU", "time", "peak memory", "goal (CPU)"), rows)


def path(results: Results) -> str:
    """Rounds of the whole path."""
    rows = []
    for kind, case in _cases(results, "path").items():
        rounds = case["rounds"]
        best = min(rounds, key=lambda found: float(found["seconds"]))
        states = ", ".join(f"{state} {seconds}" for state, seconds in best["states"].items())
        later = [found["seconds"] for found in rounds[1:]]
        figures = (rounds[0]["seconds"], min(later) if later else None, best.get("cpu"), best.get("engine"), states)
        rows.append((*(f"{int(number):,}" for number in kind.split("x")), *figures))
    head = (
        "rows",
        "manifests",
        "first, s",
        "best of the later, s",
        "CPU s",
        "engine",
        "seconds to each state, of the best",
    )
    return table(head, rows)


def costs(results: Results) -> str:
    """Dollars of each kind of round, by service."""
    cases = {
        kind: min(case["rounds"], key=lambda one: float(one["seconds"]))
        for kind, case in _cases(results, "path").items()
    }
    priced = {kind: best["dollars"] for kind, best in cases.items() if best.get("dollars")}
    services = dict.fromkeys(name for dollars in priced.values() for name in dollars)
    rows = []
    for kind, dollars in priced.items():
        count, manifests = (int(number) for number in kind.split("x"))
        total = sum(dollars.values())
        parts = (f"{dollars.get(name, 0):.4f}" for name in services)
        rows.append((f"{count:,}", f"{manifests:,}", *parts, f"{total:.4f}", f"{total / manifests:.4f}"))
    return table(("rows", "manifests", *services, "all", "per batch"), rows)


def loads(results: Results) -> str:
    """Each load of job 2, with Sluice as a multiple of it."""
    cases = _cases(results, "job2")
    rows = []
    for name, case in cases.items():
        who, share, scale = name.split()
        ours = f"sluice {share} {scale}"
        ratio = None if who == "sluice" else _ratio_text(cases, ours, name, "cpu")
        server = None if who == "sluice" else _ratio_text(cases, ours, name, "server")
        parts = (_of(case, part, "{:.2f}") for part in ("cpu", "client", "cloud", "server", "wall"))
        rows.append((scale, share, _WHO.get(who, who), *parts, _of(case, "rows", "{:,}"), ratio, server))
    head = ("scale", "keys present", "who", "CPU s", "client", "local cloud", "PostgreSQL", "s", "rows")
    return table((*head, "Sluice is … of it", "… of its PostgreSQL"), rows)


def statements(results: Results) -> str:
    """Each statement in the local warehouse and in its PostgreSQL."""
    rows = [
        (name, *(_of(case, what, "{:.2f}") for what in ("warehouse_ms", "postgresql_ms")))
        for name, case in _cases(results, "statements").items()
    ]
    return table(("statement", "local warehouse, ms", "PostgreSQL, ms"), rows)


def look_ups(results: Results) -> str:
    """What a load reads of a long table."""
    rows = [
        (size, way, _of(look, "rows", "{:,}"), _of(look, "blocks", "{:,}"), _of(look, "seconds", "{:.2f}"))
        for size, case in _cases(results, "load_lookup").items()
        for way, look in case["looks"].items()
    ]
    return table(("table", "looked up by", "rows", "blocks", "s"), rows)


BLOCKS: dict[str, Callable[[Results], str]] = {
    "machines": machines,
    "goals": goals,
    "job1": conversions,
    "job1_ratios": conversion_ratios,
    "path": path,
    "costs": costs,
    "job2": loads,
    "statements": statements,
    "load_lookup": look_ups,
}
_WHO = {
    "process": "Sluice, in the job's process",
    "spark": "Sluice, in Spark",
    "sluice": "Sluice",
    "duckdb": "DuckDB",
    "polars": "Polars",
    "bare-spark": "bare PySpark",
    "psql-merge": "psql, `COPY` and `MERGE`",
    "psql-delete-insert": "psql, `COPY`, `DELETE` and `INSERT`",
}


def _cases(results: Results, part: str) -> dict[str, Any]:
    found: dict[str, Any] = results[part].get("cases", {})
    return found


def _of(case: dict[str, Any], what: str, form: str) -> str | None:
    value = case.get(what)
    return None if value is None else form.format(value)


def _figure(cases: dict[str, Any], name: str, what: str, form: str) -> str | None:
    return _of(cases.get(name, {}), what, form)


def _ratio(cases: dict[str, Any], ours: str, other: str, what: str = "cpu") -> float | None:
    one, two = cases.get(ours, {}).get(what), cases.get(other, {}).get(what)
    return one / two if one is not None and two else None


def _ratio_text(cases: dict[str, Any], ours: str, other: str, what: str = "cpu") -> str | None:
    ratio = _ratio(cases, ours, other, what)
    return None if ratio is None else f"{ratio:.2f}"


def _times(cases: dict[str, Any], ours: str, other: str) -> str | None:
    ratio = _ratio(cases, ours, other)
    return None if ratio is None else f"{ratio:.2f} times ({cases[ours]['cpu']:.2f} and {cases[other]['cpu']:.2f} s)"


def _rounds(results: Results, kind: str) -> tuple[float | None, float | None]:
    """Seconds of the first round of a kind, and of the best of the later ones."""
    rounds = [found["seconds"] for found in _cases(results, "path").get(kind, {}).get("rounds", ())]
    return (rounds[0] if rounds else None), (min(rounds[1:]) if rounds[1:] else None)


def _first_and_best(first: float | None, later: float | None) -> str | None:
    if first is None:
        return None
    return f"{first:.1f} s" + (f" the first time, {later:.1f} s later" if later is not None else "")


if __name__ == "__main__":
    write_page()
