from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace

import pytest
from tests.unit.execution_environment.http_client import INIT_ERROR, NEXT, PREFIX
from tests.unit.execution_environment.runtime_api_driver import ANSWER, INVOCATION, error_of

from lambent.execution_environment.apis.answer import Answer
from lambent.execution_environment.lifecycle import RuntimeState, TransitionNotAllowed


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


async def test_the_tenant_is_told_where_there_is_one(runtime):
    response = await runtime.begin(replace(INVOCATION, tenant_id="a b:c/d=e+f-g@h"))
    assert response.headers["lambda-runtime-aws-tenant-id"] == "a b:c/d=e+f-g@h"
    await runtime.client.post(f"{ANSWER}/response", b"1")
    await runtime.answered()
    response = await runtime.begin()
    assert "lambda-runtime-aws-tenant-id" not in response.headers


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


async def test_a_next_that_comes_before_the_answer_waits_for_it(runtime):
    await runtime.begin()
    runtime.client.send_request("GET", NEXT)
    other = await runtime.address.connect()
    assert error_of(await other.next())[0] == 403  # one waits already
    assert (await other.post(f"{ANSWER}/response", b"{}")).status == 202
    assert [event[0] for event in runtime.events][-2:] == ["answered", "ready"]
    runtime.api.send(INVOCATION, 1)
    assert (await runtime.client.receive()).status == 200


async def test_only_a_runtime_that_is_ready_can_be_sent_an_invocation(runtime):
    with pytest.raises(TransitionNotAllowed) as caught:
        runtime.api.send(INVOCATION, 1)
    assert caught.value.state is RuntimeState.STARTED


async def test_unknown_paths_are_not_found(runtime):
    for path in ("/", f"{NEXT}/", f"{PREFIX}/invocation//response", "/2018-06-01/ping"):
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
