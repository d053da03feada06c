"""Tags of functions: TagResource, UntagResource, ListTags.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.control_plane.plane import ControlPlane, existing_function
from lambent.control_plane.revisions import new_id
from lambent.domain.arn import parse_function_reference
from lambent.domain.errors import invalid_parameter_value, resource_not_found
from lambent.domain.quotas import TAGS
from lambent.store.functions import NotFound

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lambent.domain.caller import Caller
    from lambent.domain.function import Function

_KEY_CHARACTERS = 128
_VALUE_CHARACTERS = 256

# Other resources that can have tags, and what AWS calls them when they do not exist.
_OTHER_RESOURCES = {
    "capacity-provider": "Capacity provider",
    "code-signing-config": "Code signing configuration",
    "event-source-mapping": "Event source mapping",
    "layer": "Layer",
}


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise ServiceError when a function may not have all of these tags."""
    if len(tags) > TAGS:
        raise invalid_parameter_value("Number of tags exceeds resource tag limit.")
    for key, value in tags.items():
        if not 0 < len(key) <= _KEY_CHARACTERS or len(value) > _VALUE_CHARACTERS:
            raise invalid_parameter_value(
                f"A tag's key has 1 to {_KEY_CHARACTERS} characters and its value at most "
                f"{_VALUE_CHARACTERS}."
            )
        if key.startswith("aws:"):
            raise invalid_parameter_value("Tag keys starting with 'aws:' are reserved.")


async def list_tags(plane: ControlPlane, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": dict(_tagged_function(plane, caller, request).tags)}


async def tag_resource(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    function = _tagged_function(plane, caller, request)
    if not request["Tags"]:
        raise invalid_parameter_value("An error occurred and the request cannot be processed.")
    check_tags({**function.tags, **request["Tags"]})
    new = {key: value for key, value in request["Tags"].items() if function.tags.get(key) != value}
    await _change_tags(plane, function, new, ())
    return {}


async def untag_resource(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    function = _tagged_function(plane, caller, request)
    await _change_tags(plane, function, {}, function.tags.keys() & request["TagKeys"])
    return {}


def _tagged_function(plane: ControlPlane, caller: Caller, request: Mapping[str, Any]) -> Function:
    resource: str = request["Resource"]
    kind = "".join(resource.split(":")[5:6])
    if kind in _OTHER_RESOURCES:
        raise resource_not_found(f"{_OTHER_RESOURCES[kind]} not found: {resource}")
    reference = parse_function_reference(resource, caller)
    if reference.qualifier is not None:
        raise invalid_parameter_value(
            "Tags on function aliases and versions are not supported. "
            "Please specify a function ARN."
        )
    return existing_function(plane, reference)


async def _change_tags(
    plane: ControlPlane, function: Function, new: Mapping[str, str], removed: Collection[str]
) -> None:
    """Gives `$LATEST` a new revision too, as AWS does."""
    if not new and not removed:
        return
    try:
        await plane.functions.change_tags(function, new=new, removed=removed, revision_id=new_id())
    except NotFound:
        raise resource_not_found(f"Function not found: {function.arn}") from None
