"""Tags of functions."""

from __future__ import annotations

import uuid

import pytest
from tests.support.refusals import refusal


def tags(account):
    return account.client().list_tags(Resource=account.arn("greet"))["Tags"]


def test_tags_come_and_go(account):
    account.created(Tags={"a": "1"})
    client, arn = account.client(), account.arn("greet")
    answer = client.tag_resource(Resource=arn, Tags={"a": "2", "b": "", "c d/é": "x"})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert tags(account) == {"a": "2", "b": "", "c d/é": "x"}
    answer = client.untag_resource(Resource=arn, TagKeys=["a", "c d/é", "absent"])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert tags(account) == {"b": ""}
    client.untag_resource(Resource=arn, TagKeys=["b"])
    assert tags(account) == {}


def test_a_change_of_tags_is_a_new_revision(account):
    before = account.created()["RevisionId"]
    account.client().tag_resource(Resource=account.arn("greet"), Tags={"a": "1"})
    after = account.client().get_function_configuration(FunctionName="greet")["RevisionId"]
    assert after != before


def test_a_function_has_at_most_fifty(account):
    account.created(Tags={f"tag{number}": "" for number in range(50)})
    tag = account.client().tag_resource
    tag(Resource=account.arn("greet"), Tags={"tag0": "changed"})
    assert refusal(tag, Resource=account.arn("greet"), Tags={"one": "more"}) == (
        400,
        "InvalidParameterValueException",
        "Number of tags exceeds resource tag limit.",
    )
    assert len(tags(account)) == 50
    excess = {f"tag{number}": "" for number in range(51)}
    assert refusal(account.create, "other", Tags=excess).code == "InvalidParameterValueException"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({}, "InvalidParameterValueException"),
        ({"aws:mine": ""}, "InvalidParameterValueException"),
        ({"k" * 129: ""}, "ValidationException"),
        ({"k": "v" * 257}, "ValidationException"),
    ],
)
def test_tags_nobody_may_have(account, wrong, code):
    account.created()
    refused = refusal(account.client().tag_resource, Resource=account.arn("greet"), Tags=wrong)
    assert (refused.status, refused.code) == (400, code)
    assert tags(account) == {}


def test_versions_have_no_tags_of_their_own(account):
    account.created(Publish=True)
    refused = refusal(account.client().list_tags, Resource=account.arn("greet:1"))
    assert refused == (
        400,
        "InvalidParameterValueException",
        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    )


def test_what_is_not_there_has_no_tags(account):
    client, arn = account.client(), account.arn("nobody")
    missing = (404, "ResourceNotFoundException", f"Function not found: {arn}")
    assert refusal(client.list_tags, Resource=arn) == missing
    assert refusal(client.tag_resource, Resource=arn, Tags={"a": "1"}) == missing
    assert refusal(client.untag_resource, Resource=arn, TagKeys=["a"]) == missing
    mapping = arn.replace("function:nobody", f"event-source-mapping:{uuid.UUID(int=1)}")
    refused = refusal(client.list_tags, Resource=mapping)
    assert refused.message == f"Event source mapping not found: {mapping}"


def test_what_is_no_arn_has_no_tags(account):
    refused = refusal(account.client().list_tags, Resource="arn:aws:something")
    assert (refused.status, refused.code) == (400, "ValidationException")
    assert refused.message.startswith(
        "1 validation error detected: Value 'arn:aws:something' at 'resource' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda:"
    )
    assert refused.message.endswith("|capacity-provider:[a-zA-Z0-9-_]+)")
