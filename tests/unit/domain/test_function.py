from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest
from tests.support.versions import function_version

from lambent.domain.function import Function, FunctionVersion

VERSION = function_version(region="cn-north-1", environment={"PASSWORD": "hunter2"})


def test_a_version_names_itself_and_its_log_group():
    assert VERSION.arn == "arn:aws-cn:lambda:cn-north-1:123456789012:function:greet"
    assert VERSION.qualified_arn == f"{VERSION.arn}:$LATEST"
    assert VERSION.log_group == "/aws/lambda/greet"


def test_a_version_s_secrets_are_not_in_its_repr():
    assert "hunter2" not in repr(VERSION)


def test_a_version_does_not_change():
    with pytest.raises(FrozenInstanceError):
        VERSION.version = "1"  # type: ignore[misc]  # that is the point


def test_without_variables_nothing_is_shared_that_can_change():
    values = {
        each.name: getattr(VERSION, each.name)
        for each in fields(FunctionVersion)
        if each.name != "environment"
    }
    environment = FunctionVersion(**values).environment
    assert environment == {}
    with pytest.raises(TypeError):
        environment["A"] = "b"  # type: ignore[index]  # that is the point


def test_a_new_function_has_no_tags_and_publishes_1_next():
    function = Function(account_id="123456789012", region="us-east-1", name="greet")
    assert (function.tags, function.next_version) == ({}, 1)
    assert function.arn == "arn:aws:lambda:us-east-1:123456789012:function:greet"
