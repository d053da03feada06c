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


def _stored_bytes(plane: ControlPlane, caller: Caller) -> int:
    """Of every version of functions and layers, also when several have the same: so AWS counts."""
    account, region = caller.account_id, caller.region
    functions = plane.functions.functions(account, region)
    layers = plane.layers.layers(account, region)
    return sum(
        version.code_bytes
        for function in functions
        for version in plane.functions.versions(account, region, function.name)
    ) + sum(version.code_bytes for layer in layers for version in plane.layers.versions(layer))


async def get_account_settings(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    functions = plane.functions.functions(caller.account_id, caller.region)
    set_aside = await plane.provisioned_concurrency.total(caller.account_id, caller.region)
    return {
        "AccountLimit": {
            "TotalCodeSize": CODE_STORAGE_BYTES,
            "CodeSizeUnzipped": UNZIPPED_BYTES,
            "CodeSizeZipped": ZIPPED_BYTES,
            "ConcurrentExecutions": plane.concurrency,
            "UnreservedConcurrentExecutions": plane.concurrency - set_aside,
        },
        "AccountUsage": {
            "TotalCodeSize": _stored_bytes(plane, caller),
            "FunctionCount": len(functions),
        },
    }
