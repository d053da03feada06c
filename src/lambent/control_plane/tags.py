"""Tags of functions, code signing configurations and event source mappings.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.control_plane.plane import ControlPlane, allowed, existing_function
from lambent.control_plane.revisions import new_id
from lambent.domain.arn import parse_function_reference
from lambent.domain.code_signing_config import CodeSigningConfig
from lambent.domain.errors import ServiceError, invalid_parameter_value, resource_not_found
from lambent.domain.event_source_mapping import EventSourceMapping
from lambent.domain.function import Function
from lambent.domain.quotas import TAGS
from lambent.store.functions import NotFound, TooManyTags

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lambent.domain.caller import Caller
    from lambent.store.records import AccountRecords

_Tagged = TypeVar("_Tagged", CodeSigningConfig, EventSourceMapping)

_KEY_CHARACTERS = 128
_VALUE_CHARACTERS = 256

# What can have tags beside functions, and what AWS calls it when it does not exist.
_OTHER_RESOURCES = {
    "capacity-provider": "Capacity provider",
    "code-signing-config": "Code signing configuration",
    "event-source-mapping": "Event source mapping",
    "layer": "Layer",
    "network-connector": "Network connector",
}


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise ServiceError when nothing may have all of these tags."""
    if len(tags) > TAGS:
        raise _too_many()
    for key, value in tags.items():
        if not 0 < len(key) <= _KEY_CHARACTERS or len(value) > _VALUE_CHARACTERS:
            raise invalid_parameter_value(
                f"A tag's key has 1 to {_KEY_CHARACTERS} characters and its value at most "
                f"{_VALUE_CHARACTERS}."
            )
        if key.startswith("aws:"):
            raise invalid_parameter_value("Tag keys starting with 'aws:' are reserved.")


async def list_tags(plane: ControlPlane, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": dict(_resource(plane, caller, request["Resource"], "ListTags").tags)}


async def tag_resource(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    resource = _resource(plane, caller, request["Resource"], "TagResource")
    if not request["Tags"]:
        raise invalid_parameter_value("An error occurred and the request cannot be processed.")
    check_tags({**resource.tags, **request["Tags"]})
    new = {key: value for key, value in request["Tags"].items() if resource.tags.get(key) != value}
    await _change(plane, resource, new, ())
    return {}


async def untag_resource(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    resource = _resource(plane, caller, request["Resource"], "UntagResource")
    await _change(plane, resource, {}, resource.tags.keys() & request["TagKeys"])
    return {}


def _resource(
    plane: ControlPlane, caller: Caller, arn: str, operation: str
) -> Function | CodeSigningConfig | EventSourceMapping:
    kind = "".join(arn.split(":")[5:6])
    if kind not in _OTHER_RESOURCES:
        return _function(plane, caller, arn, operation)
    key = (caller.account_id, caller.region, arn.rpartition(":")[2])
    record: CodeSigningConfig | EventSourceMapping | None = None
    if kind == "code-signing-config":
        record = plane.code_signing_configs.get(*key)
    elif kind == "event-source-mapping":
        record = plane.event_source_mappings.get(*key)
    if record is None or record.arn != arn:
        raise _not_found(arn)
    return record


def _function(plane: ControlPlane, caller: Caller, arn: str, operation: str) -> Function:
    reference = allowed(plane, caller, parse_function_reference(arn, caller), operation)
    if reference.qualifier is not None:
        raise invalid_parameter_value(
            "Tags on function aliases and versions are not supported. "
            "Please specify a function ARN."
        )
    return existing_function(plane, reference)


def _too_many() -> ServiceError:
    return invalid_parameter_value("Number of tags exceeds resource tag limit.")


def _not_found(arn: str) -> ServiceError:
    name = _OTHER_RESOURCES.get(arn.split(":")[5], "Function")
    return resource_not_found(f"{name} not found: {arn}")


async def _change(
    plane: ControlPlane,
    resource: Function | CodeSigningConfig | EventSourceMapping,
    new: Mapping[str, str],
    removed: Collection[str],
) -> None:
    if not new and not removed:
        return
    try:
        if isinstance(resource, Function):
            # Gives `$LATEST` a new revision too, as AWS does.
            await plane.functions.change_tags(
                resource, new=new, removed=removed, revision_id=new_id()
            )
        elif isinstance(resource, CodeSigningConfig):
            await _change_record(plane.code_signing_configs, resource, new, removed)
        else:
            await _change_record(plane.event_source_mappings, resource, new, removed)
    except NotFound:
        raise _not_found(resource.arn) from None
    except TooManyTags:  # with those that another caller gave it meanwhile
        raise _too_many() from None


async def _change_record(
    records: AccountRecords[_Tagged],
    seen: _Tagged,
    new: Mapping[str, str],
    removed: Collection[str],
) -> None:
    """Raises NotFound when the record has gone meanwhile; what else changed in it stays."""
    async with records.changes:
        record = records.get(seen.account_id, seen.region, seen.id)
        if record is None:
            raise NotFound
        kept = {key: value for key, value in record.tags.items() if key not in removed}
        tags = {**kept, **new}
        check_tags(tags)
        await records.put(replace(record, tags=tags, revision_id=new_id()))
