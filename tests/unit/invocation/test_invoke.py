from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.support.versions import function_version

from lambent.domain.alias import Alias
from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError
from lambent.domain.invocation import InvocationResult
from lambent.domain.recursion import RecursionConfig
from lambent.domain.resource_policy import FunctionPolicy
from lambent.invocation.concurrency import Concurrency
from lambent.invocation.invoke import OPERATIONS, DataPlane
from lambent.invocation.run import Runs
from lambent.protocol.model import load_model
from lambent.telemetry.metrics.recorder import Metrics

LATEST = function_version()
ARN = LATEST.arn
LIVE = Alias(
    account_id=LATEST.account_id,
    region=LATEST.region,
    name=LATEST.name,
    alias="live",
    version="1",
    revision_id="r",
)
LOTS = (0.0, 0.24, 0.25, 0.99)
REQUEST_ID = "8f507cfc-3c7a-4697-b07a-ac58fc914c95"
CALLER = Caller(account_id="123456789012", region="us-east-1", request_id=REQUEST_ID)


class Functions:
    def __init__(self, *versions):
        self.versions = {each.qualified_arn: each for each in versions}

    def version(self, account_id, region, name, version):
        return self.versions.get(f"arn:aws:lambda:{region}:{account_id}:function:{name}:{version}")

    def on_delete(self, forget):
        pass


class NothingReserved:
    def everything(self):
        return []

    def on_change(self, tell):
        pass


class Aliases:
    def __init__(self, *aliases):
        self.aliases = {each.arn: each for each in aliases}

    def get(self, account_id, region, name, alias):
        return self.aliases.get(f"arn:aws:lambda:{region}:{account_id}:function:{name}:{alias}")


def policy(effect, principal, resource, qualifier=""):
    statement = {
        "Effect": effect,
        "Principal": principal,
        "Action": "lambda:InvokeFunction",
        "Resource": resource,
    }
    return FunctionPolicy(
        account_id=LATEST.account_id,
        region=LATEST.region,
        name=LATEST.name,
        qualifier=qualifier,
        revision_id="r",
        document=json.dumps({"Statement": statement}),
    )


class RecursionConfigs:
    def __init__(self, allowed):
        self.allowed = allowed

    def get(self, account_id, region, name):
        if name not in self.allowed:
            return None
        return RecursionConfig(
            account_id=account_id,
            region=region,
            name=name,
            revision_id="r",
            recursive_loop="Allow",
        )


class Policies:
    def __init__(self, *policies):
        self.policies = {each.arn: each for each in policies}

    def get(self, account_id, region, name, qualifier):
        arn = f"arn:aws:lambda:{region}:{account_id}:function:{name}"
        return self.policies.get(f"{arn}:{qualifier}" if qualifier else arn)


class Events:
    """Remembers what is queued."""

    def __init__(self):
        self.accepted = []

    async def accept(self, event):
        self.accepted.append(event)


class Pool:
    """Remembers what is invoked, and answers what it is told to."""

    def __init__(self):
        self.calls = []
        self.result = InvocationResult(payload=b'"hello"')
        self.error = None

    def has_provisioned(self, version):
        return False

    def provisioned(self, version):
        return 0

    async def invoke(self, version, invocation, *, wants_log_tail, on_begin):
        self.calls.append((version, invocation, wants_log_tail))
        if self.error is not None:
            raise self.error
        return self.result


@pytest.fixture
def pool():
    return Pool()


@pytest.fixture
def events():
    return Events()


@pytest.fixture
def allowed_loops():
    """Names of functions that may be in loops."""
    return set()


