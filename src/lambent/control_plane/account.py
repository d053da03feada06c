"""GetAccountSettings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.domain.quotas import (
    CODE_STORAGE_BYTES,
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
            "TotalCodeSize": CODE_STORAGE_BYTES,
            "CodeSizeUnzipped": UNZIPPED_BYTES,
            "CodeSizeZipped": ZIPPED_BYTES,
            "ConcurrentExecutions": plane.concurrency,
            "UnreservedConcurrentExecutions": plane.concurrency,
        },
        "AccountUsage": {
            # Of every version, also when several have the same code: so AWS counts.
            "TotalCodeSize": sum(
                version.code_bytes
                for function in functions
                for version in plane.functions.versions(
                    caller.account_id, caller.region, function.name
                )
            ),
            "FunctionCount": len(functions),
        },
    }
