"""The load's state machine, ``terraform/state_machines/load.asl.json``, from its pattern; `make docs` writes the file.

Each task retries what may go away, and catches the rest with the name of its state, so that the failure is booked and a
redrive goes back there; that is written here once. Terraform, the local deploy and the tests read the file.
Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from sluice.aws.objects import CopyDiffersError
from sluice.errors import AwsBusyError, ConflictError, StartUnclearError

FILE: Final = Path(__file__).resolve().parents[1] / "terraform/state_machines/load.asl.json"
State = dict[str, Any]

_INPUT = "$states.input"
_CLAIM = "$states.context.Execution.Input.claim_id"
_DATASET = "$states.context.Execution.Input.dataset"
_REDRIVES = "($exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0)"
"""The context has no count before the first redrive."""
_MAX_CAUSE_CHARACTERS = 8000
"""A state hands on at most 256 KiB, and the failure goes with all that follows."""

_LAMBDA_IS_BUSY = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    AwsBusyError.__name__,
    ConflictError.__name__,
    StartUnclearError.__name__,
)
_GLUE_IS_BUSY = (
    "Glue.ConcurrentRunsExceededException",
    "Glue.ResourceNumberLimitExceededException",
    "Glue.OperationTimeoutException",
    "Glue.InternalServiceException",
    "Glue.AWSGlueException",
    "Glue.SdkClientException",
)
_DATA_API_IS_BUSY = (
    "RedshiftData.ActiveSessionsExceededException",
    "RedshiftData.ActiveStatementsExceededException",
    "RedshiftData.DatabaseConnectionException",
    "RedshiftData.ExecuteStatementException",
    "RedshiftData.InternalServerException",
    "RedshiftData.QueryTimeoutException",
    "RedshiftData.RedshiftDataException",
    "RedshiftData.SdkClientException",
)


def load_machine() -> dict[str, Any]:
    """The definition before Terraform renders it, in Amazon States Language with JSONata."""
    return {
        "Comment": "Everything after the conversion of a claim's batches. The name of an execution is the name of its "
        "claim, and every state may be repeated. A caught failure is booked and then ends in Stopped, which fails: a "
        "redrive resumes there, and Resume goes back to the state that had failed. All that a state needs is in its "
        "input.",
        "QueryLanguage": "JSONata",
        "StartAt": "IsBooked",
        "TimeoutSeconds": 172800,
        "States": {**_loading(), **_refreshing(), **_archiving(), **_ending()},
    }


def _loading() -> dict[str, State]:
    loaded = f"{_INPUT}.loaded > 0"
    return {
        "IsBooked": _choice(
            _when(f"$exists({_INPUT}.booked)", "BookLoad", Output={}),
            default="Load",
            comment="An execution that takes the place of another one loads nothing: it has no slot.",
        ),
        "Load": {
            "Type": "Task",
            "Comment": "A run that fails is not repeated here: the ledger counts its attempts, spaces them out, and "
            "takes the batches apart.",
            "Resource": "arn:aws:states:::glue:startJobRun.sync",
            "Arguments": {
                "JobName": "${load_job}",
                "Arguments": {"--claim_id": _jsonata(_CLAIM), "--dataset": _jsonata(_DATASET)},
            },
            "Output": {},
            "Retry": _retry(_GLUE_IS_BUSY, first_seconds=10, times=6, longest_seconds=300),
            "Catch": _failure_of("Load", "{}", then="BookLoad"),
            "Next": "BookLoad",
        },
        "BookLoad": _function(
            "load_step",
            _jsonata(f"$merge([{{'step': 'book', 'claim_id': {_CLAIM}, 'dataset': {_DATASET}}}, {_INPUT}])"),
            output=_jsonata(f"$merge([{_INPUT}, $states.result.Payload])"),
            catch=_failure_of("BookLoad", f"{{'load': {_INPUT}}}"),
            then="IsLoaded",
            comment="Every batch gets its outcome, the slot is free, and the next load may begin.",
        ),
        "IsLoaded": _choice(
            _when(f"{loaded} and $count({_INPUT}.refresh) > 0", "RefreshAggregates"),
            _when(loaded, "IsArchived"),
            _when(f"$exists({_INPUT}.failure)", "Stopped"),
            default="Done",
        ),
    }


def _refreshing() -> dict[str, State]:
    archive = f"{{'archive': {_INPUT}.archive}}"
    return {
        "RefreshAggregates": {
            "Type": "Map",
            "Comment": "One after the other: each is a CALL that locks its aggregate.",
            "Items": _jsonata(f"{_INPUT}.refresh"),
            "MaxConcurrency": 1,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "FirstTry",
                "States": _refresh_of_one(),
            },
            "Output": _jsonata(_INPUT),
            "Catch": _failure_of("RefreshAggregates", archive),
            "Next": "IsAllRefreshed",
        },
        "IsAllRefreshed": _choice(_when(f"{_INPUT}.more", "PlanRefresh"), default="IsArchived"),
        "PlanRefresh": _function(
            "load_step",
            _request("refresh", start=_jsonata(f"{_INPUT}.next")),
            output=_jsonata(f"$merge([{archive}, $states.result.Payload])"),
            # A redrive begins the refresh again, with its first page.
            catch=_failure_of("RefreshAggregates", archive),
            then="RefreshAggregates",
            comment="The next statements: a state hands on at most 256 KiB.",
        ),
    }


def _refresh_of_one() -> dict[str, State]:
    """One CALL: asked for, looked at until it ends, and asked for again up to three times."""
    return {
        "FirstTry": {"Type": "Pass", "Output": {"call": _jsonata(_INPUT), "attempt": 1}, "Next": "Call"},
        "Call": _data_api(
            "executeStatement",
            _jsonata(
                f"$merge([{_INPUT}.call, {{'ClientToken': $hash($join([$states.context.Execution.Id, "
                f"$string({_REDRIVES}), $string({_INPUT}.attempt), $string({_INPUT}.call)], '/'), 'SHA-256')}}])"
            ),
            output=f"$merge([{_INPUT}, {{'statement': $states.result.Id, 'polls': 0}}])",
            then="Pause",
            comment="The token makes a repeated request the same statement, and a further try, or a redrive, "
            "a new one.",
        ),
        "Pause": {
            "Type": "Wait",
            "Comment": "Longer and longer: a statement may take a day, and an execution has at most 25,000 events.",
            "Seconds": _jsonata(f"$min([{_INPUT}.polls + 1, 90])"),
            "Next": "Look",
        },
        "Look": _data_api(
            "describeStatement",
            {"Id": _jsonata(f"{_INPUT}.statement")},
            output=f"$merge([{_INPUT}, {{'polls': {_INPUT}.polls + 1, 'status': $states.result.Status, "
            "'problem': ($exists($states.result.Error) ? $states.result.Error : $states.result.Status)}])",
            then="IsRefreshed",
        ),
        "IsRefreshed": _choice(
            _when(f"{_INPUT}.status = 'FINISHED'", "Refreshed"),
            _when(f"{_INPUT}.status in ['FAILED', 'ABORTED']", "HasTriesLeft"),
            default="Pause",
        ),
        "HasTriesLeft": _choice(_when(f"{_INPUT}.attempt < 3", "Rest"), default="RefreshFailed"),
        "Rest": {
            "Type": "Wait",
            "Seconds": _jsonata(f"5 * $power(3, {_INPUT}.attempt - 1)"),
            "Output": {"call": _jsonata(f"{_INPUT}.call"), "attempt": _jsonata(f"{_INPUT}.attempt + 1")},
            "Next": "Call",
        },
        "Refreshed": {"Type": "Succeed", "Output": {}},
        "RefreshFailed": {
            "Type": "Fail",
            "Error": "AggregateRefreshError",
            "Cause": _jsonata(f"{_INPUT}.call.StatementName & ': ' & $substring({_INPUT}.problem, 0, 4000)"),
        },
    }


def _archiving() -> dict[str, State]:
    return {
        "IsArchived": _choice(_when(f"{_INPUT}.archive", "Archive", Output={}), default="Finish"),
        "Archive": _function(
            "archive",
            {"claim_id": _jsonata(_CLAIM), "dataset": _jsonata(_DATASET)},
            output={"done": _jsonata("$states.result.Payload.done")},
            busy=(*_LAMBDA_IS_BUSY, CopyDiffersError.__name__),
            catch=_failure_of("Archive", "{}"),
            then="IsAllArchived",
            comment="It answers that it is not done when its time runs out, and goes on when called again.",
        ),
        "IsAllArchived": _choice(_when(f"{_INPUT}.done", "Finish"), default="Archive"),
    }


def _ending() -> dict[str, State]:
    def resume(state: str, output: object, then: str = "") -> State:
        return _when(f"{_INPUT}.failure.state = '{state}'", then or state, Output=output)

    return {
        "Finish": _function(
            "load_step",
            _request("finish"),
            output={},
            catch=_failure_of("Finish", "{}"),
            then="Done",
            comment="People are told, and the load is closed.",
        ),
        "Done": {"Type": "Succeed"},
        "BookFailure": _function(
            "load_step",
            _request("fail", failure=_jsonata(f"{_INPUT}.failure")),
            output=_jsonata(_INPUT),
            catch=_caught(_jsonata(_INPUT), "Stopped"),
            then="Stopped",
            comment="The failure is noted in the batches, and people are told.",
        ),
        "Stopped": _function(
            "load_step",
            _request("stop", failure=_jsonata(f"{_INPUT}.failure"), redrives=_jsonata(_REDRIVES)),
            output=_jsonata(_INPUT),
            catch=None,
            then="Resume",
            comment="Fails until the execution is redriven. It has no Catch, because failing is what it is for.",
        ),
        "Resume": _choice(
            resume("Load", {}),
            resume("BookLoad", _jsonata(f"{_INPUT}.load")),
            resume("RefreshAggregates", {"archive": _jsonata(f"{_INPUT}.archive"), "next": 0}, then="PlanRefresh"),
            resume("Archive", {}),
            default="Finish",
        ),
    }


# The pattern


def _function(
    name: str,
    payload: object,
    *,
    output: object,
    catch: list[State] | None,
    then: str,
    comment: str,
    busy: Iterable[str] = _LAMBDA_IS_BUSY,
) -> State:
    """A task that calls one of the trigger's functions."""
    return {
        "Type": "Task",
        "Comment": comment,
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": f"${{{name}_function}}", "Payload": payload},
        "Output": output,
        "Retry": _retry(busy, first_seconds=2, times=4, longest_seconds=60),
        **({} if catch is None else {"Catch": catch}),
        "Next": then,
    }


