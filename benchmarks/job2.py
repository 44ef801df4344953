"""Job 2 beside its peers: rows into a table of the embedded PostgreSQL, the newest version of each key stays.

    python -m benchmarks.job2 [--quick] [--only REGULAR-EXPRESSION] [--seconds N]

The table has as many rows as come in, and none, half or all of what comes in is a newer version of one of them. Counted
are the client's CPU seconds, imports included, and beside them those of the local cloud (for Sluice alone: the Data
API, S3, and COPY of Parquet, all played by Python here) and of PostgreSQL.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from benchmarks.job1 import DATA, PEERS_BIN, data, peers
from benchmarks.kept import QUICK_RESULTS, RESULTS, ROOT, Kept, Result, machine
from benchmarks.lineitem import COLUMNS
from benchmarks.load_clients import BATCHES, BUCKET, CLIENTS, TABLES
from benchmarks.measure import CommandFailedError, run
from localcloud.child import LocalCloudProcess
from localcloud.config import LocalCloudConfig
from sluice.aws.clients import Clients
from sluice.contract.sqltype import SqlType

PRESENT = (0, 50, 100)


@dataclass(frozen=True)
class Case:
    """One load.

    Attributes:
        who: One of `load_clients.CLIENTS`.
        present: Percent of the incoming keys that the table has in an older version.
        scale: TPC-H's scale factor.
    """

    who: str
    present: int
    scale: str

    @property
    def name(self) -> str:
        """What the tables call it."""
        return f"{self.who} {self.present}% {self.scale}"


@dataclass(frozen=True)
class Spent:
    """CPU seconds of a load by who spent them, and its wall seconds.

    Attributes:
        client: The client's processes, imports included.
        cloud: The local cloud: for Sluice the Data API, S3 and the reading of Parquet for COPY.
        server: PostgreSQL.
        wall: From the client's start to its end.
        rows: Rows in the table in the end.
    """

    client: float
    cloud: float
    server: float
    wall: float
    rows: int

    @property
    def cpu(self) -> float:
        """All of it."""
        return self.client + self.cloud + self.server


def cases(scale: str, present: Iterable[int]) -> list[Case]:
    """All clients, for each share of keys."""
    return [Case(who, share, scale) for share in present for who in CLIENTS]


QUICK = cases("0.01", (50,))
FULL = [*QUICK, *cases("0.1", (50, 0, 100))]


def rows_of(scale: str) -> pa.Table:
    """The rows of lineitem with the contract's types."""
    kinds = {
        "bigint": pa.int64(), "integer": pa.int32(), "date": pa.date32(), "decimal": pa.decimal128(15, 2),
        "char": pa.string(), "varchar": pa.string(),
    }  # fmt: skip
    types = {name: kinds[SqlType.parse(kind).name] for name, kind in COLUMNS.items()}
    return pc_csv.read_csv(data(scale), convert_options=pc_csv.ConvertOptions(column_types=types))


def older_versions(newer: pa.Table, present: int) -> pa.Table:
    """As many rows as come in: of so many percent of them a version of the day before, the others of other keys."""
    count = newer.num_rows * present // 100
    moved = pc.add(newer["l_orderkey"].slice(count), 1_000_000_000)
    keys = pa.chunked_array([*newer["l_orderkey"].slice(0, count).chunks, *moved.chunks], pa.int64())
    days = pc.subtract(newer["l_shipdate"].cast(pa.int32()), pa.scalar(1, pa.int32())).cast(pa.date32())
    place = newer.schema.get_field_index
    older = newer.set_column(place("l_orderkey"), "l_orderkey", keys)
    return older.set_column(place("l_shipdate"), "l_shipdate", days)


def write(folder: Path, newer: pa.Table, present: int) -> None:
    """Both tables, as CSV and, with the columns of lineage, as Parquet."""
    for name, rows in (("older", older_versions(newer, present)), ("newer", newer)):
        pc_csv.write_csv(rows, folder / f"{name}.csv", pc_csv.WriteOptions(quoting_style="needed"))
        for column, value in (("_batch_id", BATCHES[name]), ("_source_file", f"s3://raw/{name}.csv")):
            rows = rows.append_column(column, pa.repeat(value, rows.num_rows))  # noqa: PLW2901
        pq.write_table(rows, folder / f"{name}.parquet", compression="zstd")


def spent_by(pid: int) -> tuple[float, float]:
    """CPU seconds of the local cloud and of PostgreSQL so far, what their ended children spent included."""
    cloud = server = 0.0
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        try:
            times, name = process.cpu_times(), process.name()
        except psutil.Error:
            continue
        # Whoever waited for a child has its seconds.
        seconds = times.user + times.system + times.children_user + times.children_system
        if name.startswith("postgres"):
            server += seconds
        else:
            cloud += seconds
    return cloud, server


