"""Results of a part of the benchmarks: case by case, written down after each, so that whatever happens leaves them.

A case that breaks or takes too long is told with its reason and takes no other with it; what there was no time for is
named, too.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
"""What `docs/performance.md` shows."""
QUICK_RESULTS = ROOT / "build" / "bench-quick"
"""Of small data, for who works on the code; nothing shows them."""
Result = Mapping[str, Any]


def machine() -> dict[str, object]:
    """What a reader must know of the machine and the versions; the load is the one before the first case."""
    packages = ("duckdb", "pyarrow", "pyspark")
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": os.cpu_count(),
        "load_average_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
    }


class Kept:
    """The results of one part.

    Args:
        path: Where they are written, as JSON; an earlier run's are replaced with the first result.
        told: About machine and versions.
        seconds: For how long cases are begun; None is for ever.
    """

    def __init__(self, path: Path, told: Mapping[str, object], seconds: float | None = None) -> None:
        self._path, self._told = path, dict(told)
        self._until = None if seconds is None else time.monotonic() + seconds
        self.cases: dict[str, Result] = {}
        self.failed: dict[str, str] = {}
        self.left_out: list[str] = []

    def run(self, name: str, case: Callable[[], Result]) -> Result | None:
        """Run a case and write down what it gives; None when it failed or there is no time left for it."""
        result = None
        if self._until is not None and time.monotonic() > self._until:
            self.left_out.append(name)
        else:
            try:
                result = self.cases[name] = case()
            except Exception as error:  # noqa: BLE001 - whatever breaks a case, the others are still to be measured
                self.failed[name] = f"{type(error).__name__}: {error}"
                print(f"{name:24}  failed: {_last_line(error)[:150]}", flush=True)
        self._write()
        return result

    def end(self) -> None:
        """Say what is missing.

        Raises:
            SystemExit: Cases failed.
        """
        if self.left_out:
            print(f"no time was left for {', '.join(self.left_out)}", flush=True)
        if self.failed:
            raise SystemExit(f"{len(self.failed)} of the cases failed; {self._path} has the reasons")

    def _write(self) -> None:
        kept = {**self._told, "cases": self.cases, "failed": self.failed, "left_out": self.left_out}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".part")
        unfinished.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        unfinished.replace(self._path)


def _last_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
