from __future__ import annotations

import asyncio
import base64
import itertools
import json
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, strategies as st
from tests.unit.execution_environment.fakes import VERSION
from tests.unit.execution_environment.http_client import (
    INIT_ERROR,
    NEXT,
    PREFIX,
    Address,
    Client,
    MemoryTransport,
    feed,
    listening,
)

from lambent.domain.invocation import Invocation
from lambent.domain.quotas import RESPONSE_PAYLOAD_BYTES
from lambent.execution_environment.environment_api import EnvironmentApi
from lambent.execution_environment.extensions_api import ExtensionsApi
from lambent.execution_environment.lifecycle import RuntimeState, TransitionNotAllowed
from lambent.execution_environment.runtime_api import Answer, RuntimeApi

INVOCATION = Invocation(
    request_id="8f507cfc-3c7a-4697-b07a-ac58fc914c95",
    invoked_arn="arn:aws:lambda:us-east-1:123456789012:function:greet:live",
    payload=b'{"name":"Ada"}',
    trace_header="Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
)
ANSWER = f"/invocation/{INVOCATION.request_id}"


class RecordingEnvironment:
    def __init__(self):
        self.events = []
        self.told: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def _tell(self, *event):
        self.events.append(event)
        self.told.put_nowait(event)

    def runtime_is_ready(self):
        self._tell("ready")

    def runtime_failed_to_initialize(self, error):
        self._tell("init failed", error)

    def runtime_answered(self, answer):
        self._tell("answered", answer)

    def runtime_is_ready_to_restore(self):
        self._tell("ready to restore")

    def runtime_failed_to_restore(self, error):
        self._tell("restore failed", error)


@dataclass
class Conversation:
    """A runtime, its Runtime API, and what the environment heard."""

    api: RuntimeApi
    environment: RecordingEnvironment
    address: Address
    client: Client
    lost: asyncio.Queue[object]  # connections the Runtime API knows to be gone

    @property
    def events(self):
        return self.environment.events

    async def poll(self, client=None):
        """Send `next` and wait until the environment knows."""
        (client or self.client).send_request("GET", NEXT)
        assert await self.environment.told.get() == ("ready",)

    async def begin(self, invocation=INVOCATION):
        """Be invoked."""
        await self.poll()
        self.api.send(invocation, 1000)
        return await self.client.receive()

    async def answered(self):
        name, answer = await self.environment.told.get()
        assert name == "answered"
        return answer


def listener_of(api):
    """What a runtime reaches its API through."""
    return EnvironmentApi(api, ExtensionsApi(Mock(), VERSION))


@pytest.fixture
async def runtime(monkeypatch, request):
    environment = RecordingEnvironment()
    api = RuntimeApi(environment, offers_restore=hasattr(request, "param"))
    listener = listener_of(api)
    lost: asyncio.Queue[object] = asyncio.Queue()

    def connect():
        connection = listener.connect()
        known = connection.connection_lost

        def connection_lost(exception):
            known(exception)
            lost.put_nowait(connection)

        monkeypatch.setattr(connection, "connection_lost", connection_lost)
        return connection

    async with listening(connect) as address:
        yield Conversation(api, environment, address, await address.connect(), lost)
        listener.close()


def error_of(response):
    document = json.loads(response.body)
    return response.status, document["errorType"], document["errorMessage"]


async def test_next_waits_for_an_invocation_and_tells_all_about_it(runtime):
    assert not runtime.api.is_polling
    await runtime.poll()
    assert runtime.api.is_polling
    receiving = asyncio.ensure_future(runtime.client.receive())
    runtime.api.send(replace(INVOCATION, client_context='{"custom":{}}'), 1_769_860_800_123)
    response = await receiving
    assert not runtime.api.is_polling
    assert (response.status, response.body) == (200, b'{"name":"Ada"}')
    assert response.headers == {
        "content-type": "application/json",
        "content-length": "14",
        "lambda-runtime-aws-request-id": INVOCATION.request_id,
        "lambda-runtime-deadline-ms": "1769860800123",
        "lambda-runtime-invoked-function-arn": INVOCATION.invoked_arn,
        "lambda-runtime-trace-id": INVOCATION.trace_header,
        "lambda-runtime-client-context": '{"custom":{}}',
        "lambda-runtime-invocation-id": response.headers["lambda-runtime-invocation-id"],
    }


async def test_an_invocation_without_client_context_has_no_such_header(runtime):
    response = await runtime.begin()
    assert "lambda-runtime-client-context" not in response.headers