class Place:
    """A local cloud with an empty warehouse, for one case."""

    def __init__(self, folder: Path) -> None:
        """Start it, with the bucket that Sluice's client uses."""
        self.cloud = LocalCloudProcess(LocalCloudConfig(folder / "state", port=0, warehouse_port=0))
        self.cloud.start()
        clients = Clients.of_local_cloud(self.cloud.endpoint_url, self.cloud.config.region)
        clients.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

    def step(self, who: str, name: str, folder: Path) -> Spent:
        """Run a client's step; the number of rows is not yet known."""
        dsn = self._postgres()
        python = str(PEERS_BIN / "python") if who == "dlt" else sys.executable
        command = [python, "-m", "benchmarks.load_clients", who, name, str(folder), self.cloud.endpoint_url, dsn]
        before = spent_by(self.cloud.pid)
        cost = run(command, ROOT, {})
        # PostgreSQL's process of the connection is waited for by its parent, which has its seconds then.
        time.sleep(0.2)
        after = spent_by(self.cloud.pid)
        return Spent(cost.cpu, after[0] - before[0], after[1] - before[1], cost.wall, 0)

    def _postgres(self) -> str:
        """The PostgreSQL underneath, which the peers load as what it is; the warehouse's port speaks Redshift.

        The fourth line of its file is its port: https://www.postgresql.org/docs/current/storage-file-layout.html
        """
        state = self.cloud.config.state_dir / "warehouse" / "data" / "postmaster.pid"
        port = state.read_text(encoding="utf-8").splitlines()[3]
        return re.sub(r":\d+/", f":{port}/", self.cloud.warehouse_dsn or "")

    def count(self, who: str) -> tuple[int, int]:
        """Rows, and those of the newer versions: the sum of the days of shipping tells."""
        with psycopg.connect(self.cloud.warehouse_dsn or "") as connection:
            query = f"SELECT count(*), sum(l_shipdate - date '1990-01-01') FROM {TABLES.get(who, 'lineitem')}"  # noqa: S608
            found = connection.execute(query.encode()).fetchone()
        return (int(found[0]), int(found[1])) if found else (0, 0)


def measure(case: Case) -> Spent:
    """Fill the table, load into it, and make sure that it has what it must.

    Raises:
        CommandFailedError: A client failed, or left other rows than it must.
    """
    newer = rows_of(case.scale)
    older = older_versions(newer, case.present)
    kept = older.slice(newer.num_rows * case.present // 100)
    wanted = (newer.num_rows + kept.num_rows, _days(newer) + _days(kept))
    with TemporaryDirectory(prefix=f"job2-{case.who}-{case.present}-", dir=DATA) as name:
        folder = Path(name)
        write(folder, newer, case.present)
        # PostgreSQL runs as another user when this runs as root, and reads nothing of the folder itself.
        with TemporaryDirectory(prefix="sluice-job2-") as state:
            place = Place(Path(state))
            try:
                place.step(case.who, "fill", folder)
                spent = place.step(case.who, "load", folder)
                found = place.count(case.who)
            finally:
                place.cloud.stop()
    if found != wanted:
        raise CommandFailedError(f"{case.name}: {found} rows and days where {wanted} must be")
    return Spent(spent.client, spent.cloud, spent.server, spent.wall, found[0])


def _days(rows: pa.Table) -> int:
    """The sum of the days of shipping since 1990."""
    total = pc.sum(rows["l_shipdate"].cast(pa.int32())).as_py() or 0
    return int(total) - 7305 * rows.num_rows


def measured(case: Case) -> Result:
    """What `measure` gives, and the sum."""
    spent = measure(case)
    return {**asdict(spent), "cpu": spent.cpu}


def ratios(found: Mapping[str, Result], scale: str) -> Iterable[tuple[str, float, float]]:
    """Sluice beside each peer: the ratio of all CPU seconds, and of those of PostgreSQL alone."""
    for share in PRESENT:
        ours = found.get(Case("sluice", share, scale).name)
        for who in CLIENTS:
            other = found.get(Case(who, share, scale).name)
            if ours and other and who != "sluice":
                name = f"{scale}, {share} % present: Sluice / {who}"
                yield name, ours["cpu"] / other["cpu"], ours["server"] / other["server"]


def main() -> None:
    """Run all cases; print a line for each, then the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60,000 rows, half of their keys present")
    parser.add_argument("--only", default="", help="the cases whose name, such as 'dlt 50%% 0.1', matches this")
    parser.add_argument("--seconds", type=float, help="for how long cases are begun")
    options = parser.parse_args()
    told = {**machine(), "peers": peers()}
    kept = Kept((QUICK_RESULTS if options.quick else RESULTS) / "job2.json", told, options.seconds)
    print(f"{'case':28}{'CPU s':>9}{'client':>9}{'cloud':>9}{'server':>9}{'wall s':>9}{'rows':>10}", flush=True)
    for case in QUICK if options.quick else FULL:
        if not re.search(options.only, case.name):
            continue
        spent = kept.run(case.name, partial(measured, case))
        if spent is not None:
            parts = "".join(f"{spent[part]:9.2f}" for part in ("cpu", "client", "cloud", "server", "wall"))
            print(f"{case.name:28}{parts}{spent['rows']:10}", flush=True)
    print(f"\n{'ratio':44}{'CPU':>8}{'server':>8}")
    for scale in dict.fromkeys(case.scale for case in FULL):
        for name, cpu, server in ratios(kept.cases, scale):
            print(f"{name:44}{cpu:8.2f}{server:8.2f}")
    kept.end()


if __name__ == "__main__":
    main()
