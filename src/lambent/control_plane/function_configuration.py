"""UpdateFunctionConfiguration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.control_plane.answers import configuration
from lambent.control_plane.attached_layers import check_unzipped_size, requested_layers
from lambent.control_plane.function_settings import check_architecture, requested_settings
from lambent.control_plane.plane import ControlPlane, existing_version
from lambent.control_plane.revisions import (
    changed,
    check_revision,
    check_settled,
    replace_current,
)
from lambent.control_plane.runtime_management import check_runtime_update
from lambent.control_plane.snap_start import check_snap_start
from lambent.control_plane.tenancy import check_tenancy
from lambent.control_plane.versions import latest_reference

if TYPE_CHECKING:
    from lambent.domain.caller import Caller

_OTHER_MEMBERS = frozenset({"FunctionName", "RevisionId", "Layers"})


async def update_function_configuration(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """What the request leaves out stays; Environment replaces all variables, Layers all layers."""
    latest = existing_version(plane, latest_reference(request, caller))
    check_revision(latest, request)
    check_settled(latest)
    settings = requested_settings(
        plane, request, name=latest.name, logging=latest.logging, others=_OTHER_MEMBERS
    )
    check_runtime_update(plane, latest, settings.get("runtime"))
    check_architecture(plane, latest.architecture, settings.get("runtime", latest.runtime))
    if "Layers" in request:
        settings["layers"] = requested_layers(plane, caller, request["Layers"])
        await check_unzipped_size(plane, latest.code_sha256, settings["layers"])
    updated = changed(plane, latest, settings)
    if updated.is_snap_start:
        check_snap_start(updated.runtime, updated.ephemeral_storage_mib)
    check_tenancy(
        is_tenant_isolated=updated.is_tenant_isolated, is_snap_start=updated.is_snap_start
    )
    await replace_current(plane, latest, updated)
    plane.deployments.add(updated)
    return configuration(plane, updated, is_qualified=False)