async def test_a_response_is_taken_and_the_runtime_goes_on(runtime):
    for number in range(3):
        await runtime.begin(replace(INVOCATION, request_id=str(number)))
        response = await runtime.client.post(f"/invocation/{number}/response", b"%d" % number)
        assert (response.status, json.loads(response.body)) == (202, {"status": "OK"})
        answer = await runtime.answered()
        assert (answer.payload, answer.is_error) == (b"%d" % number, False)


async def test_an_empty_response_is_one(runtime):
    await runtime.begin()
    assert (await runtime.client.post(f"{ANSWER}/response")).status == 202
    assert await runtime.answered() == Answer(payload=b"")


@pytest.mark.parametrize(
    ("body", "headers", "error_type"),
    [
        (b'{"errorType":"ValueError"}', {}, "ValueError"),
        (
            b'{"errorType":"ValueError"}',
            {"Lambda-Runtime-Function-Error-Type": "Runtime.Mine"},
            "Runtime.Mine",
        ),
        (b'{"errorType":7}', {}, "Runtime.Unknown"),
        (b"[]", {}, "Runtime.Unknown"),
        (b"", {}, "Runtime.Unknown"),
        (b"\xff\xfe\xfd", {}, "Runtime.Unknown"),
        (b"[" * 200_000, {}, "Runtime.Unknown"),
    ],
)
async def test_an_error_is_taken_with_its_type(runtime, body, headers, error_type):
    await runtime.begin()
    response = await runtime.client.post(f"{ANSWER}/error", body, headers)
    assert (response.status, json.loads(response.body)) == (202, {"status": "OK"})
    answer = await runtime.answered()
    assert (answer.payload, answer.error_type, answer.is_error) == (body, error_type, True)


async def test_a_large_error_is_not_read_to_learn_its_type(runtime):
    await runtime.begin()
    body = b'{"errorType":"ValueError","errorMessage":"' + b"x" * 100_000 + b'"}'
    await runtime.client.post(f"{ANSWER}/error", body)
    assert await runtime.answered() == Answer(payload=body, error_type="Runtime.Unknown")


@pytest.mark.parametrize(
    ("told", "reported"),
    [
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.Mine", "Function.Mine"),
        ("Function.7", "Function.Unknown"),
        ("ValueError", "Runtime.Unknown"),
        ("Runtime.Mine\\nREPORT RequestId: 1", "Runtime.Unknown"),
        ("Runtime." + "X" * 1000, "Runtime.Unknown"),
    ],
)
async def test_an_init_error_s_type_is_one_of_lambda_s(runtime, told, reported):
    body = b'{"errorType":"%s"}' % told.encode()
    await runtime.client.request("POST", INIT_ERROR, body)
    assert runtime.events == [("init failed", Answer(payload=body, error_type=reported))]


async def test_an_init_error_is_taken_once(runtime):
    body = b'{"errorType":"Runtime.ImportModuleError","errorMessage":"no module"}'
    assert (await runtime.client.request("POST", INIT_ERROR, body)).status == 202
    assert runtime.events == [
        ("init failed", Answer(payload=body, error_type="Runtime.ImportModuleError"))
    ]
    assert error_of(await runtime.client.request("POST", INIT_ERROR, body)) == (
        403,
        "InvalidStateTransition",
        "State transition from InitError to InitError failed for runtime. "
        "Error: State transition is not allowed",
    )
    assert error_of(await runtime.client.next())[:2] == (403, "InvalidStateTransition")
    assert len(runtime.events) == 1


async def test_an_init_error_comes_too_late_once_the_runtime_was_ready(runtime):
    await runtime.begin()
    status, error_type, message = error_of(await runtime.client.request("POST", INIT_ERROR, b"{}"))
    assert (status, error_type) == (403, "InvalidStateTransition")
    assert "from Running to InitError" in message


@pytest.mark.parametrize("kind", ["response", "error"])
@pytest.mark.parametrize("request_id", ["unknown", "%00", INVOCATION.request_id.upper()])
async def test_an_answer_to_another_invocation_is_refused(runtime, kind, request_id):
    await runtime.begin()
    refusal = await runtime.client.post(f"/invocation/{request_id}/{kind}", b"1")
    assert error_of(refusal) == (400, "InvalidRequestID", "Invalid request ID")
    assert (await runtime.client.post(f"{ANSWER}/response", b"2")).status == 202
    assert (await runtime.answered()).payload == b"2"


async def test_an_answer_before_any_invocation_is_refused(runtime):
    refusal = await runtime.client.post(f"{ANSWER}/response", b"1")
    assert error_of(refusal)[:2] == (400, "InvalidRequestID")
    assert runtime.events == []


