"""The settings of an event source mapping together: made complete, changed, and checked.

Where an answer of AWS's was recorded or reported its text is here; every other text is our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.control_plane.event_source_mappings.event_source_members import (
    as_answered,
    missing,
    unsupported,
)
from lambent.control_plane.event_source_mappings.event_sources import (
    DOCUMENTDB,
    MQ,
    EventSource,
    is_fifo,
)
from lambent.domain.errors import invalid_parameter_value
from lambent.domain.quotas import BATCH_SIZE_MAXIMUM_FIFO, BATCH_SIZE_WITHOUT_WINDOW

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Settings = dict[str, object]

# Members of the requests that say nothing about the source.
_OTHERS = frozenset({"Enabled", "EventSourceArn", "FunctionName", "Tags", "UUID"})
# Kafka's consumer groups keep positions and gather batches; its share groups do not.
_WITHOUT_SHARE_GROUPS = (
    "MaximumBatchingWindowInSeconds",
    "StartingPosition",
    "StartingPositionTimestamp",
)


def new_settings(
    source: EventSource, request: Mapping[str, Any], identifier: str, now: datetime
) -> Settings:
    """The settings of a new mapping, which has the UUID `identifier`. Raises ServiceError."""
    said = {member: what for member, what in _said(source, request).items() if what is not None}
    settings = {**_defaults(source, said), **said}
    if source.consumer_group_member:
        group = structure(said, source.consumer_group_member)
        settings[source.consumer_group_member] = {"ConsumerGroupId": identifier, **group}
    _check_starting_position(source, request, now)
    _check(source, settings, request.get("EventSourceArn"))
    return settings


def updated_settings(
    source: EventSource, arn: str | None, settings: Settings, request: Mapping[str, Any]
) -> Settings:
    """`settings` with what an update says. Raises ServiceError."""
    updated = dict(settings)
    for member, what in _said(source, request).items():
        if member == source.consumer_group_member:
            updated[member] = _same_group(structure(settings, member), request[member])
        elif what is not None:
            updated[member] = what
        elif member in source.defaults:
            updated[member] = source.defaults[member]
        else:
            updated.pop(member, None)
    if _virtual_hosts(updated) != _virtual_hosts(settings):
        raise invalid_parameter_value("VIRTUAL_HOST cannot be changed by an update.")
    _check(source, updated, arn)
    return updated


def structure(settings: Mapping[str, object], member: str) -> dict[str, Any]:
    """The structure or map that is a setting; empty when it is not set."""
    found = settings.get(member)
    return found if isinstance(found, dict) else {}


def _said(source: EventSource, request: Mapping[str, Any]) -> Settings:
    """What the request sets; None for what it takes away."""
    return {
        member: as_answered(source, member, what)
        for member, what in request.items()
        if member not in _OTHERS
    }


def _defaults(source: EventSource, said: Settings) -> Settings:
    if not _has_share_group(source, said):
        return dict(source.defaults)
    kept = {each: what for each, what in source.defaults.items() if each != "StartingPosition"}
    return {**kept, "MaximumRetryAttempts": 0}


def _has_share_group(source: EventSource, settings: Settings) -> bool:
    member = source.consumer_group_member
    return member is not None and structure(settings, member).get("ConsumptionMode") == "Queue"


def _same_group(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What AWS does not change in a mapping that is there."""
    for member, default in (("ConsumerGroupId", None), ("ConsumptionMode", "Stream")):
        if member in wanted and wanted[member] != before.get(member, default):
            raise invalid_parameter_value(f"{member} cannot be changed by an update.")
    return {**before, **wanted}


def _virtual_hosts(settings: Settings) -> list[str]:
    return [each["URI"] for each in _access(settings) if each["Type"] == "VIRTUAL_HOST"]


def _access(settings: Settings) -> list[dict[str, Any]]:
    found = settings.get("SourceAccessConfigurations")
    return found if isinstance(found, list) else []


