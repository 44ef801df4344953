"""Counts how the stand-in takes the statements of SQL files.

``python -m localcloud.redshift.fidelity --fixtures DIR`` prints the counts.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from localcloud.errors import CloudError
from localcloud.redshift.fidelity.fixtures import read_fixtures
from localcloud.redshift.fidelity.report import Report, write_block
from localcloud.redshift.fidelity.runner import run

_PAGE = Path("docs/fidelity.md")
_MAX_TIMEOUT_SECONDS = 30


def main() -> int:
    """Count, and print the table; give the exit code."""
    options = _parser().parse_args()
    try:
        report = Report(run(read_fixtures(options.fixtures), min(options.timeout, _MAX_TIMEOUT_SECONDS)))
        if options.json is not None:
            options.json.write_text(report.json(options.revision), encoding="utf-8")
        if options.docs:
            write_block(_PAGE, report.block(options.revision, f"{datetime.now(UTC):%Y-%m-%d}"))
    except CloudError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(report.table())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.redshift.fidelity", description=__doc__)
    parser.add_argument("--fixtures", type=Path, required=True, help="folder with the files *.sql")
    parser.add_argument("--revision", default="fixtures of no named revision", help="what the fixtures are, as shown")
    parser.add_argument("--json", type=Path, help="file to write everything to, as JSON")
    parser.add_argument("--docs", action="store_true", help=f"write the counts into {_PAGE}")
    parser.add_argument("--timeout", type=int, default=20, help="seconds for one statement, at most 30")
    return parser


if __name__ == "__main__":
    sys.exit(main())
