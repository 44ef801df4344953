"""For tests: every request that this process makes is judged by the oldest SDK of AWS's runtimes.

Runs and functions of the local cloud have the runtimes' libraries themselves; what tests call in their process has
the environment's, which know more parameters.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextvars import ContextVar
from functools import cache
from typing import Any, ParamSpec, TypeVar

from botocore import handlers
from botocore.exceptions import ParamValidationError, UnknownServiceError
from botocore.loaders import Loader
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel
from botocore.validate import ParamValidator

from localcloud import runtimes

P = ParamSpec("P")
T = TypeVar("T")

_JUDGES = ContextVar("judges", default=True)


@cache
def service(name: str) -> ServiceModel | None:
    """The model of a service as the oldest SDK has it; None when it has no such service, or is not installed."""
    folder = runtimes.installed(runtimes.OLDEST)
    if folder is None:
        return None
    loader = Loader(extra_search_paths=[str(folder / "botocore" / "data")], include_default_search_paths=False)
    try:
        return ServiceModel(loader.load_service_model(name, "service-2"), name)
    except UnknownServiceError:
        return None


def _refuse_newer(
    looked_up: Mapping[str, AbstractSet[str]], params: Mapping[str, Any], model: OperationModel, **_: object
) -> None:
    name = model.service_model.service_name
    if not _JUDGES.get() or runtimes.installed(runtimes.OLDEST) is None:
        return
    old = service(name)
    if old is None:
        raise ParamValidationError(report=f"the oldest SDK has no service {name}")
    try:
        shape = old.operation_model(model.name).input_shape
    except OperationNotFoundError as exc:
        raise ParamValidationError(report=f"the oldest SDK has no operation {name} {model.name}") from exc
    if shape is None:
        return
    left_out = looked_up.get(name, frozenset())
    report = ParamValidator().validate({key: value for key, value in params.items() if key not in left_out}, shape)
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())


class Newest:
    """A client that is not judged: for tests of what the stand-ins themselves take, which is today's API."""

    def __init__(self, client: object) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the client has
        found = getattr(self._client, name)
        return functools.partial(_unjudged, found) if inspect.ismethod(found) else found


def _unjudged(call: Callable[P, T], *arguments: P.args, **request: P.kwargs) -> T:
    before = _JUDGES.set(False)
    try:
        return call(*arguments, **request)
    finally:
        _JUDGES.reset(before)


def install(looked_up: Mapping[str, AbstractSet[str]]) -> None:
    """Judge every client that is made in this process from now on.

    Args:
        looked_up: Parameters that are sent only to clients whose model has them, by service.
    """
    handlers.BUILTIN_HANDLERS.append(("before-parameter-build", functools.partial(_refuse_newer, looked_up)))
