"""Layers as boto3 and a browser meet them, and as AWS answered them."""

from __future__ import annotations

import json
import urllib.request

import pytest
from tests.support.functions import zipped
from tests.support.refusals import refusal

CONTENT = zipped({"python/tools.py": "x = 1"})
INVALID = "InvalidParameterValueException"
ARN_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:"
    r"layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)"
)


def layer_arn(account, name="tools", *, region="us-east-1"):
    return f"arn:aws:lambda:{region}:{account.id}:layer:{name}"


def publish(account, name="tools", *, client=None, **request):
    return (client or account.client()).publish_layer_version(
        LayerName=name, **{"Content": {"ZipFile": CONTENT}, **request}
    )


def body(answer, status):
    """An answer without what every answer has."""
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == status
    return answer


def test_a_publication_is_answered_as_by_aws(account):
    given = {
        "Description": "Tools",
        "LicenseInfo": "MIT",
        "CompatibleRuntimes": ["python3.12"],
        "CompatibleArchitectures": ["arm64", "x86_64"],
    }
    answer = body(publish(account, **given), 201)
    content = answer.pop("Content")
    created = answer.pop("CreatedDate")
    assert created.endswith("+0000")
    assert content.keys() == {"CodeSha256", "CodeSize", "Location"}
    assert answer == {
        **given,
        "LayerArn": layer_arn(account),
        "LayerVersionArn": f"{layer_arn(account)}:1",
        "Version": 1,
    }
    got = body(account.client().get_layer_version(LayerName="tools", VersionNumber=1), 200)
    content.pop("Location")
    got["Content"].pop("Location")
    assert got == {**answer, "Content": content, "CreatedDate": created}


def test_what_was_left_out_is_left_out_and_what_was_empty_is_empty(account):
    plain = publish(account)
    assert plain["Description"] == ""
    assert not {"CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo"} & plain.keys()
    empty = publish(account, CompatibleRuntimes=[], CompatibleArchitectures=[])
    assert empty["CompatibleRuntimes"] == empty["CompatibleArchitectures"] == []


def test_the_location_leads_to_the_very_bytes(account):
    published = publish(account)
    by_arn = account.client().get_layer_version_by_arn(Arn=published["LayerVersionArn"])
    for answer in (published, by_arn):
        with urllib.request.urlopen(answer["Content"]["Location"]) as download:
            assert download.headers["Content-Type"] == "application/zip"
            assert download.read() == CONTENT


def test_lists_come_page_by_page(account):
    for name in "abc":
        publish(account, name)
    for _ in range(2):
        publish(account, "c")
    client = account.client()
    pages = list(client.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 2}))
    assert [[each["LayerName"] for each in page["Layers"]] for page in pages] == [["a", "b"], ["c"]]
    newest = pages[1]["Layers"][0]["LatestMatchingVersion"]
    assert newest.keys() == {"LayerVersionArn", "Version", "Description", "CreatedDate"}
    versions = client.get_paginator("list_layer_versions").paginate(
        LayerName="c", PaginationConfig={"PageSize": 2}
    )
    assert [each["Version"] for each in versions.search("LayerVersions[]")] == [3, 2, 1]


def test_a_filter_finds_what_matches(account):
    publish(account, CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["x86_64"])
    publish(account, CompatibleRuntimes=["nodejs22.x"], CompatibleArchitectures=["arm64"])
    client = account.client()
    (layer,) = client.list_layers(CompatibleRuntime="python3.12")["Layers"]
    assert layer["LatestMatchingVersion"]["Version"] == 1
    found = client.list_layer_versions(LayerName="tools", CompatibleArchitecture="arm64")
    assert [each["Version"] for each in found["LayerVersions"]] == [2]
    assert client.list_layers(CompatibleRuntime="java21")["Layers"] == []


def test_a_deleted_number_stays_deleted(account):
    client = account.client()
    publish(account)
    for _ in range(2):
        body(client.delete_layer_version(LayerName="tools", VersionNumber=1), 204)
    assert client.list_layer_versions(LayerName="tools")["LayerVersions"] == []
    assert publish(account)["Version"] == 2


def test_what_does_not_exist_is_said_so_as_by_aws(account):
    client = account.client()
    missing = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
    assert refusal(client.get_layer_version, LayerName="nobody", VersionNumber=1) == missing
    arn = f"{layer_arn(account, 'nobody')}:1"
    assert refusal(client.get_layer_version_by_arn, Arn=arn) == missing
    for operation in (client.get_layer_version, client.delete_layer_version):
        refused = refusal(operation, LayerName="tools", VersionNumber=-1)
        assert refused == (400, INVALID, "Layer Version Cannot be less than 1")
    refused = refusal(client.get_layer_version_policy, LayerName="nobody", VersionNumber=1)
    text = f"Layer version {arn} does not exist."
    assert refused == (404, "ResourceNotFoundException", text)


