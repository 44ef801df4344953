"""Runs the corpus and prints the counts.

``python -m localcloud.fidelity`` prints the statements that are wrong and the table, ``--docs`` writes the table into
``docs/fidelity.md``, ``--all`` prints what is refused clearly as well.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from localcloud.errors import CloudError
from localcloud.fidelity import athena_runner, redshift_runner, report
from localcloud.fidelity.corpus import Area, areas
from localcloud.fidelity.verdicts import Judged, Verdict

PAGE = Path("docs/fidelity.md")
_RUNNERS = {"redshift": redshift_runner.run, "athena": athena_runner.run}


def results(wanted: Sequence[str] = ()) -> Mapping[str, Mapping[str, Sequence[Judged]]]:
    """Run the corpus.

    Args:
        wanted: areas such as ``redshift/dates`` or ``redshift``; all when there are none.

    Raises:
        CorpusError: a line cannot be read, or what an area presumes cannot be made.
    """
    found: dict[str, Mapping[str, Sequence[Judged]]] = {}
    for service, run in _RUNNERS.items():
        chosen = tuple(area for area in areas(service) if _is_wanted(area, wanted))
        if chosen:
            found[service] = run(chosen)
    return found


def _is_wanted(area: Area, wanted: Sequence[str]) -> bool:
    return not wanted or area.service in wanted or f"{area.service}/{area.name}" in wanted


def main() -> int:
    """Run the corpus, and print; give the exit code."""
    options = _parser().parse_args()
    started = time.monotonic()
    try:
        found = results(options.areas)
        table = report.block(found)
        if options.docs:
            report.write(PAGE, table)
    except CloudError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    judged = [one for by_area in found.values() for many in by_area.values() for one in many]
    shown = set(Verdict) - {Verdict.RIGHT} - (set() if options.all else {Verdict.REFUSED_CLEARLY})
    sys.stdout.write(report.differences(judged, shown) + table)
    sys.stdout.write(f"{len(judged)} statements in {time.monotonic() - started:.1f} s\n")
    return 1 if any(one.verdict is Verdict.WRONG_VALUE for one in judged) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.fidelity", description=__doc__)
    parser.add_argument("areas", nargs="*", help="such as redshift or redshift/dates; all when there are none")
    parser.add_argument("--docs", action="store_true", help=f"write the table into {PAGE}; of all areas")
    parser.add_argument("--all", action="store_true", help="print what is refused clearly as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
