"""From a manifest to the warehouse on an idle local cloud: how long a batch takes, and where its seconds go.

    python -m benchmarks.path [ROWSxMANIFESTS ...] [--repeat N] [--quick] [--seconds N]

Each round sends so many manifests at once, hours of ``transactions`` with so many rows each, and waits until the last
is LOADED. Printed is a line for each kind of round; the results have for each round the seconds from the first
manifest to the last LOADED, the seconds of one batch between the states that the ledger has of it, with those of the
Glue runs behind them, the CPU seconds of the local cloud with all that it started, and what the same calls and runs
would cost on AWS (see ``cost.py``).
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from benchmarks.cost import LEAST_WORKERS, Usage, bill, dpus, prices
from benchmarks.kept import QUICK_RESULTS, RESULTS, ROOT, Kept, Result, machine
from glue_jobs.conversion.engines import EngineName
from localcloud.child import LocalCloudProcess
from localcloud.config import GlueSettings, LocalCloudConfig
from localcloud.faults.control import follow_plan, read_tallies
from localcloud.faults.plan import FaultPlan
from sluice.aws.clients import Clients
from sluice.aws.ledger import Ledger
from sluice.contract.files import read_contracts
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from sluice.settings import Settings
from sluice_laptop.deploy import Deployer
from sluice_laptop.foreground import WAREHOUSE_SECRET, warm

DATASET = "transactions"
FIRST = Partition.parse("2026-11-01T00")
HEADER = (
    "transaction_id;order_id;product_id;quantity;unit_price;discount_percent;transaction_date;payment_method;updated_at"
)
FULL = ("300x1", "300x66", "10000x1", "100000x1", "1000000x1", "300x300")
QUICK = FULL[:2]
REPEAT, ENOUGH_SECONDS = 3, 30.0
"""Rounds of each kind, or as many as fit into so many seconds: the first has everything cold."""
PATIENCE_SECONDS = 300.0
COUNTING = FaultPlan(rate=1e-15)
"""Requests of functions and jobs are counted while anything may go wrong; with this plan nothing ever does."""
IDLE_SECONDS = 15
"""From the deploy to the first manifest: the functions' processes have started by then, as when somebody works."""
REPORT = re.compile(r"^REPORT .*Billed Duration: ([\d.]+) ms\s+Memory Size: (\d+) MB")
"""Source: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html."""


class RoundFailedError(Exception):
    """A round did not come to its end; the message says why."""


