"""After a load, the last leg: the steps of its state machine, ``terraform/state_machines/load.asl.json``.

    Load        the machine starts the run of `glue_jobs.load_redshift` and waits for its end
    BookLoad    `book`: the run's end is booked (`after_run.close`), the slot is free, and what waits is started
    Refresh     the machine calls the aggregates' procedures, page by page; `refresh` gives the next page
    Archive     where the contract asks for it: see `archive`
    Finish      `finish`: people hear of what is loaded, and the load is closed
    Failure     `fail`: people hear of it, it is noted in the batches; then `stop` ends the execution

What holds after a crash: from its booking to its `finish` the ledger has the load as open, and each sweep makes open
loads go on whose execution does not (`repair`): a redrive, or one more execution that begins with the booking. Step
Functions calls a step again when its answer was lost, and an execution that is redriven goes on at any of them: so
every step may be repeated at any time. The rows themselves are safe: a load that is repeated finds its audit row.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lambda_trigger import after_run
from lambda_trigger.claims import Run, execution_input, execution_name, glue_name
from lambda_trigger.dispatch import dispatch_all
from lambda_trigger.moves import is_over, pause_after
from lambda_trigger.notices import StepFailure
from lambda_trigger.trigger import Trigger
from sluice.aws.executions import SUCCEEDED, Execution
from sluice.errors import ConflictError, TerminalError
from sluice.failures import Verdict, step_verdict
from sluice.lake.handover import LoadOutcome
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import MAX_NOTE_CHARACTERS, BatchRecord, Claim, OpenLoad
from sluice.logs import log_context
from sluice.parallel import each, each_apart
from sluice.warehouse.procedure import refresh_statements

logger = logging.getLogger(__name__)

MAX_PAGE_BYTES = 128 * 1024
"""Half of what a state may hand on, 256 KiB: it hands on its input beside the page.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""
MAX_PAGE_STATEMENTS = 100
_IN_WAREHOUSE = {BatchState.LOADED, BatchState.ARCHIVED}

Request = Mapping[str, Any]
Answer = dict[str, Any]


class StepRequestError(TerminalError):
    """A step was asked for in a way that nobody understands; the message names the field."""


class LoadStoppedError(TerminalError):
    """The execution of a load stops here until it is redriven."""


class UnknownClaimError(TerminalError):
    """A step was called for a claim that does not exist, or is no load of the dataset."""


@dataclass(frozen=True, slots=True)
class RefreshPage:
    """Some of the statements of a refresh.

    Attributes:
        statements: Each the complete arguments of a statement.
        next: Number of the first statement of the next page; None when this is the last.
    """

    statements: tuple[dict[str, object], ...]
    next: int | None


def answer(trigger: Trigger, request: Request) -> Answer:
    """Do the step that the state machine asks for.

    Args:
        trigger: The trigger.
        request: ``step``, ``claim_id``, ``dataset``, and what the step needs beside them.

    Returns:
        What the state machine goes on with, as JSON.

    Raises:
        StepRequestError: A field is missing or of the wrong type, or there is no such step.
        UnknownClaimError: There is no such claim.
        LoadStoppedError: The step was to stop the execution.
        SluiceError: AWS could not answer or refused.
    """
    step, claim_id, dataset = (_text(request, name) for name in ("step", "claim_id", "dataset"))
    if step not in _STEPS:
        raise StepRequestError(f"step: {step!r} is none of {', '.join(_STEPS)}")
    with log_context(dataset=dataset, claim=claim_id):
        return _STEPS[step](trigger, request, claim_id, dataset)


def book(trigger: Trigger, request: Request, claim_id: str, dataset: str) -> Answer:
    """Book what a load run did, free its slot, and start what waits.

    Returns:
        ``loaded``: number of batches that it loaded; ``archive``: whether their raw files go to the archive; and the
        first page of the statements that refresh the aggregates.
    """
    failure = _failure(request, "Load") if "failure" in request else None
    claim = _claim(trigger, claim_id, dataset)
    after_run.close(trigger, claim, load_run(claim_id, trigger.settings.load_machine, failure))
    # What cannot be started now is logged and left to the sweep: it is no reason to stop this load.
    dispatch_all(trigger, [dataset], Stage)
    loaded = _loaded(trigger, claim)
    if not loaded:
        trigger.ledger.close_load(dataset, claim_id)
        return {"loaded": 0, "archive": False, **_paged(RefreshPage((), None))}
    # A dataset that was taken out meanwhile leaves its raw files where they are, and ends as loaded.
    contract = trigger.contracts.get(dataset)
    is_archived = contract is not None and contract.archive
    return {"loaded": len(loaded), "archive": is_archived, **_paged(_page(trigger, claim_id, 0))}


def refresh(trigger: Trigger, request: Request, claim_id: str, dataset: str) -> Answer:
    """More of the statements that refresh the aggregates after a load, from number ``start`` on."""
    start = _number(request, "start")
    _claim(trigger, claim_id, dataset)
    return _paged(_page(trigger, claim_id, start))


