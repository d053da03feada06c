from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import Invocation
from lambent.emulator.call import Call
from lambent.emulator.gateway_settings import load_gateway_settings
from lambent.emulator.remote_calls import RemoteCalls


class Functions:
    """Answers every request with what a test says."""

    is_connected = True
    is_blocked = False
    owed = 0

    def __init__(self, body=b"{}", **headers):
        properties = SimpleNamespace(headers={n.replace("_", "-"): v for n, v in headers.items()})
        self.answer = SimpleNamespace(header=SimpleNamespace(properties=properties), body=body)
        self.requests = []

    async def call(self, request, seconds):
        self.requests.append(request)
        if self.answer.body is None:
            raise TimeoutError
        return self.answer

    async def send(self, request):
        self.requests.append(request)

    async def check(self, function):
        self.requests.append(function)


def calls(functions, **environment):
    return RemoteCalls(functions, load_gateway_settings(environment))


def call(name="f"):
    invocation = Invocation(
        request_id="1", invoked_arn="arn", payload=b"event", trace_header="Root=1-2-3"
    )
    return Call(name=name, qualifier=None, invocation_type="RequestResponse", invocation=invocation)


async def test_a_request_goes_to_the_queue_of_the_functions_name_until_nobody_waits():
    functions = Functions()
    await calls(functions, AWS_LAMBDA_FUNCTION_TIMEOUT="2").run(call())

    [request] = functions.requests
    assert (request.function, request.id, request.body) == ("f", "1", b"event")
    assert request.expires_ms == 2000
    assert request.expects_answer
    assert not request.is_persistent


async def test_requests_are_kept_where_queues_are():
    functions = Functions()
    await calls(functions, AMQP_URI="amqp://localhost?durable=true").run(call())

    assert functions.requests[0].is_persistent


async def test_an_event_is_kept_wherever_it_can_be_and_never_expires():
    functions = Functions()
    await calls(functions).accept(call())

    [request] = functions.requests
    assert request.is_persistent
    assert request.expires_ms is None
    assert not request.expects_answer


async def test_the_version_is_the_one_the_answer_names():
    answering = calls(Functions(X_Amz_Executed_Version="7"))
    one = call()
    await answering.run(one)

    assert answering.executed_version(one) == "7"
    assert answering.executed_version(one) == "$LATEST", "it is kept when it has been told"


async def test_no_answer_is_told_in_the_words_of_a_time_out():
    result = await calls(Functions(body=None), AWS_LAMBDA_FUNCTION_TIMEOUT="2").run(call())

    assert result.is_function_error
    assert result.error_type == "Sandbox.Timedout"
    assert json.loads(result.payload)["errorMessage"] == (
        "RequestId: 1 Error: Task timed out after 2.00 seconds"
    )


async def test_a_stream_is_the_whole_answer():
    stream = await calls(Functions(body=b"all")).stream(call())

    assert [await stream.read(), await stream.read()] == [b"all", b""]
    assert stream.result is not None
    assert not stream.result.is_function_error


@pytest.mark.parametrize(
    "name", ["", "n" * 256, "ä" * 128, "lambent.replies.1", "amq.rabbitmq.reply-to"]
)
async def test_a_name_that_no_functions_queue_can_have_is_not_found(name):
    answering = calls(Functions())
    for ask in (answering.run, answering.accept, answering.check, answering.stream):
        with pytest.raises(ServiceError) as caught:
            await ask(call(name))
        assert caught.value.code == "ResourceNotFoundException"


def test_functions_are_told_arns_of_where_the_gateway_is():
    answering = calls(Functions(), AWS_REGION="eu-west-1", AWS_ACCOUNT_ID="111122223333")

    arn = "arn:aws:lambda:eu-west-1:111122223333:function:f"
    assert answering.invoked_arn("f", None) == arn
    assert answering.invoked_arn("f", "PROD") == f"{arn}:PROD"


def test_health_tells_of_the_broker():
    functions = Functions()
    answering = calls(functions)
    assert answering.health() == {"broker": "connected", "unanswered": 0}
    assert answering.is_ready

    functions.is_blocked = True
    assert answering.health()["broker"] == "takes nothing for now"
    assert not answering.is_ready
