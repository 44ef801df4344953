"""The judge against the examples of AWS's own pages, each with the page that it is from."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.iam.conditions import PolicyError
from localcloud.iam.documents import Policy
from localcloud.iam.judge import Decision, Policies, Principal, Reason, Request, decide

ACCOUNT = "111122223333"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
CARLOS = Principal(f"arn:aws:iam::{ACCOUNT}:user/carlossalazar", ACCOUNT)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/path/loader"
SESSION = Principal.session(ROLE, "run-1")
LOGS = "arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar-logs"
OWN = "arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"
Json = dict[str, Any]


def _policy(name: str, *statements: Json, version: str = "2012-10-17") -> Policy:
    return Policy.read(name, {"Version": version, "Statement": list(statements)})


def _allow(*actions: str, resource: str | list[str] = "*", **more: object) -> Json:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def _deny(*actions: str, resource: str | list[str] = "*", **more: object) -> Json:
    return {"Effect": "Deny", "Action": list(actions), "Resource": resource, **more}


def _decide(
    policies: Policies, action: str, resource: str, principal: Principal = SESSION, **context: str | tuple[str, ...]
) -> Decision:
    keys = {key.replace("__", ":").lower(): value for key, value in context.items()}
    return decide(Request(principal, action, resource, keys), policies)


def _allowed(
    statement: Json, action: str = "s3:GetObject", resource: str = f"{OWN}/x", **context: str | tuple[str, ...]
) -> bool:
    return _decide(Policies(identity=[_policy("p", statement)]), action, resource, SESSION, **context).is_allowed


class TestOnePolicyOrTwo:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html"""

    IDENTITY = _policy(
        "carlos",
        _allow("s3:GetBucketLocation", "s3:ListAllMyBuckets", resource="arn:aws:s3:::*", Sid="AllowS3ListRead"),
        _allow("s3:*", resource=[f"{OWN}/*", OWN], Sid="AllowS3Self"),
        _deny("s3:*", resource="arn:aws:s3:::*log*", Sid="DenyS3Logs"),
    )
    BUCKET = _policy(
        "bucket", _allow("s3:*", resource=[LOGS, f"{LOGS}/*"], Principal={"AWS": CARLOS.arn}, Sid="Carlos")
    )

    def test_a_deny_of_the_identity_beats_an_allow_of_the_resource(self) -> None:
        policies = Policies(identity=[self.IDENTITY], resource=self.BUCKET)
        assert _decide(policies, "s3:PutObject", f"{LOGS}/x", CARLOS) == Decision(
            Reason.EXPLICIT_DENY, ("carlos", "DenyS3Logs")
        )

    def test_in_one_account_an_allow_of_either_is_enough(self) -> None:
        own = Policies(identity=[self.IDENTITY])
        assert _decide(own, "s3:PutObject", f"{OWN}/x", CARLOS).is_allowed
        assert _decide(Policies(resource=self.BUCKET), "s3:PutObject", f"{LOGS}/x", CARLOS) == Decision(
            Reason.ALLOWED, ("bucket", "Carlos")
        )

    def test_what_nobody_allows_is_denied(self) -> None:
        assert _decide(Policies(), "s3:GetObject", f"{OWN}/x") == Decision(Reason.NO_IDENTITY_POLICY)
        other = Policies(identity=[_policy("p", _allow("s3:GetObject", resource="arn:aws:s3:::other/*"))])
        assert _decide(other, "s3:GetObject", f"{OWN}/x") == Decision(Reason.NO_IDENTITY_POLICY)

    def test_across_accounts_both_must_allow(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html"""
        mine = _policy("mine", _allow("s3:GetObject"))
        for name in (ROOT, ACCOUNT, ROLE, SESSION.arn):
            theirs = _policy("theirs", _allow("s3:GetObject", Principal={"AWS": name}))
            both = Policies(identity=[mine], resource=theirs, resource_account="999900001111")
            assert _decide(both, "s3:GetObject", f"{OWN}/x").is_allowed, name
            alone = Policies(resource=theirs, resource_account="999900001111")
            assert _decide(alone, "s3:GetObject", f"{OWN}/x").reason is Reason.NO_IDENTITY_POLICY, name
        unnamed = Policies(identity=[mine], resource_account="999900001111")
        assert _decide(unnamed, "s3:GetObject", f"{OWN}/x").reason is Reason.NO_RESOURCE_POLICY

    def test_the_account_in_a_resource_policy_leaves_it_to_the_identity(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"""
        bucket = _policy("bucket", _allow("s3:GetObject", Principal={"AWS": ROOT}))
        assert not _decide(Policies(resource=bucket), "s3:GetObject", f"{OWN}/x").is_allowed


class TestBoundaries:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"""

    BOUNDARY = (_policy("boundary", _allow("s3:*", "cloudwatch:*", "ec2:*")),)

    def test_what_is_not_in_both_is_denied(self) -> None:
        wide = Policies(identity=[_policy("p", _allow("iam:CreateUser"))], boundary=self.BOUNDARY)
        assert _decide(wide, "iam:CreateUser", "*") == Decision(Reason.NO_BOUNDARY)
        alone = Policies(boundary=self.BOUNDARY)
        assert _decide(alone, "s3:GetObject", f"{OWN}/x") == Decision(Reason.NO_IDENTITY_POLICY)

    def test_it_bounds_what_a_resource_allows_to_the_role_and_not_to_the_session(self) -> None:
        for name, is_allowed in ((ROLE, False), (SESSION.arn, True)):
            queue = _policy("queue", _allow("sqs:SendMessage", Principal={"AWS": name}))
            policies = Policies(resource=queue, boundary=self.BOUNDARY)
            assert _decide(policies, "sqs:SendMessage", "arn:aws:sqs:eu-central-1:1:q").is_allowed is is_allowed, name


class TestKeysAndTrust:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"""

    IDENTITY = (_policy("p", _allow("kms:Decrypt", resource=KEY)),)

    def test_a_key_without_its_account_listens_to_nobody(self) -> None:
        policies = Policies(identity=self.IDENTITY, resource=_policy("key"), resource_decides=True)
        assert _decide(policies, "kms:Decrypt", KEY) == Decision(Reason.NO_RESOURCE_POLICY)

    def test_a_key_with_its_account_leaves_it_to_the_identity(self) -> None:
        key = _policy("key", _allow("kms:*", Principal={"AWS": ROOT}, Sid="Account"))
        assert _decide(Policies(self.IDENTITY, key, resource_decides=True), "kms:Decrypt", KEY).is_allowed
        assert not _decide(Policies((), key, resource_decides=True), "kms:Decrypt", KEY).is_allowed

    def test_a_key_that_names_the_role_is_enough(self) -> None:
        key = _policy("key", _allow("kms:Decrypt", Principal={"AWS": ROLE}))
        assert _decide(Policies((), key, resource_decides=True), "kms:Decrypt", KEY).is_allowed

    def test_a_role_is_taken_on_by_whom_it_trusts(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_terms-and-concepts.html"""
        trust = Policy.read(
            "trust",
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": {"Service": "glue.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
                },
            },
        )
        policies = Policies(resource=trust, resource_decides=True)
        glue, states = Principal("glue.amazonaws.com"), Principal("states.amazonaws.com")
        assert _decide(policies, "sts:AssumeRole", ROLE, glue, aws__SourceAccount=ACCOUNT).is_allowed
        assert not _decide(policies, "sts:AssumeRole", ROLE, glue, aws__SourceAccount="999900001111").is_allowed
        assert not _decide(policies, "sts:AssumeRole", ROLE, glue).is_allowed
        assert not _decide(policies, "sts:AssumeRole", ROLE, states, aws__SourceAccount=ACCOUNT).is_allowed


class TestServices:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html"""

    QUEUE = _policy(
        "queue",
        _allow(
            "sqs:SendMessage",
            Principal={"Service": "s3.amazonaws.com"},
            Condition={"ArnLike": {"aws:SourceArn": OWN}, "StringEquals": {"aws:SourceAccount": ACCOUNT}},
        ),
    )

    def test_a_service_needs_the_policy_of_the_resource(self) -> None:
        s3, arn = Principal("s3.amazonaws.com"), f"arn:aws:sqs:eu-central-1:{ACCOUNT}:manifests"
        mine = {"aws__SourceArn": OWN, "aws__SourceAccount": ACCOUNT}
        assert _decide(Policies(resource=self.QUEUE), "sqs:SendMessage", arn, s3, **mine).is_allowed
        foreign = mine | {"aws__SourceAccount": "999900001111"}
        assert not _decide(Policies(resource=self.QUEUE), "sqs:SendMessage", arn, s3, **foreign).is_allowed
        assert not _decide(Policies(), "sqs:SendMessage", arn, s3, **mine).is_allowed
        other = Principal("events.amazonaws.com")
        assert not _decide(Policies(resource=self.QUEUE), "sqs:SendMessage", arn, other, **mine).is_allowed

    def test_a_deny_of_everybody_is_meant_for_services_too(self) -> None:
        tls = _deny("sqs:*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})
        queue = _policy("q", _allow("sqs:*", Principal={"Service": "s3.amazonaws.com"}), tls)
        s3 = Principal("s3.amazonaws.com")
        assert not _decide(
            Policies(resource=queue), "sqs:SendMessage", "q", s3, aws__SecureTransport="false"
        ).is_allowed
        assert _decide(Policies(resource=queue), "sqs:SendMessage", "q", s3, aws__SecureTransport="true").is_allowed


class TestElements:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html and its neighbours"""

    @pytest.mark.parametrize(
        ("pattern", "arn", "matches"),
        [
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b:c", True),
            ("arn:aws:s3:::b/?", "arn:aws:s3:::b/a", True),
            ("arn:aws:s3:::b/?", "arn:aws:s3:::b/ab", False),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::B/a", False),
            ("arn:aws:s3:::b", "arn:aws:s3:::b/a", False),
            ("arn:aws:logs:*", "arn:aws:logs:eu-central-1:1:log-group:/x:log-stream:y", True),
            ("arn:aws:lambda:*:1:function:f", "arn:aws:lambda:eu-central-1:1:function:f", True),
            ("arn:aws:*a:eu:1:function:f", "arn:aws:lambda:eu:1:function:f", True),
            ("arn:aws:l*a:1:function:f", "arn:aws:lambda:eu:a:1:function:f", False),
            ("*", "anything", True),
        ],
    )
    def test_resources(self, pattern: str, arn: str, matches: bool) -> None:
        assert _allowed(_allow("s3:GetObject", resource=pattern), resource=arn) is matches

    @pytest.mark.parametrize(("pattern", "matches"), [("S3:getobject", True), ("s3:Get*", True), ("s3:GetObj?", False)])
    def test_actions_are_compared_without_case(self, pattern: str, matches: bool) -> None:
        assert _allowed(_allow(pattern)) is matches

    def test_not_action_and_not_resource_mean_all_others(self) -> None:
        statement: Json = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": f"{LOGS}/*"}
        assert _allowed(statement)
        assert not _allowed(statement, action="iam:PassRole")
        assert not _allowed(statement, resource=f"{LOGS}/x")

    def test_not_principal_spares_whom_it_names_whole(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html"""
        for names, is_allowed in (([ROOT, ROLE, SESSION.arn], True), ([ROOT, ROLE], False), ([ROLE], False)):
            deny: Json = {"Effect": "Deny", "NotPrincipal": {"AWS": names}, "Action": "s3:*", "Resource": "*"}
            policies = Policies([_policy("p", _allow("s3:*"))], _policy("bucket", deny))
            assert _decide(policies, "s3:GetObject", f"{OWN}/x").is_allowed is is_allowed, names

    def test_variables_take_their_value_from_the_request(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""
        home = _allow("s3:GetObject", resource=f"{OWN}/${{aws:username}}/*")
        assert _allowed(home, resource=f"{OWN}/ann/x", aws__username="ann")
        assert not _allowed(home, resource=f"{OWN}/bob/x", aws__username="ann")
        assert not _allowed(home, resource=f"{OWN}/ann/x")
        assert not _allowed(home, resource=f"{OWN}/bob/x", aws__username="*")
        fallback = _allow("s3:GetObject", resource=f"{OWN}/${{aws:PrincipalTag/team, 'company-wide'}}/*")
        assert _allowed(fallback, resource=f"{OWN}/company-wide/x")
        literal = _allow("s3:GetObject", resource=f"{OWN}/${{*}}/x")
        assert _allowed(literal, resource=f"{OWN}/*/x")
        assert not _allowed(literal, resource=f"{OWN}/ann/x")

    def test_before_2012_a_variable_is_text(self) -> None:
        old = _policy("p", _allow("s3:GetObject", resource=f"{OWN}/${{aws:username}}"), version="2008-10-17")
        assert _decide(Policies([old]), "s3:GetObject", f"{OWN}/${{aws:username}}", aws__username="ann").is_allowed
        assert not _decide(Policies([old]), "s3:GetObject", f"{OWN}/ann", aws__username="ann").is_allowed


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"aws:Key": ["a", "b"]}}, {"aws__Key": "b"}, True),
        ({"StringEquals": {"aws:Key": "a"}}, {"aws__Key": "A"}, False),
        ({"StringEquals": {"aws:Key": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"aws:Key": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"aws:Key": "a"}}, {"aws__Key": "b"}, False),
        ({"StringNotEquals": {"aws:Key": ["a", "b"]}}, {"aws__Key": "b"}, False),
        ({"StringNotEquals": {"aws:Key": "a"}}, {}, True),
        ({"StringEqualsIgnoreCase": {"aws:Key": "a"}}, {"aws__Key": "A"}, True),
        ({"StringLike": {"aws:Key": "a/*"}}, {"aws__Key": "a/b/c"}, True),
        ({"StringNotLike": {"aws:Key": "a*"}}, {"aws__Key": "ab"}, False),
        ({"NumericLessThanEquals": {"aws:Key": "10"}}, {"aws__Key": "9.5"}, True),
        ({"NumericGreaterThan": {"aws:Key": 10}}, {"aws__Key": "many"}, False),
        ({"DateLessThan": {"aws:Key": "2026-11-20T00:00:00Z"}}, {"aws__Key": "2026-11-19T23:59:59Z"}, True),
        ({"DateGreaterThan": {"aws:Key": "2026-11-20T00:00:00Z"}}, {"aws__Key": "0"}, False),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws__SecureTransport": "false"}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws__SourceIp": "203.0.113.9"}, True),
        ({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws__SourceIp": "203.0.113.9"}, False),
        ({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, {"aws__SourceIp": "203.0.113.9"}, False),
        ({"ArnEquals": {"aws:Key": "arn:aws:s3:::b*"}}, {"aws__Key": "arn:aws:s3:::bucket"}, True),
        ({"ArnLike": {"aws:Key": "arn:aws:*"}}, {"aws__Key": "arn:aws:s3:::bucket"}, False),
        ({"ArnLike": {"aws:Key": "arn:aws:*:*:*:b*"}}, {"aws__Key": "arn:aws:s3:::bucket"}, True),
        ({"ArnNotLike": {"aws:Key": "arn:aws:s3:::b*"}}, {"aws__Key": "arn:aws:s3:::bucket"}, False),
        ({"Null": {"aws:Key": "true"}}, {}, True),
        ({"Null": {"aws:Key": "true"}}, {"aws__Key": "a"}, False),
        ({"Null": {"aws:Key": False}}, {"aws__Key": "a"}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws__TagKeys": ("a",)}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws__TagKeys": ("a", "c")}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws__TagKeys": ("a", "c")}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws__TagKeys": ("c",)}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {}, False),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}, {"aws__TagKeys": ("a", "b")}, True),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": "a"}}, {"aws__TagKeys": ("a", "b")}, False),
        ({"StringEquals": {"aws:A": "1"}, "StringLike": {"aws:B": "2"}}, {"aws__A": "1"}, False),
        ({"StringEquals": {"aws:A": "1", "aws:B": "2"}}, {"aws__A": "1", "aws__B": "2"}, True),
        ({"StringEquals": {"aws:Key": "${aws:userid}"}}, {"aws__Key": "A:b", "aws__userid": "A:b"}, True),
        ({"StringEquals": {"aws:Key": "${aws:userid}"}}, {"aws__Key": "A:b", "aws__userid": "A:c"}, False),
        ({"StringNotEquals": {"aws:Key": "${aws:userid}"}}, {"aws__Key": "A:b"}, True),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else str(value),
)
def test_conditions(condition: Json, context: dict[str, Any], holds: bool) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    assert _allowed(_allow("s3:GetObject", Condition=condition), **context) is holds


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (_allow("s3:GetObject", Condition={"StringAlike": {"aws:Key": "a"}}), "StringAlike is unknown"),
        (_allow("s3:GetObject", Condition={"BinaryEquals": {"aws:Key": "a"}}), "BinaryEquals is unknown"),
        (_allow("s3:GetObject", Condition={"NullIfExists": {"aws:Key": "true"}}), "Null takes neither"),
        (_allow("s3:GetObject", Condition={"StringEquals": "a"}), "Condition is operators"),
        (_allow("s3:GetObject", Condition={"StringEquals": {"aws:Key": None}}), "is not a value"),
        (_allow("s3:GetObject", Effects="Allow"), "unknown elements Effects"),
        ({"Effect": "Maybe", "Action": "s3:*", "Resource": "*"}, "Effect is Allow or Deny"),
        ({"Effect": "Allow", "Resource": "*"}, "Action or NotAction is missing"),
        ({"Effect": "Allow", "Action": "s3:*", "NotAction": "s3:*", "Resource": "*"}, "Action and NotAction"),
        ({"Effect": "Allow", "Action": "GetObject", "Resource": "*"}, "GetObject is not an action"),
        ({"Effect": "Allow", "Action": 5, "Resource": "*"}, "neither a text nor a list of texts"),
        (_allow("s3:GetObject", NotPrincipal={"AWS": ROOT}), "AWS says never to use it"),
        (_allow("s3:GetObject", Principal={"Robot": "*"}), "a principal is"),
    ],
)
def test_what_is_not_known_is_an_error(statement: Json, rule: str) -> None:
    with pytest.raises(PolicyError, match=rule) as raised:
        _policy("queue", statement | {"Sid": "This"})
    assert "queue, statement This" in str(raised.value)


