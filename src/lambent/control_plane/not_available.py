"""Operations of the Lambda API this release does not have, and what a caller of one is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_REASONS: Mapping[str, tuple[str, ...]] = {
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
