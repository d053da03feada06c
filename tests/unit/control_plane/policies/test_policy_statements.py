from __future__ import annotations

import json

import pytest

from lambent.control_plane.policies.policy_statements import (
    account_principal,
    check_action,
    check_resource,
    check_size,
    policy_text,
)
from lambent.domain.arn import FunctionReference
from lambent.domain.errors import ServiceError

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"


def test_a_policy_is_written_without_spaces_and_in_order():
    text = policy_text([{"Sid": "b"}, {"Sid": "a"}])
    assert text == ('{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"b"},{"Sid":"a"}]}')
    assert json.loads(text)["Statement"] == [{"Sid": "b"}, {"Sid": "a"}]


def test_an_account_is_the_root_of_its_partition():
    root = {"AWS": "arn:aws-us-gov:iam::123456789012:root"}
    assert account_principal("123456789012", "us-gov-west-1") == root


def test_a_policy_may_be_as_long_as_the_limit():
    check_size("x" * 10, 10)
    with pytest.raises(ServiceError) as caught:
        check_size("x" * 11, 10)
    assert caught.value.code == "PolicyLengthExceededException"
    assert caught.value.message == "The final policy size (11) is bigger than the limit (10)."


@pytest.mark.parametrize(
    "action", ["*", "lambda:*", "lambda:Invoke*", "LAMBDA:getfunction", "lambda:InvokeFunctionUrl"]
)
def test_actions_are_lambda_s(action):
    check_action(action)


@pytest.mark.parametrize("action", ["lambda:Invoke", "lambda:Fly*", "s3:GetObject", "s3:*"])
def test_what_nobody_can_do_with_lambda_is_no_action(action):
    with pytest.raises(ServiceError) as caught:
        check_action(action)
    assert caught.value.message == f"The action {action} is none of Lambda's."


def is_about(resource, qualifier):
    reference = FunctionReference(
        account_id="123456789012", region="eu-central-1", name="echo", qualifier=qualifier
    )
    try:
        check_resource(resource, reference)
    except ServiceError:
        return False
    return True


def test_the_refusal_of_a_resource_says_what_the_policy_is_for():
    reference = FunctionReference(
        account_id="123456789012", region="eu-central-1", name="echo", qualifier="live"
    )
    with pytest.raises(ServiceError) as caught:
        check_resource(ARN, reference)
    assert caught.value.message == (
        f"The resource {ARN} is not what the policy is for, which is {ARN}:live."
    )


@pytest.mark.parametrize(
    ("resource", "function", "alias"),
    [
        ("*", True, True),
        (ARN, True, False),
        (f"{ARN}*", True, True),
        (f"{ARN}:*", True, True),
        (f"{ARN}:live", True, True),
        (f"{ARN}:old", True, False),
        (f"{ARN}:?", True, False),
        (f"{ARN}:o*d", True, False),
        ("arn:aws:lambda:*", True, True),
        ("arn:*:function:e*", True, True),
        ("arn:*:function:e*:l*e", True, True),
        ("arn:*:function:ec*xx", True, False),
        (f"{ARN}:", False, False),
        (f"{ARN}x", False, False),
        (f"{ARN}x:live", False, False),
        ("arn:*:function:other", False, False),
        ("arn:aws:lambda:*:function:other:*", False, False),
        ("arn:aws:s3:::*", False, False),
    ],
)
def test_a_policy_is_about_its_own_function_version_or_alias(resource, function, alias):
    assert is_about(resource, None) is function
    assert is_about(resource, "live") is alias
