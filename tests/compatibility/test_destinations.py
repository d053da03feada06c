"""Destinations and dead letters of every kind, as boto3 sets them and their services get them.

Records are compared with those that were recorded from AWS; the queues of the articles people read
are in `tests/acceptance/test_destinations.py`.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3

import pytest
from tests.support.functions import deploy
from tests.support.neighbours import IMPLEMENTATIONS, running_neighbours
from tests.support.queues import create_queue
from tests.support.refusals import refusal
from tests.support.server import running_server
from tests.support.waiting import eventually, wait_logged

CODE = """
def handler(event, context):
    if event.get("mode") == "failure":
        raise Exception("intentional failure!")
    print("got", event)
    return {"hello": "world"}
"""
REGION, OURS, THEIRS = "us-east-1", "000000000000", "123456789012"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def neighbours(request):
    with running_neighbours(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory, neighbours):
    data = tmp_path_factory.mktemp("destinations") / "data"
    options = ("--aws-endpoint-url", neighbours.url, "--queue-time-factor", "300")
    with running_server(data, *options) as running:
        yield running


@pytest.fixture
def queue(neighbours, request):
    """Of a test's own, for what its destinations hand on too."""
    return create_queue(neighbours, re.sub(r"\W", "-", request.node.name)[-80:])


@pytest.fixture
def deployed(server):
    """A function that fails once, when it does: there are no retries."""
    made = deploy(server, CODE)
    yield made
    made.client.delete_function(FunctionName=made.name)


def tell(deployed, **config):
    """Put a configuration of the function without retries, with these destinations."""
    deployed.client.put_function_event_invoke_config(
        FunctionName=deployed.name,
        MaximumRetryAttempts=0,
        DestinationConfig={side: {"Destination": arn} for side, arn in config.items()},
    )


def send(deployed, event, **options):
    answer = deployed.invoke(event, InvocationType="Event", **options)
    assert answer["StatusCode"] == 202
    return answer["ResponseMetadata"]["RequestId"]


def arn_of(name):
    return f"arn:aws:lambda:{REGION}:{OURS}:function:{name}"


def record(deployed, request_id, event, **response):
    """The record of one run of the function, but its timestamp."""
    is_failure = "errorMessage" in response
    return {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{arn_of(deployed.name)}:$LATEST",
            "condition": "RetriesExhausted" if is_failure else "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            **({"functionError": "Unhandled"} if is_failure else {}),
        },
        "responsePayload": response,
    }


def failed(request_id):
    return {
        "errorMessage": "intentional failure!",
        "errorType": "Exception",
        "requestId": request_id,
        "stackTrace": [
            '  File "/var/task/lambda_function.py", line 4, in handler\n'
            '    raise Exception("intentional failure!")\n'
        ],
    }


def dated(told):
    """The record without its timestamp, once that has AWS's form."""
    assert TIMESTAMP.fullmatch(told["timestamp"])
    return {name: value for name, value in told.items() if name != "timestamp"}


def test_a_topic_is_told_of_successes(deployed, neighbours, queue):
    sns = neighbours.client("sns")
    topic = sns.create_topic(Name="successes")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    tell(deployed, OnSuccess=topic)
    event = {"name": "J\u00fcrgen"}
    request_id = send(deployed, event)
    told = json.loads(json.loads(queue.receive()["Body"])["Message"])
    assert dated(told) == record(deployed, request_id, event, hello="world")


@pytest.mark.parametrize("mode", ["success", "failure"])
def test_a_bus_is_told_in_the_form_that_was_recorded(deployed, neighbours, queue, mode):
    events = neighbours.client("events")
    bus = events.create_event_bus(Name=f"records-{mode}")["EventBusArn"]
    there = {"Rule": "all", "EventBusName": f"records-{mode}"}
    pattern = json.dumps({"source": ["lambda"]})
    events.put_rule(Name="all", EventBusName=there["EventBusName"], EventPattern=pattern)
    events.put_targets(**there, Targets=[{"Id": "queue", "Arn": queue.arn}])
    tell(deployed, OnSuccess=bus, OnFailure=bus)
    request_id = send(deployed, {"mode": mode})
    event = json.loads(queue.receive()["Body"])
    assert event["source"] == "lambda"
    assert event["detail-type"] == f"Lambda Function Invocation Result - {mode.title()}"
    assert event["resources"] == [bus, f"{arn_of(deployed.name)}:$LATEST"]
    response = failed(request_id) if mode == "failure" else {"hello": "world"}
    assert dated(event["detail"]) == record(deployed, request_id, {"mode": mode}, **response)


def test_a_bucket_gets_records_of_failures(deployed, neighbours):
    s3 = neighbours.client("s3")
    s3.create_bucket(Bucket="failures")
    tell(deployed, OnFailure="arn:aws:s3:::failures")
    request_id = send(deployed, {"mode": "failure"})
    listed = eventually(lambda: s3.list_objects_v2(Bucket="failures").get("Contents"), "an object")
    key = listed[0]["Key"]
    date = r"\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d"
    assert re.fullmatch(rf"aws/lambda/async/{deployed.name}/{date}-[0-9a-f-]{{36}}", key)
    told = json.load(s3.get_object(Bucket="failures", Key=key)["Body"])
    expected = record(deployed, request_id, {"mode": "failure"}, **failed(request_id))
    assert dated(told) == expected


