"""Deployment packages as requests bring them: UpdateFunctionCode, and CreateFunction's Code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambent.control_plane.answers import configuration
from lambent.control_plane.attached_layers import check_unzipped_size
from lambent.control_plane.function_settings import requested_architecture
from lambent.control_plane.plane import ControlPlane, existing_version
from lambent.control_plane.revisions import (
    changed,
    check_revision,
    check_settled,
    replace_current,
)
from lambent.control_plane.runtime_management import check_not_manual, check_runtime_update
from lambent.control_plane.unavailable_settings import refuse_unavailable
from lambent.control_plane.versions import latest_reference, publish
from lambent.domain.errors import invalid_parameter_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.caller import Caller
    from lambent.store.deployment_packages import Package

_UPDATE_MEMBERS = frozenset(
    {"FunctionName", "ZipFile", "Architectures", "Publish", "DryRun", "RevisionId"}
)


def archive_in(source: Mapping[str, Any]) -> bytes:
    """The .zip file in a request. Raises ServiceError when there is none."""
    archive: bytes | None = source.get("ZipFile")
    if archive is None:
        raise invalid_parameter_value("Please provide a source for function code.")
    return archive


async def update_function_code(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    if request.get("ImageUri"):
        raise invalid_parameter_value(
            "Please don't provide ImageUri when updating a function with packageType Zip."
        )
    refuse_unavailable(request, _UPDATE_MEMBERS)
    latest = existing_version(plane, latest_reference(request, caller))
    check_revision(latest, request)
    check_settled(latest)
    check_runtime_update(plane, latest)
    architecture = requested_architecture(plane, request, latest.runtime) or latest.architecture
    if architecture != latest.architecture:
        check_not_manual(latest, "architecture")
    package = await plane.packages.add(archive_in(request))
    await check_unzipped_size(plane, package.sha256, latest.layers)
    settings = _code_settings(package, architecture)
    if request.get("DryRun"):
        return configuration(plane, replace(latest, **settings), is_qualified=False)
    updated = changed(plane, latest, settings)
    await replace_current(plane, latest, updated)
    plane.deployments.add(updated)
    if request.get("Publish"):
        return configuration(plane, await publish(plane, updated), is_qualified=True)
    return configuration(plane, updated, is_qualified=False)


def _code_settings(package: Package, architecture: str) -> dict[str, Any]:
    return {
        "code_sha256": package.sha256,
        "code_bytes": package.bytes,
        "architecture": architecture,
    }
