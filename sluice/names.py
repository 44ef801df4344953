"""Names that no setting changes: functions, event rules and schedules. ``terraform/stack.json`` has the same ones."""

from typing import Final

PREFIX: Final = "sluice-"
"""What the names of functions, rules and schedules begin with."""

MANIFEST_FUNCTION: Final = f"{PREFIX}on-manifest"
"""Takes manifests in."""
SWEEP_FUNCTION: Final = f"{PREFIX}sweep"
"""Finishes what was left behind, and starts what waits."""

FUNCTIONS: Final = (
    MANIFEST_FUNCTION,
    f"{PREFIX}on-job-change",
    SWEEP_FUNCTION,
    f"{PREFIX}load-step",
    f"{PREFIX}archive",
    f"{PREFIX}bootstrap",
    f"{PREFIX}sync-schema",
)
"""All functions."""

RULES: Final = (f"{PREFIX}job-change", f"{PREFIX}crawled", f"{PREFIX}sweep")
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
