from __future__ import annotations

import pytest

from lambent.domain.identity_policy import (
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
