from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st
from tests.unit.execution_environment.extensions_api_driver import (
    BOTH,
    INVOCATION,
    PREFIX,
    Conversation,
    RecordingEnvironment,
    error_of,
)
from tests.unit.execution_environment.fakes import STREAM_LIMITS, VERSION
from tests.unit.execution_environment.http_client import (
    NEXT,
    MemoryTransport,
    feed,
    listening,
)

from lambent.execution_environment.apis.credentials_api import CredentialsApi
from lambent.execution_environment.apis.environment_api import EnvironmentApi
from lambent.execution_environment.apis.runtime_api import RuntimeApi
from lambent.execution_environment.lifecycle import ExtensionState

UNKNOWN = "11111111-3c7a-4697-b07a-ac58fc914c95"


@pytest.fixture
async def extensions():
    environment = RecordingEnvironment()
    listener = EnvironmentApi(
        RuntimeApi(environment, STREAM_LIMITS), environment.api, CredentialsApi()
    )
    async with listening(listener.connect) as address:
        yield Conversation(environment, address, await address.connect())
        listener.close()


async def test_an_external_extension_registers_and_learns_whose_it_is(extensions):
    extensions.api.expect("watcher")
    assert not extensions.api.are_registered
    answer = await extensions.register()
    assert answer.status == 200
    assert len(answer.headers["lambda-extension-identifier"]) == 36
    assert json.loads(answer.body) == {
        "functionName": "greet",
        "functionVersion": "$LATEST",
        "handler": "app.handler",
    }
    assert extensions.told == ["registered"]
    assert extensions.api.are_registered
    assert extensions.api["watcher"].events == {"INVOKE", "SHUTDOWN"}


async def test_the_account_is_told_to_those_who_know_what_it_is(extensions):
    answer = await extensions.register(
        body=b"{}", **{"Lambda-Extension-Accept-Feature": "other, accountId"}
    )
    assert json.loads(answer.body)["accountId"] == VERSION.account_id


async def test_who_is_no_program_is_an_internal_extension(extensions):
    await extensions.registered("tracer", b'{"events":["INVOKE"]}')
    assert not extensions.api["tracer"].is_external
    assert extensions.api.externals == []


@pytest.mark.parametrize(
    ("name", "body", "refusal"),
    [
        ("", BOTH, ("Extension.InvalidExtensionName", "Empty extension name")),
        ("x" * 256, BOTH, ("Extension.InvalidExtensionName", "Empty extension name")),
        (
            "tracer",
            BOTH,
            (
                "Extension.InvalidEventType",
                "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
            ),
        ),
        (
            "watcher",
            b'{"events":["START"]}',
            ("Extension.InvalidEventType", "START: ErrorInvalidEventType"),
        ),
        ("watcher", b"", ("InvalidRequestFormat", "the body is not JSON")),
        ("watcher", b"[" * 60_000, ("InvalidRequestFormat", "the body is not JSON")),
        ("watcher", b"[]", ("InvalidRequestFormat", "the body is not a JSON object")),
        ("watcher", b'{"events":7}', ("InvalidRequestFormat", "events is not a list of strings")),
        ("watcher", b'{"events":[7]}', ("InvalidRequestFormat", "events is not a list of strings")),
        ("watcher", b" " * 70_000, ("InvalidRequestFormat", "the request is too large")),
        (
            "watcher",
            b'{"configurationKeys":["a"]}',
            (
                "InvalidRequestFormat",
                "configurationKeys are deprecated; use environment variables instead",
            ),
        ),
    ],
)
async def test_a_registration_that_is_none_is_refused(extensions, name, body, refusal):
    extensions.api.expect("watcher")
    assert error_of(await extensions.register(name, body)) == (403, *refusal)
    assert extensions.told == []


async def test_nobody_registers_twice(extensions):
    await extensions.external("watcher")
    assert error_of(await extensions.register("watcher")) == (
        403,
        "Extension.InvalidExtensionState",
        "State transition from Registered to Registered failed for extension watcher. "
        "Error: State transition is not allowed",
    )
    await extensions.registered("tracer", b"{}")
    assert error_of(await extensions.register("tracer", b"{}")) == (
        403,
        "Extension.InvalidExtensionState",
        "Extension with this name already registered",
    )


