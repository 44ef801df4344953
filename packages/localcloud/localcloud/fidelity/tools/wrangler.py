"""`awswrangler.redshift`, function by function; run with the tools' own interpreter, one line of JSON for each step.

It is given the addresses by its environment, as the tools' users give them.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

warnings.simplefilter("ignore")

import awswrangler as wr  # noqa: E402 - its warnings are its own
import boto3  # noqa: E402
import pandas as pd  # noqa: E402
import redshift_connector  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/sluice-redshift"
BUCKET = "wrangler-files"
ROWS = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "name": ["a", "b", None],
        "value": [1.5, 2.5, None],
        "seen": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]),
    }
)


class _Steps:
    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - the driver's own
        self.connection = connection
        self.where: dict[str, Any] = {"con": connection, "schema": "public"}

    def query(self, text: str) -> list[list[Any]]:
        found = wr.redshift.read_sql_query(text, self.connection)
        return [list(row) for row in found.itertuples(index=False)]

    def names(self, table: str) -> list[list[Any]]:
        return self.query(f"SELECT id, coalesce(name, '-') FROM public.{table} ORDER BY id")  # noqa: S608 - our name

    def to_sql(self) -> bool:
        options = {"diststyle": "KEY", "distkey": "id", "sortstyle": "COMPOUND", "sortkey": ["id"]}
        wr.redshift.to_sql(ROWS, table="w", mode="overwrite", **options, **self.where)
        return self.names("w") == [[1, "a"], [2, "b"], [3, "-"]]

    def to_sql_append(self) -> bool:
        wr.redshift.to_sql(ROWS.assign(id=ROWS["id"] + 3), table="w", mode="append", **self.where)
        return self.query("SELECT count(*) FROM public.w") == [[6]]

    def to_sql_upsert(self) -> bool:
        wr.redshift.to_sql(ROWS.assign(name="z"), table="w", mode="upsert", primary_keys=["id"], **self.where)
        return self.names("w")[:3] == [[1, "z"], [2, "z"], [3, "z"]]

    def read_sql_table(self) -> bool:
        found = wr.redshift.read_sql_table("w", **self.where)
        return list(found.columns) == ["id", "name", "value", "seen"] and len(found) == 6

    def copy(self) -> bool:
        path = f"s3://{BUCKET}/copy/"
        wr.redshift.copy(df=ROWS, path=path, table="c", iam_role=ROLE, mode="overwrite", **self.where)
        return self.names("c") == [[1, "a"], [2, "b"], [3, "-"]]

    def copy_upsert(self) -> bool:
        keys: dict[str, Any] = {"mode": "upsert", "primary_keys": ["id"]}
        path = f"s3://{BUCKET}/upsert/"
        wr.redshift.copy(df=ROWS.assign(name="q"), path=path, table="c", iam_role=ROLE, **keys, **self.where)
        return self.names("c") == [[1, "q"], [2, "q"], [3, "q"]]

    def copy_from_files(self) -> bool:
        wr.s3.to_parquet(ROWS, f"s3://{BUCKET}/files/1.parquet")
        path = f"s3://{BUCKET}/files/"
        wr.redshift.copy_from_files(path=path, table="f", iam_role=ROLE, mode="overwrite", **self.where)
        return self.query("SELECT count(*), count(name) FROM public.f") == [[3, 2]]

    def copy_from_csv_files(self) -> bool:
        wr.s3.to_csv(ROWS[["id", "name"]], f"s3://{BUCKET}/csv/1.csv", index=False, header=False)
        types = {"id": "INT", "name": "VARCHAR(9)"}
        options: dict[str, Any] = {"data_format": "csv", "redshift_column_types": types, "mode": "overwrite"}
        path = f"s3://{BUCKET}/csv/"
        wr.redshift.copy_from_files(path=path, table="d", iam_role=ROLE, **options, **self.where)
        return self.query("SELECT id, name FROM public.d ORDER BY id") == [[1, "a"], [2, "b"], [3, ""]]

    def unload(self) -> bool:
        path = f"s3://{BUCKET}/unload/"
        found = wr.redshift.unload("SELECT * FROM public.c ORDER BY id", path=path, con=self.connection, iam_role=ROLE)
        return list(found["name"]) == ["q", "q", "q"]

    def unload_to_files(self) -> bool:
        path = f"s3://{BUCKET}/files-again/"
        options: dict[str, Any] = {"unload_format": "PARQUET", "manifest": True, "iam_role": ROLE}
        wr.redshift.unload_to_files("SELECT * FROM public.c", path=path, con=self.connection, **options)
        return any(name.endswith("manifest") for name in wr.s3.list_objects(path))


def _tried(step: Callable[[], bool], connection: Any) -> str:  # noqa: ANN401 - the driver's own
    try:
        return "" if step() else "other rows than expected"
    except Exception as error:  # noqa: BLE001 - whatever a tool raises is its answer
        return f"{type(error).__name__}: {error}"
    finally:
        connection.rollback()


def main() -> None:
    """Run the steps in order: later ones read what earlier ones made."""
    s3: Any = boto3.client("s3")
    where = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    connection = redshift_connector.connect(
        host="127.0.0.1",
        port=int(os.environ["WAREHOUSE_PORT"]),
        user="sluice",
        password=os.environ["WAREHOUSE_PASSWORD"],
        database="warehouse",
        ssl=False,
    )
    steps = _Steps(connection)
    names = (
        "to_sql", "to_sql_append", "to_sql_upsert", "read_sql_table", "copy", "copy_upsert", "copy_from_files",
        "copy_from_csv_files", "unload", "unload_to_files",
    )  # fmt: skip
    for name in names:
        error = _tried(getattr(steps, name), connection)
        sys.stdout.write(json.dumps({"name": name, "error": error}) + "\n")
    connection.close()


if __name__ == "__main__":
    main()
