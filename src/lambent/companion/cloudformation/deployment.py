"""Making, changing and deleting the resources of one stack, in order, and undoing it.

moto makes a stack's resources while it answers the call, in any order, and leaves what it has made
when one fails. AWS answers at once, works in the order of what refers to what, writes an event for
each step, and rolls back: tools wait for exactly that.
"""

from __future__ import annotations

import copy
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from moto.cloudformation.models import Event, Stack
from moto.cloudformation.parsing import (
    ResourceMap,
    clean_json,
    parse_and_create_resource,
    parse_and_update_resource,
)
from moto.core.exceptions import ServiceException

from lambent.companion.cloudformation.resource_type import (
    ChangeRefused,
    ReplacementNeeded,
    ServerResource,
)
from lambent.companion.cloudformation.templates import in_order

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)
_CREATED_SECONDS = 3600  # AWS's own limit for a custom resource
_POLL_SECONDS = 0.1
_REPLACED = "Requested update requires the creation of a new physical resource."


class ResourceFailed(Exception):
    """The step of one resource that did not succeed."""

    def __init__(self, logical_id: str) -> None:
        super().__init__(logical_id)
        self.logical_id = logical_id


@dataclass(slots=True, kw_only=True)
class Changes:
    """What an update did that is to be put away at its end, or undone."""

    created: list[str] = field(default_factory=list)
    replaced: list[tuple[str, Any]] = field(default_factory=list)  # with the former resource


def existing(resource_map: ResourceMap, key: str) -> Any:
    """moto's look-up in a stack, without its creating of whatever somebody looks for."""
    if key in resource_map._parsed_resources:
        return resource_map._parsed_resources[key]
    if key in resource_map._resource_json_map:
        return None  # its condition is false
    raise KeyError(key)


def resources_of(stack: Stack) -> dict[str, Any]:
    """The resources that the stack has now, by logical id."""
    made = stack.resource_map._parsed_resources
    return {each: made[each] for each in stack.resource_map.resources if made.get(each) is not None}


def set_status(stack: Stack, status: str, reason: str | None = None) -> None:
    """The stack's status, and the event that says so."""
    stack._add_stack_event(status, resource_status_reason=reason)
    stack.status = status
    stack.stack_status_reason = reason  # type: ignore[attr-defined]  # DescribeStacks shows it


def create(stack: Stack, on_failure: str, adopt: Callable[[], None]) -> None:
    """Makes all resources of a new stack; what `on_failure` says when one cannot be made.

    `adopt` is called when all are there; the stack fails, too, when it raises ChangeRefused.
    """
    try:
        _bring_about(stack, stack.resource_map, Changes())
        adopt()
    except (ResourceFailed, ChangeRefused) as failed:
        _undo_creation(stack, on_failure, _reason(failed, "create"))
    else:
        set_status(stack, "CREATE_COMPLETE")


def _reason(failed: ResourceFailed | ChangeRefused, verb: str) -> str:
    if isinstance(failed, ResourceFailed):
        return f"The following resource(s) failed to {verb}: [{failed.logical_id}]."
    return str(failed)


def _undo_creation(stack: Stack, on_failure: str, reason: str) -> None:
    if on_failure == "DO_NOTHING":
        set_status(stack, "CREATE_FAILED", reason)
        return
    if on_failure == "DELETE":
        set_status(stack, "DELETE_IN_PROGRESS", f"{reason} Delete requested by user.")
        delete(stack)
        return
    set_status(stack, "ROLLBACK_IN_PROGRESS", f"{reason} Rollback requested by user.")
    left = _delete_all(stack)
    set_status(stack, "ROLLBACK_FAILED" if left else "ROLLBACK_COMPLETE", _not_deleted(left))


