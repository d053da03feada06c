"""Policies of functions: who of other accounts may invoke them."""

from __future__ import annotations

import json

import pytest
from tests.support.functions import zipped
from tests.support.refusals import refusal
from tests.support.server import newest_runtime

STRANGER = "899999999998"
ANSWER = zipped({"lambda_function.py": "def handler(event, context): return event"})
PERMISSION = {
    "FunctionName": "greet",
    "StatementId": "s3",
    "Action": "lambda:InvokeFunction",
    "Principal": "s3.amazonaws.com",
}


@pytest.fixture
def stranger(server):
    return server.client(account=STRANGER)


def statements(client, **function):
    policy = client.get_policy(**{"FunctionName": "greet", **function})["Policy"]
    return json.loads(policy)["Statement"]


def test_permissions_are_added_read_and_removed(account):
    account.created()
    client = account.client()
    answer = client.add_permission(
        **PERMISSION, SourceArn="arn:aws:s3:::bucket", SourceAccount=account.id
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert statements(client) == [json.loads(answer["Statement"])]
    assert statements(client)[0]["Condition"] == {
        "StringEquals": {"AWS:SourceAccount": account.id},
        "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
    }
    assert refusal(client.add_permission, **PERMISSION).status == 409
    revision = client.get_policy(FunctionName="greet")["RevisionId"]
    statement = {"FunctionName": "greet", "StatementId": "s3"}
    assert refusal(client.remove_permission, **statement, RevisionId="wrong").status == 412
    removed = client.remove_permission(**statement, RevisionId=revision)
    assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(client.get_policy, FunctionName="greet").status == 404


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"StatementId": "example.com"},
            "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)",
        ),
        (
            {"Qualifier": "what?"},
            "1 validation error detected: Value 'what?' at 'qualifier' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+",
        ),
    ],
)
def test_the_model_s_constraints_come_first(account, change, message):
    refused = refusal(account.client().add_permission, **{**PERMISSION, **change})
    assert refused == (400, "ValidationException", message)


def test_another_account_invokes_with_permission_only(account, stranger):
    account.created(Runtime=newest_runtime("python"), Code={"ZipFile": ANSWER}, Publish=True)
    client = account.client()
    client.create_alias(FunctionName="greet", Name="live", FunctionVersion="1")
    arn = account.arn("greet")
    assert refusal(stranger.invoke, FunctionName=arn) == (
        403,
        "AccessDeniedException",
        f"User: arn:aws:iam::{STRANGER}:root is not authorized to perform: lambda:InvokeFunction "
        f"on resource: {arn} because no resource-based policy allows the lambda:InvokeFunction "
        "action",
    )
    client.add_permission(**{**PERMISSION, "Principal": STRANGER}, Qualifier="live")
    answer = stranger.invoke(FunctionName=f"{arn}:live", Payload=b'{"a": 1}')
    assert json.load(answer["Payload"]) == {"a": 1}
    assert refusal(stranger.invoke, FunctionName=arn).status == 403
    assert client.invoke(FunctionName="greet")["StatusCode"] == 200
    client.remove_permission(FunctionName="greet:live", StatementId="s3")
    assert refusal(stranger.invoke, FunctionName=f"{arn}:live").status == 403


def test_a_whole_policy_is_put_and_denies_too(account, stranger):
    account.created(Runtime=newest_runtime("python"), Code={"ZipFile": ANSWER})
    client, arn = account.client(), account.arn("greet")
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": effect,
                "Principal": {"AWS": principal},
                "Action": "lambda:Invoke*",
                "Resource": f"{arn}*",
            }
            for effect, principal in (("Allow", STRANGER), ("Deny", account.id))
        ],
    }
    put = client.put_resource_policy(ResourceArn=arn, Policy=json.dumps(document))
    assert json.loads(put["Policy"]) == document
    read = client.get_resource_policy(ResourceArn=arn)
    assert (read["Policy"], read["RevisionId"]) == (put["Policy"], put["RevisionId"])
    assert stranger.invoke(FunctionName=arn)["StatusCode"] == 200
    denied = refusal(client.invoke, FunctionName="greet")
    assert denied.message.endswith("with an explicit deny in a resource-based policy")
    deleted = client.delete_resource_policy(ResourceArn=arn, RevisionId=put["RevisionId"])
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.invoke(FunctionName="greet")["StatusCode"] == 200
    assert refusal(stranger.invoke, FunctionName=arn).status == 403