def finish(trigger: Trigger, _: Request, claim_id: str, dataset: str) -> Answer:
    """Tell that a load and all that follows it is done, and close it."""
    loaded = _loaded(trigger, _claim(trigger, claim_id, dataset))
    if loaded:
        trigger.notifier.loaded(dataset, loaded)
    fixed = [record for record in loaded if record.reason]
    each(lambda record: _note(trigger, record, f"done in the end; before: {record.reason}", ""), fixed, trigger.workers)
    trigger.ledger.close_load(dataset, claim_id)
    return {}


def fail(trigger: Trigger, request: Request, claim_id: str, dataset: str) -> Answer:
    """Tell that something after a load failed, and note it in the load's batches."""
    failure = _failure(request)
    claim = _claim(trigger, claim_id, dataset)
    clear = readable(failure)
    # A batch that has failed by itself keeps its own reason.
    concerned = {BatchState.LOADING, *_IN_WAREHOUSE}
    records = [
        record for record in _records(trigger, claim) if record.claim_id == claim_id and record.state in concerned
    ]
    opened = next((load for load in trigger.ledger.open_loads(dataset) if load.claim_id == claim_id), None)
    if opened is None and any(record.state in _IN_WAREHOUSE for record in records):
        # The last step was done, and only its answer was lost.
        logger.warning("claim %s: nothing is open, so nothing failed: %s", claim_id, clear.text)
        return {}
    if opened is None:
        trigger.notifier.stopped(dataset, claim_id, records, clear, is_given_up=False)
    else:
        opened = _failed_again(trigger, opened, step_verdict(failure.error, clear.text), records, clear)
    each(lambda record: _note(trigger, record, clear.text, clear.text), records, trigger.workers)
    if opened is not None:
        trigger.ledger.change_open_load(opened)
    return {}


def _failed_again(
    trigger: Trigger, opened: OpenLoad, verdict: Verdict, records: Sequence[BatchRecord], failure: StepFailure
) -> OpenLoad:
    """An open load after a failure. What is away is told once, when it begins, and once when it is given up."""
    held = replace(opened, is_held=verdict is Verdict.WORLD)
    is_given_up = is_over(held, trigger.settings, trigger.clock())
    if is_given_up or not (held.is_held and opened.is_held):
        trigger.notifier.stopped(opened.dataset, opened.execution, records, failure, is_given_up=is_given_up)
    return replace(held, is_given_up=is_given_up)


def stop(_: Trigger, request: Request, *__: str) -> Answer:
    """Stop the execution, unless it has been redriven since it came here.

    Raises:
        LoadStoppedError: It stops.
    """
    failure = _failure(request)
    if _number(request, "redrives") <= _number(request["failure"], "redrives"):
        raise LoadStoppedError(readable(failure).text)
    return {}


_STEPS: Mapping[str, Callable[[Trigger, Request, str, str], Answer]] = {
    "book": book,
    "refresh": refresh,
    "finish": finish,
    "fail": fail,
    "stop": stop,
}


def _claim(trigger: Trigger, claim_id: str, dataset: str) -> Claim:
    claim = trigger.ledger.claim(claim_id)
    if claim is None or claim.dataset != dataset or claim.stage is not Stage.LOAD:
        raise UnknownClaimError(f"there is no claim {claim_id!r} of a load of {dataset!r}")
    return claim


def _page(trigger: Trigger, claim_id: str, start: int) -> RefreshPage:
    outcome = LoadOutcome.read_from(trigger.documents.read, trigger.settings.processed.load_outcome(claim_id))
    statements = [] if outcome is None else refresh_statements(trigger.settings, outcome.refresh)
    return page_of(statements, start)


def _loaded(trigger: Trigger, claim: Claim) -> list[BatchRecord]:
    """The claim's batches whose rows it brought into the warehouse."""
    return [
        record
        for record in _records(trigger, claim)
        if record.claim_id == claim.claim_id and record.state in _IN_WAREHOUSE
    ]


def _records(trigger: Trigger, claim: Claim) -> list[BatchRecord]:
    found = each(trigger.ledger.batch, claim.batch_ids, trigger.workers)
    return [record for record in found if record is not None]


def _note(trigger: Trigger, concerned: BatchRecord, note: str, reason: str) -> None:
    """Note something in a batch that its claim still carries; the same note again is one note."""

    def settle(_: int) -> None:
        record = trigger.ledger.batch(concerned.batch_id)
        if record is None or record.claim_id != concerned.claim_id:
            return
        if record.history[-1].note == note[:MAX_NOTE_CHARACTERS]:
            return
        trigger.ledger.save(record, record.noted(trigger.clock(), note, reason))

    with log_context(batch=concerned.batch_id):
        trigger.backoff.call(settle, ConflictError, f"note in batch {concerned.batch_id}")


# What the sweep repairs


def repair(trigger: Trigger, dataset: str) -> None:
    """Make every open load of a dataset go on whose execution does not.

    Raises:
        SluiceError: Something went wrong with one of them, the first one's error; the others were seen to.
    """
    each_apart(partial(_repair, trigger), trigger.ledger.open_loads(dataset), f"make open loads of {dataset} go on")


