"""Published versions: PublishVersion and ListVersionsByFunction."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from lambent.control_plane.answers import configuration, listed_configurations
from lambent.control_plane.deployment import CREATING, CREATING_CODE, is_unfinished
from lambent.control_plane.function_settings.unavailable_settings import refuse_unavailable
from lambent.control_plane.plane import (
    ControlPlane,
    existing_function,
    existing_version,
    function_in,
)
from lambent.control_plane.revisions import (
    check_revision,
    check_settled,
    new_id,
    replace_current,
)
from lambent.domain.arn import LATEST, FunctionReference
from lambent.domain.errors import invalid_parameter_value, resource_not_found
from lambent.domain.function import FunctionVersion
from lambent.domain.paging import page_of, position_of
from lambent.store.functions import AlreadyExists, NotFound, RevisionMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.caller import Caller

_PUBLISH_MEMBERS = frozenset({"FunctionName", "CodeSha256", "Description", "RevisionId"})

# What differs between `$LATEST` and a version published from it, or says nothing of what it does.
_OF_EACH_VERSION = frozenset(
    {
        "version",
        "revision_id",
        "configuration_id",
        "last_modified",
        "state",
        "state_reason",
        "state_reason_code",
        "last_update_status",
        "last_update_status_reason",
        "last_update_status_reason_code",
    }
)


def latest_reference(
    plane: ControlPlane, caller: Caller, request: Mapping[str, Any], operation: str
) -> FunctionReference:
    """The function a change is meant for. Raises ServiceError for a version: none ever changes."""
    reference = function_in(plane, caller, request, operation)
    if reference.qualifier not in (None, LATEST):
        raise invalid_parameter_value(
            "Current operation does not support versions other than $LATEST. "
            "Please set the version to $LATEST or do not set a version in your request."
        )
    return replace(reference, qualifier=None)


async def publish_version(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    refuse_unavailable(request, _PUBLISH_MEMBERS)
    latest = existing_version(plane, latest_reference(plane, caller, request, "PublishVersion"))
    check_revision(latest, request)
    if request.get("CodeSha256") not in (None, "", latest.code_sha256):
        raise invalid_parameter_value(
            f"CodeSHA256 ({request['CodeSha256']}) is different from current CodeSHA256 in $LATEST "
            f"({latest.code_sha256}). Please try again with the CodeSHA256 in $LATEST."
        )
    check_settled(latest)
    is_new = _already_published(plane, latest) is None
    version = await publish(plane, latest, request.get("Description"))
    if is_new:
        # As on AWS, $LATEST gets a new revision too. Another writer's is as new.
        with suppress(RevisionMismatch, NotFound):
            await plane.functions.replace_version(
                replace(latest, revision_id=new_id()), if_revision=latest.revision_id
            )
    return await configuration(plane, version, is_qualified=True)


def deploy(plane: ControlPlane, latest: FunctionVersion, published: FunctionVersion | None) -> None:
    """Have `latest` deployed, after the version that was made from it, if one was.

    Whoever waits for the function finds both deployed.
    """
    if published is not None and is_unfinished(published):
        plane.deployments.add(published)
    plane.deployments.add(latest)


async def replace_latest(
    plane: ControlPlane, latest: FunctionVersion, updated: FunctionVersion, *, is_published: bool
) -> FunctionVersion | None:
    """Store `updated` in place of `latest`, and with it the version that it is `published` as.

    Answers that version. Raises ServiceError when `latest` is not what is stored any more.
    """
    if not is_published:
        await replace_current(plane, latest, updated)
        return None
    while True:
        version = _already_published(plane, updated)
        new = None if version is not None else _next(plane, updated)
        # Another publisher may have been given the number.
        with suppress(AlreadyExists):
            await replace_current(plane, latest, updated, new)
            return version or new


def _next(
    plane: ControlPlane, latest: FunctionVersion, description: str | None = None
) -> FunctionVersion:
    """What `latest` is published as. Raises ServiceError when the function has been deleted."""
    function = plane.functions.function(latest.account_id, latest.region, latest.name)
    if function is None:
        raise resource_not_found(f"Function not found: {latest.arn}")
    return numbered(latest, function.next_version, description)


async def publish(
    plane: ControlPlane, latest: FunctionVersion, description: str | None = None
) -> FunctionVersion:
    """Make the next numbered version from `latest`, which may itself not be deployed yet.

    Answers the last version instead when `latest` has not changed since that was made. Raises
    ServiceError when the function is deleted meanwhile.
    """
    while (version := _already_published(plane, latest)) is None:
        version = _next(plane, latest, description)
        room = plane.code_storage.room_for(latest.account_id, latest.region, latest.code_bytes)
        # Another publisher may have been given the number: look again what there is to do.
        with suppress(AlreadyExists, NotFound), room:
            await plane.functions.publish(version)
            break
    if is_unfinished(version):
        plane.deployments.add(version)
    return version


def numbered(
    latest: FunctionVersion, number: int, description: str | None = None
) -> FunctionVersion:
    """What `latest`, which may not be deployed yet, is as the version of that number."""
    version = replace(
        latest,
        version=str(number),
        description=latest.description if description is None else description,
        revision_id=new_id(),
        configuration_id=new_id(),
    )
    is_deployed = latest.state == "Active" and latest.last_update_status == "Successful"
    if is_deployed and not latest.is_snap_start:
        return version
    return replace(
        version,
        state="Pending",
        state_reason=CREATING,
        state_reason_code=CREATING_CODE,
        last_update_status=None,
        last_update_status_reason=None,
        last_update_status_reason_code=None,
    )


def _already_published(plane: ControlPlane, latest: FunctionVersion) -> FunctionVersion | None:
    """The last published version, when `$LATEST` has not changed since."""
    function = plane.functions.function(latest.account_id, latest.region, latest.name)
    if function is None:
        return None
    last = plane.functions.version(
        latest.account_id, latest.region, latest.name, str(function.next_version - 1)
    )
    return last if last is not None and _is_same(last, latest) else None


def _is_same(published: FunctionVersion, latest: FunctionVersion) -> bool:
    # Published with a description of its own, a version differs from what it was made from; that
    # nothing was modified since tells then.
    return published.last_modified == latest.last_modified or all(
        getattr(published, field.name) == getattr(latest, field.name)
        for field in fields(FunctionVersion)
        if field.name not in _OF_EACH_VERSION
    )


async def list_versions_by_function(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = function_in(plane, caller, request, "ListVersionsByFunction")
    existing_function(plane, reference)
    listing = f"versions/{reference.arn}"
    versions = plane.functions.versions(reference.account_id, reference.region, reference.name)
    if request.get("Marker"):
        last = position_of(request["Marker"], listing, version_order)
        versions = [version for version in versions if version_order(version.version) > last]
    page, marker = page_of(
        versions, lambda version: version.version, listing, request.get("MaxItems")
    )
    return {
        "Versions": await listed_configurations(plane, page, is_qualified=True),
        "NextMarker": marker,
    }


def version_order(version: str) -> int:
    """Where a version stands in lists: `$LATEST` first, then by number. Raises ValueError."""
    return 0 if version == LATEST else int(version)
