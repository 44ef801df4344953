"""The checks in front of MiniStack by themselves; tests/aws/test_localcloud_refusals.py asks a running local cloud."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.errors import AwsApiError
from localcloud.refusals import SERVICES, events, functions, objects, states, topics
from localcloud.refusals.asking import Asked, Service, read_query, refuse_query, refuse_rest_xml
from localcloud.registry import Response
from sluice.settings import Settings
from sluice_laptop.deploy.stack import load_machine_definition
from tests.iam_calls import recorded

ROOT = Path(__file__).resolve().parents[2]


def judged(service: Service, action: str, **params: Any) -> str:
    """The message of the first check that refuses; empty when none does."""
    try:
        for check in service.checks[action]:
            check(Asked(action, params, {}, b""))
    except AwsApiError as error:
        return error.message
    return ""


def test_our_own_state_machine_is_one_that_aws_takes() -> None:
    assert judged(states.SERVICE, "CreateStateMachine", definition=load_machine_definition(Settings())) == ""


def test_our_own_numbers_are_within_the_limits_of_lambda() -> None:
    stack = json.loads((ROOT / "terraform/stack.json").read_text(encoding="utf-8"))
    for function in stack["functions"].values():
        configuration = {
            "Runtime": stack["lambda"]["runtime"],
            "Timeout": function["timeout_seconds"],
            "MemorySize": function["memory_mb"],
            "Environment": {"Variables": Settings().to_environment()},
        }
        assert judged(functions.SERVICE, "CreateFunction", **configuration) == ""


@given(st.integers(min_value=2, max_value=10**6), st.sampled_from(["minute", "hour", "day"]))
def test_a_rate_has_the_unit_that_goes_with_its_number(number: int, unit: str) -> None:
    assert judged(events.SERVICE, "PutRule", ScheduleExpression=f"rate({number} {unit}s)") == ""
    assert judged(events.SERVICE, "PutRule", ScheduleExpression=f"rate(1 {unit})") == ""
    assert judged(events.SERVICE, "PutRule", ScheduleExpression=f"rate({number} {unit})")
    assert judged(events.SERVICE, "PutRule", ScheduleExpression=f"rate(1 {unit}s)")


PARTS = st.text(alphabet="ab/", max_size=4)
RULES = st.builds(
    objects._Rule,
    st.sets(st.sampled_from(["s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectRemoved:*"]), min_size=1).map(
        frozenset
    ),
    PARTS,
    PARTS,
)


@given(RULES, RULES, st.text(alphabet="ab/", max_size=8))
def test_two_rules_that_share_a_key_and_an_event_overlap(one: Any, other: Any, key: str) -> None:
    assert one.overlaps(other) == other.overlaps(one)
    assert one.overlaps(one)
    both = all(key.startswith(rule.prefix) and key.endswith(rule.suffix) for rule in (one, other))
    if both and one.events & other.events:
        assert one.overlaps(other)


def test_a_definition_without_jsonata_s_eval_is_taken_wherever_the_word_stands() -> None:
    machine = {"QueryLanguage": "JSONata", "StartAt": "a", "States": {"a": {"Type": "Succeed", "Output": "$eval(1)"}}}
    assert judged(states.SERVICE, "CreateStateMachine", definition=json.dumps(machine)) == "", "it is a plain text"
    machine["States"] = {"a": {"Type": "Succeed", "Output": {"deep": ["{% $x ~> $eval() %}"]}}}
    assert "$eval" in judged(states.SERVICE, "CreateStateMachine", definition=json.dumps(machine))


@pytest.mark.parametrize("definition", ["", "no json", "[]", None])
def test_what_is_no_definition_is_left_to_the_handler(definition: str | None) -> None:
    assert judged(states.SERVICE, "CreateStateMachine", definition=definition) == ""


def test_or_in_a_filter_policy_counts_all_its_keys() -> None:
    policy = {"$or": [{"a": ["1"]}, {"b": ["2"]}], "c": [{"anything-but": ["3"]}]}
    change = {"AttributeName": "FilterPolicy", "AttributeValue": json.dumps(policy)}
    assert judged(topics.SERVICE, "SetSubscriptionAttributes", **change) == ""


def test_a_refusal_asks_the_handler_nothing_and_what_is_taken_goes_on_whole() -> None:
    asked: list[tuple[object, ...]] = []

    async def inner(*request: Any) -> Response:
        asked.append(request)
        return 200, {}, b"done"

    guarded = topics.SERVICE.guard(inner)

    async def ask(*request: Any) -> Response:
        return await guarded(*request)

    body = b"Action=SetSubscriptionAttributes&AttributeName=FilterPolicy&AttributeValue="
    status, _, answer = asyncio.run(ask("POST", "/", {}, body + b"%7B%22a%22%3A%22b%22%7D", {}))
    assert (status, asked) == (400, [])
    assert re.findall(rb"<Code>(.*?)</Code>", answer) == [b"InvalidParameter"]
    request: tuple[Any, ...] = ("POST", "/", {}, body + b"%7B%22a%22%3A%5B%22b%22%5D%7D", {})
    assert asyncio.run(ask(*request)) == (200, {}, b"done")
    assert asked == [request]


def test_errors_in_xml_are_well_formed_whatever_they_say() -> None:
    error = AwsApiError("InvalidArgument", 'a & b < "c"', 400)
    assert refuse_rest_xml(error)[2].endswith(
        b'<Error><Code>InvalidArgument</Code><Message>a &amp; b &lt; "c"</Message></Error>'
    )
    assert b"a &amp; b &lt;" in refuse_query(error)[2]
    asked = read_query("POST", "/", {}, b"Action=Publish&Message=%26", {})
    assert asked is not None
    assert (asked.action, asked.params["Message"]) == ("Publish", "&")


def test_the_documents_count_the_checks() -> None:
    checks = {check for service in SERVICES for found in service.checks.values() for check in found}
    actions = sum(len(service.checks) for service in SERVICES)
    text = (ROOT / "docs/fidelity.md").read_text(encoding="utf-8")
    # The warehouse's check and its six actions depend on its name.
    assert f"{len(checks) + 1} checks of {actions + 6} actions" in text
    asked = recorded()
    allowed = sum(question.is_allowed for question in asked)
    assert f"those of them that the policies allow | {allowed} of {len(asked)} |" in text
    assert f"beside what IAM decides | {actions + 6} |" in text
    gaps = text.partition("#### Not refused, and why\n\n")[2].partition("\n\n")[0].splitlines()[2:]
    assert f"([below](#not-refused-and-why)) | {len(gaps)} |" in text