@pytest.mark.parametrize(("first", "second"), [*itertools.product(("response", "error"), repeat=2)])
async def test_a_second_answer_is_refused(runtime, first, second):
    await runtime.begin()
    await runtime.client.post(f"{ANSWER}/{first}", b"1")
    await runtime.answered()
    event = "InvocationResponse" if second == "response" else "InvocationErrorResponse"
    assert error_of(await runtime.client.post(f"{ANSWER}/{second}", b"2")) == (
        403,
        "InvalidStateTransition",
        f"State transition from RuntimeResponseSentState to {event} failed for runtime. "
        "Error: State transition is not allowed",
    )
    assert runtime.environment.told.empty()


async def test_a_second_next_is_refused_while_the_first_waits(runtime):
    await runtime.poll()
    other = await runtime.address.connect()
    status, error_type, message = error_of(await other.next())
    assert (status, error_type) == (403, "InvalidStateTransition")
    assert "from Ready to Ready" in message
    runtime.api.send(INVOCATION, 1)
    assert (await runtime.client.receive()).status == 200


async def test_next_is_refused_before_the_invocation_is_answered(runtime):
    await runtime.begin()
    status, _, message = error_of(await runtime.client.next())
    assert status == 403
    assert "from Running to Ready" in message


async def test_only_a_runtime_that_is_ready_can_be_sent_an_invocation(runtime):
    with pytest.raises(TransitionNotAllowed) as caught:
        runtime.api.send(INVOCATION, 1)
    assert caught.value.state is RuntimeState.STARTED


async def test_unknown_paths_are_not_found(runtime):
    for path in ("/", f"{NEXT}/", f"{PREFIX}/invocation//response", "/2018-06-01/ping", "*"):
        response = await runtime.client.request("GET", path)
        assert (response.status, response.headers["content-type"]) == (404, "text/plain")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", NEXT, "GET"),
        ("HEAD", NEXT, "GET"),
        ("GET", INIT_ERROR, "POST"),
        ("PUT", f"{PREFIX}{ANSWER}/response", "POST"),
        ("GET", f"{PREFIX}{ANSWER}/error", "POST"),
    ],
)
async def test_another_method_is_told_which_is_allowed(runtime, method, path, allowed):
    response = await runtime.client.request(method, path)
    assert (response.status, response.headers["allow"], response.body) == (405, allowed, b"")
    assert runtime.events == []


async def test_next_may_have_a_query(runtime):
    runtime.client.send_request("GET", f"{NEXT}?a=b")
    assert await runtime.environment.told.get() == ("ready",)


@pytest.mark.parametrize("over", [1, 2 * RESPONSE_PAYLOAD_BYTES])
async def test_a_response_over_the_limit_is_an_error_of_the_function(runtime, over):
    await runtime.begin()
    response = await runtime.client.post(f"{ANSWER}/response", bytes(RESPONSE_PAYLOAD_BYTES + over))
    assert error_of(response) == (
        413,
        "RequestEntityTooLarge",
        "Exceeded maximum allowed payload size (6291556 bytes).",
    )
    answer = await runtime.answered()
    assert answer.error_type == "Function.ResponseSizeTooLarge"
    assert json.loads(answer.payload) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": (
            "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
        ),
    }
    await runtime.poll()


async def test_an_error_over_the_limit_is_one_too(runtime):
    await runtime.begin()
    response = await runtime.client.post(f"{ANSWER}/error", bytes(RESPONSE_PAYLOAD_BYTES + 1))
    assert response.status == 413
    assert (await runtime.answered()).error_type == "Function.ResponseSizeTooLarge"


async def test_an_error_that_only_says_so_is_not_too_large(runtime):
    await runtime.begin()
    body = b'{"errorType":"Function.ResponseSizeTooLarge"}'
    assert (await runtime.client.post(f"{ANSWER}/error", body)).status == 202
    assert (await runtime.answered()).payload == body


async def test_a_response_of_exactly_the_limit_is_taken(runtime):
    await runtime.begin()
    response = await runtime.client.post(f"{ANSWER}/response", bytes(RESPONSE_PAYLOAD_BYTES))
    assert response.status == 202
    assert len((await runtime.answered()).payload) == RESPONSE_PAYLOAD_BYTES


