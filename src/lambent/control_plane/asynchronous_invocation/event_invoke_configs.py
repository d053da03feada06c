"""PutFunctionEventInvokeConfig, and updating, reading, listing and deleting what it put.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lambent.control_plane.asynchronous_invocation.destinations import (
    check_destinations,
    destination_in,
)
from lambent.control_plane.plane import (
    ControlPlane,
    existing_function,
    existing_qualifier,
    function_in,
    reference_in,
)
from lambent.control_plane.revisions import new_id
from lambent.domain.arn import LATEST, FunctionReference
from lambent.domain.errors import ServiceError, invalid_parameter_value, resource_not_found
from lambent.domain.event_invoke_config import EventInvokeConfig
from lambent.domain.paging import key_of, page_of
from lambent.store.functions import NotFound
from lambent.store.records import WHATEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambent.domain.caller import Caller

_SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


async def put_function_event_invoke_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """What the request leaves out is not kept from an earlier one."""
    reference = _checked_reference(plane, caller, request, "PutFunctionEventInvokeConfig")
    config = EventInvokeConfig(
        account_id=reference.account_id,
        region=reference.region,
        name=reference.name,
        qualifier=reference.qualifier or LATEST,
        revision_id=new_id(),
        last_modified=plane.clock().timestamp(),
        **{
            "maximum_retry_attempts": None,
            "maximum_event_age_seconds": None,
            "on_success": None,
            "on_failure": None,
            **_settings(request),
        },
    )
    async with plane.event_invoke_configs.changes:
        await _put(plane, config)
    return _answer(config)


async def update_function_event_invoke_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """What the request leaves out stays as it is; a DestinationConfig is replaced as a whole."""
    reference = _checked_reference(plane, caller, request, "UpdateFunctionEventInvokeConfig")
    async with plane.event_invoke_configs.changes:
        existing = _existing(plane, reference)
        config = replace(
            existing,
            revision_id=new_id(),
            last_modified=plane.clock().timestamp(),
            **_settings(request),
        )
        await _put(plane, config, existing.revision_id)
    return _answer(config)


async def get_function_event_invoke_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = _reference(plane, caller, request, "GetFunctionEventInvokeConfig")
    return _answer(_existing(plane, reference))


async def delete_function_event_invoke_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = _reference(plane, caller, request, "DeleteFunctionEventInvokeConfig")
    async with plane.event_invoke_configs.changes:
        try:
            await plane.event_invoke_configs.delete(_existing(plane, reference))
        except NotFound:  # it went with its function meanwhile
            raise _none_there(reference) from None
    return {}


async def list_function_event_invoke_configs(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = function_in(plane, caller, request, "ListFunctionEventInvokeConfigs")
    _check_existence(existing_function, plane, reference)
    listing = f"event-invoke-configs/{reference.arn}"
    configs = plane.event_invoke_configs.of_function(
        reference.account_id, reference.region, reference.name
    )
    if request.get("Marker"):
        last = key_of(request["Marker"], listing)
        configs = [config for config in configs if config.qualifier > last]
    page, marker = page_of(
        configs, lambda config: config.qualifier, listing, request.get("MaxItems")
    )
    return {
        "FunctionEventInvokeConfigs": [_answer(config) for config in page],
        "NextMarker": marker,
    }


def _reference(
    plane: ControlPlane, caller: Caller, request: Mapping[str, Any], operation: str
) -> FunctionReference:
    """With `$LATEST` when the caller named nothing: that is what such a configuration is for."""
    reference = reference_in(plane, caller, request, operation)
    return replace(reference, qualifier=reference.qualifier or LATEST)


def _checked_reference(
    plane: ControlPlane, caller: Caller, request: Mapping[str, Any], operation: str
) -> FunctionReference:
    """What is to be configured; raises ServiceError, in AWS's order, when the request cannot be."""
    reference = _reference(plane, caller, request, operation)
    if all(request.get(setting) is None for setting in _SETTINGS):
        raise invalid_parameter_value(
            "You must specify at least one of error handling or destination setting."
        )
    _check_existence(existing_qualifier, plane, reference)
    check_destinations(plane, caller, reference, request.get("DestinationConfig") or {})
    return reference


def _check_existence(
    look: Callable[[ControlPlane, FunctionReference], object],
    plane: ControlPlane,
    reference: FunctionReference,
) -> None:
    try:
        look(plane, reference)
    except ServiceError:
        raise _no_function() from None


def _settings(request: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of EventInvokeConfig that a request says something of."""
    settings = {
        "maximum_retry_attempts": request.get("MaximumRetryAttempts"),
        "maximum_event_age_seconds": request.get("MaximumEventAgeInSeconds"),
    }
    given = {name: value for name, value in settings.items() if value is not None}
    destinations = request.get("DestinationConfig")
    if destinations is None:
        return given
    return {
        **given,
        "on_success": destination_in(destinations, "OnSuccess"),
        "on_failure": destination_in(destinations, "OnFailure"),
    }


def _existing(plane: ControlPlane, reference: FunctionReference) -> EventInvokeConfig:
    config = plane.event_invoke_configs.get(
        reference.account_id, reference.region, reference.name, reference.qualifier or LATEST
    )
    if config is None:
        raise _none_there(reference)
    return config


async def _put(plane: ControlPlane, config: EventInvokeConfig, instead_of: str = WHATEVER) -> None:
    try:
        await plane.event_invoke_configs.put(config, instead_of=instead_of)
    except NotFound:
        raise _no_function() from None


def _no_function() -> ServiceError:
    return resource_not_found("The function doesn't exist.")


def _none_there(reference: FunctionReference) -> ServiceError:
    return resource_not_found(
        f"The function {reference.qualified_arn} doesn't have an EventInvokeConfig"
    )


def _answer(config: EventInvokeConfig) -> dict[str, Any]:
    return {
        "LastModified": datetime.fromtimestamp(config.last_modified, UTC),
        "FunctionArn": config.arn,
        "MaximumRetryAttempts": config.maximum_retry_attempts,
        "MaximumEventAgeInSeconds": config.maximum_event_age_seconds,
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success},
            "OnFailure": {"Destination": config.on_failure},
        },
    }
