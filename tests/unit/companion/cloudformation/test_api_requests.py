from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from lambent.companion.cloudformation.api_requests import (
    gone_is_fine,
    request_for,
    split_qualifier,
    tags_of,
)
from lambent.companion.cloudformation.resource_type import ChangeRefused

ARN = "arn:aws:lambda:us-east-1:000000000000:function:name"


@pytest.fixture(scope="module")
def api():
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("lambda", region_name="us-east-1", **keys)


def test_values_take_the_types_of_the_api(api):
    properties = {
        "FunctionName": 12,
        "Timeout": "7",
        "Publish": "true",
        "Environment": {"Variables": {"A": 1, "B": True}},
        "Layers": ["a"],
        "Unknown": "left out",
    }
    assert request_for(api, "create_function", properties) == {
        "FunctionName": "12",
        "Timeout": 7,
        "Publish": True,
        "Environment": {"Variables": {"A": "1", "B": "true"}},
        "Layers": ["a"],
    }


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"Timeout": "soon"}, "expected type: Number, found: soon"),
        ({"Handler": {"a": 1}}, "expected type: String, found: dict"),
        ({"DeadLetterConfig": {"Target": "x"}}, r"extraneous key \[Target\] is not permitted"),
    ],
)
def test_values_that_the_api_cannot_have_are_refused(api, properties, told):
    with pytest.raises(ChangeRefused, match=told):
        request_for(api, "create_function", properties)


@pytest.mark.parametrize(
    ("function", "named"),
    [
        ("name", {"FunctionName": "name"}),
        ("name:live", {"FunctionName": "name", "Qualifier": "live"}),
        (ARN, {"FunctionName": ARN}),
        (f"{ARN}:3", {"FunctionName": ARN, "Qualifier": "3"}),
    ],
)
def test_a_qualifier_is_told_from_the_name(function, named):
    assert split_qualifier(function) == named


def test_a_resources_tags_win_over_the_stacks():
    properties = {"Tags": [{"Key": "a", "Value": 1}]}
    assert tags_of(properties, {"a": "stack", "b": "stack"}) == {"a": "1", "b": "stack"}


def test_what_is_gone_already_counts_as_deleted():
    def refused(code):
        def delete(**request):
            raise ClientError({"Error": {"Code": code}}, "DeleteFunction")

        return delete

    gone_is_fine(refused("ResourceNotFoundException"), FunctionName="x")
    with pytest.raises(ClientError):
        gone_is_fine(refused("ResourceConflictException"), FunctionName="x")
