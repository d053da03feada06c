"""UpdateFunctionConfiguration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.control_plane.answers import configuration
from lambent.control_plane.function_settings import requested_settings
from lambent.control_plane.plane import ControlPlane, existing_version
from lambent.control_plane.revisions import (
    changed,
    check_revision,
    check_settled,
    replace_current,
)
from lambent.control_plane.versions import latest_reference

if TYPE_CHECKING:
    from lambent.domain.caller import Caller

_OTHER_MEMBERS = frozenset({"FunctionName", "RevisionId"})


async def update_function_configuration(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """What the request leaves out stays; Environment replaces all variables."""
    latest = existing_version(plane, latest_reference(request, caller))
    check_revision(latest, request)
    check_settled(latest)
    settings = requested_settings(plane, request, log_group=latest.log_group, others=_OTHER_MEMBERS)
    updated = changed(plane, latest, settings)
    await replace_current(plane, latest, updated)
    plane.deployments.add(updated)
    return configuration(plane, updated, is_qualified=False)
