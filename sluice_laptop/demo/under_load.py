"""Proofs on a whole local cloud under load: it is killed again and again, and it gets everything within a minute."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Final, Self

from sluice.aws.jobs import DATASET_ARGUMENT
from sluice.contract.files import read_contracts
from sluice.lake.layout import Partition
from sluice.simulator import DATASETS
from sluice_laptop.demo.bad_day import found_in
from sluice_laptop.demo.proofs import Found, ProofOptions
from sluice_laptop.demo.scenario import START
from sluice_laptop.demo.site import Site

KILLS: Final = 100
BURST: Final = {"orders": 1000, "customers": 200, "products": 200, "transactions": 200}
MOST_RUNS: Final = 20
"""Conversion runs of one dataset that a burst must stay below."""
_ROWS: Final = 20
_LIVES: Final = (1.0, 7.0)
_PAUSE_SECONDS: Final = 1.0
_HANDS: Final = 8


def kills(options: ProofOptions) -> Iterator[Found]:
    """SIGKILL at random moments while partitions come in, once for each seed; started again each time, all is loaded.

    Of ten kills six take every process at once, two the local cloud alone, and two one of the processes below it.
    """
    times = max(1, (options.times or KILLS) // len(options.seeds))
    for seed in options.seeds:
        site = Site(options.folder / str(seed), read_contracts(Path("contracts")), seed, _ROWS)
        chosen = random.Random(seed)  # noqa: S311 - no secret
        with site:
            with _Source(site) as source:
                how = Counter(_kill(site, chosen) for _ in range(times))
            batches = site.settle(options.timeout_seconds)
            differences = list(site.differences(batches))
        ways = ", ".join(f"{name} {count}" for name, count in sorted(how.items()))
        what = f"seed {seed}: {times} kills ({ways}) while {source.sent} partitions came in"
        yield found_in(what, times, differences)


def bursts(options: ProofOptions) -> Iterator[Found]:
    """1,000 manifests of one dataset and 200 of each other, as fast as one can: all are loaded once, in few runs."""
    share = min(1.0, (options.times or sum(BURST.values())) / sum(BURST.values()))
    sizes = {name: max(1, round(count * share)) for name, count in BURST.items()}
    site = Site(options.folder / "burst", read_contracts(Path("contracts")), options.seeds[0], _ROWS)
    with site:
        began = time.monotonic()
        with ThreadPoolExecutor(_HANDS) as hands:
            list(hands.map(lambda place: site.send(*place), _mixed(sizes)))
        sending = time.monotonic() - began
        batches = site.settle(options.timeout_seconds)
        differences = list(site.differences(batches))
        runs, dead = _runs(site), _dead_letters(site)
    count = sum(sizes.values())
    what = f"{count} manifests within {sending:.0f} s: at most {max(runs.values())} conversion runs of a dataset"
    found = found_in(what, count, differences)
    surplus = len(batches) - count
    problems = [f"{surplus} batches too many"] if surplus else []
    problems += [f"{name}: {number} conversion runs" for name, number in runs.items() if number >= MOST_RUNS]
    problems += [f"{dead} dead letters"] if dead else []
    yield replace(found, wrong=found.wrong + len(problems), problems=(*problems, *found.problems))


class _Source:
    """Partitions of all datasets, one after the other, until the block ends; the last one is put to its end."""

    def __init__(self, site: Site) -> None:
        self.sent = 0
        self._site = site
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._send, name="source", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_over.set()
        if kind is None:  # Otherwise there may be nothing any more to which it could put it.
            self._thread.join()

    def _send(self) -> None:
        hours = dict.fromkeys(DATASETS, START)
        for dataset in cycle(DATASETS):
            if self._is_over.wait(_PAUSE_SECONDS):
                return
            self._site.send(dataset, hours[dataset])
            hours[dataset] = hours[dataset].next()
            self.sent += 1


def _kill(site: Site, chosen: random.Random) -> str:
    """Let the local cloud live for a while, then kill and start it; how it was killed."""
    time.sleep(chosen.uniform(*_LIVES))
    way = chosen.random()
    if way < 0.2:
        site.kill_one(chosen.randrange(1000))
        return "one process"
    if way < 0.4:
        site.kill_cloud()
    else:
        site.kill_all()
    site.start()
    return "the local cloud" if way < 0.4 else "everything"


def _mixed(sizes: dict[str, int]) -> Iterator[tuple[str, Partition]]:
    hours = dict.fromkeys(sizes, START)
    left = dict(sizes)
    while left:
        for name in list(left):
            yield name, hours[name]
            hours[name] = hours[name].next()
            left[name] -= 1
            if not left[name]:
                del left[name]


def _runs(site: Site) -> Counter[str]:
    """Conversion runs by dataset."""
    pages = site.clients.glue.get_paginator("get_job_runs").paginate(JobName=site.settings.convert_job)
    return Counter(run["Arguments"][DATASET_ARGUMENT] for page in pages for run in page["JobRuns"])


def _dead_letters(site: Site) -> int:
    sqs = site.clients.sqs
    url = sqs.get_queue_url(QueueName=site.settings.manifest_queue)["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    name = json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2]
    dead = sqs.get_queue_attributes(
        QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(dead["Attributes"]["ApproximateNumberOfMessages"])
