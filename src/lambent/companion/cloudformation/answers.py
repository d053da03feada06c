"""What CloudFormation answers, where moto says it otherwise or has no such operation."""

from __future__ import annotations

import contextvars
import json
from typing import TYPE_CHECKING, Any

from moto.cloudformation import responses
from moto.cloudformation.models import Stack
from moto.core.responses import ActionResult

from lambent.companion.cloudformation.resource_type import ServerResource
from lambent.companion.cloudformation.template_urls import template_at
from lambent.companion.cloudformation.templates import read_template, references

if TYPE_CHECKING:
    from collections.abc import Callable

# What the call that is being answered wants, which moto does not hand on.
on_failure: contextvars.ContextVar[str] = contextvars.ContextVar("on_failure", default="ROLLBACK")


def replace_moto() -> None:
    """Puts this in the place of moto's own. Once, before the first call."""
    answered = responses.CloudFormationResponse
    replace(answered, {"create_stack": _reading_on_failure(answered.create_stack)})
    replace(answered, _RESPONSES)
    replace(responses, {"get_template_summary_response_from_template": _summary})
    replace(responses, {"StackResourceDTO": _described_resource})
    replace(responses, {"get_stack_from_s3_url": template_at})


def replace(owner: Any, replacements: dict[str, Any]) -> None:
    """Sets attributes of a class or module of moto's."""
    for name, replacement in replacements.items():
        setattr(owner, name, replacement)


def _reading_on_failure(create_stack: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def reading(self: Any) -> Any:
        keep = self._get_bool_param("DisableRollback", False)
        wanted = self._get_param("OnFailure") or ("DO_NOTHING" if keep else "ROLLBACK")
        token = on_failure.set(wanted)
        try:
            return create_stack(self)
        finally:
            on_failure.reset(token)

    return reading


def _summary(template_body: str) -> dict[str, Any]:
    # What moto makes of the template it reads itself; ours is read already, and is JSON.
    return _moto_summary(json.dumps(read_template(template_body)))


def _described_resource(stack: Stack, resource: Any) -> Any:
    """A resource with its own status, which its last event has, where moto shows the stack's."""
    shown: Any = _MotoStackResource(stack, resource)
    events = [
        each for each in stack.events if each.logical_resource_id == shown.logical_resource_id
    ]
    if events:
        shown.resource_status = events[-1].resource_status
        shown.timestamp = events[-1].timestamp
        shown.last_updated_timestamp = events[-1].timestamp
    return shown


def _listed_resources(self: Any) -> Any:
    backend, named = self.cloudformation_backend, self._get_param("StackName")
    stack, resources = backend.list_stack_resources(named)
    shown = [_described_resource(stack, each) for each in resources]
    return ActionResult({"StackResourceSummaries": shown})


def _update_termination_protection(self: Any) -> Any:
    """An operation that moto does not have, and without which protected stacks are for ever."""
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


def parameters(stack: Stack) -> list[dict[str, Any]]:
    """The parameters' values, but for those that the template wants hidden."""
    described = stack.template_dict.get("Parameters", {})
    return [
        {
            "ParameterKey": key,
            "ParameterValue": "****" if _is_hidden(described.get(key, {})) else value,
        }
        for key, value in stack.resource_map.resolved_parameters.items()
    ]


def _is_hidden(parameter: dict[str, Any]) -> bool:
    return str(parameter.get("NoEcho", "")).lower() == "true"


def outputs(stack: Stack) -> list[dict[str, Any]] | None:
    """The same as whoever looks at the stack sees it: without what a custom resource hides."""
    shown = true_outputs(stack)
    for each in shown or []:
        described = stack.template_dict["Outputs"].get(each["OutputKey"], {}).get("Value")
        if _tells_hidden(stack, described):
            each["OutputValue"] = "****"
    return shown


def _tells_hidden(stack: Stack, value: Any) -> bool:
    if isinstance(value, dict) and "Ref" in value:
        return False  # a physical id, which is no secret
    made = stack.resource_map._parsed_resources
    named = (made.get(each) for each in references(value))
    return any(isinstance(each, ServerResource) and each.made.is_hidden for each in named)


def true_outputs(stack: Stack) -> list[dict[str, Any]] | None:
    """The outputs, once the stack's resources are there."""
    if not stack.status.endswith("_COMPLETE") or stack.status in (
        "ROLLBACK_COMPLETE",
        "DELETE_COMPLETE",
    ):
        return None
    outputs: list[dict[str, Any]] | None = _moto_outputs(stack)
    return outputs


_MotoStackResource = responses.StackResourceDTO
_moto_summary = responses.get_template_summary_response_from_template
_moto_outputs: Callable[[Stack], Any] = Stack.outputs.fget  # type: ignore[attr-defined]
# `update_stack` and `create_change_set` see for themselves whether anything differs.
_RESPONSES: dict[str, Any] = {
    "_validate_different_update": lambda *_: None,
    "_validate_status": lambda *_: None,
    "list_stack_resources": _listed_resources,
    "update_termination_protection": _update_termination_protection,
}
