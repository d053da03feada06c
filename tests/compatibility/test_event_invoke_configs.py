"""How asynchronous invocations are to be treated, as boto3 sets it and AWS answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.refusals import refusal

INVALID = "InvalidParameterValueException"
NOT_FOUND = "ResourceNotFoundException"
NOWHERE: dict[str, dict[str, str]] = {"OnSuccess": {}, "OnFailure": {}}


@pytest.fixture
def client(account):
    """Of an account with a function that has version 1 and an alias of it, and another function."""
    account.created()
    account.created("other")
    client = account.client()
    client.publish_version(FunctionName="greet")
    client.create_alias(FunctionName="greet", Name="live", FunctionVersion="1")
    return client


def body(answer, status=200):
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == status
    return answer


def test_a_configuration_is_put_updated_read_and_deleted(account, client):
    before = datetime.now(UTC) - timedelta(seconds=1)
    answer = body(
        client.put_function_event_invoke_config(FunctionName="greet", MaximumRetryAttempts=0)
    )
    assert answer.pop("LastModified") >= before
    arn = account.arn("greet")
    assert answer == {
        "FunctionArn": f"{arn}:$LATEST",
        "MaximumRetryAttempts": 0,
        "DestinationConfig": NOWHERE,
    }
    answer = body(
        client.update_function_event_invoke_config(
            FunctionName="greet",
            MaximumEventAgeInSeconds=21600,
            DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
        )
    )
    assert answer["MaximumRetryAttempts"] == 0
    assert answer["MaximumEventAgeInSeconds"] == 21600
    assert answer["DestinationConfig"] == {
        "OnSuccess": {},
        "OnFailure": {"Destination": "arn:aws:s3:::failures"},
    }
    got = body(client.get_function_event_invoke_config(FunctionName="greet", Qualifier="$LATEST"))
    assert got == answer
    body(client.delete_function_event_invoke_config(FunctionName="greet"), 204)
    assert refusal(client.get_function_event_invoke_config, FunctionName="greet") == (
        404,
        NOT_FOUND,
        f"The function {arn}:$LATEST doesn't have an EventInvokeConfig",
    )


def test_the_configurations_of_all_qualifiers_are_listed(account, client):
    for name in ("greet", "greet:1", f"{account.arn('greet')}:live"):
        client.put_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    pages = client.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName="greet", PaginationConfig={"PageSize": 1}
    )
    listed = [each for page in pages for each in page["FunctionEventInvokeConfigs"]]
    assert [each["FunctionArn"].rpartition(":")[2] for each in listed] == ["$LATEST", "1", "live"]
    assert all(each["MaximumEventAgeInSeconds"] == 60 for each in listed)
    client.delete_alias(FunctionName="greet", Name="live")
    client.delete_function(FunctionName="greet", Qualifier="1")
    [left] = client.list_function_event_invoke_configs(FunctionName="greet")[
        "FunctionEventInvokeConfigs"
    ]
    assert left["FunctionArn"].endswith(":$LATEST")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"FunctionName": "gone"}, (INVALID, "You must specify at least one of error handling or")),
        ({"FunctionName": "gone", "MaximumRetryAttempts": 1}, (NOT_FOUND, "The function doesn't")),
        (
            {"FunctionName": "greet:1", "Qualifier": "live", "MaximumRetryAttempts": 1},
            (INVALID, "The derived qualifier from the function name does not match"),
        ),
        (
            {"FunctionName": "greet", "MaximumRetryAttempts": 3},
            ("ValidationException", "1 validation error detected: Value '3' at 'maximumRetryAtt"),
        ),
        (
            {"FunctionName": "greet", "MaximumEventAgeInSeconds": 59},
            ("ValidationException", "1 validation error detected: Value '59' at 'maximumEventA"),
        ),
    ],
)
def test_what_cannot_be_put_is_refused(client, request_, expected):
    answer = refusal(client.put_function_event_invoke_config, **request_)
    assert (answer.code, answer.message[: len(expected[1])]) == expected


def test_destinations_are_checked(account, client):
    def put(**config):
        return client.put_function_event_invoke_config(
            FunctionName="greet", DestinationConfig=config
        )

    other = {"Destination": account.arn("other")}
    assert put(OnSuccess=other)["DestinationConfig"] == {"OnSuccess": other, "OnFailure": {}}
    gone = account.arn("gone")
    assert refusal(put, OnSuccess={"Destination": gone}) == (
        400,
        INVALID,
        f"The destination ARN {gone} is invalid.",
    )
    assert refusal(put, OnFailure={"Destination": account.arn("greet")}) == (
        400,
        INVALID,
        "You can't specify the function as a destination for itself.",
    )
    broken = account.arn("greet").replace(":lambda:", ":_-/!lambda:")
    answer = refusal(put, OnFailure={"Destination": broken})
    assert answer.code == "ValidationException"
    assert answer.message == (
        f"1 validation error detected: Value '{broken}' at 'destinationConfig.onFailure.destination'"
        " failed to satisfy constraint: Member must satisfy regular expression pattern: "
        r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:"
        r"((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
    )
