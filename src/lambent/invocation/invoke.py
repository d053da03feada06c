"""The operations Invoke, InvokeWithResponseStream and InvokeAsync.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambent.domain.arn import FunctionReference, parse_function_reference
from lambent.domain.asynchronous_event import AsynchronousEvent
from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError
from lambent.domain.invocation import Invocation
from lambent.domain.recursion import ends_loops, loop_detected
from lambent.domain.resource_policy import check_caller
from lambent.domain.trace import continue_trace
from lambent.invocation.output import invoke_output, stream_output
from lambent.invocation.payload import (
    checked_client_context,
    checked_event,
    checked_queued_event,
    checked_tenant_id,
    refuse_durable_execution,
)
from lambent.invocation.response_stream import open_response_stream
from lambent.invocation.run import Runs, admit, run, runnable_version
from lambent.telemetry.clock import now_ms

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion
    from lambent.domain.recursion import RecursionConfig
    from lambent.domain.resource_policy import FunctionPolicy
    from lambent.invocation.asynchronous.event_queue import EventQueue
    from lambent.store.records import FunctionRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlane:
    """What invocations are made with."""

    runs: Runs
    events: EventQueue
    policies: FunctionRecords[FunctionPolicy]
    recursion_configs: FunctionRecords[RecursionConfig]


Operation = Callable[[DataPlane, Caller, dict[str, Any]], Awaitable[dict[str, Any]]]


async def invoke(plane: DataPlane, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Run a function and answer what it returned; or queue the event, or neither."""
    reference, version = _checked_function(plane, caller, request)
    invocation_type = request.get("InvocationType", "RequestResponse")
    invocation = _invocation(caller, request, reference, version)
    if invocation_type == "DryRun":
        return {"StatusCode": 204, "Payload": b""}
    if invocation_type == "Event":
        await plane.events.accept(queued_event(reference, invocation))
        return {"StatusCode": 202, "Payload": b""}
    refuse_loop(plane, reference, invocation)
    wants_log_tail = request.get("LogType") == "Tail"
    with admit(plane.runs, version, reference.qualifier):
        result = await run(plane.runs, version, invocation, wants_log_tail=wants_log_tail)
    return invoke_output(result, version.version, wants_log_tail=wants_log_tail)


async def invoke_with_response_stream(
    plane: DataPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Run a function, and answer what it writes while it does.

    https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
    """
    reference, version = _checked_function(plane, caller, request)
    invocation = _invocation(caller, request, reference, version)
    if request.get("InvocationType") == "DryRun":
        return {"StatusCode": 204}
    refuse_loop(plane, reference, invocation)
    wants_log_tail = request.get("LogType") == "Tail"
    stream = await open_response_stream(
        plane.runs, version, invocation, reference.qualifier, wants_log_tail=wants_log_tail
    )
    return stream_output(stream, version.version, wants_log_tail=wants_log_tail)


def _checked_function(
    plane: DataPlane, caller: Caller, request: dict[str, Any]
) -> tuple[FunctionReference, FunctionVersion]:
    """What is to be run, if the caller may. Raises ServiceError."""
    reference = parse_function_reference(request["FunctionName"], caller, request.get("Qualifier"))
    check_caller(plane.policies.get, caller, reference, "InvokeFunction")
    version = runnable_version(plane.runs, reference)
    refuse_durable_execution(request)
    return reference, version


def _invocation(
    caller: Caller,
    request: dict[str, Any],
    reference: FunctionReference,
    version: FunctionVersion,
) -> Invocation:
    """What the function gets. Raises ServiceError."""
    is_event = request.get("InvocationType") == "Event"
    tenant_id = checked_tenant_id(
        request.get("TenantId"), is_tenant_isolated=version.is_tenant_isolated
    )
    checked = checked_queued_event if is_event else checked_event
    return Invocation(
        request_id=caller.request_id,
        invoked_arn=reference.qualified_arn,
        payload=checked(request.get("Payload", b"")),
        trace_header=continue_trace(caller.trace_header, reference.arn),
        client_context=checked_client_context(request.get("ClientContext")),
        tenant_id=tenant_id,
    )


async def invoke_async(plane: DataPlane, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Queue the event: the operation that was there before InvocationType.

    https://docs.aws.amazon.com/lambda/latest/api/API_InvokeAsync.html
    """
    await invoke(
        plane,
        caller,
        {
            "FunctionName": request["FunctionName"],
            "InvocationType": "Event",
            "Payload": request["InvokeArgs"],
        },
    )
    return {"Status": 202}


def queued_event(reference: FunctionReference, invocation: Invocation) -> AsynchronousEvent:
    """What the queue accepts for `invocation`, as of now."""
    return AsynchronousEvent(
        account_id=reference.account_id,
        region=reference.region,
        name=reference.name,
        qualifier=reference.qualifier,
        request_id=invocation.request_id,
        payload=invocation.payload,
        trace_header=invocation.trace_header,
        client_context=invocation.client_context,
        tenant_id=invocation.tenant_id,
        accepted_ms=now_ms(),
    )


def refuse_loop(plane: DataPlane, reference: FunctionReference, invocation: Invocation) -> None:
    """Raise ServiceError for an invocation that functions make in a circle.

    Of events the queue decides: these have somewhere to go.
    """
    if not loop_detected(invocation.trace_header):
        return
    function = reference.function
    if ends_loops(plane.recursion_configs.get(*function)):
        plane.runs.metrics.of(*function, reference.qualifier, None).add(
            "RecursiveInvocationsDropped"
        )
        raise ServiceError(
            "RecursiveInvocationException",
            "Lambda has detected this function being invoked in a recursive loop with other "
            "resources, and stopped it. PutFunctionRecursionConfig allows loops that are meant.",
        )


OPERATIONS: dict[str, Operation] = {
    "Invoke": invoke,
    "InvokeAsync": invoke_async,
    "InvokeWithResponseStream": invoke_with_response_stream,
}