async def test_there_are_ten_extensions_at_most(extensions):
    for number in range(4):
        extensions.api.expect(f"external-{number}")
    for number in range(6):
        await extensions.registered(f"internal-{number}", b"{}")
    assert error_of(await extensions.register("one more", b"{}")) == (
        403,
        "Extension.TooManyExtensions",
        "Extension limit (10) reached",
    )


async def test_nobody_registers_once_the_runtime_is_initialised(extensions):
    extensions.api.close_registration()
    assert error_of(await extensions.register("tracer", b"{}")) == (
        403,
        "Extension.RegistrationClosed",
        "Extension registration closed already",
    )


async def test_an_invocation_goes_to_those_who_subscribed_to_it(extensions):
    watching = await extensions.ready(await extensions.external("watcher"))
    await extensions.ready(await extensions.external("sleeper", b'{"events":["SHUTDOWN"]}'))
    assert extensions.api.are_ready
    extensions.api.send_invoke(INVOCATION, 1234)
    event = await watching.receive()
    assert json.loads(event.body) == {
        "eventType": "INVOKE",
        "deadlineMs": 1234,
        "requestId": INVOCATION.request_id,
        "invokedFunctionArn": INVOCATION.invoked_arn,
        "tracing": {"type": "X-Amzn-Trace-Id", "value": INVOCATION.trace_header},
    }
    assert event.headers["content-type"] == "application/json"
    assert len(event.headers["lambda-extension-event-identifier"]) == 36
    states = {each.name: each.state for each in extensions.api.all}
    assert states == {"watcher": ExtensionState.RUNNING, "sleeper": ExtensionState.READY}
    assert not extensions.api.are_ready


async def test_the_shutdown_goes_to_the_programs_that_subscribed_to_it(extensions):
    sleeping = await extensions.ready(await extensions.external("sleeper"))
    await extensions.ready(await extensions.external("watcher", b'{"events":["INVOKE"]}'))
    extensions.api.send_shutdown("spindown", 1234)
    assert json.loads((await sleeping.receive()).body) == {
        "eventType": "SHUTDOWN",
        "deadlineMs": 1234,
        "shutdownReason": "spindown",
    }
    assert extensions.api["watcher"].state is ExtensionState.READY


async def test_an_extension_at_work_gets_the_shutdown_when_it_asks(extensions):
    identity = await extensions.external()
    client = await extensions.ready(identity)
    extensions.api.send_invoke(INVOCATION, 1)
    await client.receive()
    extensions.api.send_shutdown("failure", 1)
    event = await client.request("GET", f"{PREFIX}/event/next", headers=identity)
    assert json.loads(event.body)["shutdownReason"] == "failure"


async def test_a_second_next_is_refused_while_the_first_waits(extensions):
    identity = await extensions.external()
    await extensions.ready(identity)
    refusal = await extensions.client.request("GET", f"{PREFIX}/event/next", headers=identity)
    assert error_of(refusal) == (
        403,
        "Extension.InvalidExtensionState",
        f"State transition from Ready to Ready failed for extension "
        f"{identity['Lambda-Extension-Identifier']}. Error: State transition is not allowed",
    )


async def test_an_event_waits_for_an_extension_that_lost_its_connection(extensions):
    identity = await extensions.external()
    client = await extensions.ready(identity)
    await client.close()
    while extensions.api["watcher"]._polling is not None:
        await extensions.client.request("GET", "/")
    assert extensions.api.are_ready
    extensions.api.send_invoke(INVOCATION, 1)
    assert not extensions.api.are_ready
    event = await extensions.client.request("GET", f"{PREFIX}/event/next", headers=identity)
    assert json.loads(event.body)["requestId"] == INVOCATION.request_id
    assert extensions.told.count("ready") == 1


@pytest.mark.parametrize("phase", ["init", "exit"])
async def test_an_extension_that_must_end_says_so(extensions, phase):
    identity = await extensions.external()
    for _ in range(2):
        answer = await extensions.fail(phase, identity)
        assert (answer.status, json.loads(answer.body)) == (202, {"status": "OK"})
    assert ("failed", "watcher", "Extension.Mine") in extensions.told
    refusal = await extensions.client.request("GET", f"{PREFIX}/event/next", headers=identity)
    assert error_of(refusal)[:2] == (403, "Extension.InvalidExtensionState")


async def test_an_init_error_comes_too_late_once_it_was_ready(extensions):
    identity = await extensions.external()
    await extensions.ready(identity)
    status, error_type, message = error_of(await extensions.fail("init", identity))
    assert (status, error_type) == (403, "Extension.InvalidExtensionState")
    assert "from Ready to InitError failed for extension" in message
    assert (await extensions.fail("exit", identity)).status == 202