def test_a_key_of_many_values_needs_a_quantifier() -> None:
    with pytest.raises(PolicyError, match="aws:tagkeys has many values"):
        _allowed(_allow("s3:GetObject", Condition={"StringEquals": {"aws:TagKeys": "a"}}), aws__TagKeys=("a", "b"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Statement": [1]}'])
def test_what_is_no_policy_is_an_error(text: str) -> None:
    with pytest.raises(PolicyError, match="queue"):
        Policy.read("queue", text)


def test_a_session_is_of_its_role() -> None:
    assert Principal(f"arn:aws:sts::{ACCOUNT}:assumed-role/loader/run-1", ACCOUNT, ROLE) == SESSION


_ACTIONS = st.sampled_from(["s3:GetObject", "s3:PutObject", "s3:*", "sqs:*", "*"])
_STATEMENTS = st.lists(
    st.builds(
        lambda effect, action, resource: {"Effect": effect, "Action": action, "Resource": resource, "Sid": effect},
        st.sampled_from(["Allow", "Deny"]),
        _ACTIONS,
        st.sampled_from(["*", f"{OWN}/*", f"{LOGS}/*"]),
    ),
    max_size=4,
)


@given(_STATEMENTS, _STATEMENTS, st.booleans())
def test_a_deny_never_gives_and_an_allow_never_takes(first: list[Json], more: list[Json], is_allow: bool) -> None:
    """More denies allow no more; more allows deny no more."""
    added = [each for each in more if (each["Effect"] == "Allow") is is_allow]
    before = _decide(Policies([_policy("p", *first)]), "s3:GetObject", f"{OWN}/x").is_allowed
    after = _decide(Policies([_policy("p", *first, *added)]), "s3:GetObject", f"{OWN}/x").is_allowed
    assert (before <= after) if is_allow else (after <= before)
