"""Aliases, and what they send requests to."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.functions import WHOLE_CPU, zipped
from tests.support.refusals import refusal

CODE = """
def handler(event, context):
    return [context.function_version, context.invoked_function_arn]
"""
ONE_ERROR = "1 validation error detected: "
CALLS = 400
SHARE = 0.25
# Six times the spread of a fair lot on either side of the 100 calls that are the share: out of a
# thousand million runs, two fall outside.
LIKELY = range(48, 153)


@pytest.fixture
def client(account):
    """Of an account whose function greet has the versions 1 and 2."""
    account.created(Code={"ZipFile": zipped({"lambda_function.py": CODE})}, **WHOLE_CPU)
    client = account.client()
    client.publish_version(FunctionName="greet")
    client.update_function_configuration(FunctionName="greet", Description="new")
    account.settle(waiter="function_updated_v2")
    client.publish_version(FunctionName="greet")
    return client


def weights(**shares):
    return {"AdditionalVersionWeights": {name[1:]: share for name, share in shares.items()}}


def make(client, name="live", version="1", **settings):
    return client.create_alias(FunctionName="greet", Name=name, FunctionVersion=version, **settings)


def served(client, name="live"):
    """The version that served one call of an alias, about which everybody must agree."""
    answer = client.invoke(FunctionName="greet", Qualifier=name)
    version, arn = json.loads(answer["Payload"].read())
    assert answer["ExecutedVersion"] == version
    assert arn.endswith(f":function:greet:{name}")
    return version


def test_an_alias_from_creation_to_deletion(account, client):
    made = make(client, Description="now", RoutingConfig=weights(v2=0.2))
    assert made.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    assert made["AliasArn"] == account.arn("greet:live")
    assert made["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.2}}
    found = client.get_alias(FunctionName="greet", Name="live")
    assert found.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert found == made
    moved = client.update_alias(
        FunctionName="greet",
        Name="live",
        FunctionVersion="2",
        RoutingConfig=weights(),
        RevisionId=made["RevisionId"],
    )
    assert (moved["FunctionVersion"], "RoutingConfig" in moved) == ("2", False)
    assert moved["RevisionId"] != made["RevisionId"]
    make(client, "2024-01-02")
    pages = client.get_paginator("list_aliases").paginate(
        FunctionName="greet", PaginationConfig={"PageSize": 1}
    )
    assert list(pages.search("Aliases[].Name")) == ["2024-01-02", "live"]
    said = "Unable to delete version because the following aliases reference it: [live]"
    refused = refusal(client.delete_function, FunctionName="greet:2")
    assert refused == (409, "ResourceConflictException", said)
    gone = client.delete_alias(FunctionName="greet", Name="live")
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    client.delete_alias(FunctionName="greet", Name="live")
    client.delete_function(FunctionName="greet:2")


def test_what_the_model_forbids_is_refused_in_its_words(client):
    at_weights = "at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: "
    for share in (2, -1):
        said = (
            f"Value '{{2={share}.0}}' {at_weights}Map value must satisfy constraint: "
            "[Member must have value less than or equal to 1.0, "
            "Member must have value greater than or equal to 0.0, Member must not be null]"
        )
        refused = refusal(make, client, RoutingConfig=weights(v2=share))
        assert refused == (400, "ValidationException", ONE_ERROR + said)
    said = (
        f"Value '{{$LATEST=0.5}}' {at_weights}Map keys must satisfy constraint: "
        "[Member must have length less than or equal to 1024, "
        "Member must have length greater than or equal to 1, "
        "Member must satisfy regular expression pattern: [0-9]+]"
    )
    routing = {"AdditionalVersionWeights": {"$LATEST": 0.5}}
    refused = refusal(make, client, RoutingConfig=routing)
    assert refused == (400, "ValidationException", ONE_ERROR + said)
    said = (
        "Value '2024' at 'name' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"
    )
    refused = refusal(make, client, "2024")
    assert refused == (400, "ValidationException", ONE_ERROR + said)


def test_calls_are_split_by_weight(client):
    make(client, RoutingConfig=weights(v2=SHARE))
    with ThreadPoolExecutor(4) as threads:
        counts = Counter(threads.map(lambda _: served(client), range(CALLS)))
    assert set(counts) == {"1", "2"}
    assert counts["2"] in LIKELY
    # The versions' environments serve whoever asks for them, by whichever name.
    for version in counts:
        answer = client.invoke(FunctionName="greet", Qualifier=version)
        assert json.loads(answer["Payload"].read())[0] == version


def test_an_alias_can_move_at_any_time_while_it_is_called(client):
    make(client)

    def move(version):
        client.update_alias(FunctionName="greet", Name="live", FunctionVersion=version)

    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(served, client) for _ in range(40)]
        for version in "212":
            move(version)
        assert {call.result() for call in calls} <= {"1", "2"}
    assert served(client) == "2"
    client.delete_alias(FunctionName="greet", Name="live")
    refused = refusal(client.invoke, FunctionName="greet", Qualifier="live")
    assert (refused.status, refused.code) == (404, "ResourceNotFoundException")


def test_the_cli_shifts_traffic_from_one_version_to_the_next(terminal):
    (terminal.directory / "lambda_function.py").write_text(CODE)
    terminal.run("""
zip -q shift.zip lambda_function.py
aws lambda create-function --function-name shift --runtime python3.11 --publish \
  --handler lambda_function.handler --zip-file fileb://shift.zip \
  --role arn:aws:iam::000000000000:role/lambda-role
aws lambda wait function-active-v2 --function-name shift
aws lambda update-function-configuration --function-name shift --memory-size 256
aws lambda wait function-updated-v2 --function-name shift
aws lambda publish-version --function-name shift
""")
    try:
        printed = terminal.run("""
q="--output text --query FunctionVersion"
aws lambda create-alias --function-name shift --name live --function-version 1 \
  --routing-config AdditionalVersionWeights={2=0.03} $q
aws lambda update-alias --function-name shift --name live \
  --function-version 2 --routing-config AdditionalVersionWeights={} $q
aws lambda invoke --function-name shift:live out.json --output text --query ExecutedVersion
aws lambda list-aliases --function-name shift --output text --query 'Aliases[].Name'
aws lambda delete-alias --function-name shift --name live
""")
        assert printed.split() == ["1", "2", "2", "live"]
    finally:
        terminal.server.client().delete_function(FunctionName="shift")