def _data_api(action: str, arguments: object, *, output: str, then: str, comment: str = "") -> State:
    """A task that asks the Redshift Data API; what it refuses costs one of the tries."""
    return {
        "Type": "Task",
        **({"Comment": comment} if comment else {}),
        "Resource": f"arn:aws:states:::aws-sdk:redshiftdata:{action}",
        "Arguments": arguments,
        "Output": _jsonata(output),
        "Retry": _retry(_DATA_API_IS_BUSY, first_seconds=2, times=5, longest_seconds=60),
        "Catch": _caught(_jsonata(f"$merge([{_INPUT}, {{'problem': $string($states.errorOutput)}}])"), "HasTriesLeft"),
        "Next": then,
    }


def _request(step: str, **more: object) -> dict[str, object]:
    """What `lambda_trigger.after_load` is asked."""
    return {"step": step, "claim_id": _jsonata(_CLAIM), "dataset": _jsonata(_DATASET), **more}


def _retry(errors: Iterable[str], *, first_seconds: int, times: int, longest_seconds: int) -> list[State]:
    return [
        {
            "ErrorEquals": list(errors),
            "IntervalSeconds": first_seconds,
            "MaxAttempts": times,
            "BackoffRate": 2,
            "MaxDelaySeconds": longest_seconds,
            "JitterStrategy": "FULL",
        }
    ]