class Cloud:
    """A local cloud with Sluice in it, and the next hours to send."""

    def __init__(self, folder: Path) -> None:
        """Start and deploy."""
        self.contracts = read_contracts(ROOT / "contracts")
        self.settings = Settings(warehouse_secret=WAREHOUSE_SECRET)
        config = LocalCloudConfig(folder / "state", port=0, warehouse_port=0, glue=GlueSettings(), iam="enforce")
        self.cloud = LocalCloudProcess(config)
        self.cloud.start()
        self.clients = Clients.of_local_cloud(self.cloud.endpoint_url, config.region)
        self.ledger = Ledger(self.clients.dynamodb, self.settings.ledger_table)
        Deployer(self.clients, self.settings, self.contracts, self.cloud.warehouse_dsn).deploy()
        warm(self.clients, self.settings)
        time.sleep(IDLE_SECONDS)
        self.sent = self.rows = 0

    def send(self, rows: int) -> None:
        """One hour: its file, then its manifest."""
        hour = Partition(FIRST.start + timedelta(hours=self.sent))
        folder = self.contracts[DATASET].layout.folder(hour)
        numbers = range(self.rows, self.rows + rows)
        self.sent, self.rows = self.sent + 1, self.rows + rows
        at, changed = f"{hour.start:%d.%m.%Y %H}:00:00", f"{hour.start:%Y-%m-%dT%H}:00:00"
        lines = (f"{number};ORD-{number:06d};PROD-0001;1;2.50;0;{at};card;{changed}" for number in numbers)
        body = "\n".join([HEADER, *lines, ""]).encode()
        bucket = self.settings.raw_bucket
        self.clients.s3.put_object(Bucket=bucket, Key=f"{folder}/a.csv", Body=body)
        entry = {"url": f"s3://{bucket}/{folder}/a.csv", "meta": {"content_length": len(body)}}
        manifest = json.dumps({"entries": [entry]}).encode()
        self.clients.s3.put_object(Bucket=bucket, Key=f"{folder}/manifest.json", Body=manifest)

    def rounds(self, kind: str, repeat: int) -> Result:
        """Rounds of a kind, ``ROWSxMANIFESTS``.

        Raises:
            RoundFailedError: A batch failed, or was not LOADED in time.
        """
        rows, manifests = map(int, kind.split("x"))
        began, found = time.monotonic(), list[dict[str, Any]]()
        while len(found) < repeat and (not found or time.monotonic() - began < ENOUGH_SECONDS):
            found.append(self.round(manifests, rows))
        return {"rounds": found}

    def round(self, manifests: int, rows: int) -> dict[str, Any]:
        """Send manifests and wait until the last batch is LOADED."""
        follow_plan(self.cloud.endpoint_url, COUNTING)
        began, cpu = time.time(), _cpu_seconds(self.cloud.pid)
        for _ in range(manifests):
            self.send(rows)
        batches = self._loaded(began, manifests)
        newest = max(batches, key=lambda batch: batch.received_at)
        last = max(_moment(change.at) for batch in batches for change in batch.history)
        return {
            "seconds": round(last - began, 2),
            "states": dict(_steps(began, newest)),
            "engine": newest.engine,
            "glue": self._runs(began),
            "cpu": round(_cpu_seconds(self.cloud.pid) - cpu, 2),
            "dollars": {
                name: round(cost, 7) for name, cost in bill(self._usage(began, newest.engine), prices()).items()
            },
        }

    def _loaded(self, began: float, manifests: int) -> tuple[BatchRecord, ...]:
        """The batches that arrived since a moment, when all of them are LOADED."""
        since = datetime.fromtimestamp(began, UTC)
        while True:
            batches = self.ledger.batches(dataset=DATASET, limit=manifests + 1, since=since)
            failed = [batch.reason for batch in batches if batch.state in {BatchState.FAILED, BatchState.REJECTED}]
            if failed:
                raise RoundFailedError(failed[0])
            if sum(batch.state in {BatchState.LOADED, BatchState.ARCHIVED} for batch in batches) == manifests:
                return batches
            if time.time() > began + PATIENCE_SECONDS:
                states = Counter(str(batch.state) for batch in batches)
                raise RoundFailedError(f"after {PATIENCE_SECONDS:.0f} s the batches are {dict(states)}")
            time.sleep(0.05)

    def _usage(self, since: float, engine: str) -> Usage:
        runs = self._runs(since)
        units = {}
        for name in {run["job"] for run in runs}:
            job = self.clients.glue.get_job(JobName=name)["Job"]
            is_distributed = name == self.settings.convert_job and engine == EngineName.SPARK
            units[name] = dpus(job["WorkerType"], job["NumberOfWorkers"] if is_distributed else LEAST_WORKERS)
        calls = {(tally.service, tally.operation): tally.asked for tally in read_tallies(self.cloud.endpoint_url)}
        return Usage(
            calls=calls,
            glue=[(run["seconds"], units[run["job"]]) for run in runs],
            lambdas=self._invocations(since),
            transitions=self._transitions(since),
            loads=sum(run["job"] == self.settings.load_job for run in runs),
        )

    def _invocations(self, since: float) -> list[tuple[float, float]]:
        """Seconds and gigabytes of each invocation of a function, as Lambda reports them in its log."""
        logs = self.clients.session.client("logs", endpoint_url=self.cloud.endpoint_url)
        found = []
        for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]:
            name, start = group["logGroupName"], int(since * 1000)
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name, startTime=start)
            for event in (event for page in pages for event in page["events"]):
                report = REPORT.search(event["message"])
                if report:
                    found.append((float(report[1]) / 1000, float(report[2]) / 1024))
        return found

    def _transitions(self, since: float) -> int:
        states = self.clients.stepfunctions
        entered = 0
        for found in states.list_state_machines()["stateMachines"]:
            for execution in states.list_executions(stateMachineArn=found["stateMachineArn"])["executions"]:
                if execution["startDate"].timestamp() >= since - 0.5:
                    pages = states.get_paginator("get_execution_history").paginate(
                        executionArn=execution["executionArn"], includeExecutionData=False
                    )
                    events = (event for page in pages for event in page["events"])
                    entered += sum(event["type"].endswith("StateEntered") for event in events)
        return entered

    def _runs(self, since: float) -> list[dict[str, Any]]:
        found = []
        for job in (self.settings.convert_job, self.settings.load_job):
            for run in self.clients.glue.get_job_runs(JobName=job)["JobRuns"]:
                started, completed = run["StartedOn"].timestamp(), run["CompletedOn"].timestamp()
                if started >= since - 0.5:
                    seconds = round(completed - started, 2)
                    found.append({"job": job, "after": round(started - since, 2), "seconds": seconds})
        return found


def _cpu_seconds(pid: int) -> float:
    """CPU seconds of the local cloud and all that it ever started: whoever waited for a child has its seconds."""
    root, total = psutil.Process(pid), 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _steps(began: float, batch: BatchRecord) -> Iterable[tuple[str, float]]:
    """Each state with the seconds from the one before it."""
    before = began
    for change in batch.history:
        at = _moment(change.at)
        yield str(change.state), round(at - before, 2)
        before = at


def _told(name: str, rounds: list[dict[str, Any]]) -> str:
    first, *others = [found["seconds"] for found in rounds]
    best = min(rounds, key=lambda found: float(found["seconds"]))
    states = ", ".join(f"{state} {seconds}" for state, seconds in best["states"].items())
    dollars = sum(best["dollars"].values())
    rest = f"CPU {best['cpu']:6.1f} s  {dollars:.3f} $  {best['engine']:8} {states}"
    return f"{name:>12}  first {first:6.2f} s  best {min([first, *others]):6.2f} s  {rest}"


def main() -> None:
    """Run the rounds and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=FULL, metavar="ROWSxMANIFESTS")
    parser.add_argument("--quick", action="store_true", help=" ".join(QUICK))
    parser.add_argument("--repeat", type=int, default=REPEAT, help="rounds of each kind; the first has everything cold")
    parser.add_argument("--seconds", type=float, help="for how long rounds are begun")
    options = parser.parse_args()
    kept = Kept((QUICK_RESULTS if options.quick else RESULTS) / "path.json", machine(), options.seconds)
    with TemporaryDirectory(prefix="sluice-path-") as folder:
        path = Cloud(Path(folder))
        try:
            for kind in QUICK if options.quick else options.kinds:
                found = kept.run(kind, partial(path.rounds, kind, options.repeat))
                if found is not None:
                    print(_told(kind, found["rounds"]), flush=True)
        finally:
            path.cloud.stop()
    kept.end()


if __name__ == "__main__":
    main()
