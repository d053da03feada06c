"""What a function has to itself, and may have at most, as boto3 asks for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.refusals import refusal
from tests.support.server import running_server
from tests.support.waiting import eventually, wait_logged

WAITING = """
import os, time

def handler(event, context):
    print(event.get("say"))
    time.sleep(event.get("seconds", 0))
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""


@pytest.fixture
def waiting(function):
    return lambda: function(WAITING, Timeout=20, **WHOLE_CPU)


def reserve(deployed, executions):
    answer = deployed.client.put_function_concurrency(
        FunctionName=deployed.name, ReservedConcurrentExecutions=executions
    )
    assert answer["ReservedConcurrentExecutions"] == executions


def throttled(deployed, **options):
    """Why, and the Retry-After header."""
    with pytest.raises(ClientError) as caught:
        deployed.invoke(**options)
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Error"] == {
        "Code": "TooManyRequestsException",
        "Message": "Rate Exceeded.",
    }
    return response["Reason"], response["ResponseMetadata"]["HTTPHeaders"].get("retry-after")


IN_FUNCTION = ("ReservedFunctionConcurrentInvocationLimitExceeded", None)
IN_ACCOUNT = ("ConcurrentInvocationLimitExceeded", "1")


def test_none_stops_a_function_until_it_is_deleted(waiting):
    deployed = waiting()
    assert deployed.call() == "on-demand"
    reserve(deployed, 0)
    assert throttled(deployed) == IN_FUNCTION
    found = deployed.client.get_function(FunctionName=deployed.name)
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    deployed.client.delete_function_concurrency(FunctionName=deployed.name)
    assert deployed.call() == "on-demand"
    assert "Concurrency" not in deployed.client.get_function(FunctionName=deployed.name)


def test_one_admits_one_at_a_time(waiting):
    deployed = waiting()
    reserve(deployed, 1)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(deployed.call, {"seconds": 3, "say": "I am at work"})
        wait_logged(deployed, "I am at work")
        assert throttled(deployed) == IN_FUNCTION
        reserve(deployed, 2)
        assert deployed.call() == "on-demand"
        assert first.result() == "on-demand"


def test_two_functions_compete_and_what_is_reserved_is_out_of_reach(tmp_path):
    with running_server(tmp_path / "data", "--concurrency", "102") as server:
        greedy = deploy(server, WAITING, Timeout=20, **WHOLE_CPU)
        served = deploy(server, WAITING, Timeout=20, **WHOLE_CPU)
        reserve(served, 2)
        refused = refusal(
            greedy.client.put_function_concurrency,
            FunctionName=greedy.name,
            ReservedConcurrentExecutions=1,
        )
        assert refused.code == "InvalidParameterValueException"
    # What is reserved lasts; a smaller account now has one place beside it.
    with running_server(tmp_path / "data", "--concurrency", "3") as server:
        greedy.server = served.server = server
        greedy.client = served.client = server.client()
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(greedy.call, {"seconds": 3, "say": "I am at work"})
            wait_logged(greedy, "I am at work")
            assert throttled(greedy) == IN_ACCOUNT
            assert served.call() == "on-demand"
            first.result()


def test_what_is_provisioned_is_a_part_of_it(waiting):
    deployed = waiting()
    client, version = deployed.client, {"FunctionName": deployed.name, "Qualifier": "1"}
    client.publish_version(FunctionName=deployed.name)
    reserve(deployed, 1)
    client.put_provisioned_concurrency_config(**version, ProvisionedConcurrentExecutions=1)
    get = client.get_provisioned_concurrency_config
    eventually(lambda: get(**version)["Status"] == "READY", lambda: get(**version))
    assert throttled(deployed) == IN_FUNCTION
    assert deployed.call(Qualifier="1") == "provisioned-concurrency"
    assert refusal(
        client.put_function_concurrency,
        FunctionName=deployed.name,
        ReservedConcurrentExecutions=0,
    ).message == (
        " ReservedConcurrentExecutions  0 should not be lower than function's total provisioned "
        "concurrency [1]."
    )


def test_environments_follow_an_alias(waiting):
    deployed = waiting()
    client, alias = deployed.client, {"FunctionName": deployed.name, "Qualifier": "live"}
    client.publish_version(FunctionName=deployed.name)
    client.create_alias(FunctionName=deployed.name, Name="live", FunctionVersion="1")
    client.put_provisioned_concurrency_config(**alias, ProvisionedConcurrentExecutions=1)
    get = client.get_provisioned_concurrency_config
    eventually(lambda: get(**alias)["Status"] == "READY", lambda: get(**alias))
    for qualifier in ("live", "1"):
        assert deployed.call(Qualifier=qualifier) == "provisioned-concurrency"
    client.update_function_configuration(FunctionName=deployed.name, Description="another")
    client.get_waiter("function_updated_v2").wait(FunctionName=deployed.name)
    client.publish_version(FunctionName=deployed.name)
    client.get_waiter("function_active_v2").wait(FunctionName=deployed.name, Qualifier="2")
    client.update_alias(FunctionName=deployed.name, Name="live", FunctionVersion="2")
    assert get(**alias)["Status"] == "IN_PROGRESS"
    eventually(lambda: get(**alias)["Status"] == "READY", lambda: get(**alias))
    assert deployed.call(Qualifier="live") == "provisioned-concurrency"
    assert deployed.call(Qualifier="1") == "on-demand"


def test_loops_are_allowed_or_terminated(account):
    account.created()
    client = account.client()
    assert client.get_function_recursion_config(FunctionName="greet")["RecursiveLoop"] == (
        "Terminate"
    )
    client.put_function_recursion_config(FunctionName="greet", RecursiveLoop="Allow")
    assert client.get_function_recursion_config(FunctionName="greet")["RecursiveLoop"] == "Allow"
    assert refusal(
        client.put_function_recursion_config, FunctionName="greet", RecursiveLoop="Maybe"
    ).message == (
        "1 validation error detected: Value 'Maybe' at 'recursiveLoop' failed to satisfy "
        "constraint: Member must satisfy enum value set: [Terminate, Allow]"
    )
