from __future__ import annotations

import pytest
from moto.cloudformation.exceptions import ValidationError

from lambent.companion.cloudformation.sam import transformed


def test_a_serverless_function_becomes_plain_resources():
    properties = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "InlineCode": "code",
        "AutoPublishAlias": {"Ref": "Alias"},
    }
    document = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {"Alias": {"Type": "String", "Default": "live"}},
        "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": properties}},
    }
    made = transformed(document, {}, "eu-west-1")
    assert "Transform" not in made
    assert sorted(each["Type"] for each in made["Resources"].values()) == [
        "AWS::IAM::Role",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Function",
        "AWS::Lambda::Version",
    ]


def test_a_transform_says_what_is_wrong_with_a_template():
    document = {"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {}}}}
    with pytest.raises(ValidationError, match=r"\[F\] is invalid"):
        transformed(document, {}, "us-east-1")
