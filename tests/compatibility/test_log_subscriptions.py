"""Subscription filters through boto3: log events that go to functions and to streams."""

from __future__ import annotations

import base64
import gzip
import json
import time

import pytest
from tests.support.functions import deploy
from tests.support.neighbours import running_neighbours
from tests.support.refusals import refusal
from tests.support.server import running_server
from tests.support.waiting import eventually, wait_logged

ACCOUNT = "000000000000"
ECHO = "import json\ndef handler(event, context):\n    print(json.dumps(event))\n"
STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/events"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/logs"


@pytest.fixture(scope="module")
def neighbours():
    with running_neighbours() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory, neighbours):
    directory = tmp_path_factory.mktemp("subscriptions")
    with running_server(directory / "data", "--aws-endpoint-url", neighbours.url) as running:
        yield running


@pytest.fixture
def logs(server):
    return server.client("logs")


@pytest.fixture
def group(logs, request):
    name = request.node.name.replace("[", "/").replace("]", "")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="stream")
    yield name
    logs.delete_log_group(logGroupName=name)


def put(logs, group, *messages):
    events = [{"timestamp": int(time.time() * 1000), "message": text} for text in messages]
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)


def subscribe(logs, group, destination, pattern="", **more):
    logs.put_subscription_filter(
        logGroupName=group,
        filterName="filter",
        filterPattern=pattern,
        destinationArn=destination,
        **more,
    )


def arn_of(function):
    return function.client.get_function_configuration(FunctionName=function.name)["FunctionArn"]


def permit(function, group, principal="logs.us-east-1.amazonaws.com"):
    function.client.add_permission(
        FunctionName=function.name,
        StatementId="logs",
        Action="lambda:InvokeFunction",
        Principal=principal,
        SourceArn=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*",
        SourceAccount=ACCOUNT,
    )


def received(lines):
    """What the messages say that an echoing function has logged."""
    events = [json.loads(line) for line in lines if line.startswith('{"awslogs"')]
    return [json.loads(gzip.decompress(base64.b64decode(e["awslogs"]["data"]))) for e in events]


@pytest.mark.parametrize("principal", ["logs.us-east-1.amazonaws.com", "logs.amazonaws.com"])
def test_a_function_receives_what_matches(server, logs, group, principal):
    function = deploy(server, ECHO)
    permit(function, group, principal)
    put(logs, group, "ERROR before the filter")
    subscribe(logs, group, arn_of(function), "ERROR")
    put(logs, group, "fine", "ERROR one", "ERROR two")
    [message] = received(wait_logged(function, "awslogs"))
    events = message.pop("logEvents")
    assert [event["message"] for event in events] == ["ERROR one", "ERROR two"]
    assert [len(event["id"]) for event in events] == [56, 56]
    assert message == {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": group,
        "logStream": "stream",
        "subscriptionFilters": ["filter"],
    }


def test_a_function_receives_what_another_one_logs(server, logs):
    source = deploy(server, "def handler(event, context):\n    print('from the source')\n")
    function = deploy(server, ECHO)
    group = f"/aws/lambda/{source.name}"
    logs.create_log_group(logGroupName=group)
    permit(function, group)
    subscribe(logs, group, arn_of(function), '"from the source"')
    source.invoke()
    [message] = received(wait_logged(function, "awslogs"))
    assert [event["message"] for event in message["logEvents"]] == ["from the source\n"]


def test_without_permission_there_is_no_subscription(server, logs, group):
    function = deploy(server, ECHO)
    arguments = {"logGroupName": group, "filterName": "filter", "filterPattern": ""}
    refused = (
        400,
        "InvalidParameterException",
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs "
        "permission to execute your function.",
    )
    destination = arn_of(function)
    assert refusal(logs.put_subscription_filter, **arguments, destinationArn=destination) == refused
    permit(function, "another-group")
    assert refusal(logs.put_subscription_filter, **arguments, destinationArn=destination) == refused
    missing = f"{destination}-missing"
    assert refusal(logs.put_subscription_filter, **arguments, destinationArn=missing) == refused
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_a_function_fed_its_own_log_is_stopped(server, logs, neighbours, log_format):
    sqs = neighbours.client("sqs")
    queue = sqs.create_queue(QueueName=f"stopped-{log_format}")["QueueUrl"]
    function = deploy(
        server,
        "def handler(event, context):\n    print('again')\n",
        LoggingConfig={"LogFormat": log_format},
    )
    function.client.put_function_event_invoke_config(
        FunctionName=function.name,
        DestinationConfig={
            "OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:{ACCOUNT}:stopped-{log_format}"}
        },
    )
    group = f"/aws/lambda/{function.name}"
    logs.create_log_group(logGroupName=group)
    permit(function, group)
    subscribe(logs, group, arn_of(function), "again")
    function.invoke()
    (message,) = eventually(
        lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), "an invocation record", 60
    )
    context = json.loads(message["Body"])["requestContext"]
    assert context["condition"] == "RecursiveInvocation"
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="again"
    )
    # The one that began it, and sixteen in one chain.
    assert sum(len(page["events"]) for page in pages) == 17


def test_a_kinesis_stream_receives_what_matches(logs, group, neighbours):
    kinesis = neighbours.client("kinesis")
    kinesis.create_stream(StreamName="events", ShardCount=1)
    subscribe(logs, group, STREAM, roleArn=ROLE)
    put(logs, group, "one", "two")
    (shard,) = kinesis.list_shards(StreamName="events")["Shards"]

    def records():
        iterator = kinesis.get_shard_iterator(
            StreamName="events", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found = kinesis.get_records(ShardIterator=iterator)["Records"]
        return found if len(found) > 1 else None

    test, data = eventually(records, "records")
    assert test["PartitionKey"] != data["PartitionKey"] == "stream"
    test, data = (json.loads(gzip.decompress(record["Data"])) for record in (test, data))
    assert test["messageType"] == "CONTROL_MESSAGE"
    assert [event["message"] for event in data["logEvents"]] == ["one", "two"]


def test_a_stream_that_is_not_there_is_refused(logs, group):
    status, code, message = refusal(
        logs.put_subscription_filter,
        logGroupName=group,
        filterName="filter",
        filterPattern="",
        destinationArn=f"{STREAM}-missing",
        roleArn=ROLE,
    )
    assert (status, code) == (400, "InvalidParameterException")
    assert "Could not deliver test message to specified Kinesis stream." in message
