"""GetAccountSettings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.control_plane.concurrency.reserved_concurrency import unreserved_concurrency
from lambent.domain.quotas import (
    UNZIPPED_BYTES,
    ZIPPED_BYTES,
)

if TYPE_CHECKING:
    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.caller import Caller


async def get_account_settings(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    functions = plane.functions.functions(caller.account_id, caller.region)
    return {
        "AccountLimit": {
            "TotalCodeSize": plane.code_storage.limit_bytes,
            "CodeSizeUnzipped": UNZIPPED_BYTES,
            "CodeSizeZipped": ZIPPED_BYTES,
            "ConcurrentExecutions": plane.concurrency,
            "UnreservedConcurrentExecutions": unreserved_concurrency(plane, caller),
        },
        "AccountUsage": {
            "TotalCodeSize": plane.code_storage.count(caller.account_id, caller.region),
            "FunctionCount": len(functions),
        },
    }