@pytest.fixture
def call(pool, events, allowed_loops):
    functions: Any = Functions(
        LATEST,
        replace(LATEST, version="1"),
        replace(LATEST, version="2"),
        replace(LATEST, version="9", state="Pending"),
        replace(LATEST, name="new", state="Pending"),
        replace(LATEST, name="broken", state="Failed"),
        replace(LATEST, name="tenants", is_tenant_isolated=True),
    )
    nothing_reserved: Any = NothingReserved()
    concurrency = Concurrency(1, functions, nothing_reserved)

    aliases: Any = Aliases(
        LIVE,
        replace(LIVE, alias="canary", second_version="2", second_weight=0.25),
        replace(LIVE, alias="hatching", version="9"),
    )

    policies: Any = Policies(
        policy("Allow", {"AWS": "999999999999"}, f"{ARN}:live", qualifier="live"),
        policy("Deny", {"AWS": "888888888888"}, f"{ARN}*"),
    )

    recursion_configs: Any = RecursionConfigs(allowed_loops)
    metrics = Metrics()

    streams: Any = None  # nobody streams here: see test_response_stream.py

    async def call(operation, caller, lot, request):
        plane = DataPlane(
            runs=Runs(
                functions=functions,
                aliases=aliases,
                pool=pool,
                concurrency=concurrency,
                metrics=metrics,
                streams=streams,
                chance=lambda: lot,
            ),
            events=events,
            policies=policies,
            recursion_configs=recursion_configs,
        )
        return await OPERATIONS[operation](plane, caller, request)

    return call


@pytest.fixture
def invoke(call):
    async def invoke(name="greet", caller=CALLER, lot=0.5, **request):
        return await call("Invoke", caller, lot, {"FunctionName": name, **request})

    return invoke


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
        ("greet", "live", "1", f"{ARN}:live"),
        (f"{ARN}:live", "live", "1", f"{ARN}:live"),
    ],
)
async def test_the_version_is_the_qualifier_s(invoke, pool, name, qualifier, version, invoked_arn):
    request = {} if qualifier is None else {"Qualifier": qualifier}
    assert (await invoke(name, **request))["ExecutedVersion"] == version
    assert pool.calls[0][1].invoked_arn == invoked_arn


async def test_an_alias_splits_requests_between_its_versions_by_weight(invoke, pool):
    served = {lot: (await invoke("greet:canary", lot=lot))["ExecutedVersion"] for lot in LOTS}
    assert served == {0.0: "2", 0.24: "2", 0.25: "1", 0.99: "1"}
    assert {invocation.invoked_arn for _, invocation, _ in pool.calls} == {f"{ARN}:canary"}


async def test_a_caller_s_trace_and_context_reach_the_function(invoke, pool):
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    context = base64.b64encode(b'{ "custom": {} }').decode()
    await invoke(caller=replace(CALLER, trace_header=trace), ClientContext=context)
    invocation = pool.calls[0][1]
    assert invocation.trace_header.startswith(f"{trace};Lineage=1:")
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
            "greet:dead",
            {},
            "ResourceNotFoundException",
            f"Function not found: {ARN}:dead",
        ),
        (
            "greet",
            {"Qualifier": "$LATEST.PUBLISHED"},
            "ResourceNotFoundException",
            f"Function not found: {ARN}:$LATEST.PUBLISHED",
        ),
        (
            "greet",
            {"Qualifier": "hatching"},
            "ResourceConflictException",
            "The operation cannot be performed at this time. "
            "The function is currently in the following state: Pending",
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
@pytest.mark.parametrize("kind", ["RequestResponse", "DryRun", "Event"])
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
        ({"InvocationType": "Event", "Payload": b"no json"}, "InvalidRequestContentException"),
        (
            {"InvocationType": "Event", "Payload": b" " * 1_048_577},
            "RequestTooLargeException",
        ),
        ({"DurableExecutionName": "mine"}, "InvalidParameterValueException"),
        ({"InvocationType": "DryRun", "TenantId": "blue"}, "InvalidParameterValueException"),
        ({"Payload": b" " * 6_291_457}, "RequestTooLargeException"),
    ],
)
async def test_a_request_that_cannot_be_is_refused(invoke, pool, request_, code):
    with pytest.raises(ServiceError) as caught:
        await invoke(**request_)
    assert caught.value.code == code
    assert pool.calls == []


