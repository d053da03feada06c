"""Recursive loop detection, with the trace header that SDKs in functions pass on by themselves."""

from __future__ import annotations

import contextlib
import json

import pytest
from tests.support.functions import deploy
from tests.support.neighbours import running_neighbours
from tests.support.server import running_server
from tests.support.waiting import eventually

TRACE = "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n"


@pytest.fixture(scope="module")
def neighbours():
    with running_neighbours() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory, neighbours):
    directory = tmp_path_factory.mktemp("loops")
    with running_server(directory / "data", "--aws-endpoint-url", neighbours.url) as running:
        yield running


@pytest.fixture(scope="module")
def function(server):
    return deploy(server, TRACE)


@pytest.fixture
def client(server):
    """A client whose requests carry `trace`, percent-encoded as botocore does inside functions."""
    made = server.client()

    @contextlib.contextmanager
    def with_trace(trace):
        def add(params, **_):
            if trace:
                params["headers"]["X-Amzn-Trace-Id"] = trace.replace("|", "%7C")

        made.meta.events.register("before-call.lambda.Invoke", add)
        try:
            yield made
        finally:
            made.meta.events.unregister("before-call.lambda.Invoke", add)

    return with_trace


def invoke(client, function, trace, **options):
    """The trace the function was given."""
    with client(trace) as calling:
        answer = calling.invoke(FunctionName=function.name, **options)
    return json.loads(answer["Payload"].read() or "null")


def go_round(client, functions):
    """How often functions ran, each as if it was invoked by the one before, until one may not."""
    trace = None
    for count in range(100):
        function = functions[count % len(functions)]
        try:
            trace = invoke(client, function, trace)
        except function.client.exceptions.RecursiveInvocationException:
            return count
    raise AssertionError(trace)


def test_a_function_is_told_its_lineage(client, function):
    first = invoke(client, function, None)
    second = invoke(client, function, first)
    root, parent, sampled, lineage = first.split(";")
    assert lineage.startswith("Lineage=1:")
    assert lineage.endswith(":0")
    assert second.split(";")[:3] == [root, parent, sampled]
    assert second.endswith(f"{lineage[len('Lineage=1:') : -1]}1")


def test_the_seventeenth_invocation_in_a_loop_is_stopped(client, function):
    assert go_round(client, [function]) == 16


def test_a_loop_of_two_functions_is_stopped(server, client, function):
    assert go_round(client, [function, deploy(server, TRACE)]) == 32


def test_a_loop_can_be_allowed(server, client):
    function = deploy(server, TRACE)
    function.client.put_function_recursion_config(FunctionName=function.name, RecursiveLoop="Allow")
    trace = ""
    for _ in range(20):
        trace = invoke(client, function, trace)
    assert trace.endswith(":19")


def test_many_invocations_with_one_trace_are_no_loop(client, function):
    trace = invoke(client, function, None)
    assert {invoke(client, function, trace).rpartition(":")[2] for _ in range(20)} == {"1"}


def test_a_queued_event_of_a_loop_goes_to_the_on_failure_destination(client, function, neighbours):
    sqs = neighbours.client("sqs")
    queue = sqs.create_queue(QueueName="stopped")["QueueUrl"]
    function.client.put_function_event_invoke_config(
        FunctionName=function.name,
        DestinationConfig={
            "OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:stopped"}
        },
    )
    trace = None
    for _ in range(16):
        trace = invoke(client, function, trace)
    with client(trace) as calling:
        answer = calling.invoke(
            FunctionName=function.name, InvocationType="Event", Payload='{"again": true}'
        )
    assert answer["StatusCode"] == 202
    (message,) = eventually(
        lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), "an invocation record"
    )
    record = json.loads(message["Body"])
    assert record["requestPayload"] == {"again": True}
    assert record["requestContext"]["condition"] == "RecursiveInvocation"
    assert record["requestContext"]["approximateInvokeCount"] == 0
