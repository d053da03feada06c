"""Environments that are ready before anything is invoked, as boto3 asks for them."""

from __future__ import annotations

import pytest
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.http_requests import send
from tests.support.refusals import refusal
from tests.support.server import running_server
from tests.support.waiting import eventually

TELLING = """
import os, time, uuid

made = uuid.uuid4().hex

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    if event.get("exit"):
        os._exit(1)
    return {"made": made, "kind": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""
BROKEN = "raise RuntimeError('never')\n"


@pytest.fixture
def published(function):
    """A function with version 1."""

    def make(code=TELLING):
        made = function(code, Timeout=20, **WHOLE_CPU)
        made.client.publish_version(FunctionName=made.name)
        return made

    return make


def names(deployed):
    return {"FunctionName": deployed.name, "Qualifier": "1"}


def put(deployed, count):
    return deployed.client.put_provisioned_concurrency_config(
        **names(deployed), ProvisionedConcurrentExecutions=count
    )


def status_of(deployed):
    answer = deployed.client.get_provisioned_concurrency_config(**names(deployed))
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def wait_status(deployed, status):
    return eventually(
        lambda: (found := status_of(deployed))["Status"] == status and found,
        lambda: status_of(deployed),
    )


def environments(deployed):
    answer = send(deployed.server, "GET", f"/_lambent/environments?function={deployed.name}")
    return answer.document["environments"]


def test_environments_are_made_ready_and_then_used(published):
    deployed = published()
    answer = put(deployed, 2)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["Status"] == "IN_PROGRESS"
    assert answer["RequestedProvisionedConcurrentExecutions"] == 2
    assert answer["AllocatedProvisionedConcurrentExecutions"] == 0
    ready = wait_status(deployed, "READY")
    assert ready["AllocatedProvisionedConcurrentExecutions"] == 2
    assert ready["AvailableProvisionedConcurrentExecutions"] == 2
    assert [(each["kind"], each["invocations"]) for each in environments(deployed)] == [
        ("provisioned-concurrency", 0),
        ("provisioned-concurrency", 0),
    ]
    assert deployed.call({}, Qualifier="1")["kind"] == "provisioned-concurrency"
    # $LATEST is another version: nothing was made ready for it.
    assert deployed.call({})["kind"] == "on-demand"


def test_one_that_dies_is_replaced(published):
    deployed = published()
    put(deployed, 1)
    wait_status(deployed, "READY")
    before = deployed.call({}, Qualifier="1")["made"]
    deployed.fail({"exit": True}, Qualifier="1")
    [_] = eventually(
        lambda: [
            each
            for each in environments(deployed)
            if each["invocations"] == 0 and each["state"] in ("ready", "frozen")
        ],
        lambda: environments(deployed),
    )
    after = deployed.call({}, Qualifier="1")
    assert (after["kind"], after["made"] != before) == ("provisioned-concurrency", True)


def test_an_init_that_fails_is_told_in_the_status(published):
    deployed = published(BROKEN)
    put(deployed, 1)
    failed = wait_status(deployed, "FAILED")
    assert failed["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"
    assert failed["AvailableProvisionedConcurrentExecutions"] == 0


def test_deleting_the_configuration_closes_the_environments(published):
    deployed = published()
    put(deployed, 1)
    wait_status(deployed, "READY")
    answer = deployed.client.delete_provisioned_concurrency_config(**names(deployed))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(deployed.client.get_provisioned_concurrency_config, **names(deployed)) == (
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )
    eventually(lambda: environments(deployed) == [], lambda: environments(deployed))


def test_deleting_the_version_closes_the_environments(published):
    deployed = published()
    put(deployed, 1)
    wait_status(deployed, "READY")
    deployed.client.delete_function(**names(deployed))
    eventually(lambda: environments(deployed) == [], lambda: environments(deployed))
    listed = deployed.client.list_provisioned_concurrency_configs(FunctionName=deployed.name)
    assert listed["ProvisionedConcurrencyConfigs"] == []


def test_what_cannot_be_provisioned_is_refused_as_aws_does(account):
    account.created(Publish=True)
    put = account.client().put_provisioned_concurrency_config
    for qualifier, count, told in [
        (
            "1",
            0,
            "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to "
            "satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "$LATEST",
            1,
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ),
        (
            "1",
            1001,
            "Specified ConcurrentExecutions for function is greater than account's unreserved "
            "concurrency [1000].",
        ),
        (
            "1",
            1000,
            "Specified ConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of [100].",
        ),
    ]:
        refused = refusal(
            put, FunctionName="greet", Qualifier=qualifier, ProvisionedConcurrentExecutions=count
        )
        assert (refused.status, refused.message) == (400, told)
    refused = refusal(
        put, FunctionName="greet", Qualifier="live", ProvisionedConcurrentExecutions=1
    )
    assert refused == (
        404,
        "ResourceNotFoundException",
        f"Cannot find alias arn: {account.arn('greet:live')}",
    )


def test_configurations_are_listed_and_counted(account):
    account.created(Publish=True)
    client = account.client()
    listed = client.list_provisioned_concurrency_configs
    assert listed(FunctionName="greet")["ProvisionedConcurrencyConfigs"] == []
    client.put_provisioned_concurrency_config(
        FunctionName="greet", Qualifier="1", ProvisionedConcurrentExecutions=1
    )
    [config] = listed(FunctionName="greet")["ProvisionedConcurrencyConfigs"]
    assert config["FunctionArn"] == account.arn("greet:1")
    assert config["RequestedProvisionedConcurrentExecutions"] == 1
    limits = client.get_account_settings()["AccountLimit"]
    assert limits["UnreservedConcurrentExecutions"] == limits["ConcurrentExecutions"] - 1


def test_environments_are_ready_again_after_a_restart(tmp_path):
    with running_server(tmp_path / "data") as server:
        deployed = deploy(server, TELLING, Timeout=20, **WHOLE_CPU)
        deployed.client.publish_version(FunctionName=deployed.name)
        put(deployed, 1)
        wait_status(deployed, "READY")
        server.kill()
    with running_server(tmp_path / "data") as server:
        deployed.server, deployed.client = server, server.client()
        wait_status(deployed, "READY")
        assert deployed.call({}, Qualifier="1")["kind"] == "provisioned-concurrency"
