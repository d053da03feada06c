"""What every change of a version has in common: revisions, times, states, conflicts."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lambent.control_plane.deployment import CREATING, CREATING_CODE
from lambent.control_plane.function_settings.requested_settings import ENVIRONMENT_FIELDS
from lambent.control_plane.runtimes.runtime_versions import management_after_update
from lambent.domain.errors import ServiceError, resource_conflict
from lambent.store.functions import NotFound, RevisionMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.alias import Alias
    from lambent.domain.function import FunctionVersion

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%f%z"
_MILLISECOND = timedelta(milliseconds=1)


def new_id() -> str:
    return str(uuid.uuid4())


def aws_time(moment: datetime) -> str:
    """`2026-01-31T12:00:00.000+0000`, as LastModified has it."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}+0000"


def time_after(previous: str, now: datetime) -> str:
    """`now` for a LastModified that was `previous`: always a later one, whatever the clock does.

    So two states of a function never share a LastModified, and equal ones mean an equal state.
    """
    following = datetime.strptime(previous, _TIME_FORMAT) + _MILLISECOND
    return aws_time(max(now, following))


def check_revision(resource: FunctionVersion | Alias, request: Mapping[str, Any]) -> None:
    """Raise ServiceError when the request is meant for another revision."""
    if request.get("RevisionId") not in (None, resource.revision_id):
        raise ServiceError(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        )


def check_settled(version: FunctionVersion) -> None:
    """Raise ServiceError while the function is being created or updated.

    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    """
    if version.state == "Pending":
        raise resource_conflict(
            "The operation cannot be performed at this time. The resource "
            f"{version.arn} is currently in the following state: 'Pending'. "
            f"StateReasonCode: '{version.state_reason_code}'"
        )
    if version.last_update_status == "InProgress":
        raise _update_in_progress(version)


def changed(
    plane: ControlPlane, version: FunctionVersion, wanted: FunctionVersion
) -> FunctionVersion:
    """`version` with the settings of `wanted`, as it stands until it is deployed."""
    updated = replace(
        wanted,
        revision_id=new_id(),
        last_modified=time_after(version.last_modified, plane.clock()),
        last_update_status="InProgress",
        last_update_status_reason=CREATING,
        last_update_status_reason_code=CREATING_CODE,
    )
    updated = replace(updated, runtime_management=management_after_update(plane, updated))
    if all(getattr(updated, name) == getattr(version, name) for name in ENVIRONMENT_FIELDS):
        return updated
    return replace(updated, configuration_id=new_id())


async def replace_current(
    plane: ControlPlane,
    version: FunctionVersion,
    updated: FunctionVersion,
    published: FunctionVersion | None = None,
) -> None:
    """Store `updated`, `published` at the same time, if `version` is still what is stored.

    Raises ServiceError if not, AlreadyExists when another one has been published.
    """
    try:
        await plane.functions.replace_version(
            updated, if_revision=version.revision_id, published=published
        )
    except (RevisionMismatch, NotFound):
        raise _update_in_progress(version) from None


def _update_in_progress(version: FunctionVersion) -> ServiceError:
    return resource_conflict(
        "The operation cannot be performed at this time. "
        f"An update is in progress for resource: {version.arn}"
    )
