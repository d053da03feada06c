"""Destinations as Trek10's article and the developer guide show them, record by record.

Each by the AWS CLI and by boto3, and each with two implementations of SQS, which know nothing of
one another. The records are those printed there, compared field by field.
"""

from __future__ import annotations

import datetime
import itertools
import json
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.aws_cli import Terminal
from tests.support.functions import WHOLE_CPU, Deployed, deploy
from tests.support.neighbours import IMPLEMENTATIONS, running_neighbours
from tests.support.queues import Queue, create_queue
from tests.support.server import RunningServer, newest_runtime, running_server
from tests.support.waiting import eventually, wait_logged

if TYPE_CHECKING:
    from collections.abc import Callable

RETURNS = """\
module.exports.handler = async event => {
return event;
}
"""
THROWS = """\
module.exports.handler = async event => {
throw new Error("failure example");
return event;
}
"""
# The guide prints the record and not the function; so ends a process whose function was running.
EXITS = "module.exports.handler = async event => { process.exit(1) }\n"

SUCCESS = """{
"version": "1.0",
"timestamp": "2019-12-13T20:04:08.088Z",
"requestContext": {
"requestId": "f14f5ab1-410f-4162-8c7b-c3f6b276a28c",
"functionArn": "arn:aws:lambda:us-east-1:454679818906:function:sfn-lab-test-Stream-1UKZ0V094MA7T-StreamProcessor-12O2ALY0Z59LC:$LATEST",
"condition": "Success",
"approximateInvokeCount": 1
},
"requestPayload": {
"my": "event"
},
"responseContext": {
"statusCode": 200,
"executedVersion": "$LATEST"
},
"responsePayload": {
"my": "event"
}
}"""
FAILURE = """{
"version": "1.0",
"timestamp": "2019-12-13T20:06:50.820Z",
"requestContext": {
"requestId": "0972f748-a94c-4902-9ddb-8479e915c0b2",
"functionArn": "arn:aws:lambda:us-east-1:454679818906:function:sfn-lab-test-Stream-1UKZ0V094MA7T-StreamProcessor-12O2ALY0Z59LC:$LATEST",
"condition": "RetriesExhausted",
"approximateInvokeCount": 3
},
"requestPayload": {
"my": "event"
},
"responseContext": {
"statusCode": 200,
"executedVersion": "$LATEST",
"functionError": "Unhandled"
},
"responsePayload": {
"errorType": "Error",
"errorMessage": "failure example",
"trace": [
"Error: failure example",
" at Runtime.module.exports.handler (/var/task/app.js:5:9)",
" at Runtime.handleOnce (/var/runtime/Runtime.js:66:25)"
]
}
}"""
# The guide's example record; the end of its last line is lost in the guide's own print.
CRASH = """{
"version": "1.0",
"timestamp": "2019-11-14T18:16:05.568Z",
"requestContext": {
"requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
"functionArn": "arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST",
"condition": "RetriesExhausted",
"approximateInvokeCount": 3
},
"requestPayload": {
"ORDER_IDS": [
"9e07af03-ce31-4ff3-xmpl-36dce652cb4f",
"637de236-e7b2-464e-xmpl-baf57f86bb53",
"a81ddca6-2c35-45c7-xmpl-c3a03a31ed15"
]
},
"responseContext": {
"statusCode": 200,
"executedVersion": "$LATEST",
"functionError": "Unhandled"
},
"responsePayload": {
"errorMessage": "RequestId: e4b46cbf-b738-xmpl-8880-a18cdf61200e Process exited before completing request"
}
}"""
# What AWS says of the same since it tells one end of a process from another.
EXITED = "RequestId: {} Error: Runtime exited with error: exit status 1"
TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
_numbers = itertools.count()


@dataclass(frozen=True)
class ByCommand:
    """Somebody with the AWS CLI."""

    server: RunningServer
    terminal: Terminal

    def configure(self, name: str, **destinations: Queue) -> None:
        config = {on: {"Destination": queue.arn} for on, queue in destinations.items()}
        self.terminal.run(
            f"aws lambda put-function-event-invoke-config --function-name {name}"
            f" --destination-config '{json.dumps(config)}'"
        )

    def invoke(self, name: str, payload: object) -> None:
        answered = self.terminal.run(
            f"aws lambda invoke --function-name {name} --invocation-type Event"
            f" --cli-binary-format raw-in-base64-out --payload '{json.dumps(payload)}'"
            " response.json"
        )
        assert json.loads(answered) == {"StatusCode": 202}
        assert (self.terminal.directory / "response.json").read_bytes() == b""

    def receive(self, queue: Queue) -> Any:
        sqs = "aws sqs"
        receive = f"{sqs} receive-message --queue-url {queue.url} --wait-time-seconds 3"
        answer = eventually(lambda: self.terminal.run(receive), f"a message in {queue.arn}")
        (message,) = json.loads(answer)["Messages"]
        self.terminal.run(
            f"{sqs} delete-message --queue-url {queue.url}"
            f" --receipt-handle '{message['ReceiptHandle']}'"
        )
        return json.loads(message["Body"])


