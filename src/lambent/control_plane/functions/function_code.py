"""UpdateFunctionCode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambent.control_plane.answers import configuration
from lambent.control_plane.deployment_packages.code_source import SOURCE_MEMBERS, add_package
from lambent.control_plane.function_settings.requested_settings import requested_architecture
from lambent.control_plane.function_settings.unavailable_settings import refuse_unavailable
from lambent.control_plane.functions.runtime_management import (
    check_not_manual,
    check_runtime_update,
)
from lambent.control_plane.layers.attached_layers import check_unzipped_size
from lambent.control_plane.plane import ControlPlane, existing_version
from lambent.control_plane.revisions import (
    changed,
    check_revision,
    check_settled,
)
from lambent.control_plane.versions.versions import deploy, latest_reference, replace_latest
from lambent.domain.errors import invalid_parameter_value

if TYPE_CHECKING:
    from lambent.domain.caller import Caller

_UPDATE_MEMBERS = SOURCE_MEMBERS | {
    "FunctionName",
    "Architectures",
    "Publish",
    "DryRun",
    "RevisionId",
}


async def update_function_code(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    if request.get("ImageUri"):
        raise invalid_parameter_value(
            "Please don't provide ImageUri when updating a function with packageType Zip."
        )
    refuse_unavailable(request, _UPDATE_MEMBERS)
    latest = existing_version(plane, latest_reference(plane, caller, request, "UpdateFunctionCode"))
    check_revision(latest, request)
    check_settled(latest)
    check_runtime_update(plane, latest)
    architecture = requested_architecture(plane, request, latest.runtime) or latest.architecture
    if architecture != latest.architecture:
        check_not_manual(latest, "architecture")
    package = await add_package(plane, caller, request)
    await check_unzipped_size(plane, package.sha256, latest.layers)
    more_bytes = package.bytes - latest.code_bytes
    plane.code_storage.check(latest.account_id, latest.region, more_bytes)
    wanted = replace(
        latest,
        code_sha256=package.sha256,
        code_bytes=package.bytes,
        architecture=architecture,
    )
    if request.get("DryRun"):
        return await configuration(plane, wanted, is_qualified=False)
    updated = changed(plane, latest, wanted)
    is_published = request.get("Publish", False)
    if is_published:
        more_bytes += updated.code_bytes
    with plane.code_storage.room_for(latest.account_id, latest.region, more_bytes):
        version = await replace_latest(plane, latest, updated, is_published=is_published)
    deploy(plane, updated, version)
    return await configuration(plane, version or updated, is_qualified=is_published)