def _check_starting_position(
    source: EventSource, request: Mapping[str, Any], now: datetime
) -> None:
    position, moment = request.get("StartingPosition"), request.get("StartingPositionTimestamp")
    if position is None and moment is None:
        return
    if not source.starting_positions:
        raise invalid_parameter_value(
            f"StartingPosition is not valid for {source.name} event sources."
        )
    if position is not None and position not in source.starting_positions:
        raise invalid_parameter_value(
            f"Unsupported starting position for arn type: {request['EventSourceArn']}"
        )
    _check_moment(moment, now, is_wanted=position == "AT_TIMESTAMP")


def _check_moment(moment: datetime | None, now: datetime, *, is_wanted: bool) -> None:
    if is_wanted and moment is None:
        raise invalid_parameter_value("Need to specify a timestamp")
    if moment is not None and not is_wanted:
        raise invalid_parameter_value(
            "StartingPositionTimestamp is for the StartingPosition AT_TIMESTAMP only."
        )
    if moment is not None and moment > now:
        raise invalid_parameter_value("StartingPositionTimestamp cannot be in the future.")


def _check(source: EventSource, settings: Settings, arn: str | None) -> None:
    """Raise ServiceError when `settings` cannot be those of a mapping of this source."""
    for member in source.required:
        if not settings.get(member):
            raise missing(member)
    if source.name == "SQS":
        _check_queue(settings, is_in_order=is_fifo(arn))
    if source.is_kafka:
        _check_kafka(source, settings)
    if source in (MQ, DOCUMENTDB):
        _check_credentials(settings)
    if source is DOCUMENTDB and not structure(settings, source.required[0]).get("DatabaseName"):
        raise missing("DatabaseName")


def _check_queue(settings: Settings, *, is_in_order: bool) -> None:
    size, window = settings["BatchSize"], settings["MaximumBatchingWindowInSeconds"]
    if is_in_order and window:
        raise invalid_parameter_value("Batching window is not supported for FIFO queues")
    if is_in_order and _is_over(size, BATCH_SIZE_MAXIMUM_FIFO):
        raise invalid_parameter_value(
            f"BatchSize must be at most {BATCH_SIZE_MAXIMUM_FIFO} for FIFO queues."
        )
    if _is_over(size, BATCH_SIZE_WITHOUT_WINDOW) and not window:
        raise invalid_parameter_value(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            f"greater than {BATCH_SIZE_WITHOUT_WINDOW}"
        )
    if "ScalingConfig" in settings and "ProvisionedPollerConfig" in settings:
        raise invalid_parameter_value(
            "ScalingConfig and ProvisionedPollerConfig cannot be used together."
        )


def _is_over(size: object, limit: int) -> bool:
    return isinstance(size, int) and size > limit


def _check_kafka(source: EventSource, settings: Settings) -> None:
    group = structure(settings, source.consumer_group_member or "")
    if group.get("SchemaRegistryConfig") and "ProvisionedPollerConfig" not in settings:
        raise invalid_parameter_value("SchemaRegistryConfig needs a ProvisionedPollerConfig.")
    if not _has_share_group(source, settings):
        return
    for member in _WITHOUT_SHARE_GROUPS:
        if member in settings:
            raise unsupported(member)
    if settings.get("MaximumRetryAttempts") == -1:
        raise invalid_parameter_value(
            "MaximumRetryAttempts cannot be -1 with the ConsumptionMode Queue."
        )


def _check_credentials(settings: Settings) -> None:
    kinds = [each["Type"] for each in _access(settings)]
    if kinds.count("BASIC_AUTH") != 1:
        raise invalid_parameter_value("Exactly one source access type BASIC_AUTH is needed.")
    if kinds.count("VIRTUAL_HOST") > 1:
        raise invalid_parameter_value("At most one source access type VIRTUAL_HOST is possible.")
