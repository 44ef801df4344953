"""What others need for job 1's work: typed read, newest row per key, sort, zstd Parquet; without checks or quarantine.

    python -m benchmarks.peers NAME INPUT FOLDER

It imports nothing of Sluice, so that it runs in the environment of ``requirements-bench.lock``.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.lineitem import COLUMNS, KEY, NEWEST


def duckdb(path: Path, folder: Path) -> int:
    """DuckDB, in one statement."""
    import duckdb as engine  # noqa: PLC0415 - each peer's import is part of what is measured

    kinds = {name: kind.replace("char(", "varchar(").replace("varvar", "var") for name, kind in COLUMNS.items()}
    columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in kinds.items()) + "}"
    where = path / "*.csv" if path.is_dir() else path
    read = f"read_csv('{where}', columns={columns}, header=true, auto_detect=false, delim=',', quote='\"')"
    if path.suffix == ".json":
        read = f"read_json('{where}', columns={columns}, format='newline_delimited')"
    keys = ", ".join(KEY)
    newest = f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {NEWEST} DESC) = 1"
    rows = f"SELECT * FROM {read} {newest} ORDER BY {keys}"  # noqa: S608 - ours
    statement = f"COPY ({rows}) TO '{folder / 'lineitem.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
    [(count,)] = engine.connect().execute(statement).fetchall()
    return int(count)


def polars(path: Path, folder: Path) -> int:
    """Polars, lazily."""
    import polars as pl  # noqa: PLC0415

    kinds: dict[str, Any] = {
        "bigint": pl.Int64,
        "integer": pl.Int32,
        "decimal(15,2)": pl.Decimal(15, 2),
        "date": pl.Date,
    }
    schema = {name: kinds.get(kind, pl.String) for name, kind in COLUMNS.items()}
    if path.suffix == ".json":
        # A decimal in JSON is a number: it is read as one, and cast.
        plain = {name: pl.Float64 if kind == pl.Decimal(15, 2) else kind for name, kind in schema.items()}
        rows = pl.scan_ndjson(
            path, schema={name: pl.String if kind == pl.Date else kind for name, kind in plain.items()}
        )
        rows = rows.with_columns(pl.col(name).cast(kind) for name, kind in schema.items() if kind != plain[name])
        rows = rows.with_columns(pl.col(name).str.to_date() for name, kind in schema.items() if kind == pl.Date)
    else:
        rows = pl.scan_csv(path / "*.csv" if path.is_dir() else path, schema=schema)
    newest = rows.sort(NEWEST, descending=True).unique(KEY, keep="first", maintain_order=True).sort(KEY).collect()
    newest.write_parquet(folder / "lineitem.parquet", compression="zstd")
    return int(newest.height)


def spark(path: Path, folder: Path) -> int:
    """Bare PySpark on all cores of this machine."""
    from pyspark.sql import SparkSession, Window  # noqa: PLC0415
    from pyspark.sql import functions as f  # noqa: PLC0415

    session = (
        SparkSession.builder.master("local[*]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )
    kinds = {name: "string" if "char" in kind else kind for name, kind in COLUMNS.items()}
    reader = session.read.schema(", ".join(f"{name} {kind}" for name, kind in kinds.items())).option("mode", "FAILFAST")
    rows = reader.json(str(path)) if path.suffix == ".json" else reader.option("header", "true").csv(str(path))
    latest = f.row_number().over(Window.partitionBy(*KEY).orderBy(f.col(NEWEST).desc()))
    newest = rows.withColumn("_place", latest).where("_place = 1").drop("_place")
    out = str(folder / "lineitem")
    newest.sort(*KEY).write.mode("overwrite").parquet(out)
    count: int = session.read.parquet(out).count()
    session.stop()
    return count


def awswrangler(path: Path, folder: Path) -> int:  # noqa: ARG001 - it writes to S3 alone
    """The library awswrangler: a frame of pandas, and `to_parquet` with the catalog's types into a local S3."""
    import awswrangler as wr  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    plain = {"bigint": "int64", "integer": "int32"}
    # Decimals are read as text and made by to_parquet, for pandas has none.
    kinds = {name: plain.get(kind, "str") for name, kind in COLUMNS.items() if kind != "date"}
    dates = [name for name, kind in COLUMNS.items() if kind == "date"]
    rows = pd.read_csv(path, dtype=kinds, parse_dates=dates)
    newest = rows.sort_values(NEWEST).drop_duplicates(KEY, keep="last").sort_values(list(KEY))
    catalog = {"integer": "int", "bigint": "bigint", "date": "date", "decimal(15,2)": "decimal(15,2)"}
    types = {name: catalog.get(kind, "string") for name, kind in COLUMNS.items()}
    wr.s3.to_parquet(newest, f"s3://{BUCKET}/lineitem.parquet", index=False, compression="zstd", dtype=types)
    return len(newest)


BUCKET = "bench"
"""For those who write to S3 alone; the environment names the endpoint."""
PEERS: dict[str, Callable[[Path, Path], int]] = {
    "duckdb": duckdb,
    "polars": polars,
    "spark": spark,
    "awswrangler": awswrangler,
}


def main() -> None:
    """Do the work once; print the number of rows written."""
    name, path, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    print(json.dumps({"rows": PEERS[name](path, folder)}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
