"""Accounts, named by twelve-digit access keys, and regions see nothing of each other."""

from __future__ import annotations

import pytest
from tests.support.functions import zipped
from tests.support.http_requests import scope_header, send
from tests.support.refusals import refusal
from tests.support.server import ROLE

FUNCTION = {
    "FunctionName": "shared",
    "Runtime": "python3.11",
    "Handler": "lambda_function.handler",
    "Role": ROLE,
}


def create(client, text):
    client.create_function(**FUNCTION, Code={"ZipFile": zipped({"lambda_function.py": text})})


def functions(client):
    return [each["FunctionArn"] for each in client.list_functions()["Functions"]]


@pytest.fixture
def other(server):
    return server.client(account="899999999999")


def test_an_account_has_functions_of_its_own(account, other):
    create(account.client(), "# mine")
    assert functions(account.client()) == [account.arn("shared")]
    assert functions(other) == []
    assert refusal(other.get_function, FunctionName="shared").status == 404
    create(other, "# theirs")
    other.delete_function(FunctionName="shared")
    assert functions(account.client()) == [account.arn("shared")]


def test_a_region_has_functions_of_its_own(account):
    here, there = account.client(), account.client(region="ap-southeast-2")
    create(here, "# here")
    assert functions(there) == []
    create(there, "# there")
    assert functions(there) == [account.arn("shared", region="ap-southeast-2")]
    there.delete_function(FunctionName="shared")
    assert functions(there) == []
    assert functions(here) == [account.arn("shared")]


def test_partitions_have_their_own_arns(account):
    client = account.client(region="cn-north-1")
    create(client, "# china")
    assert functions(client) == [f"arn:aws-cn:lambda:cn-north-1:{account.id}:function:shared"]
    client.delete_function(FunctionName="shared")


def test_a_function_is_not_created_in_another_account(account):
    arn = account.arn("mine").replace(account.id, "899999999999")
    refused = refusal(account.create, arn)
    assert (refused.status, refused.code) == (403, "AccessDeniedException")


def test_logs_are_kept_apart_too(account, other):
    mine, elsewhere = account.client("logs"), account.client("logs", region="eu-west-1")
    theirs = account.server.client("logs", account="899999999999")
    mine.create_log_group(logGroupName="mine")
    assert elsewhere.describe_log_groups()["logGroups"] == []
    assert theirs.describe_log_groups()["logGroups"] == []
    (group,) = mine.describe_log_groups()["logGroups"]
    assert group["arn"] == f"arn:aws:logs:us-east-1:{account.id}:log-group:mine:*"
    assert refusal(theirs.delete_log_group, logGroupName="mine").status == 400


@pytest.mark.parametrize("key", ["test", "AKIAIOSFODNN7EXAMPLE", "1234", "1234567890123"])
def test_any_other_key_is_the_default_account(server, key):
    client = server.client(account=key)
    limit = refusal(client.get_function, FunctionName="nobody")
    assert ":000000000000:" in limit.message


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer token"},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=../../../.., Signature=0"},
        scope_header("lambda", region="not a region"),
    ],
)
def test_credentials_that_are_none_mean_the_defaults(server, headers):
    answer = send(server, "GET", "/2015-03-31/functions/nobody", headers=headers)
    assert answer.status == 404
    expected = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"
    assert answer.document["Message"] == expected


def test_a_presigned_request_names_its_caller_in_the_query(server):
    query = "X-Amz-Credential=700000000999%2F20260101%2Feu-west-1%2Flambda%2Faws4_request"
    answer = send(server, "GET", f"/2015-03-31/functions/nobody?{query}")
    assert "arn:aws:lambda:eu-west-1:700000000999:function:nobody" in answer.document["Message"]
