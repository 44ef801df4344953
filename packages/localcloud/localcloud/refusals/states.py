"""Step Functions: definitions that cannot run are refused when they are made.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html and the pages of each state
(fields), https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html (no ``$eval``),
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html (codes). The
words are those that AWS's validation was seen to answer with (localstack issue 11978, floci issues 2735 and 2786).
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.errors import AwsApiError
from localcloud.refusals.asking import Asked, Service, read_json, refuse_json

_MACHINE = frozenset({"Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage", "ProcessorConfig"})
_ALL = frozenset({"Type", "Comment", "QueryLanguage"})
_ON = frozenset({"Next", "End", "Assign", "Output", "InputPath", "OutputPath"})
_CAUGHT = _ON | {"Retry", "Catch", "ResultPath", "ResultSelector", "Parameters", "Arguments"}
_TIMES = frozenset({"TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"})
FIELDS: Mapping[str, frozenset[str]] = {
    "Task": _CAUGHT | _TIMES | {"Resource", "Credentials"},
    "Parallel": _CAUGHT | {"Branches"},
    "Map": _CAUGHT
    | {"ItemProcessor", "Iterator", "ItemReader", "ItemSelector", "Items", "ItemsPath", "ItemBatcher", "ResultWriter"}
    | {"MaxConcurrency", "MaxConcurrencyPath", "Label", "ToleratedFailurePercentage", "ToleratedFailureCount"}
    | {"ToleratedFailurePercentagePath", "ToleratedFailureCountPath"},
    "Pass": _ON | {"Result", "ResultPath", "Parameters"},
    "Wait": _ON | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Choice": frozenset({"Choices", "Default", "Assign", "Output", "InputPath", "OutputPath"}),
    "Succeed": frozenset({"Output", "InputPath", "OutputPath"}),
    "Fail": frozenset({"Error", "ErrorPath", "Cause", "CausePath"}),
}
_OF_JSONATA = frozenset({"Arguments", "Output", "Items"})
_OF_JSONPATH = frozenset({"Parameters", "ResultSelector"})
_EVAL = re.compile(r"\$eval\s*\(")
_ENDS = ("Succeed", "Fail")


def _definition(asked: Asked) -> None:
    text = asked.params.get("definition")
    try:
        machine = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return  # the handler itself tells of it
    if isinstance(machine, dict) and (found := list(_faults(machine, "", "JSONPath"))):
        raise AwsApiError("InvalidDefinition", f"Invalid State Machine Definition: '{', '.join(found)}'")


def _faults(machine: Mapping[str, Any], place: str, language: str) -> Iterator[str]:
    """What is wrong with a machine, or with the machine inside a Map or Parallel state."""
    language = str(machine.get("QueryLanguage", language))
    for name in machine.keys() - _MACHINE:
        yield f"SCHEMA_VALIDATION_FAILED: Field '{name}' is not supported at {place or '/'}"
    states = machine.get("States")
    if not isinstance(states, dict):
        return
    for name, state in states.items():
        if isinstance(state, dict):
            yield from _faults_of_state(state, f"{place}/States/{name}", language)
    yield from _transitions(machine, states, place)


def _faults_of_state(state: Mapping[str, Any], place: str, language: str) -> Iterator[str]:
    language = str(state.get("QueryLanguage", language))
    known = FIELDS.get(str(state.get("Type")))
    if known is not None:
        is_jsonata = language == "JSONata"
        allowed = (known | _ALL) - (_OF_JSONPATH if is_jsonata else _OF_JSONATA)
        for name in state:
            is_path = is_jsonata and name.endswith("Path")
            if name not in allowed or is_path:
                yield f"SCHEMA_VALIDATION_FAILED: Field '{name}' is not supported at {place}"
    inner = [(f"Branches[{number}]", branch) for number, branch in enumerate(state.get("Branches") or ())]
    inner += [(name, state[name]) for name in ("ItemProcessor", "Iterator") if name in state]
    for name, machine in inner:
        yield from _faults(machine, f"{place}/{name}", language)
    if any(_EVAL.search(text) for text in _expressions({**state, "Branches": (), "ItemProcessor": {}, "Iterator": {}})):
        yield f"SCHEMA_VALIDATION_FAILED: The JSONata function $eval is not supported at {place}"


def _transitions(machine: Mapping[str, Any], states: Mapping[str, Any], place: str) -> Iterator[str]:
    """Targets that are not there, states that nobody reaches, and a workflow without an end."""
    ways = {name: list(_targets(state, f"{place}/States/{name}")) for name, state in states.items()}
    start = str(machine.get("StartAt"))
    for target, where in [(start, f"{place}/StartAt"), *(way for found in ways.values() for way in found)]:
        if target not in states:
            yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {where}"
    if not any(state.get("End") is True or state.get("Type") in _ENDS for state in states.values()):
        yield "MISSING_END_STATE: Workflow has no terminal state"
        return
    reached, waiting = set[str](), [start]
    while waiting:
        if (name := waiting.pop()) in ways and name not in reached:
            reached.add(name)
            waiting += [target for target, _ in ways[name]]
    for name in states:
        if name not in reached:
            yield f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable. at {place}/States/{name}'


def _targets(state: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """Where a state may go on, and the place that says so."""
    for name in ("Next", "Default"):
        if name in state:
            yield str(state[name]), f"{place}/{name}"
    for name in ("Choices", "Catch"):
        for number, found in enumerate(state.get(name) or ()):
            if "Next" in found:
                yield str(found["Next"]), f"{place}/{name}[{number}]/Next"


def _expressions(value: object) -> Iterator[str]:
    """Every JSONata expression within a value."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _expressions(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _expressions(item)
    elif isinstance(value, str) and value.startswith("{%"):
        yield value


SERVICE = Service(
    "states", read_json, refuse_json, {"CreateStateMachine": [_definition], "UpdateStateMachine": [_definition]}
)
