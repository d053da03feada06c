from __future__ import annotations

import json

import pytest

from lambent.control_plane.policies.policy_statements import (
    account_principal,
    check_size,
    policy_text,
)
from lambent.domain.errors import ServiceError


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
