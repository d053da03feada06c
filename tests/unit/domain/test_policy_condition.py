from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.policy_condition import KEYS, make_condition

BUCKET = "arn:aws:s3:::bucket"
SOURCE = {"aws:SourceArn": BUCKET, "lambda:InvokedViaFunctionUrl": "true"}


def holds(operator, key, *values, context=SOURCE):
    return make_condition(operator, key, values).holds(context)


@pytest.mark.parametrize(
    ("operator", "value", "is_met"),
    [
        ("StringEquals", BUCKET, True),
        ("StringEquals", BUCKET.upper(), False),
        ("StringEquals", "arn:aws:s3:::*", False),
        ("StringEqualsIgnoreCase", BUCKET.upper(), True),
        ("StringLike", "arn:*", True),
        ("StringLike", "*:sns:*", False),
        ("ArnLike", "arn:aws:s3:::*", True),
        ("ArnLike", "arn:*", False),
        ("ArnEquals", "arn:aws:s3:::b?cket", True),
    ],
)
def test_a_value_fits_or_does_not_and_negation_turns_it_around(operator, value, is_met):
    assert holds(operator, "aws:SourceArn", value) is is_met
    for positive, negative in (("Equals", "NotEquals"), ("Like", "NotLike")):
        if positive in operator:
            negated = operator.replace(positive, negative)
            assert holds(negated, "aws:SourceArn", value) is not is_met


def test_any_of_several_values_will_do_and_negated_none_may_fit():
    assert holds("StringEquals", "aws:SourceArn", "other", BUCKET)
    assert not holds("StringNotEquals", "aws:SourceArn", "other", BUCKET)
    assert holds("StringNotEquals", "aws:SourceArn", "other", "another")


@pytest.mark.parametrize(
    ("operator", "is_met"),
    [
        ("StringEquals", False),
        ("ArnLike", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("ArnNotLikeIfExists", True),
    ],
)
def test_what_a_request_does_not_say_fits_nothing(operator, is_met):
    assert holds(operator, "aws:SourceAccount", "123456789012") is is_met


def test_if_exists_compares_what_is_there():
    assert not holds("StringEqualsIfExists", "aws:SourceArn", "other")


@pytest.mark.parametrize(("wanted", "is_met"), [("true", True), ("True", True), ("false", False)])
def test_booleans_are_compared(wanted, is_met):
    assert holds("Bool", "lambda:InvokedViaFunctionUrl", wanted) is is_met


def test_null_asks_whether_something_is_said_at_all():
    assert holds("Null", "aws:SourceArn", "false")
    assert not holds("Null", "aws:SourceArn", "true")
    assert holds("Null", "aws:SourceAccount", "true")


@pytest.mark.parametrize("key", ["AWS:SourceArn", "aws:sourcearn", "aws:SourceARN"])
def test_the_case_of_keys_means_nothing(key):
    assert holds("ArnLike", key, BUCKET)


@pytest.mark.parametrize(
    ("operator", "key", "named"),
    [
        ("IpAddress", "aws:SourceArn", "IpAddress"),
        ("ForAnyValue:StringEquals", "aws:SourceArn", "ForAnyValue:StringEquals"),
        ("BoolNot", "aws:SourceArn", "BoolNot"),
        ("NullIfExists", "aws:SourceArn", "NullIfExists"),
        ("StringEquals", "aws:SourceIp", "aws:SourceIp"),
    ],
)
def test_what_is_not_evaluated_is_refused_with_what_is(operator, key, named):
    with pytest.raises(ServiceError) as caught:
        make_condition(operator, key, ("x",))
    assert caught.value.code == "InvalidParameterValueException"
    assert f" {named} is not available in this release of Lambent: " in caught.value.message


def test_every_key_can_be_asked_for():
    assert all(make_condition("StringLike", key, ("*",)).key == key for key in KEYS)
