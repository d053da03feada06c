"""`lambent gateway` in front of a real RabbitMQ: daemon.md's lambda-server, without its faults."""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from tests.support.emulator import running_emulator
from tests.support.gateway import running_gateway, serving
from tests.support.rabbitmq import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.gateway import Gateway, Seen
    from tests.support.rabbitmq import Broker


@pytest.fixture(scope="module")
def gateway(rabbitmq: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    place = tmp_path_factory.mktemp("gateway")
    with running_gateway(place, rabbitmq.uri(), ENABLE_OPENFAAS="true") as running:
        running.wait_connected()
        yield running


def test_a_call_is_answered_by_the_function_behind_its_queue(
    gateway: Gateway, rabbitmq: Broker
) -> None:
    with serving(rabbitmq, "behind") as function:
        answer = gateway.invoke({"a": 1}, name="behind")

    assert (answer.status, answer.json) == (200, {"a": 1})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amz-executed-version"] == "$LATEST"
    assert answer.function_error is None
    [seen] = function.seen
    assert seen.properties.correlation_id == answer.headers["x-amzn-requestid"]
    assert seen.properties.content_type == "application/json"
    assert seen.properties.reply_to == gateway.reply_queue
    assert seen.properties.timestamp is None, "it would end the original's deadline early"


def test_a_function_that_has_no_queue_is_not_found(gateway: Gateway) -> None:
    answer = gateway.invoke({}, name="nobody")
    with pytest.raises(gateway.client().exceptions.ResourceNotFoundException) as caught:
        gateway.client().invoke(FunctionName="nobody")

    assert answer.status == 404
    assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert "Function not found: nobody" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "named",
        "named:PROD",
        "named:$LATEST",
        "000000000000:function:named",
        "arn:aws:lambda:eu-west-1:000000000000:function:named",
        "arn:aws:lambda:eu-west-1:000000000000:function:named:PROD",
    ],
)
def test_names_qualifiers_and_arns_lead_to_the_function(
    gateway: Gateway, rabbitmq: Broker, name: str
) -> None:
    with serving(rabbitmq, "named") as function:
        answered = gateway.client().invoke(FunctionName=name, Payload=b'"here"')

    assert answered["Payload"].read() == b'"here"'
    qualifier = name.rpartition(":")[2] if name.endswith(("PROD", "$LATEST")) else None
    assert function.seen[0].properties.headers.get("X-Amz-Qualifier") == qualifier


@pytest.mark.parametrize("name", ["a%2Fb", "a;b", "%00", "amq.gen-1", "n" * 400])
def test_odd_names_are_not_found_and_harm_nobody(gateway: Gateway, name: str) -> None:
    assert gateway.invoke({}, name=name).status == 404
    assert gateway.request("GET", "/_/ready").status == 200


def test_a_call_to_a_name_with_a_slash_reaches_its_queue(
    gateway: Gateway, rabbitmq: Broker
) -> None:
    with serving(rabbitmq, "a/b;{}"):
        assert gateway.invoke("there", name="a%2Fb%3B%7B%7D").json == "there"


def test_what_a_caller_says_of_itself_reaches_the_function(
    gateway: Gateway, rabbitmq: Broker
) -> None:
    context = "eyJjdXN0b20iOnsiZm9vIjoiYmFyIn19"
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    with serving(rabbitmq, "context") as function:
        gateway.invoke({}, name="context", X_Amz_Client_Context=context, X_Amzn_Trace_Id=trace)

    headers = function.seen[0].properties.headers
    assert headers["X-Amz-Client-Context"] == context
    assert headers["X-Amzn-Trace-Id"] == trace


def test_a_client_context_that_is_none_is_refused_and_runs_nothing(
    gateway: Gateway, rabbitmq: Broker
) -> None:
    with serving(rabbitmq, "unread") as function:
        answer = gateway.invoke({}, name="unread", X_Amz_Client_Context="!!!")

    assert answer.status == 400
    assert answer.headers["x-amzn-errortype"] == "InvalidRequestContentException"
    assert not function.seen


