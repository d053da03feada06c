"""Event source mappings: Create, Get, Update, Delete and ListEventSourceMappings.

Nothing is polled in this release: a mapping is kept in its final form, and the server's log says
that it does not act yet. So a change has no duration either: the states on the way (Creating,
Enabling, Disabling, Updating, Deleting) are in the answer to the change, as AWS's are, and whoever
asks next finds what was wanted.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lambent.control_plane.event_source_mappings.event_source_settings import (
    new_settings,
    updated_settings,
)
from lambent.control_plane.event_source_mappings.event_sources import EventSource, event_source
from lambent.control_plane.event_source_mappings.mapping_conflicts import check_no_conflict
from lambent.control_plane.function_settings.tenancy import not_with_tenants
from lambent.control_plane.plane import ControlPlane, reference_in, resolved_version
from lambent.control_plane.revisions import new_id
from lambent.control_plane.stored_only import tell_stored_only
from lambent.control_plane.tags import check_tags
from lambent.domain.arn import parse_function_reference
from lambent.domain.errors import ServiceError, invalid_parameter_value, resource_not_found
from lambent.domain.event_source_mapping import EventSourceMapping
from lambent.domain.paging import key_of, page_of
from lambent.domain.quotas import LISTED_EVENT_SOURCE_MAPPINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.arn import FunctionReference
    from lambent.domain.caller import Caller


async def create_event_source_mapping(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    source = _requested_source(caller, request)
    identifier, now = new_id(), plane.clock()
    # AWS looks at the settings before it looks for the function.
    settings = new_settings(source, request, identifier, now)
    tags = request.get("Tags", {})
    check_tags(tags)
    mapping = EventSourceMapping(
        account_id=caller.account_id,
        region=caller.region,
        id=identifier,
        revision_id=new_id(),
        event_source_arn=request.get("EventSourceArn"),
        function_arn=_requested_function(plane, caller, request["FunctionName"]),
        is_enabled=request.get("Enabled", True),
        settings=settings,
        last_modified=now.timestamp(),
        tags=dict(tags),
    )
    async with plane.event_source_mappings.changes:
        check_no_conflict(plane, mapping)
        await plane.event_source_mappings.put(mapping)
    tell_stored_only("CreateEventSourceMapping", mapping.arn)
    # Recorded: what is created disabled is so at once.
    return _described(mapping, "Creating" if mapping.is_enabled else "Disabled")


def _requested_source(caller: Caller, request: Mapping[str, Any]) -> EventSource:
    arn = request.get("EventSourceArn")
    if arn is None and "SelfManagedEventSource" not in request:
        raise invalid_parameter_value("Unrecognized event source.")
    source = event_source(arn)
    if source is None:
        raise invalid_parameter_value(f"Unrecognized event source. Unsupported source arn : {arn}")
    if arn is not None and arn.split(":")[3] != caller.region:
        raise invalid_parameter_value(
            f"The event source is not in this region ('{caller.region}'): {arn}"
        )
    return source


def _requested_function(plane: ControlPlane, caller: Caller, name: str) -> str:
    """The function's ARN, with a qualifier as it was given. Raises ServiceError when none."""
    reference = parse_function_reference(name, caller)
    try:
        version = resolved_version(plane, reference)
    except ServiceError:
        version = None  # in the words of other operations
    if version is None or version.account_id != caller.account_id:
        raise invalid_parameter_value("Function does not exist")
    if version.is_tenant_isolated:
        # A batch is of no tenant, without whom such a function is not invoked.
        raise not_with_tenants("Event source mapping")
    return reference.qualified_arn


async def get_event_source_mapping(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    return _described(_existing(plane, caller, request))


async def update_event_source_mapping(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    async with plane.event_source_mappings.changes:
        mapping = _existing(plane, caller, request)
        updated = replace(
            mapping,
            settings=updated_settings(
                _source_of(mapping), mapping.event_source_arn, mapping.settings, request
            ),
            is_enabled=request.get("Enabled", mapping.is_enabled),
            function_arn=_requested_function(plane, caller, request["FunctionName"])
            if "FunctionName" in request
            else mapping.function_arn,
        )
        if updated != mapping:
            check_no_conflict(plane, updated)
            updated = replace(
                updated, revision_id=new_id(), last_modified=plane.clock().timestamp()
            )
            await plane.event_source_mappings.put(updated)
            tell_stored_only("UpdateEventSourceMapping", updated.arn)
    return _described(updated, _state_during_update(mapping, updated))


def _state_during_update(before: EventSourceMapping, after: EventSourceMapping) -> str:
    if before.is_enabled == after.is_enabled:
        return "Updating"
    return "Enabling" if after.is_enabled else "Disabling"


async def delete_event_source_mapping(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    async with plane.event_source_mappings.changes:
        mapping = _existing(plane, caller, request)
        await plane.event_source_mappings.delete(mapping)
    return _described(mapping, "Deleting")


async def list_event_source_mappings(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    arn, name = request.get("EventSourceArn"), request.get("FunctionName")
    function = reference_in(plane, caller, request, "ListEventSourceMappings") if name else None
    listing = f"event-source-mappings/{caller.account_id}/{caller.region}/{arn}/{name}"
    last = key_of(request["Marker"], listing) if request.get("Marker") else ""
    page, marker = page_of(
        (
            mapping
            for mapping in plane.event_source_mappings.of_account(caller.account_id, caller.region)
            if mapping.id > last
            and arn in (None, mapping.event_source_arn)
            and (function is None or _is_for(mapping, function))
        ),
        lambda mapping: mapping.id,
        listing,
        request.get("MaxItems"),
        LISTED_EVENT_SOURCE_MAPPINGS,
    )
    return {
        "EventSourceMappings": [_described(mapping) for mapping in page],
        "NextMarker": marker,
    }


def _is_for(mapping: EventSourceMapping, function: FunctionReference) -> bool:
    """No qualifier and `$LATEST` mean the same."""
    return mapping.function_arn.removesuffix(":$LATEST") == function.qualified_arn.removesuffix(
        ":$LATEST"
    )


def _existing(
    plane: ControlPlane, caller: Caller, request: Mapping[str, Any]
) -> EventSourceMapping:
    mapping = plane.event_source_mappings.get(caller.account_id, caller.region, request["UUID"])
    if mapping is None:
        raise resource_not_found("The resource you requested does not exist.")
    return mapping


def _source_of(mapping: EventSourceMapping) -> EventSource:
    source = event_source(mapping.event_source_arn)
    if source is None:
        raise ValueError(mapping.event_source_arn)  # it was checked when it was created
    return source


def _described(mapping: EventSourceMapping, state: str | None = None) -> dict[str, Any]:
    """The model's EventSourceMappingConfiguration; `state` where it is on its way to another."""
    source = _source_of(mapping)
    settings = dict(mapping.settings)
    moment = settings.get("StartingPositionTimestamp")
    if isinstance(moment, int | float):
        settings["StartingPositionTimestamp"] = datetime.fromtimestamp(moment, UTC)
    return {
        **settings,
        "UUID": mapping.id,
        "EventSourceMappingArn": mapping.arn,
        "EventSourceArn": mapping.event_source_arn,
        "FunctionArn": mapping.function_arn,
        "State": state or ("Enabled" if mapping.is_enabled else "Disabled"),
        "StateTransitionReason": source.transition_reason,
        "LastProcessingResult": "No records processed" if source.has_processing_result else None,
        "LastModified": datetime.fromtimestamp(mapping.last_modified, UTC),
    }
