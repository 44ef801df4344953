"""MiniStack's registries: the one place that touches its internals by name.

Each function here has a test that fails when a newer MiniStack changes what it relies on.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from types import ModuleType
from typing import Any

CANONICAL_PORT = "4566"

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


def _ministack(name: str) -> ModuleType:
    """One of MiniStack's modules; imported late, because the environment has to be set first."""
    return import_module(f"ministack.{name}")


def application() -> Application:
    """MiniStack's ASGI application."""
    found: Application = _ministack("app").app
    return found


def get_handler(service: str) -> Handler:
    """The handler that answers a service's requests now."""
    handler: Handler = _ministack("app").SERVICE_HANDLERS[service]
    return handler


def set_handler(service: str, handler: Handler) -> None:
    """Answer a service's requests from now on.

    Args:
        service: MiniStack's name of it, which is the service's name in a signature.
        handler: takes over, and may call the former one.
    """
    _ministack("app").SERVICE_HANDLERS[service] = handler


async def on_own_thread(function: Callable[..., Response], *arguments: object) -> Response:
    """Run a blocking function that may call back into the endpoint, in the present request's context."""
    response: Response = await _ministack("core.concurrency").run_reentrant(function, *arguments)
    return response


def request_scope(account_id: str, region: str) -> AbstractContextManager[None]:
    """Act in an account and region, outside a request."""
    context: AbstractContextManager[None] = _ministack("core.responses").request_scope(account_id, region)
    return context


def current_scope() -> tuple[str, str]:
    """Account and region of the present request."""
    responses = _ministack("core.responses")
    return responses.get_account_id(), responses.get_region()


def put_service_event(source: str, detail_type: str, detail: Mapping[str, Any]) -> None:
    """Put an event of an AWS service on the default bus (callers of PutEvents may not use a source `aws.*`).

    Args:
        source: such as aws.glue.
        detail_type: such as Glue Job State Change.
        detail: the event's own fields.
    """
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": []}
    _ministack("services.eventbridge")._put_events({"Entries": [entry]}, allow_aws_source=True)


def glue_jobs() -> dict[str, dict[str, Any]]:
    """The live job definitions of the present account and region, to add what MiniStack leaves out."""
    jobs: dict[str, dict[str, Any]] = _ministack("services.glue")._jobs
    return jobs


def wrap_athena_relations(wrap: Callable[[Any], Any]) -> None:
    """Change what Athena's queries read for a table.

    Args:
        wrap: gives, for MiniStack's function from a table and its files to an expression of DuckDB, another one.
    """
    athena = _ministack("services.athena")
    vars(athena).update(_table_relation=wrap(athena._table_relation))


def keep_queues_across_ports() -> None:
    """Give queues a name inside MiniStack that holds on another port.

    MiniStack knows a queue by its URL, port included; a state saved on one port would have unreachable queues on
    another. Clients see the host and port that they called, whatever this says.
    """
    sqs = _ministack("services.sqs")
    vars(sqs).update(DEFAULT_PORT=CANONICAL_PORT, _CANONICAL_NETLOC=f"{sqs.DEFAULT_HOST}:{CANONICAL_PORT}")


def end_lambda_workers() -> None:
    """End the processes that MiniStack keeps warm for Lambda functions."""
    _ministack("core.lambda_runtime").reset()


def state_readers() -> dict[str, Callable[[], Any]]:
    """For each service in use, by the name of its file, a function that copies its state (None: nothing to save)."""
    readers: dict[str, Callable[[], Any]] = _ministack("app")._build_persistence_save_dict()
    return readers


def save_state(name: str, state: object) -> None:
    """Write a service's state where MiniStack reads it at its start, atomically."""
    _ministack("core.persistence").save_state(name, state)
