from __future__ import annotations

import pytest

from lambent.domain.identity_policy import (
    UNKNOWN_RESOURCE,
    IdentityPolicies,
    PolicyUnreadable,
    identity_statements,
)

INVOKE, READ = "lambda:InvokeFunction", "lambda:GetFunction"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders"
CONTEXT = {"aws:PrincipalAccount": "123456789012"}


def statement(effect="Allow", **members):
    return {"Effect": effect, "Action": INVOKE, "Resource": "*", **members}


def decide(*statements, action=INVOKE, resources=(ARN,), boundary=None):
    policies = IdentityPolicies(
        statements=identity_statements({"Statement": list(statements)}),
        boundary=None if boundary is None else identity_statements({"Statement": boundary}),
    )
    return policies.decide(action, resources, CONTEXT)


def test_what_no_statement_allows_is_not_allowed():
    assert decide() == "not allowed"
    assert decide(statement(), action=READ) == "not allowed"
    assert decide(statement(Resource=f"{ARN}:*")) == "not allowed"


@pytest.mark.parametrize("action", ["*", "lambda:*", "LAMBDA:invoke*", [READ, INVOKE]])
def test_actions_have_wildcards_and_no_case(action):
    assert decide(statement(Action=action)) == "allowed"


def test_a_denial_counts_whatever_is_allowed_besides():
    assert decide(statement(), statement("Deny")) == "denied"
    assert decide(statement("Deny")) == "denied"
    assert decide(statement(), statement("Deny", Resource="other")) == "allowed"


def test_all_but_what_is_named():
    others = {"Effect": "Allow", "NotAction": READ, "NotResource": "other"}
    assert decide(others) == "allowed"
    assert decide(others, action=READ) == "not allowed"
    assert decide(others, resources=["other"]) == "not allowed"


def test_one_spelling_of_a_resource_is_enough():
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/orders"
    for pattern in (group, f"{group}:*"):
        assert decide(statement(Resource=pattern), resources=[f"{group}:x", group]) == "allowed"


def test_all_but_a_resource_is_none_of_its_spellings():
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/secret"
    for pattern in (group, f"{group}:*"):
        others = {"Effect": "Allow", "Action": "*", "NotResource": pattern}
        assert decide(others, resources=[f"{group}:log-stream:", group]) == "not allowed"
        denial = others | {"Effect": "Deny"}
        assert decide(statement(), denial, resources=[f"{group}:log-stream:", group]) == "allowed"
        assert decide(statement(), denial, resources=["other"]) == "denied"


def test_what_may_be_any_resource_may_be_the_one_that_is_denied():
    role = "arn:aws:iam::123456789012:role/admin"
    for denial in ({"Resource": role}, {"NotResource": role}):
        denied = {"Effect": "Deny", "Action": INVOKE, **denial}
        assert decide(statement(), denied, resources=[UNKNOWN_RESOURCE]) == "denied"
        assert decide(statement(), denied | {"Action": READ}, resources=["*"]) == "allowed"
    others = {"Effect": "Allow", "Action": "*", "NotResource": role}
    assert decide(others, resources=[UNKNOWN_RESOURCE]) == "not allowed"
    assert decide(statement(Resource="arn:*"), resources=[UNKNOWN_RESOURCE]) == "not allowed"


def test_what_is_about_no_resource_is_allowed_with_a_star_only():
    denied = statement("Deny", Resource=ARN)
    assert decide(statement(), denied, resources=[""]) == "allowed"
    assert decide(statement(Resource="arn:*"), resources=[""]) == "not allowed"


@pytest.mark.parametrize(
    ("operator", "values", "decision"),
    [
        ("StringEquals", "o-1", "allowed"),
        ("StringNotEquals", "o-1", "denied"),
        ("StringEqualsIfExists", "o-1", "denied"),
        ("StringNotLikeIfExists", "o-*", "denied"),
        ("Null", "true", "denied"),
        ("Null", "false", "allowed"),
        ("ForAllValues:StringEquals", "o-1", "denied"),
        ("StringLike", "${aws:PrincipalOrgID}", "denied"),
    ],
)
def test_a_denial_whose_key_the_request_does_not_have(operator, values, decision):
    condition = {operator: {"aws:PrincipalOrgID": values}}
    assert decide(statement(), statement("Deny", Condition=condition)) == decision


def test_conditions_that_are_known_are_kept_to():
    def of(account):
        return {"StringEquals": {"aws:PrincipalAccount": account}}

    assert decide(statement(Condition=of("123456789012"))) == "allowed"
    assert decide(statement(Condition=of("210987654321"))) == "not allowed"


@pytest.mark.parametrize(
    "unknown",
    [
        {"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalTag/team": "a"}}},
        {"Resource": "arn:aws:lambda:*:*:function:${aws:PrincipalTag/team}"},
        {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}},
    ],
)
def test_what_cannot_be_evaluated_allows_nothing_and_denies_all(unknown):
    assert decide(statement(**unknown)) == "not allowed"
    assert decide(statement(), statement("Deny", **unknown)) == "denied"


def test_a_boundary_must_allow_it_too():
    assert decide(statement(), boundary=[statement()]) == "allowed"
    assert decide(statement(), boundary=[statement(Action=READ)]) == "not allowed"
    assert decide(statement(), boundary=[]) == "not allowed"


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"Statement": "Allow"},
        {"Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]},
        {"Statement": {"Effect": "Allow", "Resource": "*"}},
        {"Statement": {"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}},
        {"Statement": {"Effect": "Allow", "Action": [1], "Resource": "*"}},
        {"Statement": statement(Condition=[])},
        {"Statement": statement(Condition={"StringEquals": 1})},
    ],
)
def test_what_is_no_policy_is_not_taken_for_one(document):
    with pytest.raises(PolicyUnreadable):
        identity_statements(document)