@pytest.mark.parametrize("kind", ["response", "error"])
async def test_an_answer_that_names_another_attempt_is_refused(runtime, kind):
    first = await runtime.begin()
    await runtime.client.post(f"{ANSWER}/response", b"1")
    await runtime.answered()
    second = await runtime.begin()  # a retry: the request ID is the same
    name = "lambda-runtime-invocation-id"
    stale, current = ({name: each.headers[name]} for each in (first, second))
    refusal = await runtime.client.post(f"{ANSWER}/{kind}", b"2", stale)
    assert error_of(refusal) == (400, "InvalidRequestID", "Invalid request ID")
    assert (await runtime.client.post(f"{ANSWER}/{kind}", b"3", current)).status == 202
    assert (await runtime.answered()).payload == b"3"


RESTORE_NEXT = f"{PREFIX}/restore/next"
snap_started = pytest.mark.parametrize("runtime", ["snap-start"], indirect=True)


@snap_started
async def test_a_runtime_with_a_snapshot_is_restored_when_it_is_time(runtime):
    runtime.client.send_request("GET", RESTORE_NEXT)
    assert await runtime.environment.told.get() == ("ready to restore",)
    runtime.api.restore()
    assert (await runtime.client.receive()).status == 200
    assert (await runtime.begin()).status == 200


@snap_started
@pytest.mark.parametrize("path", ["/restore/error", "/init/error"])
async def test_a_restore_hook_that_fails_is_told(runtime, path):
    runtime.client.send_request("GET", RESTORE_NEXT)
    await runtime.environment.told.get()
    runtime.api.restore()
    await runtime.client.receive()
    body = b'{"errorType":"Runtime.AfterRestoreError"}'
    assert (await runtime.client.post(path, body)).status == 202
    error = Answer(payload=body, error_type="Runtime.AfterRestoreError")
    assert runtime.events[-1] == ("restore failed", error)


@snap_started
async def test_a_runtime_that_lost_its_connection_is_restored_too(runtime):
    runtime.client.send_request("GET", RESTORE_NEXT)
    await runtime.environment.told.get()
    await runtime.client.close()
    await runtime.lost.get()
    runtime.api.restore()
    again = await runtime.address.connect()
    assert (await again.request("GET", RESTORE_NEXT)).status == 200


@snap_started
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/restore/next", 405),
        ("GET", "/restore/error", 405),
        ("POST", "/restore/error", 403),
        ("GET", "/restore/other", 404),
    ],
)
async def test_what_is_no_part_of_a_restore_is_refused(runtime, method, path, status):
    assert (await runtime.client.request(method, PREFIX + path)).status == status


async def test_without_a_snapshot_there_is_nothing_to_restore(runtime):
    assert (await runtime.client.request("GET", RESTORE_NEXT)).status == 404


def streamed(*trailers):
    return (
        f"POST {PREFIX}{ANSWER}/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n4\r\nhalf\r\n0\r\n"
        + "".join(f"{trailer}\r\n" for trailer in trailers)
        + "\r\n"
    ).encode()


async def test_a_streamed_response_is_taken_whole(runtime):
    await runtime.begin()
    runtime.client.send(streamed())
    assert (await runtime.client.receive()).status == 202
    assert await runtime.answered() == Answer(payload=b"half")


@pytest.mark.parametrize(
    ("encoded", "payload"),
    [
        (base64.b64encode(b'{"errorMessage":"midway"}').decode(), b'{"errorMessage":"midway"}'),
        ("no base64!", b"{}"),
        ("\u00e9", b"{}"),
    ],
)
async def test_a_function_that_fails_midway_says_so_in_trailers(runtime, encoded, payload):
    await runtime.begin()
    runtime.client.send(
        streamed(
            "Lambda-Runtime-Function-Error-Type: Runtime.Midway",
            f"Lambda-Runtime-Function-Error-Body: {encoded}",
        )
    )
    assert (await runtime.client.receive()).status == 202
    assert await runtime.answered() == Answer(payload=payload, error_type="Runtime.Midway")


async def test_an_error_type_without_chunks_does_not_make_a_response_an_error(runtime):
    await runtime.begin()
    await runtime.client.post(
        f"{ANSWER}/response", b"1", {"Lambda-Runtime-Function-Error-Type": "Mine"}
    )
    assert not (await runtime.answered()).is_error


async def test_a_runtime_that_lost_its_connection_polls_again_and_is_invoked(runtime):
    await runtime.poll()
    await runtime.client.close()
    await runtime.lost.get()
    again = await runtime.address.connect()
    again.send(b"GET / HTTP/1.1\r\n\r\n" + f"GET {NEXT} HTTP/1.1\r\n\r\n".encode())
    assert (await again.receive()).status == 404  # so the poll, which came with it, is known too
    runtime.api.send(INVOCATION, 1)
    assert (await again.receive()).body == INVOCATION.payload
    assert runtime.events == [("ready",)]


