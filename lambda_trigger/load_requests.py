"""What the state machine asks for, read and checked, and what it is answered."""

from collections.abc import Callable, Mapping
from typing import Any

from lambda_trigger.loads import Loads
from lambda_trigger.notices import StepFailure
from lambda_trigger.refresh import RefreshPage
from sluice.errors import TerminalError
from sluice.logs import log_context

Request = Mapping[str, Any]
Answer = dict[str, Any]


class StepRequestError(TerminalError):
    """A step was asked for in a way that nobody understands; the message names the field."""


def answer(loads: Loads, request: Request) -> Answer:
    """Do the step that a request asks for.

    Args:
        loads: Follows loads through the ledger.
        request: ``step``, ``claim_id``, ``dataset``, and what the step needs beside them.

    Returns:
        What the state machine goes on with, as JSON.

    Raises:
        StepRequestError: A field is missing or of the wrong type, or there is no such step.
        LoadStoppedError: The step was to stop the execution.
        SluiceError: The step failed.
    """
    step, claim_id, dataset = (_text(request, name) for name in ("step", "claim_id", "dataset"))
    if step not in _STEPS:
        raise StepRequestError(f"step: {step!r} is none of {', '.join(_STEPS)}")
    with log_context(dataset=dataset, claim=claim_id):
        return _STEPS[step](loads, request, claim_id, dataset)


def _book(loads: Loads, request: Request, claim_id: str, dataset: str) -> Answer:
    failure = _failure(request, "Load") if "failure" in request else None
    booked = loads.book(claim_id, dataset, failure)
    return {"loaded": booked.loaded, "archive": booked.is_archived, **_page(booked.page)}


def _refresh(loads: Loads, request: Request, claim_id: str, dataset: str) -> Answer:
    return _page(loads.refresh(claim_id, dataset, _number(request, "start")))


def _finish(loads: Loads, _: Request, claim_id: str, dataset: str) -> Answer:
    loads.finish(claim_id, dataset)
    return {}


def _fail(loads: Loads, request: Request, claim_id: str, dataset: str) -> Answer:
    loads.fail(claim_id, dataset, _failure(request))
    return {}


def _stop(loads: Loads, request: Request, *_: str) -> Answer:
    loads.stop(_failure(request), _number(request["failure"], "redrives"), _number(request, "redrives"))
    return {}


_STEPS: Mapping[str, Callable[[Loads, Request, str, str], Answer]] = {
    "book": _book,
    "refresh": _refresh,
    "finish": _finish,
    "fail": _fail,
    "stop": _stop,
}


def _page(page: RefreshPage) -> Answer:
    # A list in JSONata is empty or has items, so `more` tells whether there is a next page.
    return {"refresh": list(page.statements), "more": page.next is not None, "next": page.next or 0}


def _failure(request: Request, state: str | None = None) -> StepFailure:
    found = request.get("failure")
    if not isinstance(found, dict):
        raise StepRequestError(f"failure: {found!r} is not an object")
    name = _text(found, "state") if state is None else state
    return StepFailure(name, _text(found, "error"), _text(found, "cause", may_be_empty=True))


def _text(request: Request, name: str, *, may_be_empty: bool = False) -> str:
    value = request.get(name)
    if not isinstance(value, str) or (not value and not may_be_empty):
        raise StepRequestError(f"{name}: {value!r} is not text")
    return value


def _number(request: Request, name: str) -> int:
    value = request.get(name)
    # JSONata knows one kind of number: 3 may come as 3.0.
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 0:
        raise StepRequestError(f"{name}: {value!r} is not a whole number of at least 0")
    return int(value)
