"""Grants of KMS by themselves: whom they let do what, and within which encryption context."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.iam.grants import CONTEXT, asked_with, statements
from localcloud.iam.judge import Principal, Request

ROLE = "arn:aws:iam::000000000000:role/part"
PAIRS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y", "X"]), max_size=3)


def grant(**more: Any) -> dict[str, Any]:
    return {"GrantId": "1", "GranteePrincipal": ROLE, "Operations": ["Decrypt"], **more}


def allowed(one: dict[str, Any], operation: str = "Decrypt", context: dict[str, str] | None = None) -> list[Any]:
    asked = asked_with({"EncryptionContext": context or {}}, operation)
    request = Request(Principal.session(ROLE, "s"), f"kms:{operation}", "key", asked)
    return [(each["Principal"], each["Action"]) for each in statements([one], request)]


@given(given=PAIRS, wanted=PAIRS)
def test_a_constraint_holds_for_the_context_that_it_names(given: dict[str, str], wanted: dict[str, str]) -> None:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html"""
    within = [({"AWS": ROLE}, "kms:Decrypt")]
    subset = allowed(grant(Constraints={"EncryptionContextSubset": wanted}), context=given)
    assert subset == (within if wanted.items() <= given.items() else [])
    equals = allowed(grant(Constraints={"EncryptionContextEquals": wanted}), context=given)
    assert equals == (within if wanted == given else [])
    assert allowed(grant(), context=given) == within


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("Decrypt", [ROLE]), ("Encrypt", []), ("RetireGrant", ["arn:aws:iam::000000000000:role/last"])],
)
def test_a_grant_is_for_its_operations_and_may_be_retired_by_whom_it_names(operation: str, expected: list[str]) -> None:
    one = grant(RetiringPrincipal="arn:aws:iam::000000000000:role/last")
    assert [principal["AWS"] for principal, _ in allowed(one, operation)] == expected


def test_a_grant_of_a_service_names_the_service() -> None:
    one = grant(GranteePrincipal="dynamodb.eu-central-1.amazonaws.com", Operations=["DescribeKey"])
    constrained = one | {"Constraints": {"EncryptionContextEquals": {"a": "b"}}}
    # The key's description has no encryption context.
    assert allowed(constrained, "DescribeKey") == [
        ({"Service": "dynamodb.eu-central-1.amazonaws.com"}, "kms:DescribeKey")
    ]


def test_what_a_grant_is_like_is_asked_for_when_it_is_made() -> None:
    asked = {
        "GranteePrincipal": ROLE,
        "Operations": ["Decrypt", "Encrypt"],
        "Constraints": {"EncryptionContextSubset": {"a": "b"}},
        "RetiringPrincipal": "r",
    }
    assert asked_with(asked, "CreateGrant") == {
        "kms:grantisforawsresource": "false",
        "kms:grantoperations": ("Decrypt", "Encrypt"),
        "kms:granteeprincipal": ROLE,
        "kms:grantconstrainttype": "EncryptionContextSubset",
        "kms:retiringprincipal": "r",
    }
    assert asked_with({"EncryptionContext": {"Shop": "7"}}, "Decrypt") == {f"{CONTEXT}shop": "7"}