def test_another_function_is_invoked_with_the_record(server, deployed):
    listener = deploy(server, CODE)
    tell(deployed, OnSuccess=arn_of(listener.name))
    request_id = send(deployed, {})
    assert wait_logged(listener, f"'requestId': '{request_id}'")


def test_a_dead_letter_is_the_event_with_three_attributes(deployed, queue):
    deployed.client.update_function_configuration(
        FunctionName=deployed.name, DeadLetterConfig={"TargetArn": queue.arn}
    )
    deployed.client.get_waiter("function_updated_v2").wait(FunctionName=deployed.name)
    tell(deployed, OnFailure=queue.arn)
    request_id = send(deployed, {"mode": "failure"})
    letter, told = sorted(
        (queue.receive() for _ in range(2)), key=lambda each: len(each.get("MessageAttributes", ()))
    )[::-1]
    assert letter["Body"] == '{"mode": "failure"}'
    assert {
        name: (each["DataType"], each["StringValue"])
        for name, each in letter["MessageAttributes"].items()
    } == {
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "intentional failure!"),
        "RequestID": ("String", request_id),
    }
    assert letter["Attributes"]["AWSTraceHeader"].startswith("Root=1-")
    # The destination has it too: the one does not stand for the other.
    assert json.loads(told["Body"])["requestContext"]["requestId"] == request_id


def test_a_function_that_is_stopped_sends_its_events_on_without_running(deployed, queue):
    tell(deployed, OnFailure=queue.arn)
    deployed.client.put_function_concurrency(
        FunctionName=deployed.name, ReservedConcurrentExecutions=0
    )
    request_id = send(deployed, {"n": 1})
    told = dated(json.loads(queue.receive()["Body"]))
    assert told == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{arn_of(deployed.name)}:$LATEST",
            "condition": "ZeroReservedConcurrency",
            "approximateInvokeCount": 0,
        },
        "requestPayload": {"n": 1},
    }


def test_an_alias_has_destinations_of_its_own_and_is_named_as_it_was_invoked(deployed, queue):
    client = deployed.client
    client.publish_version(FunctionName=deployed.name)
    client.create_alias(FunctionName=deployed.name, Name="live", FunctionVersion="1")
    client.put_function_event_invoke_config(
        FunctionName=deployed.name,
        Qualifier="live",
        DestinationConfig={"OnSuccess": {"Destination": queue.arn}},
    )
    send(deployed, {})
    send(deployed, {}, Qualifier="live")
    told = json.loads(queue.receive()["Body"])
    assert told["requestContext"]["functionArn"] == f"{arn_of(deployed.name)}:live"
    assert told["responseContext"]["executedVersion"] == "1"
    assert queue.drain() == []


@pytest.mark.parametrize("service", ["sqs", "sns"])
def test_fifo_queues_and_topics_are_refused(deployed, service):
    arn = f"arn:aws:{service}:{REGION}:{THEIRS}:records.fifo"
    assert refusal(tell, deployed, OnFailure=arn) == (
        400,
        "InvalidParameterValueException",
        f"The destination ARN {arn} is invalid.",
    )
    answer = refusal(
        deployed.client.update_function_configuration,
        FunctionName=deployed.name,
        DeadLetterConfig={"TargetArn": arn},
    )
    assert (answer.status, answer.code) == (400, "InvalidParameterValueException")


def test_what_a_gone_queue_does_not_take_is_told_in_the_log(deployed, server):
    gone = f"arn:aws:sqs:{REGION}:{THEIRS}:gone"
    tell(deployed, OnSuccess=gone)
    request_id = send(deployed, {})

    def said():
        lines = server.log.read_text().splitlines()
        return [line for line in lines if request_id in line and gone in line]

    [line] = eventually(said, "a line of the log", seconds=90)
    assert arn_of(deployed.name) in line
    assert "NonExistentQueue" in line


def test_a_record_outlives_the_server_that_could_not_deliver_it(neighbours, queue, tmp_path):
    data = tmp_path / "data"
    with running_server(data, "--aws-endpoint-url", "http://127.0.0.1:1") as server:
        deployed = deploy(server, CODE)
        tell(deployed, OnSuccess=queue.arn)
        request_id = send(deployed, {})
        eventually(lambda: waiting_deliveries(data), "a delivery that waits")
        server.kill()
    with running_server(data, "--aws-endpoint-url", neighbours.url):
        told = json.loads(queue.receive()["Body"])
        assert dated(told) == record(deployed, request_id, {}, hello="world")
        eventually(lambda: not waiting_deliveries(data), "no delivery that waits")


def waiting_deliveries(data):
    with contextlib.closing(sqlite3.connect(data / "lambent.sqlite3")) as database:
        found = database.execute("SELECT request_id FROM event_deliveries WHERE state = 'waiting'")
        return found.fetchall()
