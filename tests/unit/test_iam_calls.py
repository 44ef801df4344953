"""The calls of the whole path, replayed against the policies: nothing is missing, and nothing is spare."""

import pytest

from localcloud.iam.record import Question
from tests import iam_calls
from tests.terraform.asked import short_name

ASKED = iam_calls.recorded()
DEPLOYED = iam_calls.deployed()


def test_what_is_recorded_is_of_the_whole_path() -> None:
    asking = {short_name(one.request.principal.role_arn, "sluice") for one in ASKED if one.request.principal.account}
    assert asking == {short_name(role, "sluice") for role in DEPLOYED.roles}
    assert iam_calls.normalised(ASKED) == ASKED, "run `make iam-calls`"


@pytest.mark.parametrize("question", ASKED, ids=lambda question: question.request.action)
def test_the_policies_allow_what_the_path_asks(question: Question) -> None:
    assert DEPLOYED.is_allowed(question.request), question.to_json()


def test_no_statement_is_spare() -> None:
    needed = iam_calls.needs(ASKED, DEPLOYED)
    spare = {statement for statement, calls in needed.items() if not calls}
    assert spare - set(iam_calls.UNASKED) == set(), "no call needs them"
    assert set(iam_calls.UNASKED) - spare == set(), "they are needed, or gone: take them off the list"


def test_every_trust_is_needed() -> None:
    asked = [one.request for one in ASKED if one.request.action == "sts:AssumeRole"]
    needed = {
        short_name(request.resource, "sluice")
        for request in asked
        for statement in DEPLOYED.trusts[request.resource].statements
        if not DEPLOYED.is_allowed(request, (request.resource, statement.sid))
    }
    assert needed == {short_name(role, "sluice") for role in DEPLOYED.trusts}


def test_the_page_shows_what_each_statement_is_for() -> None:
    assert iam_calls.PAGE.read_text(encoding="utf-8") == iam_calls.page(ASKED), "run `make iam-calls`"
