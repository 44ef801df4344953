"""What a user waits for in the terminal: ``sluice --help`` and ``sluice demo``.

python -m benchmarks.commands [--quick] [--seconds N]
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.kept import QUICK_RESULTS, RESULTS, ROOT, Kept, Result, machine
from benchmarks.measure import run

REPEAT = 5
"""Runs of a command that is over at once; the fastest counts."""


def main() -> None:
    """Run the commands; print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the demo")
    parser.add_argument("--seconds", type=float, help="for how long commands are begun")
    options = parser.parse_args()
    kept = Kept((QUICK_RESULTS if options.quick else RESULTS) / "commands.json", machine(), options.seconds)
    cases: dict[str, Callable[[], Result]] = {"sluice --help": partial(_timed, ["--help"], REPEAT)}
    if not options.quick:
        cases["sluice demo"] = _demo
    for name, case in cases.items():
        cost = kept.run(name, case)
        if cost is not None:
            print(f"{name:24}{cost['wall']:9.2f} s{cost['cpu']:9.2f} CPU s", flush=True)
    kept.end()


def _timed(arguments: Sequence[str], repeat: int) -> Result:
    # The program beside the interpreter that runs this.
    command = [str(Path(sys.executable).with_name("sluice")), *arguments]
    found = [run(command, ROOT, {}, with_answer=False) for _ in range(repeat)]
    return asdict(min(found, key=lambda cost: cost.wall))


def _demo() -> Result:
    with TemporaryDirectory(prefix="sluice-demo-") as folder:
        return _timed(["demo", "--folder", folder], 1)


if __name__ == "__main__":
    main()
