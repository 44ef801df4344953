"""What AWS refuses and MiniStack takes: checks in front of its handlers, in AWS's words.

A service has a table of checks by action. A check looks at one request and raises the error that AWS answers with;
nothing has changed then. Where AWS documents a rule but not its words, the words are those that people report, or
ours. `docs/fidelity.md` counts the rules.
"""

from collections.abc import Iterable

from localcloud import registry
from localcloud.refusals import events, functions, glue, logs, objects, roles, states, topics
from localcloud.refusals.asking import Service
from localcloud.refusals.warehouse import of_warehouse

SERVICES: tuple[Service, ...] = (
    events.SERVICE,
    functions.SERVICE,
    glue.SERVICE,
    logs.SERVICE,
    objects.SERVICE,
    roles.SERVICE,
    states.SERVICE,
    topics.SERVICE,
)


def install_refusals(warehouse_names: Iterable[str] = ()) -> None:
    """Put the checks in front of the handlers that answer now.

    Args:
        warehouse_names: Of the workgroup, or the cluster, that is there; empty when there is no warehouse.
    """
    names = tuple(warehouse_names)
    for service in (*SERVICES, *([of_warehouse(names)] if names else ())):
        registry.set_handler(service.name, service.guard(registry.get_handler(service.name)))
