"""PutFunctionScalingConfig and GetFunctionScalingConfig, for functions on managed instances.

There are none here: a function has no capacity provider, and is told so as on AWS.
https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionScalingConfig.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.control_plane.plane import ControlPlane, existing_function, function_in
from lambent.domain.errors import ServiceError

if TYPE_CHECKING:
    from lambent.domain.caller import Caller


async def put_function_scaling_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    existing_function(plane, function_in(plane, caller, request, "PutFunctionScalingConfig"))
    raise _without_capacity_provider()


async def get_function_scaling_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """What can be put on no function can be read of none."""
    existing_function(plane, function_in(plane, caller, request, "GetFunctionScalingConfig"))
    raise _without_capacity_provider()


def _without_capacity_provider() -> ServiceError:
    return ServiceError(
        "AccessDeniedException",
        "The function provided by the arn does not contain a capacity provider configuration",
    )