async def test_an_event_is_queued_with_all_that_came_with_it(invoke, pool, events):
    context = base64.b64encode(b'{ "custom": {} }').decode()
    answer = await invoke(
        "greet:canary", InvocationType="Event", Payload=b"[1]", ClientContext=context
    )
    assert answer == {"StatusCode": 202, "Payload": b""}
    [event] = events.accepted
    assert (event.invoked_arn, event.qualifier) == (f"{ARN}:canary", "canary")
    assert (event.payload, event.request_id) == (b"[1]", REQUEST_ID)
    assert event.client_context == '{"custom":{}}'
    assert pool.calls == []


async def test_a_full_function_s_events_are_queued(invoke, events):
    for _ in range(3):
        await invoke(InvocationType="Event")
    assert len(events.accepted) == 3


async def test_the_tenant_goes_with_the_event(invoke, events):
    await invoke("tenants", InvocationType="Event", TenantId="blue")
    assert events.accepted[0].tenant_id == "blue"


async def test_invoke_async_queues_its_arguments(call, events):
    request = {"FunctionName": "greet", "InvokeArgs": b'{"a":1}'}
    assert await call("InvokeAsync", CALLER, 0.5, request) == {"Status": 202}
    assert events.accepted[0].payload == b'{"a":1}'


async def test_a_function_in_a_loop_is_stopped_unless_loops_are_allowed(
    invoke, pool, allowed_loops
):
    await invoke()
    digest = pool.calls[0][1].trace_header.split("Lineage=1:")[1].split(":")[0]
    trace = f"Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=16:{digest}:15"
    looping = replace(CALLER, trace_header=trace)
    with pytest.raises(ServiceError) as caught:
        await invoke(caller=looping)
    assert caught.value.code == "RecursiveInvocationException"
    allowed_loops.add("greet")
    await invoke(caller=looping)
    assert len(pool.calls) == 2


@pytest.mark.parametrize("kind", ["RequestResponse", "DryRun"])
async def test_a_name_for_a_durable_execution_is_refused(invoke, kind):
    with pytest.raises(ServiceError) as caught:
        await invoke(InvocationType=kind, DurableExecutionName="mine")
    assert caught.value.message == (
        "DurableExecutionName is not available in this release of Lambent: "
        "durable executions do not exist."
    )


def test_every_member_of_the_model_is_used_or_refused():
    """A newer model's member is not to be ignored without anybody's knowing."""
    shape = load_model("lambda").operation_model("Invoke").input_shape
    assert shape is not None
    assert set(shape.members) == {
        "ClientContext",
        "DurableExecutionName",
        "FunctionName",
        "InvocationType",
        "LogType",
        "Payload",
        "Qualifier",
        "TenantId",
    }


async def test_a_function_of_another_account_is_not_found(invoke):
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        await invoke(caller=replace(CALLER, account_id="000000000000"))


@pytest.mark.parametrize(
    ("account_id", "arn", "reason"),
    [
        ("999999999999", ARN, "because no resource-based policy allows the "),
        ("999999999999", f"{ARN}:1", "because no resource-based policy allows the "),
        ("999999999999", f"{ARN}-gone", "because no resource-based policy allows the "),
        ("888888888888", f"{ARN}:live", "with an explicit deny in a resource-based policy"),
    ],
)
async def test_another_account_invokes_only_what_a_policy_allows(
    invoke, pool, account_id, arn, reason
):
    with pytest.raises(ServiceError) as caught:
        await invoke(arn, caller=replace(CALLER, account_id=account_id))
    assert caught.value.code == "AccessDeniedException"
    assert f"lambda:InvokeFunction on resource: {arn} {reason}" in caught.value.message
    assert pool.calls == []


async def test_another_account_invokes_what_a_policy_allows(invoke, pool):
    answer = await invoke(f"{ARN}:live", caller=replace(CALLER, account_id="999999999999"))
    assert answer["ExecutedVersion"] == "1"


async def test_what_the_pool_refuses_is_answered_and_holds_no_place(invoke, pool):
    pool.error = ServiceError("TooManyRequestsException", "Rate Exceeded.")
    for _ in range(2):
        with pytest.raises(ServiceError) as caught:
            await invoke()
        assert caught.value is pool.error
    pool.error = None
    assert (await invoke())["StatusCode"] == 200
