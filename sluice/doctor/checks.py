"""All checks, in the order of a batch's path, and how they are run."""

from collections.abc import Callable, Iterable, Iterator

from sluice.doctor import catalog, compute, crawlers, intake, ledger, loading, queries, warehouse
from sluice.doctor.deployment import Deployment
from sluice.doctor.findings import Finding, error
from sluice.errors import SluiceError

Check = Callable[[Deployment], Iterable[Finding]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("buckets", intake.check_buckets),
    ("queue", intake.check_queue),
    ("notification", intake.check_notification),
    ("event source", intake.check_event_source),
    ("raw files", intake.check_raw_files),
    ("functions", compute.check_functions),
    ("rules", compute.check_rules),
    ("jobs", compute.check_jobs),
    ("roles", compute.check_roles),
    ("state machine", loading.check_machine),
    ("topics", loading.check_topics),
    ("secret", loading.check_secret),
    ("catalog", catalog.check_tables),
    ("crawlers", crawlers.check_crawlers),
    ("external schema", warehouse.check_external_schema),
    ("users", warehouse.check_users),
    ("isolation", warehouse.check_isolation),
    ("warehouse tables", warehouse.check_tables),
    ("aggregates", warehouse.check_aggregates),
    ("sweep", ledger.check_heartbeat),
    ("outages", ledger.check_outages),
    ("batches", ledger.check_batches),
    ("open loads", ledger.check_open_loads),
)
QUERIES: tuple[tuple[str, Check], ...] = (
    ("freshness", queries.check_freshness),
    ("loads", queries.check_loads),
    ("keys", queries.check_keys),
    ("quarantine", queries.check_quarantine),
)

_COULD_NOT_LOOK = "see that the caller may look, and that the service answers; then run `sluice doctor` again"


def examine(deployment: Deployment, *, with_queries: bool = True) -> Iterator[Finding]:
    """Run the checks one after the other; one that cannot look is a finding, and the others go on.

    Args:
        deployment: What to examine.
        with_queries: Whether to run the health queries as well; they read the tables.
    """
    for area, check in (*CHECKS, *(QUERIES if with_queries else ())):
        yield from _run(area, check, deployment)


def _run(area: str, check: Check, deployment: Deployment) -> Iterator[Finding]:
    try:
        yield from check(deployment)
    except SluiceError as exc:
        yield error(area, f"could not be examined: {' '.join(str(exc).split())}", _COULD_NOT_LOOK)
