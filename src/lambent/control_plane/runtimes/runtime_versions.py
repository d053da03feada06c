"""Which version of its runtime a function version is at.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html#runtime-management-controls
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.domain.function import RuntimeManagement

if TYPE_CHECKING:
    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.function import FunctionVersion


def newest_version_arn(plane: ControlPlane, version: FunctionVersion) -> str | None:
    """Of the function's runtime; None while no version of it is installed."""
    return next(iter(plane.runtime_version_arns(version.runtime, version.region)), None)


def management_after_update(plane: ControlPlane, version: FunctionVersion) -> RuntimeManagement:
    """With FunctionUpdate an update is what moves a function to the newest runtime version."""
    if version.runtime_management.update_mode != "FunctionUpdate":
        return version.runtime_management
    return RuntimeManagement(
        update_mode="FunctionUpdate", runtime_version_arn=newest_version_arn(plane, version)
    )


def version_config(plane: ControlPlane, version: FunctionVersion) -> dict[str, Any]:
    """The model's RuntimeVersionConfig: what the next execution environment is started with."""
    stays_at = version.runtime_management.runtime_version_arn
    installed = plane.runtime_version_arns(version.runtime, version.region)
    arn = stays_at or next(iter(installed), None)
    if arn in installed:
        return {"RuntimeVersionArn": arn}
    return {
        "RuntimeVersionArn": arn,
        "Error": {
            "ErrorCode": "RuntimeVersionNotFound",
            "Message": "The runtime version is not installed on this host.",
        },
    }