def test_arns_without_a_version_are_named_as_aws_names_them(account):
    arn = layer_arn(account)
    failed = "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: "
    pattern = f"Member must satisfy regular expression pattern: {ARN_PATTERN}"
    assert refusal(account.client().get_layer_version_by_arn, Arn=arn) == (
        400,
        "ValidationException",
        failed.format(arn, "arn") + pattern,
    )
    assert refusal(account.create, Layers=[arn]) == (
        400,
        "ValidationException",
        failed.format(f"[{arn}]", "layers") + "Member must satisfy constraint: "
        "[Member must have length less than or equal to 2048, "
        f"Member must have length greater than or equal to 1, {pattern}, Member must not be null]",
    )


# Policies


def test_a_policy_is_answered_as_by_aws(account):
    publish(account)
    client = account.client()
    version = {"LayerName": "tools", "VersionNumber": 1}
    granted = {"Action": "lambda:GetLayerVersion", "Principal": "111122223333"}
    added = body(
        client.add_layer_version_permission(**version, **granted, StatementId="xaccount"), 201
    )
    statement = {
        "Sid": "xaccount",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "lambda:GetLayerVersion",
        "Resource": f"{layer_arn(account)}:1",
    }
    assert json.loads(added["Statement"]) == statement
    policy = body(client.get_layer_version_policy(**version), 200)
    assert policy["RevisionId"] == added["RevisionId"]
    assert json.loads(policy["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [statement],
    }
    remove = client.remove_layer_version_permission
    wrong = refusal(remove, **version, StatementId="xaccount", RevisionId="wrong")
    assert (wrong.status, wrong.code) == (412, "PreconditionFailedException")
    revision = {"RevisionId": added["RevisionId"]}
    body(remove(**version, StatementId="xaccount", **revision), 204)
    gone = refusal(client.get_layer_version_policy, **version)
    text = "No policy is associated with the given resource."
    assert gone == (404, "ResourceNotFoundException", text)


def test_only_one_action_can_be_granted(account):
    publish(account)
    refused = refusal(
        account.client().add_layer_version_permission,
        LayerName="tools",
        VersionNumber=1,
        Action="*",
        Principal="*",
        StatementId="s",
    )
    assert refused == (
        400,
        "ValidationException",
        "1 validation error detected: Value '*' at 'action' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: lambda:GetLayerVersion",
    )


@pytest.mark.parametrize("principal", ["*", "899999999999"])
def test_another_account_may_use_what_is_shared_with_it(account, server, principal):
    arn = publish(account)["LayerVersionArn"]
    other = server.client(account="899999999999")
    denied = refusal(other.get_layer_version_by_arn, Arn=arn)
    assert (denied.status, denied.code) == (403, "AccessDeniedException")
    assert denied.message.endswith(
        "because no resource-based policy allows the lambda:GetLayerVersion action"
    )
    account.client().add_layer_version_permission(
        LayerName="tools",
        VersionNumber=1,
        Action="lambda:GetLayerVersion",
        Principal=principal,
        StatementId="s",
    )
    assert other.get_layer_version_by_arn(Arn=arn)["LayerVersionArn"] == arn
    got = other.get_layer_version(LayerName=layer_arn(account), VersionNumber=1)
    assert got["Version"] == 1
    assert other.list_layers()["Layers"] == []


# Functions


def test_a_function_tells_its_layers(account):
    arn = publish(account)["LayerVersionArn"]
    layers = [{"Arn": arn, "CodeSize": len(CONTENT)}]
    assert account.created(Layers=[arn])["Layers"] == layers
    client = account.client()
    client.delete_layer_version(LayerName="tools", VersionNumber=1)
    assert client.get_function(FunctionName="greet")["Configuration"]["Layers"] == layers
    assert client.list_functions()["Functions"][0]["Layers"] == layers
    cleared = client.update_function_configuration(FunctionName="greet", Layers=[])
    assert "Layers" not in cleared


def test_layers_of_another_region_are_refused(account):
    west = publish(account, client=account.client(region="us-west-2"))
    assert refusal(account.create, Layers=[west["LayerVersionArn"]]) == (
        400,
        INVALID,
        "Layers are not in the same region as the function. "
        "Layers are expected to be in region us-east-1.",
    )
