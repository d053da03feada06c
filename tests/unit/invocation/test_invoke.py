from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from tests.support.versions import function_version

from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError
from lambent.domain.invocation import InvocationResult
from lambent.invocation.concurrency import Concurrency
from lambent.invocation.invoke import OPERATIONS, DataPlane

LATEST = function_version()
ARN = LATEST.arn
REQUEST_ID = "8f507cfc-3c7a-4697-b07a-ac58fc914c95"
CALLER = Caller(account_id="123456789012", region="us-east-1", request_id=REQUEST_ID)


class Functions:
    def __init__(self, *versions):
        self.versions = {each.qualified_arn: each for each in versions}

    def version(self, account_id, region, name, version):
        return self.versions.get(f"arn:aws:lambda:{region}:{account_id}:function:{name}:{version}")


class Pool:
    """Remembers what is invoked, and answers what it is told to."""

    def __init__(self):
        self.calls = []
        self.result = InvocationResult(payload=b'"hello"')
        self.error = None

    def has_provisioned(self, version):
        return False

    def set_aside(self, account_id, region):
        return 0

    async def invoke(self, version, invocation, *, wants_log_tail):
        self.calls.append((version, invocation, wants_log_tail))
        if self.error is not None:
            raise self.error
        return self.result


@pytest.fixture
def pool():
    return Pool()


@pytest.fixture
def invoke(pool):
    functions: Any = Functions(
        LATEST,
        replace(LATEST, version="1"),
        replace(LATEST, name="new", state="Pending"),
        replace(LATEST, name="broken", state="Failed"),
        replace(LATEST, name="tenants", is_tenant_isolated=True),
    )
    concurrency = Concurrency(1, pool)

    async def call(name="greet", caller=CALLER, **request):
        plane = DataPlane(functions=functions, pool=pool, concurrency=concurrency)
        return await OPERATIONS["Invoke"](plane, caller, {"FunctionName": name, **request})

    return call


async def test_a_function_is_run_and_its_result_answered(invoke, pool):
    assert await invoke(Payload=b'{"name":"Ada"}') == {
        "StatusCode": 200,
        "Payload": b'"hello"',
        "ExecutedVersion": "$LATEST",
    }
    [(version, invocation, wants_log_tail)] = pool.calls
    assert version is not None
    assert version.version == "$LATEST"
    assert invocation.request_id == REQUEST_ID
    assert invocation.payload == b'{"name":"Ada"}'
    assert invocation.client_context is None
    assert invocation.trace_header.startswith("Root=1-")
    assert not wants_log_tail


async def test_without_a_payload_the_event_is_an_empty_object(invoke, pool):
    await invoke()
    assert pool.calls[0][1].payload == b"{}"


async def test_a_function_s_error_is_answered_as_a_result(invoke, pool):
    pool.result = InvocationResult(payload=b'{"errorType":"X"}', is_function_error=True)
    answer = await invoke()
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"] == b'{"errorType":"X"}'


async def test_the_log_s_end_comes_with_the_answer_when_asked_for(invoke, pool):
    pool.result = InvocationResult(payload=b"1", log_tail="START gr\u00fcn".encode())
    answer = await invoke(LogType="Tail")
    assert base64.b64decode(answer["LogResult"]).decode() == "START gr\u00fcn"
    assert pool.calls[0][2]
    assert "LogResult" not in await invoke(LogType="None")


@pytest.mark.parametrize(
    ("name", "qualifier", "version", "invoked_arn"),
    [
        ("greet", None, "$LATEST", ARN),
        ("greet", "$LATEST", "$LATEST", f"{ARN}:$LATEST"),
        ("greet", "1", "1", f"{ARN}:1"),
        ("greet:1", None, "1", f"{ARN}:1"),
        (ARN, None, "$LATEST", ARN),
        (f"{ARN}:1", "1", "1", f"{ARN}:1"),
    ],
)
async def test_the_version_is_the_qualifier_s(invoke, pool, name, qualifier, version, invoked_arn):
    request = {} if qualifier is None else {"Qualifier": qualifier}
    assert (await invoke(name, **request))["ExecutedVersion"] == version
    assert pool.calls[0][1].invoked_arn == invoked_arn


async def test_a_caller_s_trace_and_context_reach_the_function(invoke, pool):
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    context = base64.b64encode(b'{ "custom": {} }').decode()
    await invoke(caller=replace(CALLER, trace_header=trace), ClientContext=context)
    invocation = pool.calls[0][1]
    assert invocation.trace_header == trace
    assert invocation.client_context == '{"custom":{}}'


async def test_the_tenant_reaches_a_function_with_tenant_isolation(invoke, pool):
    await invoke("tenants", TenantId="blue")
    await invoke()
    assert [invocation.tenant_id for _, invocation, _ in pool.calls] == ["blue", None]


async def test_a_dry_run_runs_nothing(invoke, pool):
    assert await invoke(InvocationType="DryRun") == {"StatusCode": 204, "Payload": b""}
    assert pool.calls == []


@pytest.mark.parametrize(
    ("name", "request_", "code", "message"),
    [
        (
            "nobody",
            {},
            "ResourceNotFoundException",
            f"Function not found: {ARN[:-5]}nobody:$LATEST",
        ),
        (
            "greet",
            {"Qualifier": "7"},
            "ResourceNotFoundException",
            f"Function not found: {ARN}:7",
        ),
        (
            "new",
            {},
            "ResourceConflictException",
            "The operation cannot be performed at this time. "
            "The function is currently in the following state: Pending",
        ),
        (
            "broken",
            {},
            "ResourceConflictException",
            "The operation cannot be performed at this time. "
            "The function is currently in the following state: Failed",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["RequestResponse", "DryRun"])
async def test_what_cannot_run_is_refused(invoke, pool, name, request_, code, message, kind):
    with pytest.raises(ServiceError) as caught:
        await invoke(name, InvocationType=kind, **request_)
    assert (caught.value.code, caught.value.message) == (code, message)
    assert pool.calls == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"Payload": b"no json"}, "InvalidRequestContentException"),
        ({"ClientContext": "no base64"}, "InvalidRequestContentException"),
        ({"InvocationType": "Event"}, "InvalidParameterValueException"),
        ({"InvocationType": "DryRun", "TenantId": "blue"}, "InvalidParameterValueException"),
        ({"Payload": b" " * 6_291_457}, "RequestTooLargeException"),
    ],
)
async def test_a_request_that_cannot_be_is_refused(invoke, pool, request_, code):
    with pytest.raises(ServiceError) as caught:
        await invoke(**request_)
    assert caught.value.code == code
    assert pool.calls == []


async def test_a_function_of_another_account_is_not_found(invoke):
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        await invoke(caller=replace(CALLER, account_id="000000000000"))


async def test_what_the_pool_refuses_is_answered_and_holds_no_place(invoke, pool):
    pool.error = ServiceError("TooManyRequestsException", "Rate Exceeded.")
    for _ in range(2):
        with pytest.raises(ServiceError) as caught:
            await invoke()
        assert caught.value is pool.error
    pool.error = None
    assert (await invoke())["StatusCode"] == 200
