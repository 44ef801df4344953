"""Job 1's work by the kernel alone against DuckDB: lineitem read, cast, checked, newest per key, sorted, zstd Parquet.

Each case runs in a process of its own, whose CPU seconds (user and system) and peak memory are told. The data are made
by ``tpchgen-cli csv -s 0.1 --tables=lineitem`` (https://pypi.org/project/tpchgen-cli/); further forms are rendered from
them beside it.

    python benchmarks/job1_kernel.py lineitem.csv [case ...]
"""

import argparse
import gzip
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

COLUMNS = {
    "l_orderkey": "bigint", "l_partkey": "bigint", "l_suppkey": "bigint", "l_linenumber": "integer",
    "l_quantity": "decimal(15,2)", "l_extendedprice": "decimal(15,2)", "l_discount": "decimal(15,2)",
    "l_tax": "decimal(15,2)", "l_returnflag": "char(1)", "l_linestatus": "char(1)", "l_shipdate": "date",
    "l_commitdate": "date", "l_receiptdate": "date", "l_shipinstruct": "varchar(25)", "l_shipmode": "varchar(10)",
    "l_comment": "varchar(44)",
}  # fmt: skip
KEY, NEWEST = ("l_orderkey", "l_linenumber"), "l_shipdate"
NUMBERS = {name for name, kind in COLUMNS.items() if kind.startswith(("bigint", "integer", "decimal"))}


def render(source: Path, form: str) -> Path:
    """The data in another form, made once."""
    path = source.with_name(f"{source.stem}.{form}")
    if form == "csv" or path.exists():
        return source if form == "csv" else path
    if form == "csv.gz":
        with source.open("rb") as raw, gzip.open(path, "wb", compresslevel=6) as packed:
            while content := raw.read(1 << 20):
                packed.write(content)
    elif form == "json":
        _render_json(source, path)
    else:
        _render_bad(source, path, float(form.removesuffix("pc.csv")) / 100)
    return path


def _render_json(source: Path, path: Path) -> None:
    with source.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as out:
        names = next(lines).rstrip("\n").split(",")
        for line in lines:
            *fields, comment = line.rstrip("\n").split(",", len(names) - 1)
            values = [
                field if name in NUMBERS else json.dumps(field)
                for name, field in zip(names, [*fields, comment.strip('"').replace('""', '"')], strict=True)
            ]
            out.write("{" + ",".join(f'"{name}":{value}' for name, value in zip(names, values, strict=True)) + "}\n")


def _render_bad(source: Path, path: Path, share: float) -> None:
    """One row in so many has a date that is none."""
    chance = random.Random(1)  # noqa: S311 - no secret
    with source.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as out:
        out.write(next(lines))
        for line in lines:
            out.write(line.replace("-", "/", 1) if chance.random() < share else line)


def kernel(path: Path, folder: Path) -> int:
    """Convert a file; the number of rows written."""
    from sluice.contract import parse_contract  # noqa: PLC0415 - the import is part of what is measured
    from sluice.kernel.convert import Kernel, RawFile  # noqa: PLC0415
    from sluice.kernel.write import QuarantineWriter, TableWriter  # noqa: PLC0415

    source: dict[str, object] = {"format": "json" if ".json" in path.name else "csv", "layout": "lineitem/%Y/%m/%d"}
    if path.suffix == ".gz":
        source["compression"] = "gzip"
    columns = [{"name": name, "type": kind} for name, kind in COLUMNS.items()]
    table: dict[str, object] = {"name": "lineitem", "primary_key": list(KEY), "order_by": [NEWEST], "columns": columns}
    contract = parse_contract({"dataset": "lineitem", "source": source, "tables": [table]}, "lineitem.yaml")

    def sink(name: str) -> Callable[[str], AbstractContextManager[BinaryIO]]:
        (folder / name).mkdir(parents=True, exist_ok=True)
        return lambda part: cast("AbstractContextManager[BinaryIO]", (folder / name / part).open("wb"))

    rows = TableWriter(contract.tables[0], sink("lineitem"), scratch=folder / "scratch" / "lineitem")
    refused = QuarantineWriter(sink("quarantine"), scratch=folder / "scratch" / "quarantine")
    raw = RawFile(path.as_uri(), "lineitem.1", path.stat().st_size, lambda: path.open("rb"))
    for chunk in Kernel(contract, datetime.now(UTC)).read(raw):
        rows.add(chunk.tables["lineitem"])
        refused.add(chunk.quarantine)
    refused.finish()
    return sum(sum(file.rows.values()) for file in rows.finish().files)


def duckdb(path: Path, folder: Path) -> int:
    """The same work by DuckDB, without checks and quarantine: it has none."""
    import duckdb  # noqa: PLC0415 - the import is part of what is measured

    folder.mkdir(parents=True, exist_ok=True)
    kinds = {name: kind.replace("char(", "varchar(").replace("varvar", "var") for name, kind in COLUMNS.items()}
    columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in kinds.items()) + "}"
    read = f"read_csv('{path}', columns={columns}, header=true, auto_detect=false, delim=',', quote='\"')"
    if ".json" in path.name:
        read = f"read_json('{path}', columns={columns}, format='newline_delimited')"
    keys = ", ".join(KEY)
    newest = f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {NEWEST} DESC) = 1"
    out = folder / "lineitem.parquet"
    rows_of = f"SELECT * FROM {read} {newest} ORDER BY {keys}"  # noqa: S608 - ours
    statement = f"COPY ({rows_of}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)"
    [(rows,)] = duckdb.connect().execute(statement).fetchall()
    return int(rows)


CASES: dict[str, tuple[str, Callable[[Path, Path], int]]] = {
    "duckdb csv": ("csv", duckdb),
    "kernel csv": ("csv", kernel),
    "kernel csv, 1 % bad": ("1pc.csv", kernel),
    "kernel csv, 10 % bad": ("10pc.csv", kernel),
    "duckdb csv.gz": ("csv.gz", duckdb),
    "kernel csv.gz": ("csv.gz", kernel),
    "duckdb json": ("json", duckdb),
    "kernel json": ("json", kernel),
}


def main() -> None:
    """Run the cases and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path)
    parser.add_argument("cases", nargs="*", metavar="case", help=", ".join(CASES))
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--repeat", type=int, default=1, help="runs of each case; the least is told")
    options = parser.parse_args()
    folder = options.csv.resolve().parent / "out"
    if options.only:
        form, run = CASES[options.only]
        began = time.monotonic()
        rows = run(render(options.csv.resolve(), form), folder)
        used = resource.getrusage(resource.RUSAGE_SELF)
        found = {"rows": rows, "cpu": used.ru_utime + used.ru_stime, "wall": time.monotonic() - began}
        print(json.dumps({**found, "peak_mb": used.ru_maxrss / 1024}))  # noqa: T201 - what it is for
        return
    for case in options.cases or CASES:
        render(options.csv.resolve(), CASES[case][0])
        command = [sys.executable, __file__, str(options.csv), "--only", case]
        runs = [json.loads(subprocess.check_output(command)) for _ in range(options.repeat)]  # noqa: S603 - ours
        best = min(runs, key=lambda run: float(run["cpu"]))
        print(f"{case:22} " + "  ".join(f"{name} {value:.2f}" for name, value in best.items()), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
