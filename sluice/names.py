"""Names of functions, event rules, schedules and crawlers, behind the deployment's own: ``Settings.prefix``.

``terraform/stack.json`` has the same ones.
"""

from datetime import timedelta
from typing import Final

MANIFEST_FUNCTION: Final = "on-manifest"
"""Takes manifests in."""
SWEEP_FUNCTION: Final = "sweep"
"""Finishes what was left behind, and starts what waits."""
BOOTSTRAP_FUNCTION: Final = "bootstrap"
"""Makes the warehouse ready, as its administrator."""
SYNC_FUNCTION: Final = "sync-schema"
"""Compares contracts with what was crawled, and tables with contracts."""
SWEEP_PERIOD: Final = timedelta(minutes=5)
"""Time from one sweep to the next."""

FUNCTIONS: Final = (
    MANIFEST_FUNCTION,
    "on-job-change",
    SWEEP_FUNCTION,
    "load-step",
    "archive",
    BOOTSTRAP_FUNCTION,
    SYNC_FUNCTION,
)
"""All functions."""
PATH_FUNCTIONS: Final = (MANIFEST_FUNCTION, "on-job-change", "load-step", "archive")
"""Those that every batch passes, in its order."""

RULES: Final = ("job-change", "crawled", "sweep")
"""Event rules and schedules that must be switched on."""

GLUE_VERSION: Final = "6.0"
"""Version of Glue that the jobs are made for."""


def crawler_name(prefix: str, zone: str, dataset: str) -> str:
    """Name of the crawler of one dataset's tables in one zone.

    Args:
        prefix: What the names of a deployment begin with.
        zone: ``raw`` or ``processed``.
        dataset: The dataset.
    """
    return f"{prefix}{zone}-{dataset.replace('_', '-')}"
