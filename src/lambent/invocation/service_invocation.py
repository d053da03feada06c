"""Invocations that other AWS services make: S3 of a new object, SNS of a message, EventBridge...

What lets them is the function's resource policy, for no service has an account of its own:
https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.arn import LATEST, FunctionReference, parse_function_reference
from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError, resource_not_found
from lambent.domain.identifiers import new_uuid
from lambent.domain.policy_statement import Access
from lambent.domain.resource_policy import is_allowed, policies_for
from lambent.invocation.invoke import invoke

if TYPE_CHECKING:
    from lambent.invocation.invoke import DataPlane

_ARN_PARTS = (7, 8)  # arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceInvocation:
    """What a service wants to have a function invoked with."""

    service: str  # its principal: s3.amazonaws.com
    function_arn: str  # with a qualifier or without
    source_arn: str | None  # what in the service calls: a bucket, a topic, a rule
    source_account: str | None  # whose that is
    payload: bytes
    trace_header: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAnswer:
    """What a function answered to a service that waited."""

    payload: bytes
    is_function_error: bool


async def invoke_for_service(plane: DataPlane, request: ServiceInvocation) -> str:
    """Queue the event, and return the request ID it is run with.

    Raises ServiceError: AccessDeniedException when no policy of the function lets the service in,
    or what Invoke would answer, for a function with tenant isolation too, which services cannot
    invoke as they name no tenant.
    """
    caller = _permitted_caller(plane, request)
    await invoke(plane, caller, _invoke_request(request, "Event"))
    return caller.request_id


async def invoke_for_waiting_service(plane: DataPlane, request: ServiceInvocation) -> ServiceAnswer:
    """The same, and wait for what the function returns: Secrets Manager does."""
    caller = _permitted_caller(plane, request)
    output = await invoke(plane, caller, _invoke_request(request, "RequestResponse"))
    return ServiceAnswer(payload=output["Payload"], is_function_error="FunctionError" in output)


async def check_service(plane: DataPlane, request: ServiceInvocation) -> None:
    """Raise ServiceError if the service could not invoke the function, which is not run."""
    _permitted_caller(plane, request)


def _permitted_caller(plane: DataPlane, request: ServiceInvocation) -> Caller:
    """The function's own account, in whose name a service that may invokes."""
    caller = _caller(request)
    reference = parse_function_reference(request.function_arn, caller)
    access = Access(
        action="lambda:InvokeFunction",
        resource=reference.qualified_arn,
        service=request.service,
        source_arn=request.source_arn,
        source_account=request.source_account,
    )
    if not is_allowed(policies_for(plane.policies.get, reference), access):
        raise _refused(plane, reference, request)
    return caller


def _caller(request: ServiceInvocation) -> Caller:
    parts = request.function_arn.split(":")
    if len(parts) not in _ARN_PARTS:
        raise ServiceError("ValidationException", f"{request.function_arn} is no function's ARN.")
    return Caller(
        account_id=parts[4],
        region=parts[3],
        request_id=new_uuid(),
        trace_header=request.trace_header,
    )


def _refused(
    plane: DataPlane, reference: FunctionReference, request: ServiceInvocation
) -> ServiceError:
    function = reference.function
    if plane.runs.functions.version(*function, LATEST) is None:
        return resource_not_found(f"Function not found: {reference.qualified_arn}")
    return ServiceError(
        "AccessDeniedException",
        f"User: {request.service} is not authorized to perform: lambda:InvokeFunction on resource: "
        f"{reference.qualified_arn} because no resource-based policy allows the "
        f"lambda:InvokeFunction action for {request.source_arn}",
    )


def _invoke_request(request: ServiceInvocation, invocation_type: str) -> dict[str, object]:
    return {
        "FunctionName": request.function_arn,
        "InvocationType": invocation_type,
        "Payload": request.payload,
    }