def test_boto3_gets_function_errors_log_tails_and_versions(
    gateway: Gateway, rabbitmq: Broker
) -> None:
    def fail(seen: Seen) -> tuple[bytes, dict[str, str]]:
        assert seen.properties.headers["X-Amz-Log-Type"] == "Tail"
        return b'{"errorType":"ValueError"}', {
            "X-Amz-Function-Error": "Unhandled",
            "X-Amz-Executed-Version": "7",
            "X-Amz-Log-Result": "bGluZQo=",
        }

    with serving(rabbitmq, "failing", fail):
        answered = gateway.client().invoke(FunctionName="failing", LogType="Tail")

    assert answered["StatusCode"] == 200
    assert answered["FunctionError"] == "Unhandled"
    assert answered["ExecutedVersion"] == "7"
    assert answered["LogResult"] == "bGluZQo="
    assert answered["Payload"].read() == b'{"errorType":"ValueError"}'


def test_a_request_that_no_instance_takes_is_refused_as_by_lambda(
    gateway: Gateway, rabbitmq: Broker
) -> None:
    def refuse(seen: Seen) -> tuple[bytes, dict[str, str]]:
        body = b'{"errorType":"TooManyRequestsException","errorMessage":"Rate Exceeded."}'
        return body, {"X-Amzn-ErrorType": "TooManyRequestsException"}

    with serving(rabbitmq, "busy", refuse), pytest.raises(ClientError) as caught:
        gateway.client().invoke(FunctionName="busy")

    assert caught.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert "Rate Exceeded." in str(caught.value)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_an_event_is_accepted_when_the_broker_has_it(gateway: Gateway, rabbitmq: Broker) -> None:
    with rabbitmq.channel() as channel:
        channel.queue_declare("later")
        answered = gateway.client().invoke(
            FunctionName="later", InvocationType="Event", Payload=b'{"n": 1}'
        )
        _, properties, body = channel.basic_get("later", auto_ack=True)
        channel.queue_delete("later")

    assert answered["StatusCode"] == 202
    assert body == b'{"n": 1}'
    assert properties.reply_to is None
    assert properties.delivery_mode == 2, "it is kept where the queue is"
    assert properties.expiration is None


def test_events_and_dry_runs_of_unknown_functions_are_refused(gateway: Gateway) -> None:
    for kind in ("Event", "DryRun"):
        assert gateway.invoke({}, name="nobody", X_Amz_Invocation_Type=kind).status == 404


def test_a_dry_run_only_sees_whether_the_function_is_there(
    gateway: Gateway, rabbitmq: Broker
) -> None:
    with serving(rabbitmq, "dry") as function:
        answered = gateway.client().invoke(FunctionName="dry", InvocationType="DryRun")

    assert answered["StatusCode"] == 204
    assert not function.seen


def test_a_streaming_call_gets_the_whole_answer_as_a_stream(
    gateway: Gateway, rabbitmq: Broker
) -> None:
    with serving(rabbitmq, "streamed"):
        answered = gateway.client().invoke_with_response_stream(
            FunctionName="streamed", Payload=b'"all of it"'
        )
        events = list(answered["EventStream"])

    pieces = [event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event]
    assert b"".join(pieces) == b'"all of it"'
    assert "InvokeComplete" in events[-1]


def test_other_methods_and_paths_are_refused(gateway: Gateway) -> None:
    refused = gateway.request("GET", "/2015-03-31/functions/any/invocations")

    assert (refused.status, refused.headers["allow"]) == (405, "POST")
    assert gateway.request("POST", "/2015-03-31/functions/").status == 404


def test_openfaas_probes_are_answered_and_a_call_without_a_name_is_not(gateway: Gateway) -> None:
    assert gateway.request("GET", "/_/health").body == b"OK"
    assert gateway.request("GET", "/_/ready").body == b"OK"
    assert gateway.request("POST", "/", b"{}").status == 404