def _failure_of(state: str, kept: str, then: str = "BookFailure") -> list[State]:
    """Catch everything: what a redrive needs to go on with this state, and what has happened, go on."""
    failure = (
        f"{{'failure': {{'state': '{state}', {_of_error('error', 'Error', 'unknown')}, "
        f"'cause': ($exists($states.errorOutput.Cause) ? "
        f"$substring($states.errorOutput.Cause, 0, {_MAX_CAUSE_CHARACTERS}) : ''), 'redrives': {_REDRIVES}}}}}"
    )
    return _caught(_jsonata(f"$merge([{kept}, {failure}])"), then)


def _of_error(name: str, field: str, otherwise: str) -> str:
    return f"'{name}': ($exists($states.errorOutput.{field}) ? $states.errorOutput.{field} : '{otherwise}')"


def _caught(output: str, then: str) -> list[State]:
    return [{"ErrorEquals": ["States.ALL"], "Output": output, "Next": then}]


def _choice(*choices: State, default: str, comment: str = "") -> State:
    return {"Type": "Choice", **({"Comment": comment} if comment else {}), "Choices": list(choices), "Default": default}


def _when(condition: str, then: str, **output: object) -> State:
    return {"Condition": _jsonata(condition), **output, "Next": then}


def _jsonata(expression: str) -> str:
    return f"{{% {expression} %}}"


def text() -> str:
    """The file's text."""
    return json.dumps(load_machine(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
