"""URLs of functions and aliases, as boto3 makes them and AWS answers."""

from __future__ import annotations

import re

import pytest
from tests.support.accounts import Account
from tests.support.refusals import refusal
from tests.support.server import running_server

NOT_FOUND = "ResourceNotFoundException"
PATTERN = r"((?!^\d+$)^[0-9a-zA-Z-_]+$)"
CORS = {
    "AllowCredentials": True,
    "AllowHeaders": ["Date", "X-Custom-Header"],
    "AllowMethods": ["GET", "POST"],
    "AllowOrigins": ["https://www.example.com"],
    "ExposeHeaders": ["Keep-Alive"],
    "MaxAge": 86400,
}


def prepared(account):
    """A client of an account with a function that has version 1 and an alias of it."""
    account.created()
    client = account.client()
    client.publish_version(FunctionName="greet")
    client.create_alias(FunctionName="greet", Name="live", FunctionVersion="1")
    return client


@pytest.fixture
def client(account):
    return prepared(account)


def body(answer, status=200):
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == status
    return answer


def test_a_url_is_created_updated_read_and_deleted(account, client):
    created = body(client.create_function_url_config(FunctionName="greet", AuthType="NONE"), 201)
    port = account.server.url.rpartition(":")[2]
    assert re.fullmatch(
        rf"http://[a-z0-9]{{32}}\.lambda-url\.us-east-1\.localhost:{port}/", created["FunctionUrl"]
    )
    # AWS names the invoke mode, and when it changed, only where they were set or are read.
    assert created.keys() == {"FunctionUrl", "FunctionArn", "AuthType", "CreationTime"}
    assert created["FunctionArn"] == account.arn("greet")
    read = body(client.get_function_url_config(FunctionName="greet"))
    later = {"LastModifiedTime": created["CreationTime"]}
    assert read == {**created, **later, "InvokeMode": "BUFFERED"}
    updated = body(
        client.update_function_url_config(
            FunctionName="greet", AuthType="AWS_IAM", Cors=CORS, InvokeMode="RESPONSE_STREAM"
        )
    )
    assert (updated["AuthType"], updated["Cors"]) == ("AWS_IAM", CORS)
    assert updated["InvokeMode"] == "RESPONSE_STREAM"
    assert updated["FunctionUrl"] == created["FunctionUrl"]
    assert body(client.get_function_url_config(FunctionName="greet")) == updated
    body(client.delete_function_url_config(FunctionName="greet"), 204)
    assert refusal(client.get_function_url_config, FunctionName="greet") == (
        404,
        NOT_FOUND,
        "The resource you requested does not exist.",
    )


def test_a_second_one_is_a_conflict(account, client):
    client.create_function_url_config(FunctionName="greet:live", AuthType="NONE")
    again = {"FunctionName": "greet", "Qualifier": "live", "AuthType": "AWS_IAM"}
    assert refusal(client.create_function_url_config, **again) == (
        409,
        "ResourceConflictException",
        f"Failed to create function url config for [functionArn = {account.arn('greet')}:live]. "
        "Error message:  FunctionUrlConfig exists for this Lambda function",
    )


def test_the_urls_of_a_function_are_listed(account, client):
    create = client.create_function_url_config
    urls = [
        create(FunctionName="greet", AuthType="NONE")["FunctionUrl"],
        create(FunctionName="greet:live", Qualifier="live", AuthType="NONE")["FunctionUrl"],
    ]
    pages = client.get_paginator("list_function_url_configs").paginate(
        FunctionName="greet", PaginationConfig={"PageSize": 1}
    )
    listed = [each for page in pages for each in page["FunctionUrlConfigs"]]
    assert [each["FunctionUrl"] for each in listed] == urls
    assert {each["InvokeMode"] for each in listed} == {"BUFFERED"}
    client.delete_alias(FunctionName="greet", Name="live")
    left = client.list_function_url_configs(FunctionName="greet")["FunctionUrlConfigs"]
    assert [each["FunctionUrl"] for each in left] == urls[:1]


@pytest.mark.parametrize("operation", ["create", "get", "update", "delete"])
@pytest.mark.parametrize("qualifier", ["1", "2", "$LATEST"])
def test_versions_have_none(client, operation, qualifier):
    call = getattr(client, f"{operation}_function_url_config")
    given = {} if operation in ("get", "delete") else {"AuthType": "NONE"}
    assert refusal(call, FunctionName="greet", Qualifier=qualifier, **given) == (
        400,
        "ValidationException",
        f"1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy "
        f"constraint: Member must satisfy regular expression pattern: {PATTERN}",
    )


def test_what_is_not_there_is_told_as_by_aws(client):
    create = client.create_function_url_config
    missing = (404, NOT_FOUND, "Function does not exist")
    assert refusal(create, FunctionName="gone", AuthType="NONE") == missing
    assert refusal(create, FunctionName="greet:dead", AuthType="NONE") == missing
    assert refusal(client.list_function_url_configs, FunctionName="gone") == missing
    assert refusal(create, FunctionName="greet:dead", Qualifier="live", AuthType="NONE") == (
        400,
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


@pytest.mark.parametrize(
    "cors",
    [
        {"AllowMethods": ["OPTIONS"]},
        {"AllowOrigins": [""]},
        {"MaxAge": 86401},
        {"AllowHeaders": ["a\nb"]},
    ],
)
def test_cors_settings_are_checked(client, cors):
    create = client.create_function_url_config
    answer = refusal(create, FunctionName="greet", AuthType="NONE", Cors=cors)
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert "'cors." in answer.message


def test_they_are_there_after_a_crash_at_the_same_names(tmp_path):
    def account(server):
        return Account(id="123456789012", server=server)

    with running_server(tmp_path / "data") as server:
        client = prepared(account(server))
        of_alias = client.create_function_url_config(
            FunctionName="greet:live", AuthType="NONE", Cors=CORS
        )
        client.put_function_event_invoke_config(FunctionName="greet:1", MaximumRetryAttempts=1)
        server.kill()
    with running_server(tmp_path / "data") as server:
        client = account(server).client()
        read = client.get_function_url_config(FunctionName="greet:live")
        # The port is another one here; the name is what stays.
        assert read["FunctionUrl"].split(":")[1] == of_alias["FunctionUrl"].split(":")[1]
        assert read["Cors"] == CORS
        config = client.get_function_event_invoke_config(FunctionName="greet", Qualifier="1")
        assert config["MaximumRetryAttempts"] == 1
