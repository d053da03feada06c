"""UpdateFunctionConfiguration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambent.control_plane.answers import configuration
from lambent.control_plane.function_settings.customer_keys import with_sealed_variables
from lambent.control_plane.function_settings.requested_settings import (
    check_architecture,
    requested_settings,
    tell_unenforced,
)
from lambent.control_plane.function_settings.setting_combinations import check_combinations
from lambent.control_plane.functions.runtime_management import check_runtime_update
from lambent.control_plane.layers.attached_layers import check_unzipped_size, requested_layers
from lambent.control_plane.plane import ControlPlane, existing_version
from lambent.control_plane.revisions import (
    changed,
    check_revision,
    check_settled,
    replace_current,
)
from lambent.control_plane.versions.versions import latest_reference

if TYPE_CHECKING:
    from lambent.domain.caller import Caller

_OTHER_MEMBERS = frozenset({"FunctionName", "RevisionId", "Layers"})


async def update_function_configuration(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """What the request leaves out stays; Environment replaces all variables, Layers all layers."""
    latest = existing_version(
        plane, latest_reference(plane, caller, request, "UpdateFunctionConfiguration")
    )
    check_revision(latest, request)
    check_settled(latest)
    settings = requested_settings(
        plane, request, name=latest.name, current=latest, others=_OTHER_MEMBERS
    )
    check_runtime_update(plane, latest, settings.get("runtime"))
    check_architecture(plane, latest.architecture, settings.get("runtime", latest.runtime))
    if "Layers" in request:
        settings["layers"] = requested_layers(plane, caller, request["Layers"])
        await check_unzipped_size(plane, latest.code_sha256, settings["layers"])
    wanted = replace(latest, **settings)
    check_combinations(wanted, latest)
    updated = changed(plane, latest, await with_sealed_variables(plane, wanted, latest))
    await replace_current(plane, latest, updated)
    plane.deployments.add(updated)
    tell_unenforced(updated, latest)
    return await configuration(plane, updated, is_qualified=False)