async def test_what_an_extension_says_of_its_error_has_an_end(extensions):
    identity = await extensions.external()
    await extensions.fail("exit", identity, "x" * 10_000)
    assert len(extensions.api["watcher"].error_type) == 256


@pytest.mark.parametrize("phase", ["init", "exit"])
async def test_an_error_needs_a_type(extensions, phase):
    identity = await extensions.external()
    refusal = await extensions.client.request("POST", f"{PREFIX}/{phase}/error", headers=identity)
    assert error_of(refusal) == (
        403,
        "Extension.MissingHeader",
        "Lambda-Extension-Function-Error-Type not found",
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{PREFIX}/event/next"),
        ("POST", f"{PREFIX}/init/error"),
        ("POST", f"{PREFIX}/exit/error"),
        ("PUT", "/2022-07-01/telemetry"),
        ("PUT", "/2020-08-15/logs"),
    ],
)
@pytest.mark.parametrize(
    ("identity", "error_type"),
    [
        ({}, "Extension.MissingExtensionIdentifier"),
        ({"Lambda-Extension-Identifier": "me"}, "Extension.InvalidExtensionIdentifier"),
        ({"Lambda-Extension-Identifier": UNKNOWN}, "Extension.UnknownExtensionIdentifier"),
    ],
)
async def test_nobody_speaks_for_an_extension_that_is_not_there(
    extensions, method, path, identity, error_type
):
    headers = {**identity, "Lambda-Extension-Function-Error-Type": "Extension.Mine"}
    refusal = await extensions.client.request(method, path, headers=headers)
    assert error_of(refusal)[:2] == (403, error_type)
    assert extensions.told == []


@pytest.mark.parametrize("path", ["/2022-07-01/telemetry", "/2020-08-15/logs"])
async def test_subscriptions_are_passed_on_in_the_extension_s_name(extensions, path):
    identity = await extensions.external()
    answer = await extensions.client.request("PUT", path, b'{"types":[]}', identity)
    assert (answer.status, answer.body) == (200, b'"OK"')
    assert ("subscribe", "watcher", path, b'{"types":[]}') in extensions.told


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", f"{PREFIX}/register", "POST"), ("POST", f"{PREFIX}/event/next", "GET")],
)
async def test_another_method_is_told_which_is_allowed(extensions, method, path, allowed):
    response = await extensions.client.request(method, path)
    assert (response.status, response.headers["allow"]) == (405, allowed)


REQUESTS = st.sampled_from(
    [
        f"GET {NEXT} HTTP/1.1\r\nHost: a\r\n\r\n",
        f"POST {PREFIX}/register HTTP/1.1\r\nHost: a\r\nLambda-Extension-Name: a\r\n"
        "Content-Length: 2\r\n\r\n{}",
        f"POST {PREFIX}/register HTTP/1.1\r\nHost: a\r\nLambda-Extension-Name: watcher\r\n"
        "Content-Length: 21\r\n\r\n" + '{"events":["INVOKE"]}',
        f"GET {PREFIX}/event/next HTTP/1.1\r\nHost: a\r\nLambda-Extension-Identifier: ID\r\n\r\n",
        f"POST {PREFIX}/exit/error HTTP/1.1\r\nHost: a\r\nLambda-Extension-Identifier: ID\r\n"
        "Lambda-Extension-Function-Error-Type: x\r\n\r\n",
        "garbage\r\n\r\n",
    ]
)


@given(st.lists(st.tuples(st.integers(0, 2), REQUESTS)))
async def test_no_order_of_requests_breaks_the_conversation(pieces):
    environment = RecordingEnvironment()
    watcher = environment.api.expect("watcher")
    listener = EnvironmentApi(
        RuntimeApi(environment, STREAM_LIMITS), environment.api, CredentialsApi()
    )
    connections = []
    for _ in range(3):
        connections.append((listener.connect(), MemoryTransport()))
        connections[-1][0].connection_made(connections[-1][1])
    for number, text in pieces:
        feed(*connections[number], text.replace("ID", watcher.id).encode())
        if environment.api.are_ready:
            environment.api.send_invoke(INVOCATION, 1)
    for connection, _ in connections:
        connection.connection_lost(None)
    assert listener._budget.held_bytes == 0
    assert b" 500 " not in b"".join(transport.written for _, transport in connections)
