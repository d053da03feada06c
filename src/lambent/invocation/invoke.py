"""The Invoke operation, synchronous.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambent.domain.arn import LATEST, FunctionReference, is_alias, parse_function_reference
from lambent.domain.caller import Caller
from lambent.domain.errors import invalid_parameter_value, resource_conflict, resource_not_found
from lambent.domain.invocation import Invocation
from lambent.domain.resource_policy import check_caller
from lambent.domain.trace import continue_trace
from lambent.invocation.payload import checked_client_context, checked_event, checked_tenant_id

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion
    from lambent.domain.resource_policy import FunctionPolicy
    from lambent.execution_environment.pool.pool import Pool
    from lambent.invocation.concurrency import Concurrency
    from lambent.store.aliases import AliasStore
    from lambent.store.functions import FunctionStore
    from lambent.store.records import FunctionRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlane:
    """What invocations are made from."""

    functions: FunctionStore
    aliases: AliasStore
    policies: FunctionRecords[FunctionPolicy]
    pool: Pool
    concurrency: Concurrency
    # From 0 to below 1, evenly: what an alias splits requests between two versions by.
    chance: Callable[[], float] = random.random


Operation = Callable[[DataPlane, Caller, dict[str, Any]], Awaitable[dict[str, Any]]]


async def invoke(plane: DataPlane, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Run a function and answer what it returned."""
    reference = parse_function_reference(request["FunctionName"], caller, request.get("Qualifier"))
    check_caller(plane.policies.get, caller, reference, "InvokeFunction")
    version = runnable_version(plane, reference)
    if "DurableExecutionName" in request:
        raise invalid_parameter_value(
            "DurableExecutionName is not available in this release of Lambent: durable executions "
            "do not exist."
        )
    tenant_id = checked_tenant_id(
        request.get("TenantId"), is_tenant_isolated=version.is_tenant_isolated
    )
    event = checked_event(request.get("Payload", b""))
    client_context = checked_client_context(request.get("ClientContext"))
    invocation_type = request.get("InvocationType", "RequestResponse")
    if invocation_type == "DryRun":
        return {"StatusCode": 204, "Payload": b""}
    if invocation_type == "Event":
        raise invalid_parameter_value(
            "InvocationType Event is not available in this release of Lambent: its queue is not "
            "there yet. Use RequestResponse."
        )
    wants_log_tail = request.get("LogType") == "Tail"
    is_provisioned = plane.pool.has_provisioned(version)
    with plane.concurrency.admit(version, is_provisioned=is_provisioned):
        result = await plane.pool.invoke(
            version,
            Invocation(
                request_id=caller.request_id,
                invoked_arn=reference.qualified_arn,
                payload=event,
                trace_header=continue_trace(caller.trace_header),
                client_context=client_context,
                tenant_id=tenant_id,
            ),
            wants_log_tail=wants_log_tail,
        )
    output = {"StatusCode": 200, "Payload": result.payload, "ExecutedVersion": version.version}
    if result.is_function_error:
        output["FunctionError"] = "Unhandled"
    if wants_log_tail:
        output["LogResult"] = base64.b64encode(result.log_tail).decode()
    return output


def runnable_version(plane: DataPlane, reference: FunctionReference) -> FunctionVersion:
    """The version that serves this one request, if it can run now.

    Of an alias's two versions its weight decides, each time anew. Raises ServiceError as AWS does.
    """
    function = (reference.account_id, reference.region, reference.name)
    qualifier = reference.qualifier or LATEST
    if is_alias(qualifier) and (alias := plane.aliases.get(*function, qualifier)) is not None:
        qualifier = alias.routed_version(plane.chance())
    version = plane.functions.version(*function, qualifier)
    if version is None:
        # AWS's Invoke, unlike its GetFunction, also names the $LATEST that nobody asked for.
        missing = f"{reference.arn}:{reference.qualifier or LATEST}"
        raise resource_not_found(f"Function not found: {missing}")
    if version.state != "Active":
        raise resource_conflict(
            "The operation cannot be performed at this time. "
            f"The function is currently in the following state: {version.state}"
        )
    return version


OPERATIONS: dict[str, Operation] = {"Invoke": invoke}
NOT_AVAILABLE = {
    "InvokeAsync": "InvokeAsync is not available in this release of Lambent. "
    "Functions are not invoked asynchronously yet: use Invoke.",
    "InvokeWithResponseStream": "InvokeWithResponseStream is not available in this release of "
    "Lambent. Responses are not streamed yet: use Invoke.",
}