def update(stack: Stack, wanted: ResourceMap, adopt: Callable[[], None]) -> None:
    """Changes a stack into what `wanted` describes, or back when that fails.

    `adopt` is called when the resources are as wanted: it takes over the rest of the change, or
    raises ChangeRefused before it has changed anything.
    """
    former, changes = stack.resource_map, Changes()
    _move_resources(former, wanted)
    stack.resource_map = wanted
    try:
        _bring_about(stack, wanted, changes)
        adopt()
    except (ResourceFailed, ChangeRefused) as failed:
        set_status(stack, "UPDATE_ROLLBACK_IN_PROGRESS", _reason(failed, "update"))
        _roll_back(stack, former, changes)
        return
    set_status(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    _delete_in_turn(stack, former, changes.replaced[::-1], policy="UpdateReplacePolicy")
    _delete_in_turn(stack, former, _removed(former, wanted))
    set_status(stack, "UPDATE_COMPLETE")


def _move_resources(source: ResourceMap, target: ResourceMap) -> None:
    for logical_id in source.resources:
        made = source._parsed_resources.get(logical_id)
        if made is not None and _is_wanted(target, logical_id):
            target._parsed_resources[logical_id] = made


def _removed(former: ResourceMap, now: ResourceMap) -> list[tuple[str, Any]]:
    """What the former template has and the one of now has not, dependents first."""
    made = former._parsed_resources
    return [
        (each, made[each])
        for each in reversed(in_order({"Resources": former._resource_json_map}))
        if made.get(each) is not None and not _is_wanted(now, each)
    ]


def _is_wanted(resource_map: ResourceMap, logical_id: str) -> bool:
    described = resource_map._resource_json_map.get(logical_id)
    if described is None:
        return False
    condition = described.get("Condition")
    return not condition or bool(resource_map.lazy_condition_map[condition])


def _roll_back(stack: Stack, former: ResourceMap, changes: Changes) -> None:
    """Everything as it was; what was made for the update is deleted last."""
    failed = stack.resource_map
    replacements = [
        (logical_id, failed._parsed_resources[logical_id])
        for logical_id, replaced in changes.replaced
        if failed._parsed_resources[logical_id] is not replaced  # it could not be made
    ]
    failed._parsed_resources.update(dict(changes.replaced))
    created = [(each, failed._parsed_resources.pop(each)) for each in changes.created]
    _move_resources(failed, former)
    stack.resource_map = former
    try:
        _bring_about(stack, former, Changes())
    except ResourceFailed as stuck:
        set_status(stack, "UPDATE_ROLLBACK_FAILED", _reason(stuck, "update"))
        return
    set_status(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    _delete_in_turn(stack, failed, [*reversed(created), *reversed(replacements)])
    set_status(stack, "UPDATE_ROLLBACK_COMPLETE")


def delete(stack: Stack) -> None:
    """Deletes what the stack has, but for what its template wants kept."""
    left = _delete_all(stack)
    set_status(stack, "DELETE_FAILED" if left else "DELETE_COMPLETE", _not_deleted(left))


def _not_deleted(left: list[str]) -> str | None:
    return f"The following resource(s) failed to delete: [{', '.join(left)}]." if left else None


def _delete_all(stack: Stack) -> list[str]:
    made = stack.resource_map._parsed_resources
    order = reversed(in_order({"Resources": stack.resource_map._resource_json_map}))
    turn = [(each, made[each]) for each in order if made.get(each) is not None]
    left = _delete_in_turn(stack, stack.resource_map, turn)
    for logical_id, _ in turn:
        if logical_id not in left:
            made.pop(logical_id)
    return left


def _delete_in_turn(
    stack: Stack,
    described: ResourceMap,
    resources: list[tuple[str, Any]],
    policy: str = "DeletionPolicy",
) -> list[str]:
    """Deletes one after another; the logical ids of what could not be."""
    left = []
    for logical_id, resource in resources:
        if described._resource_json_map[logical_id].get(policy) == "Retain":
            record(stack, logical_id, resource, "DELETE_SKIPPED")
            continue
        record(stack, logical_id, resource, "DELETE_IN_PROGRESS")
        try:
            _delete_one(stack, resource, described)
        except Exception as failure:  # noqa: BLE001  any of moto's: the others are deleted all the same
            record(stack, logical_id, resource, "DELETE_FAILED", reason_of(failure))
            left.append(logical_id)
        else:
            record(stack, logical_id, resource, "DELETE_COMPLETE")
    return left


def _delete_one(stack: Stack, resource: Any, described: ResourceMap) -> None:
    if isinstance(resource, ServerResource):
        resource.delete(stack.account_id, stack.region_name)
        return
    properties = getattr(resource, "deployed_properties", {})
    resource_json = {"Type": resource.cf_resource_type, "Properties": properties}
    described._delete_resource(resource, resource_json)
    # A nested stack's deletion shows its failure only in its status.
    if getattr(resource, "status", "") == "DELETE_FAILED":
        raise ChangeRefused("The nested stack could not be deleted")


def _bring_about(stack: Stack, wanted: ResourceMap, changes: Changes) -> None:
    """Creates and changes until all is as described. Raises ResourceFailed."""
    for logical_id in in_order({"Resources": wanted._resource_json_map}):
        if not _is_wanted(wanted, logical_id):
            continue
        former = wanted._parsed_resources.get(logical_id)
        verb = "CREATE" if former is None else "UPDATE"
        try:
            if former is None:
                changes.created.append(logical_id)
                _create_one(stack, logical_id)
            else:
                _update_one(stack, logical_id, former, changes)
        except Exception as failure:  # of moto or of any resource: the stack is rolled back
            if former is None:
                # What failed half-way is nobody's: only what is there can be deleted.
                _forget_unmade(wanted, changes, logical_id)
            resource = wanted._parsed_resources.get(logical_id)
            record(stack, logical_id, resource, f"{verb}_FAILED", reason_of(failure))
            raise ResourceFailed(logical_id) from failure


def _forget_unmade(wanted: ResourceMap, changes: Changes, logical_id: str) -> None:
    if wanted._parsed_resources.get(logical_id) is None:
        changes.created.remove(logical_id)


def _resolved(stack: Stack, logical_id: str) -> tuple[dict[str, Any], Any]:
    """A resource's description, and its properties with every reference followed."""
    described = copy.deepcopy(stack.resource_map._resource_json_map[logical_id])
    described.setdefault("Properties", {})
    return described, clean_json(copy.deepcopy(described["Properties"]), stack.resource_map)


def _create_one(stack: Stack, logical_id: str) -> None:
    described, properties = _resolved(stack, logical_id)
    record(stack, logical_id, None, "CREATE_IN_PROGRESS")
    resource: Any = parse_and_create_resource(
        logical_id, described, stack.resource_map, stack.account_id, stack.region_name
    )
    resource.deployed_properties = properties
    stack.resource_map._parsed_resources[logical_id] = resource
    deadline = time.monotonic() + _CREATED_SECONDS
    while not resource.is_created():
        if time.monotonic() > deadline:
            raise ChangeRefused(f"It was not created within {_CREATED_SECONDS} s")
        time.sleep(_POLL_SECONDS)
    record(stack, logical_id, resource, "CREATE_COMPLETE")


def _update_one(stack: Stack, logical_id: str, former: Any, changes: Changes) -> None:
    described, properties = _resolved(stack, logical_id)
    same_type = former.cf_resource_type == described["Type"]
    if same_type and properties == former.deployed_properties:
        return
    record(stack, logical_id, former, "UPDATE_IN_PROGRESS")
    # A change that fails half-way leaves anything: a rollback must see a difference.
    before, former.deployed_properties = former.deployed_properties, properties
    try:
        if not same_type:
            raise ReplacementNeeded
        changed = _changed_in_place(stack, logical_id, described)
    except ReplacementNeeded:
        former.deployed_properties = before
        changes.replaced.append((logical_id, former))
        record(stack, logical_id, former, "UPDATE_IN_PROGRESS", _REPLACED)
        _create_one(stack, logical_id)
        return
    if _is_another(changed, former):
        former.deployed_properties = before
        changes.replaced.append((logical_id, former))
    changed.cf_resource_type = described["Type"]
    changed.logical_resource_id = logical_id
    changed.deployed_properties = properties
    stack.resource_map._parsed_resources[logical_id] = changed
    record(stack, logical_id, changed, "UPDATE_COMPLETE")


def _is_another(changed: Any, former: Any) -> bool:
    """Whether a change made something new, beside which the former is still there."""
    # moto's own types have deleted that by now.
    is_ours = isinstance(former, ServerResource)
    return is_ours and changed.physical_resource_id != former.physical_resource_id


def _changed_in_place(stack: Stack, logical_id: str, described: dict[str, Any]) -> Any:
    changed: Any = parse_and_update_resource(
        logical_id, described, stack.resource_map, stack.account_id, stack.region_name
    )
    if changed is None:
        raise ChangeRefused(
            f"The companion cannot change a resource of type {described['Type']}: delete it from "
            "the template, update the stack, and add it again"
        )
    return changed


def record(
    stack: Stack, logical_id: str, resource: Any, status: str, reason: str | None = None
) -> None:
    """An event of one resource, and its status where the resource is one."""
    described = stack.resource_map._resource_json_map.get(logical_id, {})
    kind = getattr(resource, "cf_resource_type", None) or described.get("Type", "")
    event = Event(
        stack_id=stack.stack_id,
        stack_name=stack.name,
        logical_resource_id=logical_id,
        physical_resource_id=getattr(resource, "physical_resource_id", None) or "",
        resource_type=kind,
        resource_status=status,
        resource_status_reason=reason,
        resource_properties=None,
    )
    event.sendToSns(stack.account_id, stack.region_name, stack.notification_arns)
    stack.events.append(event)


def reason_of(failure: Exception) -> str:
    """What went wrong, in a form that a stack's events can show."""
    if isinstance(failure, ClientError):
        error, told = failure.response["Error"], failure.response["ResponseMetadata"]
        return (
            f'Resource handler returned message: "{error["Message"]} (Service: Lambda, '
            f'Status Code: {told["HTTPStatusCode"]}, Request ID: {told.get("RequestId", "")})" '
            f"(HandlerErrorCode: {error['Code']})"
        )
    if isinstance(failure, ChangeRefused | ServiceException):
        return str(failure)
    logger.error("a resource failed", exc_info=failure)
    return f"Internal failure: {type(failure).__name__}: {failure}"
