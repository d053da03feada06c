"""Several callers change the same thing at once: each change is made as if it were alone."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.functions import zipped

CALLERS = 8
ROUNDS = 3
PERMISSION = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
CONFLICT = "ResourceConflictException"
PRECONDITION = "PreconditionFailedException"


def outcome(operation, **parameters):
    """The answer, or the code of the error."""
    try:
        return operation(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]


def at_once(calls):
    """What each of these calls, all let go at one moment, came to; in their order."""
    start = threading.Barrier(len(calls))

    def run(call):
        start.wait()
        return outcome(call[0], **call[1])

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def everybody(operation, **parameters):
    return at_once([(operation, parameters)] * CALLERS)


def check_one_won(outcomes, refused_as):
    """The answer of the only one that was not refused."""
    refusals = Counter(each for each in outcomes if isinstance(each, str))
    assert sum(refusals.values()) == len(outcomes) - 1, refusals
    assert set(refusals) <= set(refused_as)
    return next(each for each in outcomes if not isinstance(each, str))


@pytest.fixture
def client(account):
    """Of an account with a function greet and its version 1."""
    account.created()
    account.client().publish_version(FunctionName="greet")
    return account.client()


def test_a_version_number_is_given_once(account, client):
    """However updates, publications and deletions of versions meet."""

    function = {"FunctionName": "greet"}

    def until_settled(operation, **parameters):
        while isinstance(answer := outcome(operation, **function, **parameters), str):
            assert answer == CONFLICT
            account.settle(waiter="function_updated_v2")
        return answer

    def change_and_publish(caller):
        until_settled(client.update_function_configuration, Description=f"by {caller}")
        answer = until_settled(client.publish_version)
        client.delete_function(**function, Qualifier="1")
        return int(answer["Version"]), answer["Description"]

    with ThreadPoolExecutor(CALLERS) as threads:
        told = set(threads.map(change_and_publish, range(CALLERS)))
    # Callers whose changes met before either was published are given one version.
    assert sorted(number for number, _ in told) == list(range(2, 2 + len(told)))
    listed = client.list_versions_by_function(**function)["Versions"][1:]
    assert {(int(each["Version"]), each["Description"]) for each in listed} == told


def test_nothing_is_made_twice(account, client):
    function = {"FunctionName": "greet"}
    queue = f"arn:aws:sqs:us-east-1:{account.id}:jobs"
    code = {"ZipFile": zipped({"lambda_function.py": "# twice"})}
    makers: dict[Any, dict[str, Any]] = {
        client.create_alias: {"Name": "live", "FunctionVersion": "1"},
        client.add_permission: {"StatementId": "s", **PERMISSION},
        client.create_function_url_config: {"AuthType": "NONE"},
        client.create_event_source_mapping: {"EventSourceArn": queue},
        client.create_function: {
            "FunctionName": "other",
            "Runtime": "python3.11",
            "Handler": "x.y",
            "Role": "arn:aws:iam::000000000000:role/lambda-role",
            "Code": code,
        },
    }
    for make, parameters in makers.items():
        check_one_won(everybody(make, **{**function, **parameters}), [CONFLICT])
    policy = json.loads(client.get_policy(**function)["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["s"]
    assert len(client.list_function_url_configs(**function)["FunctionUrlConfigs"]) == 1
    [mapping] = client.list_event_source_mappings()["EventSourceMappings"]
    client.delete_event_source_mapping(UUID=mapping["UUID"])


def writers(client):
    """What takes a revision: how to find it out, how to write, what is written by each caller."""
    function = {"FunctionName": "greet"}
    arn = {"ResourceArn": client.get_function(**function)["Configuration"]["FunctionArn"]}
    alias = {**function, "Name": "live"}
    layer = {"LayerName": "tools", "VersionNumber": 1}
    access = {"Action": "lambda:GetLayerVersion", "Principal": "*"}
    return {
        "configuration": (
            lambda: client.get_function_configuration(**function),
            lambda name: (client.update_function_configuration, {**function, "Description": name}),
        ),
        "code": (
            lambda: client.get_function_configuration(**function),
            lambda name: (
                client.update_function_code,
                {**function, "ZipFile": zipped({"lambda_function.py": f"# {name}"})},
            ),
        ),
        "alias": (
            lambda: client.get_alias(**alias),
            lambda name: (client.update_alias, {**alias, "Description": name}),
        ),
        "policy": (
            lambda: client.get_policy(**function),
            lambda name: (client.add_permission, {**function, "StatementId": name, **PERMISSION}),
        ),
        "whole policy": (
            lambda: client.get_resource_policy(**arn),
            lambda name: (
                client.put_resource_policy,
                {**arn, "Policy": client.get_resource_policy(**arn)["Policy"]},
            ),
        ),
        "layer's policy": (
            lambda: client.get_layer_version_policy(**layer),
            lambda name: (
                client.add_layer_version_permission,
                {**layer, "StatementId": name, **access},
            ),
        ),
    }


def test_of_writers_with_one_revision_one_wins(account, client):
    client.create_alias(FunctionName="greet", Name="live", FunctionVersion="1")
    client.add_permission(FunctionName="greet", StatementId="first", **PERMISSION)
    client.publish_layer_version(
        LayerName="tools", Content={"ZipFile": zipped({"python/tools.py": ""})}
    )
    access = {"Action": "lambda:GetLayerVersion", "Principal": "*"}
    client.add_layer_version_permission(
        LayerName="tools", VersionNumber=1, StatementId="first", **access
    )
    for kind, (read, write) in writers(client).items():
        account.settle(waiter="function_updated_v2")
        revision = {"RevisionId": read()["RevisionId"]}
        calls = [write(f"{kind[:4]}{number}") for number in range(CALLERS)]
        outcomes = at_once([(call, {**given, **revision}) for call, given in calls])
        # Who finds an update at work is told of that.
        is_deployed = kind in ("configuration", "code")
        check_one_won(outcomes, [PRECONDITION, CONFLICT] if is_deployed else [PRECONDITION])
        assert read()["RevisionId"] != revision["RevisionId"]
    client.delete_layer_version(LayerName="tools", VersionNumber=1)


def test_no_change_is_lost_to_another(account, client):
    function = {"FunctionName": "greet"}
    arn = account.arn("greet")
    names = [f"n{number}" for number in range(CALLERS)]
    at_once(
        [(client.add_permission, {**function, "StatementId": each, **PERMISSION}) for each in names]
    )
    policy = json.loads(client.get_policy(**function)["Policy"])
    assert sorted(each["Sid"] for each in policy["Statement"]) == names
    at_once([(client.tag_resource, {"Resource": arn, "Tags": {each: each}}) for each in names])
    assert client.list_tags(Resource=arn)["Tags"] == {each: each for each in names}
    at_once([(client.untag_resource, {"Resource": arn, "TagKeys": [each]}) for each in names[1:]])
    assert client.list_tags(Resource=arn)["Tags"] == {"n0": "n0"}


def test_more_is_never_reserved_than_there_is(account):
    names = [f"f{number}" for number in range(4)]
    for name in names:
        account.create(name)
    client = account.client()
    for _ in range(ROUNDS):
        outcomes = at_once(
            [
                (
                    client.put_function_concurrency,
                    {"FunctionName": name, "ReservedConcurrentExecutions": 300},
                )
                for name in names
            ]
        )
        assert Counter(each for each in outcomes if isinstance(each, str)) == {
            "InvalidParameterValueException": 1
        }
        limit = client.get_account_settings()["AccountLimit"]
        assert limit["UnreservedConcurrentExecutions"] == 100
        for name in names:
            client.delete_function_concurrency(FunctionName=name)


def test_a_deleted_version_is_never_pointed_to(client):
    """Either it goes, or it is pointed to: of the two callers one is refused."""
    versions = {"FunctionName": "greet"}
    for number in range(1, ROUNDS + 1):
        alias = {**versions, "Name": "live"}
        deleted, pointed = at_once(
            [
                (client.delete_function, {**versions, "Qualifier": str(number)}),
                (client.create_alias, {**alias, "FunctionVersion": str(number)}),
            ]
        )
        if isinstance(pointed, dict):
            assert deleted == CONFLICT
            client.delete_alias(**alias)
            client.delete_function(**versions, Qualifier=str(number))
        else:
            assert pointed == "ResourceNotFoundException"
            assert isinstance(deleted, dict)
        # The last one is gone: the next number is for what has not changed, too.
        assert client.publish_version(**versions)["Version"] == str(number + 1)


def test_a_deleted_configuration_is_nobodys(account, client):
    profile = f"arn:aws:signer:us-east-1:{account.id}:/signing-profiles/mine"
    for _ in range(ROUNDS):
        made = client.create_code_signing_config(
            AllowedPublishers={"SigningProfileVersionArns": [profile]}
        )
        arn = {"CodeSigningConfigArn": made["CodeSigningConfig"]["CodeSigningConfigArn"]}
        deleted, attached = at_once(
            [
                (client.delete_code_signing_config, arn),
                (client.put_function_code_signing_config, {**arn, "FunctionName": "greet"}),
            ]
        )
        found = client.get_function_code_signing_config(FunctionName="greet")
        if isinstance(attached, dict):
            assert deleted == CONFLICT
            assert found["CodeSigningConfigArn"] == arn["CodeSigningConfigArn"]
            client.delete_function_code_signing_config(FunctionName="greet")
            client.delete_code_signing_config(**arn)
        else:
            assert attached == "CodeSigningConfigNotFoundException"
            assert "CodeSigningConfigArn" not in found


def test_nothing_comes_back_with_a_function_of_the_same_name(account, client):
    function = {"FunctionName": "greet"}
    arn = account.arn("greet")
    for _ in range(ROUNDS):
        outcomes = at_once(
            [
                (client.delete_function, function),
                (client.add_permission, {**function, "StatementId": "s", **PERMISSION}),
                (client.create_function_url_config, {**function, "AuthType": "NONE"}),
                (
                    client.put_function_event_invoke_config,
                    {**function, "MaximumRetryAttempts": 1},
                ),
                (
                    client.put_function_concurrency,
                    {**function, "ReservedConcurrentExecutions": 1},
                ),
                (client.tag_resource, {"Resource": arn, "Tags": {"a": "1"}}),
                (client.create_alias, {**function, "Name": "live", "FunctionVersion": "$LATEST"}),
            ]
        )
        assert isinstance(outcomes[0], dict)
        assert {each for each in outcomes if isinstance(each, str)} <= {"ResourceNotFoundException"}
        account.created()
        found = client.get_function(**function)
        assert found.keys().isdisjoint({"Tags", "Concurrency"})
        assert outcome(client.get_policy, **function) == "ResourceNotFoundException"
        assert client.list_function_url_configs(**function)["FunctionUrlConfigs"] == []
        configs = client.list_function_event_invoke_configs(**function)
        assert configs["FunctionEventInvokeConfigs"] == []
        assert client.list_aliases(**function)["Aliases"] == []