@dataclass(frozen=True)
class ByBoto3:
    """A program with boto3."""

    server: RunningServer

    def configure(self, name: str, **destinations: Queue) -> None:
        config = {on: {"Destination": queue.arn} for on, queue in destinations.items()}
        answer = self.server.client().put_function_event_invoke_config(
            FunctionName=name, DestinationConfig=config
        )
        assert answer["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}, **config}

    def invoke(self, name: str, payload: object) -> None:
        answer = self.server.client().invoke(
            FunctionName=name, InvocationType="Event", Payload=json.dumps(payload)
        )
        assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")

    def receive(self, queue: Queue) -> Any:
        return json.loads(queue.receive()["Body"])


Somebody = ByCommand | ByBoto3


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def neighbours(request):
    with running_neighbours(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory, neighbours):
    """The minutes between attempts pass in fractions of a second."""
    options = ("--aws-endpoint-url", neighbours.url, "--queue-time-factor", "300")
    with running_server(tmp_path_factory.mktemp("destinations") / "data", *options) as running:
        yield running


@pytest.fixture(params=["AWS CLI", "boto3"])
def somebody(request, server, tmp_path) -> Somebody:
    if request.param == "boto3":
        return ByBoto3(server)
    return ByCommand(server, Terminal(server, tmp_path))


@pytest.fixture
def queue(neighbours) -> Callable[[str], Queue]:
    return lambda name: create_queue(neighbours, f"{name}-{next(_numbers)}")


def checked(record: Any, printed: str, name: str, began: datetime.datetime) -> Any:
    """The record, with what no two records share as it is printed, once its form is checked."""
    expected = json.loads(printed)
    assert TIMESTAMP.fullmatch(record["timestamp"])
    ended = datetime.datetime.now(datetime.UTC)
    assert began <= datetime.datetime.fromisoformat(record["timestamp"]) <= ended
    context = record["requestContext"]
    assert str(uuid.UUID(context["requestId"])) == context["requestId"]
    assert (
        context["functionArn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{name}:$LATEST"
    )
    same = {key: expected["requestContext"][key] for key in ("requestId", "functionArn")}
    return {
        **record,
        "timestamp": expected["timestamp"],
        "requestContext": {**context, **same},
    }


def now() -> datetime.datetime:
    """To the millisecond, as records have it."""
    moment = datetime.datetime.now(datetime.UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def was_run(deployed: Deployed, request_id: str, times: int) -> None:
    """Wait until the function's log tells of so many attempts, and insist that there were no more."""

    def reports() -> int:
        messages = wait_logged(deployed, f"REPORT RequestId: {request_id}")
        return sum(message.startswith(f"REPORT RequestId: {request_id}") for message in messages)

    eventually(lambda: reports() >= times, f"{times} attempts of {request_id}")
    assert reports() == times


@pytest.fixture
def node(server) -> Callable[[str], Deployed]:
    runtime = newest_runtime("nodejs")
    return lambda code: deploy(
        server, {"app.js": code}, runtime=runtime, handler="app.handler", **WHOLE_CPU
    )


def test_what_a_function_returned_is_sent_on_success(somebody, queue, node):
    deployed, succeeded, failed = node(RETURNS), queue("success"), queue("failure")
    somebody.configure(deployed.name, OnSuccess=succeeded, OnFailure=failed)
    began = now()
    somebody.invoke(deployed.name, {"my": "event"})
    record = somebody.receive(succeeded)
    assert checked(record, SUCCESS, deployed.name, began) == json.loads(SUCCESS)
    was_run(deployed, record["requestContext"]["requestId"], times=1)
    assert failed.drain() == []


def test_what_a_function_threw_is_sent_on_failure_after_three_attempts(somebody, queue, node):
    deployed, succeeded, failed = node(THROWS), queue("success"), queue("failure")
    somebody.configure(deployed.name, OnSuccess=succeeded, OnFailure=failed)
    began = now()
    somebody.invoke(deployed.name, {"my": "event"})
    record = somebody.receive(failed)
    error, *frames = record["responsePayload"]["trace"]
    # Node's own frames are others in each of its releases, and indented by four.
    assert re.fullmatch(r" {4}at \S+ \(/var/task/app\.js:2:7\)", frames[0])
    assert all(re.fullmatch(r" {4}at .+:\d+:\d+\)?", frame) for frame in frames)
    printed = json.loads(FAILURE)
    record["responsePayload"]["trace"] = [error, *printed["responsePayload"]["trace"][1:]]
    assert checked(record, FAILURE, deployed.name, began) == printed
    was_run(deployed, record["requestContext"]["requestId"], times=3)
    assert succeeded.drain() == []


def test_a_process_that_exits_is_a_failure_as_the_guide_prints_it(somebody, queue, node):
    deployed, failed = node(EXITS), queue("failure")
    somebody.configure(deployed.name, OnFailure=failed)
    began, printed = now(), json.loads(CRASH)
    somebody.invoke(deployed.name, printed["requestPayload"])
    record = somebody.receive(failed)
    request_id = record["requestContext"]["requestId"]
    assert record["responsePayload"] == {
        "errorType": "Runtime.ExitError",
        "errorMessage": EXITED.format(request_id),
    }
    record["responsePayload"] = printed["responsePayload"]
    assert checked(record, CRASH, deployed.name, began) == printed
    was_run(deployed, request_id, times=3)
