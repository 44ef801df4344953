"""All benchmarks, one after the other, within a time; then the tables of ``docs/performance.md``.

    python -m benchmarks [--quick] [--minutes N]

Each part is a process of its own and gets a share of the time that is left; what it does not use is the others'. With
``--quick`` the results go to build/bench-quick, and the page stays as it is.
"""

import argparse
import subprocess
import sys
import time

from benchmarks.kept import ROOT
from benchmarks.page import write_page

PARTS = {"commands": 0.1, "path": 0.27, "job1": 0.4, "job2": 0.15, "statements": 0.03, "load_lookup": 0.05}
"""Share of the time of each part; what a part does not use is the others'."""
UNTIMED = ("load_lookup",)
"""One case alone, which takes no time limit and, with ``--quick``, fewer rows."""
QUICK_ROWS = "200000"
MINUTES = 15.0


def main() -> None:
    """Run all parts; a part that fails takes no other with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small data; the page stays as it is")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for how long cases are begun")
    options = parser.parse_args()
    until, shares, failed = time.monotonic() + 60 * options.minutes, dict(PARTS), []
    for part, share in PARTS.items():
        seconds = (until - time.monotonic()) * share / sum(shares.values())
        del shares[part]
        print(f"\n== {part}", flush=True)
        if subprocess.run(command_of(part, seconds, is_quick=options.quick), cwd=ROOT, check=False).returncode:  # noqa: S603
            failed.append(part)
        if not options.quick:
            write_page()
    if failed:
        raise SystemExit(f"not all of {', '.join(failed)} was measured")


def command_of(part: str, seconds: float, *, is_quick: bool) -> list[str]:
    """What runs a part."""
    command = [sys.executable, "-m", f"benchmarks.{part}"]
    if part in UNTIMED:
        return command + [QUICK_ROWS] * is_quick
    return [*command, f"--seconds={max(seconds, 1.0):.0f}"] + ["--quick"] * is_quick


if __name__ == "__main__":
    main()
