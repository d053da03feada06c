"""How many execution environments, and how many invocations, there may be at one time."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.server import running_server
from tests.support.waiting import eventually

SLOW = """
import time

def handler(event, context):
    time.sleep(event)
    return event
"""


@pytest.fixture
def served(tmp_path):
    """Starts a server with these options."""
    with contextlib.ExitStack() as stack:
        yield lambda *options: stack.enter_context(running_server(tmp_path / "data", *options))


def health(server):
    with urllib.request.urlopen(f"{server.url}/health") as answer:
        return json.load(answer)


def wait_at_work(server, count):
    def is_so():
        environments = health(server)["environments"]
        busy = environments["total"] - environments["idle"] - environments["starting"]
        return busy == count

    eventually(is_so, lambda: health(server))


def throttled(deployed):
    """The refusal a call gets now."""
    with pytest.raises(deployed.client.exceptions.TooManyRequestsException) as raised:
        deployed.invoke(0)
    return raised.value.response


def test_a_call_that_no_environment_is_left_for_is_throttled(served):
    server = served("--max-environments", "2")
    functions = [deploy(server, SLOW, Timeout=60, **WHOLE_CPU) for _ in range(3)]
    with ThreadPoolExecutor() as threads:
        working = [threads.submit(each.call, 2) for each in functions[:2]]
        wait_at_work(server, 2)
        refusal = throttled(functions[2])
        assert [each.result() for each in working] == [2, 2]
    assert refusal["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert refusal["Error"]["Code"] == "TooManyRequestsException"
    assert refusal["Reason"] == "ConcurrentInvocationLimitExceeded"
    # Now the other two are idle, and the one unused for longest makes room.
    assert functions[2].call(0) == 0
    eventually(lambda: health(server)["environments"]["total"] <= 2, lambda: health(server))


def test_idle_environments_of_others_make_room(served):
    server = served("--max-environments", "2")
    functions = [deploy(server, SLOW, Timeout=60, **WHOLE_CPU) for _ in range(4)]
    for _ in range(2):
        for each in functions:
            assert each.call(0) == 0
    assert health(server)["environments"]["total"] <= 3  # one of them on its way out


def test_an_account_may_have_only_so_many_invocations_at_work(served):
    server = served("--concurrency", "1")
    deployed = deploy(server, SLOW, Timeout=60, **WHOLE_CPU)
    with ThreadPoolExecutor() as threads:
        working = threads.submit(deployed.call, 2)
        wait_at_work(server, 1)
        refusal = throttled(deployed)
        other = server.client(account="123456789012")
        # Another account has a limit of its own.
        with pytest.raises(other.exceptions.ResourceNotFoundException):
            other.invoke(FunctionName=deployed.name)
        assert working.result() == 2
    assert refusal["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert refusal["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
    assert deployed.call(0) == 0


def listed(server, deployed):
    url = f"{server.url}/_lambent/environments?function={deployed.name}"
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)["environments"]


def test_what_is_at_work_has_all_its_memory_and_what_is_frozen_little(served):
    server = served("--memory-mib", "4000")
    functions = [deploy(server, SLOW, Timeout=60, **WHOLE_CPU) for _ in range(5)]
    with ThreadPoolExecutor() as threads:
        working = [threads.submit(each.call, 2) for each in functions[:2]]
        wait_at_work(server, 2)
        refusal = throttled(functions[2])
        assert [each.result() for each in working] == [2, 2]
    assert refusal["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert refusal["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"

    def all_frozen():
        return all(
            each["state"] == "frozen" for deployed in functions for each in listed(server, deployed)
        )

    # Frozen, they take a few MiB each: all five stay, in the room for two at work.
    for deployed in functions:
        assert deployed.call(0) == 0
        eventually(all_frozen, lambda: [listed(server, each) for each in functions])
    assert health(server)["environments"]["idle"] == 5


def test_a_function_larger_than_the_host_is_told_so(served):
    server = served("--memory-mib", "1024")
    deployed = deploy(server, SLOW, Timeout=60, **WHOLE_CPU)
    with pytest.raises(deployed.client.exceptions.InvalidParameterValueException) as raised:
        deployed.invoke(0)
    assert "MemorySize of 1769 MB is more than the 1024 MB" in str(raised.value)


def test_a_function_grows_only_so_fast(served):
    server = served("--scaling-rate", "1")
    deployed = deploy(server, SLOW, Timeout=60, **WHOLE_CPU)
    with ThreadPoolExecutor() as threads:
        working = threads.submit(deployed.call, 2)
        wait_at_work(server, 1)
        assert throttled(deployed)["Reason"] == "FunctionInvocationRateLimitExceeded"
        assert working.result() == 2
    assert deployed.call(0) == 0
