"""PutRuntimeManagementConfig and GetRuntimeManagementConfig.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambent.control_plane.plane import ControlPlane, existing_version, reference_in
from lambent.control_plane.revisions import (
    check_settled,
    new_id,
    replace_current,
    time_after,
)
from lambent.control_plane.runtimes.runtime_identifiers import (
    check_update_allowed,
    check_updated_runtime,
)
from lambent.control_plane.runtimes.runtime_versions import newest_version_arn
from lambent.domain.errors import invalid_parameter_value
from lambent.domain.function import FunctionVersion, RuntimeManagement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.caller import Caller


async def put_runtime_management_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    version = existing_version(
        plane, reference_in(plane, caller, request, "PutRuntimeManagementConfig")
    )
    management = _requested(plane, version, request)
    check_settled(version)
    if management != version.runtime_management:
        updated = replace(
            version,
            runtime_management=management,
            revision_id=new_id(),
            # The next environment is started with it, and $LATEST can be published with it.
            configuration_id=new_id(),
            last_modified=time_after(version.last_modified, plane.clock()),
        )
        await replace_current(plane, version, updated)
    return _answer(version, management, request)


async def get_runtime_management_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    version = existing_version(
        plane, reference_in(plane, caller, request, "GetRuntimeManagementConfig")
    )
    return _answer(version, version.runtime_management, request)


def check_runtime_update(
    plane: ControlPlane, version: FunctionVersion, runtime: str | None = None
) -> None:
    """Raise ServiceError when a function may not be updated, or not to another `runtime`."""
    if runtime is None:
        check_update_allowed(plane, version.runtime)
        return
    check_updated_runtime(plane, runtime)
    if runtime != version.runtime:
        check_not_manual(version, "runtime")


def check_not_manual(version: FunctionVersion, what: str) -> None:
    """Raise ServiceError for a change that a runtime version chosen by hand does not survive."""
    if version.runtime_management.update_mode == "Manual":
        raise invalid_parameter_value(
            f"The {what} of a function cannot be changed while its runtime update mode is Manual. "
            "Change the mode to Auto or FunctionUpdate and try again."
        )


def _requested(
    plane: ControlPlane, version: FunctionVersion, request: Mapping[str, Any]
) -> RuntimeManagement:
    mode, arn = request["UpdateRuntimeOn"], request.get("RuntimeVersionArn")
    if mode == "Manual":
        return RuntimeManagement(
            update_mode="Manual", runtime_version_arn=_chosen(plane, version, arn)
        )
    if arn is not None:
        raise invalid_parameter_value(
            f"RuntimeVersionArn is for the runtime update mode Manual, and not for {mode}."
        )
    if mode == "Auto":
        return RuntimeManagement()
    # It stays where it is; the next update of the function moves it.
    current = version.runtime_management.runtime_version_arn
    return RuntimeManagement(
        update_mode="FunctionUpdate",
        runtime_version_arn=current or newest_version_arn(plane, version),
    )


def _chosen(plane: ControlPlane, version: FunctionVersion, arn: str | None) -> str:
    if arn is None:
        raise invalid_parameter_value(
            "RuntimeVersionArn is required when the runtime update mode is Manual."
        )
    if arn not in plane.runtime_version_arns(version.runtime, version.region):
        raise invalid_parameter_value(
            f"The runtime version {arn} is not a version of {version.runtime} that is installed "
            "on this host: `lambent runtime list` shows those."
        )
    return arn


def _answer(
    version: FunctionVersion, management: RuntimeManagement, request: Mapping[str, Any]
) -> dict[str, Any]:
    is_manual = management.update_mode == "Manual"
    return {
        "UpdateRuntimeOn": management.update_mode,
        "FunctionArn": version.qualified_arn if request.get("Qualifier") else version.arn,
        "RuntimeVersionArn": management.runtime_version_arn if is_manual else None,
    }
