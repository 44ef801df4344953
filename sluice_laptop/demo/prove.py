"""`python -m sluice_laptop.demo.prove`: every claim about reliability, shown at length, in one table of what was found.

The short version of each is a test of the suite. To add one, write a generator of `sluice_laptop.demo.proofs.Found`
and name it in `PROOFS`.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from sluice_laptop.demo.proofs import Proof, ProofOptions, prove_all

PROOFS: Final = (
    Proof(
        "bad-day",
        "the demo while 5 % of all answers and events go wrong: every batch is loaded, every row is as it was sent",
        "sluice_laptop.demo.bad_day:bad_days",
    ),
    Proof(
        "histories",
        "random histories of everything that can happen, in any order, end as a pure model says",
        "tests.histories.proofs:histories",
    ),
    Proof(
        "burst",
        "1,600 manifests within a minute are each loaded once, in few runs; 10,000 that wait need little memory",
        "tests.histories.proofs:bursts",
    ),
    Proof(
        "at-once",
        "loads, a contract that grows, schema syncs, refreshes and replays at the same time lose and double nothing",
        "tests.histories.proofs:at_once",
    ),
    Proof(
        "hostile",
        "manifests, names, files and values made to break the path are loaded, or refused by a rule, in bounded memory",
        "tests.histories.proofs:hostile",
    ),
    Proof(
        "kills",
        "the whole local cloud killed at random moments while partitions come in: started again, all is loaded once",
        "sluice_laptop.demo.under_load:kills",
    ),
    Proof(
        "burst-cloud",
        "1,600 manifests at once into a whole local cloud: each is loaded once, in few runs, no dead letter",
        "sluice_laptop.demo.under_load:bursts",
    ),
    Proof(
        "kill-steps",
        "a kill before and after every call of functions, state machine and archive to the outside: it ends like none",
        "tests.unit.test_kills:kills",
    ),
)
"""Every proof, in the order in which they are run."""


def main(arguments: list[str] | None = None) -> int:
    """Prove, and print what came of it.

    Args:
        arguments: Of the command line; None takes the process's own.

    Returns:
        The exit status: 0 when nothing was lost, doubled or wrong.
    """
    given = _parser().parse_args(arguments)
    if given.list:
        for proof in PROOFS:
            Console().print(f"{proof.name}: {proof.what}", markup=False, soft_wrap=True)
        return 0
    options = ProofOptions(
        given.folder, tuple(given.seeds), given.times, given.rows, given.rate, given.timeout, given.docs
    )
    wanted = [proof for proof in PROOFS if not given.only or proof.name in given.only]
    return 0 if prove_all(wanted, options, Console(width=200)) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sluice_laptop.demo.prove", description=__doc__)
    names = [proof.name for proof in PROOFS]
    parser.add_argument("--only", nargs="+", default=[], choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--list", action="store_true", help="name the proofs, and run none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--times", type=int, help="how often, for proofs that count: histories, kills")
    parser.add_argument("--rows", type=int, default=300, help="source records in each hour of each dataset")
    parser.add_argument("--rate", type=float, default=0.05, help="share of what goes wrong on a bad day")
    parser.add_argument("--folder", type=Path, default=Path("build/prove"))
    parser.add_argument("--timeout", type=float, default=3600, help="seconds that one case may take")
    parser.add_argument("--docs", action="store_true", help="write pages of the documentation that show results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
