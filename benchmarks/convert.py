"""Job 1's conversion by one of its engines: everything on, with folders of this machine in S3's place.

python -m benchmarks.convert process|spark INPUT FOLDER
"""

import io
import json
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.lineitem import COLUMNS, KEY, NEWEST
from glue_jobs.conversion.engines import Engine
from glue_jobs.conversion.one_batch import Task
from glue_jobs.conversion.process import ProcessEngine
from sluice.contract import Contract, parse_contract
from sluice.lake.handover import SourceFile
from sluice.lake.layout import split_url
from sluice.lake.stored import StoredObject


@dataclass(frozen=True)
class Folders:
    """Objects as files: read where they lie, written below a folder."""

    out: Path

    def open(self, file: SourceFile) -> io.RawIOBase:
        """A raw file."""
        return Path("/", split_url(file.url)[1]).open("rb", buffering=0)

    def upload(self, path: Path, url: str) -> None:
        """Keep a file that was written."""
        target = self.out / split_url(url)[1]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)

    def listed(self, folder: str) -> tuple[StoredObject, ...]:  # noqa: ARG002 - the port's signature
        """Nothing: no worker is lost here, so nothing strays."""
        return ()

    def remove_all(self, urls: Iterable[str]) -> None:
        """Nothing is to be removed."""


@dataclass(frozen=True)
class OpenFolders:
    """Makes the door in whatever process calls it."""

    out: Path

    def __call__(self) -> Folders:
        """The door."""
        return Folders(self.out)


def contract_for(path: Path) -> Contract:
    """The contract that reads a form of lineitem."""
    source: dict[str, object] = {"format": "csv", "layout": "lineitem/%Y/%m/%d"}
    if path.suffix == ".json":
        source["format"] = "json"
    elif path.suffix == ".xml":
        source |= {"format": "xml", "row_tag": "row"}
    elif path.suffix == ".gz":
        source["compression"] = "gzip"
    columns = [{"name": name, "type": kind} for name, kind in COLUMNS.items()]
    table: dict[str, object] = {"name": "lineitem", "primary_key": list(KEY), "order_by": [NEWEST], "columns": columns}
    plain = {"dataset": "lineitem", "source": source, "max_rejected_ratio": 0.5, "tables": [table]}
    return parse_contract(plain, "lineitem.yaml")


def engine_of(name: str, contract: Contract, out: Path) -> Engine:
    """An engine, made as the job makes it."""
    if name == "process":
        return ProcessEngine(contract, OpenFolders(out), datetime.now(UTC), None)
    from pyspark.sql import SparkSession  # noqa: PLC0415 - a small run does without

    from glue_jobs.conversion.spark import SparkEngine  # noqa: PLC0415

    # Workers are of this environment, not of the python3 on the path.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[*]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "2g")
        .getOrCreate()
    )
    return SparkEngine(session, contract, OpenFolders(out), datetime.now(UTC))


def main() -> None:
    """Convert once; print how many rows were published and how many records refused."""
    name, path, out = sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3])
    paths = sorted(path.iterdir()) if path.is_dir() else [path]
    files = tuple(
        SourceFile(f"s3://raw{one.as_posix()}", one.stat().st_size, int(one.stat().st_mtime), "") for one in paths
    )
    contract = contract_for(paths[0])
    quarantine = contract.quarantine_table
    task = Task("lineitem.2026112013.1", files, {"lineitem": "s3://out/rows", quarantine: "s3://out/quarantine"})
    [result] = engine_of(name, contract, out).convert([task])
    if result.failure is not None:
        raise SystemExit(str(result.failure))
    rows = sum(sum(file.rows.values()) for file in result.tables["lineitem"].files)
    rejected = sum(tally.rejected for tally in result.tallies.values())
    print(json.dumps({"rows": rows, "rejected": rejected}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