async def test_an_invocation_waits_for_a_runtime_that_lost_its_connection(runtime):
    await runtime.poll()
    await runtime.client.close()
    await runtime.lost.get()
    assert runtime.api.is_polling
    runtime.api.send(INVOCATION, 1)
    again = await runtime.address.connect()
    assert (await again.next()).body == INVOCATION.payload
    response = await again.post(f"{ANSWER}/response", b"1")
    assert response.status == 202


def connected(listener):
    connection, transport = listener.connect(), MemoryTransport()
    connection.connection_made(transport)
    return connection, transport


async def test_an_invocation_is_not_given_to_a_connection_that_was_refused():
    # Refused, and still open: the answers before the refusal are not read.
    api = RuntimeApi(RecordingEnvironment())
    listener = listener_of(api)
    connection, transport = connected(listener)
    poll = f"GET {NEXT} HTTP/1.1\r\n\r\n".encode()
    feed(connection, transport, poll, b"garbage\r\n\r\n")
    assert transport.is_closed
    api.send(INVOCATION, 1)
    again, transport = connected(listener)
    feed(again, transport, poll)
    assert transport.written.endswith(INVOCATION.payload)


async def test_polling_again_is_allowed_when_the_connection_was_refused():
    api = RuntimeApi(RecordingEnvironment())
    listener = listener_of(api)
    connection, transport = connected(listener)
    poll = f"GET {NEXT} HTTP/1.1\r\n\r\n".encode()
    feed(connection, transport, poll, b"garbage\r\n\r\n")
    again, transport = connected(listener)
    feed(again, transport, poll)
    api.send(INVOCATION, 1)
    assert transport.written.endswith(INVOCATION.payload)


async def test_pipelined_answer_and_next_are_one_step(runtime):
    await runtime.begin()
    runtime.client.send_request("POST", f"{PREFIX}{ANSWER}/response", b"1")
    runtime.client.send_request("GET", NEXT)
    assert (await runtime.client.receive()).status == 202
    assert await runtime.answered() == Answer(payload=b"1")
    assert await runtime.environment.told.get() == ("ready",)


async def test_what_comes_in_one_piece_with_the_reason_to_close_is_not_heard(monkeypatch):
    environment = RecordingEnvironment()
    api = RuntimeApi(environment)
    monkeypatch.setattr(environment, "runtime_failed_to_initialize", lambda error: api.close())
    connection, transport = connected(listener_of(api))
    feed(
        connection,
        transport,
        f"POST {INIT_ERROR} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        + f"GET {NEXT} HTTP/1.1\r\n\r\n".encode(),
    )
    assert transport.written.count(b"HTTP/1.1 ") == 1
    assert environment.events == []


class EagerEnvironment(RecordingEnvironment):
    """Has an invocation whenever the runtime asks for one."""

    def __init__(self):
        super().__init__()
        self.api = RuntimeApi(self)

    def runtime_is_ready(self):
        super().runtime_is_ready()
        self.api.send(replace(INVOCATION, request_id="id"), 1)


REQUESTS = st.sampled_from(
    [
        f"GET {NEXT} HTTP/1.1\r\n\r\n",
        f"POST {INIT_ERROR} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST {PREFIX}/invocation/id/response HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST {PREFIX}/invocation/id/error HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST {PREFIX}/invocation/no/error HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST {PREFIX}/invocation/id/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\nx\r\n0\r\nLambda-Runtime-Function-Error-Type: X\r\n\r\n",
        "DELETE / HTTP/1.1\r\n\r\n",
        "garbage\r\n\r\n",
    ]
).map(str.encode)


@given(st.lists(st.tuples(st.integers(0, 2), st.one_of(REQUESTS, st.binary(max_size=9)))))
async def test_no_order_of_requests_breaks_the_conversation(pieces):
    environment = EagerEnvironment()
    listener = listener_of(environment.api)
    connections = [connected(listener) for _ in range(3)]
    for number, data in pieces:
        feed(*connections[number], data)
    for connection, _ in connections:
        connection.connection_lost(None)
    assert listener._budget.held_bytes == 0
    answers = sum(event[0] == "answered" for event in environment.events)
    readiness = sum(event[0] == "ready" for event in environment.events)
    assert readiness - 1 <= answers <= readiness or (readiness, answers) == (0, 0)
    connection, transport = connected(listener)
    feed(connection, transport, b"GET /anything HTTP/1.1\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 404 ")
