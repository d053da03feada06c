"""CloudWatch Logs' operations by their names in the service's model."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from lambent.telemetry import log_events, log_groups, log_streams
from lambent.telemetry.log_references import invalid_parameter

if TYPE_CHECKING:
    from lambent.domain.caller import Caller
    from lambent.store.logs import LogStore

Plane = TypeVar("Plane")
Operation: TypeAlias = Callable[["LogStore", "Caller", dict[str, Any]], Awaitable[dict[str, Any]]]

_SURROGATE = re.compile("[\ud800-\udfff]")
_MENDED = "logEvents"  # the store replaces what it cannot keep


def _is_text(value: object) -> bool:
    """Whether there is UTF-8 for it: JSON can also spell halves of surrogate pairs."""
    values = value.items() if isinstance(value, dict) else value
    if isinstance(values, str):
        return not _SURROGATE.search(values)
    if isinstance(values, Iterable):
        return all(map(_is_text, values))
    return True


def checked(
    operation: Callable[[Plane, Caller, dict[str, Any]], Awaitable[dict[str, Any]]],
) -> Callable[[Plane, Caller, dict[str, Any]], Awaitable[dict[str, Any]]]:
    """Refuses names the database could not even look for."""

    @wraps(operation)
    async def refusing(plane: Plane, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
        for member, value in request.items():
            if member != _MENDED and not _is_text(value):
                raise invalid_parameter(f"The value of {member} is not valid Unicode.")
        return await operation(plane, caller, request)

    return refusing


OPERATIONS: dict[str, Operation] = {
    name: checked(operation)
    for name, operation in {
        "CreateLogGroup": log_groups.create_log_group,
        "DeleteLogGroup": log_groups.delete_log_group,
        "DescribeLogGroups": log_groups.describe_log_groups,
        "PutLogGroupDeletionProtection": log_groups.put_log_group_deletion_protection,
        "PutRetentionPolicy": log_groups.put_retention_policy,
        "DeleteRetentionPolicy": log_groups.delete_retention_policy,
        "ListTagsLogGroup": log_groups.list_tags_log_group,
        "TagLogGroup": log_groups.tag_log_group,
        "UntagLogGroup": log_groups.untag_log_group,
        "ListTagsForResource": log_groups.list_tags_for_resource,
        "TagResource": log_groups.tag_resource,
        "UntagResource": log_groups.untag_resource,
        "CreateLogStream": log_streams.create_log_stream,
        "DeleteLogStream": log_streams.delete_log_stream,
        "DescribeLogStreams": log_streams.describe_log_streams,
        "PutLogEvents": log_events.put_log_events,
        "GetLogEvents": log_events.get_log_events,
        "FilterLogEvents": log_events.filter_log_events,
    }.items()
}
