"""Requests to the server's own APIs: what a template's properties become in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from lambent.companion.cloudformation.resource_type import ChangeRefused

NOT_THERE = frozenset({"ResourceNotFoundException"})


def request_for(client: Any, method: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The request's members among a template's properties, each of the type that it has there.

    A template may write numbers and booleans as strings, as its parameters always are.
    """
    operation = client.meta.method_to_api_mapping[method]
    shape = client.meta.service_model.operation_model(operation).input_shape
    return {
        name: shaped(shape.members[name], value)
        for name, value in properties.items()
        if name in shape.members
    }


def shaped(shape: Any, value: Any) -> Any:
    """A template's value as the API's type. Raises ChangeRefused for what has none."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        unknown = value.keys() - shape.members.keys()
        if unknown:
            raise ChangeRefused(f"extraneous key [{min(unknown)}] is not permitted")
        return {name: shaped(shape.members[name], each) for name, each in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [shaped(shape.member, each) for each in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {str(name): shaped(shape.value, each) for name, each in value.items()}
    return _scalar(shape.type_name, value)


def _scalar(type_name: str, value: Any) -> Any:
    try:
        if type_name in {"integer", "long"}:
            return int(value)
        if type_name in {"float", "double"}:
            return float(value)
    except (TypeError, ValueError):
        raise ChangeRefused(f"expected type: Number, found: {value}") from None
    if type_name == "boolean":
        return _text(value) == "true"
    return _text(value) if type_name == "string" else value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        raise ChangeRefused(f"expected type: String, found: {type(value).__name__}")
    return str(value)


def tags_of(properties: Mapping[str, Any], stack_tags: Mapping[str, str]) -> dict[str, str]:
    """A resource's own tags over its stack's."""
    own = {each["Key"]: _text(each["Value"]) for each in properties.get("Tags", ())}
    return {**stack_tags, **own}


def retag(client: Any, arn: str, new: Mapping[str, str], old: Mapping[str, str]) -> None:
    """Changes the tags of a Lambda resource from the old ones to the new ones."""
    gone = [key for key in old if key not in new]
    if gone:
        client.untag_resource(Resource=arn, TagKeys=gone)
    if new != old and new:
        client.tag_resource(Resource=arn, Tags=dict(new))


def gone_is_fine(method: Any, **request: Any) -> None:
    """Calls what deletes: that something is not there any more is what was wanted."""
    try:
        method(**request)
    except ClientError as refused:
        if refused.response["Error"]["Code"] not in NOT_THERE:
            raise


def without(properties: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    left_out = frozenset(names)
    return {name: value for name, value in properties.items() if name not in left_out}


def split_qualifier(function: str) -> dict[str, str]:
    """FunctionName, and Qualifier where the name or ARN ends in one."""
    found = re.fullmatch(r"(arn:[^:]+:lambda:[^:]*:[^:]*:function:[^:]+|[^:]+):([^:]+)", function)
    if found is None:
        return {"FunctionName": function}
    return {"FunctionName": found[1], "Qualifier": found[2]}