def _repair(trigger: Trigger, load: OpenLoad) -> None:
    with log_context(claim=load.claim_id):
        execution = trigger.executions.describe(trigger.settings.load_machine, load.execution)
        if execution is None:
            # Step Functions has forgotten it, it was deleted, or a sweep died before it began.
            _start(trigger, load)
        elif execution.state == SUCCEEDED:
            # The load was booked by a sweep after it had been finished.
            trigger.ledger.close_load(load.dataset, load.claim_id)
        elif execution.has_failed and not load.is_given_up:
            _go_on(trigger, load, execution)


def _go_on(trigger: Trigger, load: OpenLoad, execution: Execution) -> None:
    now = trigger.clock()
    if is_over(load, trigger.settings, now):
        _give_up(trigger, load, execution)
    elif now >= load.tried_at + pause_after(load.redrives + 1, trigger.settings):
        # Counted first: an execution that takes the sweep down with it is not redriven for ever.
        tried = replace(load, redrives=load.redrives + 1, tried_at=now)
        trigger.ledger.change_open_load(tried)
        if trigger.executions.redrive(execution.machine, execution.name):
            logger.warning("execution %s: redriven", execution.name)
        else:
            _start_again(trigger, tried)


def _start_again(trigger: Trigger, load: OpenLoad) -> None:
    """Follow a load with one more execution, when the one that it has cannot be redriven any more.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html (not after 14 days, and not
    with as many events as an execution may have)
    """
    found = trigger.executions.describe(trigger.settings.load_machine, load.execution)
    if found is not None and not found.has_failed:
        return  # Somebody else has just made it go on.
    following = replace(load, number=load.number + 1)
    trigger.ledger.change_open_load(following)
    _start(trigger, following)


def _start(trigger: Trigger, load: OpenLoad) -> None:
    """Start with the booking. The load itself is done, and another one of the dataset may be at work."""
    machine = trigger.settings.load_machine
    logger.warning("execution %s of %s begins for claim %s, which is loaded", load.execution, machine, load.claim_id)
    about = execution_input(load.claim_id, load.dataset, is_booked=True)
    trigger.executions.start(machine, load.execution, about)


def _give_up(trigger: Trigger, load: OpenLoad, execution: Execution) -> None:
    claim = trigger.ledger.claim(load.claim_id)
    names = () if claim is None else claim.batch_ids
    found = (trigger.ledger.batch(name) for name in names)
    records = [record for record in found if record is not None and record.claim_id == load.claim_id]
    failure = StepFailure("Execution", execution.state, execution.message)
    trigger.notifier.stopped(load.dataset, load.execution, records, failure, is_given_up=True)
    trigger.ledger.change_open_load(replace(load, is_given_up=True))


# What the machine hands over


def page_of(statements: Sequence[dict[str, object]], start: int) -> RefreshPage:
    """The page that begins with a statement.

    Args:
        statements: All statements.
        start: Number of the page's first statement, from 0.
    """
    taken: list[dict[str, object]] = []
    size_bytes = 0
    for statement in statements[start : start + MAX_PAGE_STATEMENTS]:
        size_bytes += len(json.dumps(statement))
        if taken and size_bytes > MAX_PAGE_BYTES:
            break
        taken.append(statement)
    end = start + len(taken)
    return RefreshPage(tuple(taken), end if end < len(statements) else None)


def _paged(page: RefreshPage) -> Answer:
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


def load_run(execution: str, machine: str, failure: StepFailure | None) -> Run:
    """The run of a load as the state machine tells of it.

    Args:
        execution: Name of the execution.
        machine: Name of the state machine.
        failure: Why the load failed; None when it succeeded.
    """
    if failure is None:
        return Run(execution, execution_name(execution, machine), SUCCEEDED, is_ended=True)
    name, state, message = _glue_run(failure) or (execution_name(execution, machine), "FAILED", failure.text)
    return Run(execution, name, state, is_ended=True, message=message)


def readable(failure: StepFailure) -> StepFailure:
    """The failure with what a person wants to read of its cause, be it of a Glue run or of a Lambda function."""
    run = _glue_run(failure)
    if run is not None:
        return StepFailure(failure.state, failure.error, f"{run[0]} ended as {run[1]}: {run[2] or 'no reason given'}")
    error = _object(failure.cause).get("errorMessage")
    return StepFailure(failure.state, failure.error, error if isinstance(error, str) else failure.cause)


def _glue_run(failure: StepFailure) -> tuple[str, str, str] | None:
    """Name, state and message of the Glue run that a failure tells of; None when it tells of none."""
    run = _object(failure.cause)
    run_id, state, job = (run.get(field) for field in ("Id", "JobRunState", "JobName"))
    if not isinstance(run_id, str) or not isinstance(state, str) or not isinstance(job, str):
        return None
    message = run.get("ErrorMessage")
    return glue_name(run_id, job), state, message if isinstance(message, str) else ""


def _object(text: str) -> dict[str, object]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
