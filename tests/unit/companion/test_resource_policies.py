from __future__ import annotations

import json

import pytest

from lambent.companion.resource_policies import ANY_SERVICE, User, allows, matches

TOPIC = "arn:aws:sns:us-east-1:111111111111:t"
CALLER = User(account_id="222222222222")
ROLE = "arn:aws:iam::222222222222:role/r"


def policy(**statement):
    usual = {"Effect": "Allow", "Principal": "*", "Action": "SNS:Publish", "Resource": TOPIC}
    return json.dumps({"Statement": {**usual, **statement}})


def is_allowed(document, user=CALLER):
    return allows(document, user, action="SNS:Publish", resource=TOPIC)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({}, True),
        ({"Principal": {"AWS": "222222222222"}}, True),
        ({"Principal": {"AWS": ["x", ROLE]}}, True),
        ({"Principal": {"AWS": "333333333333"}}, False),
        ({"Principal": {"AWS": "arn:aws:iam::333333333333:role/222222222222"}}, False),
        ({"Principal": {"Service": "sns.amazonaws.com"}}, False),
        ({"Principal": None, "NotPrincipal": {"AWS": "1"}}, False),
        ({"Action": ["sns:Get*", "sns:pub*"]}, True),
        ({"Action": "SNS:Subscribe"}, False),
        ({"Action": None, "NotAction": "SNS:Subscribe"}, False),
        ({"Resource": "arn:aws:sns:*"}, True),
        ({"Resource": TOPIC + "2"}, False),
        ({"Condition": {"StringEquals": {"AWS:SourceOwner": "111111111111"}}}, False),
        ({"Condition": {"StringEquals": {"aws:PrincipalAccount": "222222222222"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}, False),
        ({"Condition": "x"}, False),
        ({"Effect": "Deny"}, False),
    ],
)
def test_an_account_is_allowed_what_a_statement_names_it_for(statement, expected):
    assert is_allowed(policy(**statement)) is expected


def test_a_denial_wins_whatever_it_depends_on():
    allowed, denied = json.loads(policy()), json.loads(policy(Effect="Deny", Condition={"Bool": 1}))
    both = {"Statement": [allowed["Statement"], denied["Statement"]]}
    assert not is_allowed(json.dumps(both))


def test_a_service_is_allowed_for_what_it_acts_for():
    by_rule = User(account_id="222222222222", service="events.amazonaws.com", source_arn="arn:r")
    document = policy(
        Principal={"Service": "events.amazonaws.com"},
        Condition={"ArnLike": {"aws:SourceArn": "arn:*"}},
    )
    assert is_allowed(document, by_rule)
    assert not is_allowed(document)
    assert not is_allowed(document, User(account_id="222222222222", service="s3.amazonaws.com"))
    unknown = User(account_id="222222222222", service=ANY_SERVICE)
    assert is_allowed(policy(Principal={"Service": "s3.amazonaws.com"}), unknown)


@pytest.mark.parametrize("document", [None, "", "{", "[]", b'{"Statement": ["x"]}'])
def test_what_is_no_policy_allows_nobody(document):
    assert not is_allowed(document)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True),
        ("a*c", "abbc", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a*b*c", "aXbYbc", True),
        ("[a]", "a", False),
        ("a.c", "abc", False),
        ("ab", "abc", False),
        ("*a" * 200 + "b", "a" * 5000, False),
    ],
)
def test_patterns_have_stars_and_question_marks_only(pattern, text, expected):
    assert matches(pattern, text) is expected
