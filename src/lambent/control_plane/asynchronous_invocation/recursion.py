"""PutFunctionRecursionConfig and GetFunctionRecursionConfig.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.control_plane.plane import ControlPlane, existing_function, function_in
from lambent.control_plane.revisions import new_id
from lambent.domain.errors import resource_not_found
from lambent.domain.recursion import RecursionConfig
from lambent.store.functions import NotFound

if TYPE_CHECKING:
    from lambent.domain.caller import Caller


async def put_function_recursion_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    function = existing_function(
        plane, function_in(plane, caller, request, "PutFunctionRecursionConfig")
    )
    config = RecursionConfig(
        account_id=function.account_id,
        region=function.region,
        name=function.name,
        revision_id=new_id(),
        recursive_loop=request["RecursiveLoop"],
    )
    try:
        await plane.recursion_configs.put(config)
    except NotFound:  # deleted meanwhile
        raise resource_not_found(f"Function not found: {function.arn}") from None
    return {"RecursiveLoop": config.recursive_loop}


async def get_function_recursion_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    function = existing_function(
        plane, function_in(plane, caller, request, "GetFunctionRecursionConfig")
    )
    config = plane.recursion_configs.get(function.account_id, function.region, function.name)
    return {"RecursiveLoop": config.recursive_loop if config else "Terminate"}
