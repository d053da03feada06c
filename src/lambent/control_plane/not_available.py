"""Operations of the Lambda API this release does not have, and what a caller of one is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_REASONS: Mapping[str, tuple[str, ...]] = {
    "Functions have versions but no aliases yet: use a version's number as the qualifier.": (
        "CreateAlias",
        "DeleteAlias",
        "GetAlias",
        "ListAliases",
        "UpdateAlias",
    ),
    "Policies are not evaluated yet: every caller may invoke every function.": (
        "AddPermission",
        "DeleteResourcePolicy",
        "GetPolicy",
        "GetResourcePolicy",
        "PutResourcePolicy",
        "RemovePermission",
    ),
    "Concurrency is not reserved for functions yet: provision it, or share the account's limit.": (
        "DeleteFunctionConcurrency",
        "GetFunctionConcurrency",
        "GetFunctionScalingConfig",
        "PutFunctionConcurrency",
        "PutFunctionScalingConfig",
    ),
    "Event sources are not polled yet: invoke the function directly.": (
        "CreateEventSourceMapping",
        "DeleteEventSourceMapping",
        "GetEventSourceMapping",
        "ListEventSourceMappings",
        "UpdateEventSourceMapping",
    ),
    "Functions are not invoked asynchronously yet, so there are no retries or destinations.": (
        "DeleteFunctionEventInvokeConfig",
        "GetFunctionEventInvokeConfig",
        "GetFunctionRecursionConfig",
        "ListFunctionEventInvokeConfigs",
        "PutFunctionEventInvokeConfig",
        "PutFunctionRecursionConfig",
        "UpdateFunctionEventInvokeConfig",
    ),
    "Functions have no URLs yet: use Invoke.": (
        "CreateFunctionUrlConfig",
        "DeleteFunctionUrlConfig",
        "GetFunctionUrlConfig",
        "ListFunctionUrlConfigs",
        "UpdateFunctionUrlConfig",
    ),
    "Signatures of deployment packages are not checked yet.": (
        "CreateCodeSigningConfig",
        "DeleteCodeSigningConfig",
        "DeleteFunctionCodeSigningConfig",
        "GetCodeSigningConfig",
        "ListCodeSigningConfigs",
        "ListFunctionsByCodeSigningConfig",
        "PutFunctionCodeSigningConfig",
        "UpdateCodeSigningConfig",
    ),
    "Functions run on the host of this server only.": (
        "CreateCapacityProvider",
        "DeleteCapacityProvider",
        "GetCapacityProvider",
        "ListCapacityProviders",
        "ListFunctionVersionsByCapacityProvider",
        "UpdateCapacityProvider",
    ),
    "There are no durable executions.": (
        "CheckpointDurableExecution",
        "DeleteDurableExecution",
        "GetDurableExecution",
        "GetDurableExecutionHistory",
        "GetDurableExecutionState",
        "ListDurableExecutionsByFunction",
        "PauseDurableExecution",
        "ResumeDurableExecution",
        "SendDurableExecutionCallbackFailure",
        "SendDurableExecutionCallbackHeartbeat",
        "SendDurableExecutionCallbackSuccess",
        "StopDurableExecution",
    ),
}


NOT_AVAILABLE: dict[str, str] = {
    operation: f"{operation} is not available in this release of Lambent. {reason}"
    for reason, operations in _REASONS.items()
    for operation in operations
}
