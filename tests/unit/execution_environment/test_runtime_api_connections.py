"""Runtimes that lose their connection, pipeline, or talk nonsense to the Runtime API."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, strategies as st
from tests.unit.execution_environment.fakes import STREAM_LIMITS
from tests.unit.execution_environment.http_client import INIT_ERROR, NEXT, PREFIX, feed
from tests.unit.execution_environment.runtime_api_driver import (
    ANSWER,
    INVOCATION,
    RecordingEnvironment,
    connected,
    listener_of,
)

from lambent.execution_environment.apis.answer import Answer
from lambent.execution_environment.apis.runtime_api import RuntimeApi


async def test_a_runtime_that_lost_its_connection_polls_again_and_is_invoked(runtime):
    await runtime.poll()
    await runtime.client.close()
    await runtime.lost.get()
    again = await runtime.address.connect()
    again.send(
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + f"GET {NEXT} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    )
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


async def test_an_invocation_is_not_given_to_a_connection_that_was_refused():
    # Refused, and still open: the answers before the refusal are not read.
    api = RuntimeApi(RecordingEnvironment(), STREAM_LIMITS)
    listener = listener_of(api)
    connection, transport = connected(listener)
    poll = f"GET {NEXT} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    feed(connection, transport, poll, b"garbage\r\n\r\n")
    assert transport.is_closed
    api.send(INVOCATION, 1)
    again, transport = connected(listener)
    feed(again, transport, poll)
    assert transport.written.endswith(INVOCATION.payload)


async def test_polling_again_is_allowed_when_the_connection_was_refused():
    api = RuntimeApi(RecordingEnvironment(), STREAM_LIMITS)
    listener = listener_of(api)
    connection, transport = connected(listener)
    poll = f"GET {NEXT} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
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
    api = RuntimeApi(environment, STREAM_LIMITS)
    monkeypatch.setattr(environment, "runtime_failed_to_initialize", lambda error: api.close())
    connection, transport = connected(listener_of(api))
    feed(
        connection,
        transport,
        f"POST {INIT_ERROR} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        + f"GET {NEXT} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    )
    assert transport.written.count(b"HTTP/1.1 ") == 1
    assert environment.events == []


class EagerEnvironment(RecordingEnvironment):
    """Has an invocation whenever the runtime asks for one."""

    def __init__(self):
        super().__init__()
        self.api = RuntimeApi(self, STREAM_LIMITS)

    def runtime_is_ready(self):
        super().runtime_is_ready()
        self.api.send(replace(INVOCATION, request_id="id"), 1)


REQUESTS = st.sampled_from(
    [
        f"GET {NEXT} HTTP/1.1\r\nHost: a\r\n\r\n",
        f"POST {INIT_ERROR} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST {PREFIX}/invocation/id/response HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST {PREFIX}/invocation/id/error HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST {PREFIX}/invocation/no/error HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST {PREFIX}/invocation/id/response HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\nx\r\n0\r\nLambda-Runtime-Function-Error-Type: X\r\n\r\n",
        "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
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
    feed(connection, transport, b"GET /anything HTTP/1.1\r\nHost: a\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 404 ")