def test_overlapping_calls_of_one_number_each_get_their_own_answer(
    gateway: Gateway, rabbitmq: Broker
) -> None:
    """SDKs send the number of a call again when they try it again."""
    are_both_here = threading.Barrier(2, timeout=30)
    number = "11111111-2222-4333-8444-555555555555"

    def call(which: str) -> object:
        are_both_here.wait()
        return gateway.invoke(which, name="twins", Amz_Sdk_Invocation_Id=number).json

    with serving(rabbitmq, "twins") as function, ThreadPoolExecutor(2) as callers:
        assert list(callers.map(call, ["one", "two"])) == ["one", "two"]

    assert number in {seen.properties.correlation_id for seen in function.seen}


def test_no_answer_is_lost_of_a_thousand(gateway: Gateway, rabbitmq: Broker) -> None:
    """The original registers a caller after the request is out, and misses fast answers.

    It loses one of two thousand, so ten thousand would find that in a gateway that has the fault.
    But they take the processors half a minute, and that ours has it not is shown by
    test_an_answer_may_be_here_before_the_broker_says_it_has_the_request, each time. These show
    what else could be lost, or be taken for another's.
    """

    def call(first: int) -> list[int]:
        with contextlib.closing(HTTPConnection(urlsplit(gateway.url).netloc)) as connection:
            answers = []
            for number in range(first, 1000, 8):
                path = "/2015-03-31/functions/counted/invocations"
                connection.request("POST", path, str(number))
                answers.append(int(connection.getresponse().read()))
            return answers

    with serving(rabbitmq, "counted"), ThreadPoolExecutor(8) as callers:
        for first, answers in enumerate(callers.map(call, range(8))):
            assert answers == list(range(first, 1000, 8))

    assert gateway.request("GET", "/health").json == {"broker": "connected", "unanswered": 0}


def test_garbage_in_the_queue_for_answers_harms_nobody(gateway: Gateway, rabbitmq: Broker) -> None:
    with rabbitmq.channel() as channel:
        publish(channel, gateway.reply_queue, b"\xff\x00")
        publish(channel, gateway.reply_queue, b"{}", correlation_id="nobody's", expiration="9999")
        publish(channel, gateway.reply_queue, b"", headers={"X-Amz-Function-Error": {"a": [1]}})

    with serving(rabbitmq, "unharmed"):
        assert gateway.invoke("fine", name="unharmed").json == "fine"


def test_an_event_of_more_than_six_megabytes_is_refused(gateway: Gateway) -> None:
    answer = gateway.invoke(body=b'"' + b"x" * 7_000_000 + b'"', name="any")

    assert answer.status == 413
    assert answer.headers["x-amzn-errortype"] == "RequestTooLargeException"


def test_lambent_rie_is_a_function_behind_it(
    gateway: Gateway, rabbitmq: Broker, tmp_path: object
) -> None:
    place = gateway.log.parent / "echo"
    with running_emulator(
        place, "function.ctx", AMQP_URI=rabbitmq.uri(), AWS_LAMBDA_FUNCTION_NAME="behind-rie"
    ):
        rabbitmq.wait_consumers("behind-rie")
        answered = gateway.client().invoke(
            FunctionName="behind-rie", Qualifier="PROD", Payload=b"{}", LogType="Tail"
        )

    seen = json.load(answered["Payload"])
    assert seen["arn"].endswith(":function:behind-rie:PROD")
    assert seen["request_id"] == answered["ResponseMetadata"]["RequestId"]
    assert answered["ExecutedVersion"] == "$LATEST"
    assert "LogResult" in answered


def test_queues_for_answers_are_no_functions(gateway: Gateway) -> None:
    """Or callers could answer others' calls."""
    for kind in ("RequestResponse", "Event", "DryRun"):
        answer = gateway.invoke({}, name=gateway.reply_queue, X_Amz_Invocation_Type=kind)
        assert answer.status == 404
