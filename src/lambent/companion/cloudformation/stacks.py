"""moto's CloudFormation made to work as AWS's does: in the background, in order, rolled back."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any

from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import (
    AlreadyExistsException,
    UnformattedGetAttTemplateException,
    ValidationError,
)
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.parsing import Export, OutputMap
from moto.cloudformation.utils import generate_stack_id

from lambent.companion.cloudformation import answers, deployment
from lambent.companion.cloudformation.answers import replace
from lambent.companion.cloudformation.custom_resources import is_custom
from lambent.companion.cloudformation.resource_type import ChangeRefused
from lambent.companion.cloudformation.template_urls import template_at
from lambent.companion.cloudformation.templates import (
    check_parameters,
    check_template,
    needs_sam,
    read_template,
    template_errors,
)

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)
_THREAD = "deployment of "
# Most stacks are done by then, and tools find that out at once: `aws cloudformation deploy` looks
# again only after thirty seconds.
_MOMENT_SECONDS = 5.0
_DELETED = "DELETE_COMPLETE"


def replace_moto() -> None:
    """Puts this in the place of moto's own. Once, before the first call."""
    parsing.NULL_MODELS.clear()  # each of them has a type of ours, or is refused
    answers.replace_moto()
    replace(models, {"get_stack_from_s3_url": template_at})
    replace(parsing.ResourceMap, {"__getitem__": deployment.existing})
    replace(OutputMap, {"exports": property(_exports)})
    replace(ChangeSet, {"_parse_template": _read_change_set})
    replace(Stack, _STACK)
    replace(CloudFormationBackend, _BACKEND)


def _read_change_set(change_set: ChangeSet) -> None:
    change_set.template_dict = read_template(change_set.template)


def in_background(stack: Stack, work: Callable[[], None]) -> None:
    """Runs a stack's work in a thread; within the work of the stack it is nested in, at once."""
    if threading.current_thread().name.startswith(_THREAD):
        work()
        return

    def guarded() -> None:
        try:
            work()
        except Exception:  # whatever moto raises: the stack must not stay in progress for ever
            logger.exception("the deployment of stack %s stopped", stack.name)
            verb = stack.status.removesuffix("_IN_PROGRESS").split("_")[0]
            deployment.set_status(stack, f"{verb}_FAILED", "Internal failure")

    thread = threading.Thread(target=guarded, name=_THREAD + stack.name, daemon=True)
    thread.start()
    thread.join(_MOMENT_SECONDS)


def _is_supported(resource_type: str) -> bool:
    return is_custom(resource_type) or resource_type in parsing.get_model_map()


def processed(template: str, parameters: dict[str, Any], region: str) -> str:
    """The template that is worked on: transformed, checked, as JSON."""
    document = read_template(template)
    if needs_sam(document):
        from lambent.companion.cloudformation import sam  # it takes seconds that few need

        document = sam.transformed(document, parameters, region)
    check_template(document, _is_supported)
    check_parameters(document, parameters)
    return json.dumps(document)


def _create_stack(
    self: CloudFormationBackend,
    name: str,
    template: str,
    parameters: dict[str, Any],
    **options: Any,
) -> Stack:
    if any(stack.name == name for stack in self.stacks.values()):
        raise AlreadyExistsException(f"Stack [{name}] already exists")
    make: Any = Stack  # abstract to a type checker alone
    with template_errors():
        stack: Stack = make(
            stack_id=generate_stack_id(name, self.region_name, self.account_id),
            name=name,
            template=processed(template, parameters, self.region_name),
            parameters=parameters,
            account_id=self.account_id,
            region_name=self.region_name,
            cross_stack_resources=self.exports,
            **options,
        )
    stack.original_template = template  # type: ignore[attr-defined]  # GetTemplate shows it
    self.stacks[stack.stack_id] = stack
    _begin_creation(self, stack, answers.on_failure.get())
    return stack


def _begin_creation(backend: CloudFormationBackend, stack: Stack, on_failure: str) -> None:
    deployment.set_status(stack, "CREATE_IN_PROGRESS", "User Initiated")

    def work() -> None:
        deployment.create(stack, on_failure, lambda: _export(backend, stack._create_output_map()))
        if stack.status == _DELETED:
            _put_away(backend, stack)

    in_background(stack, work)


def _export(backend: CloudFormationBackend, outputs: OutputMap) -> None:
    """Shows a stack's exports to the others. Raises ChangeRefused for a name in use."""
    owner, wanted = outputs._stack_id, {each.name: each for each in outputs.exports}
    own = {name for name, each in backend.exports.items() if each.exporting_stack_id == owner}
    taken = sorted((wanted.keys() & backend.exports.keys()) - own)
    if taken:
        raise ChangeRefused(f"Export with name {taken[0]} is already exported by another stack.")
    for name in own - wanted.keys():
        del backend.exports[name]
    backend.exports.update(wanted)


def _exports(outputs: OutputMap) -> list[Export]:
    """moto's, but for those whose condition is false."""
    found, resources = [], outputs._resource_map
    for described in (outputs._output_json_map or {}).values():
        condition = described.get("Condition")
        if "Export" in described and (not condition or resources.lazy_condition_map[condition]):
            name = parsing.clean_json(described["Export"].get("Name"), resources)
            value = parsing.clean_json(described.get("Value"), resources)
            found.append(Export(outputs._stack_id, name, value))
    return found


def _update_stack(
    self: CloudFormationBackend,
    name: str,
    template: str,
    role_arn: str | None,
    parameters: list[dict[str, Any]],
    tags: dict[str, str] | None,
) -> Stack:
    stack = self.get_stack(name)
    _check_can_update(stack)
    resolved = self._resolve_update_parameters(instance=stack, incoming_params=parameters)
    original = template or stack.original_template  # type: ignore[attr-defined]
    with template_errors():
        final = processed(original, resolved, self.region_name)
    if stack.has_template(final) and stack.has_parameters(resolved) and tags in (None, stack.tags):
        raise ValidationError(message="No updates are to be performed.")
    stack.role_arn = role_arn or stack.role_arn
    _begin_update(self, stack, (original, final), resolved, tags)
    return stack


def _check_can_update(stack: Stack) -> None:
    if stack.status.endswith(("_IN_PROGRESS", "_FAILED")) or stack.status in (
        "ROLLBACK_COMPLETE",
        _DELETED,
    ):
        raise ValidationError(
            message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
        )


def _begin_update(
    backend: CloudFormationBackend,
    stack: Stack,
    templates: tuple[str, str],
    parameters: dict[str, Any],
    tags: dict[str, str] | None,
) -> None:
    """`templates` are the one that was given and the one that is worked on."""
    original, final = templates
    document = read_template(final)
    wanted = parsing.ResourceMap(
        stack.stack_id, stack.name, parameters, stack.tags if tags is None else tags,
        region_name=stack.region_name, account_id=stack.account_id,
        template=document, cross_stack_resources=backend.exports,
    )  # fmt: skip
    with template_errors():
        wanted.load()
    deployment.set_status(stack, "UPDATE_IN_PROGRESS", "User Initiated")

    def adopt() -> None:
        _export(backend, OutputMap(wanted, document, stack.stack_id))
        stack.template, stack.parameters = final, parameters
        stack.original_template = original  # type: ignore[attr-defined]
        stack._parse_template()
        stack.description = stack.template_dict.get("Description")
        stack.tags = stack.tags if tags is None else tags
        stack.output_map = stack._create_output_map()

    in_background(stack, lambda: deployment.update(stack, wanted, adopt))


def _delete_stack(self: CloudFormationBackend, name_or_stack_id: str) -> None:
    stack = next(
        (each for each in self.stacks.values() if name_or_stack_id in (each.name, each.stack_id)),
        None,
    )
    if stack is None:
        return  # AWS, too, takes it for deleted
    if stack.enable_termination_protection:
        raise ValidationError(
            message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
        )
    if stack.status == "DELETE_IN_PROGRESS":
        return
    if stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
        raise ValidationError(
            message=f"Stack [{stack.name}] cannot be deleted while in status {stack.status}"
        )
    deployment.set_status(stack, "DELETE_IN_PROGRESS", "User Initiated")

    def work() -> None:
        deployment.delete(stack)
        if stack.status == _DELETED:
            _put_away(self, stack)

    in_background(stack, work)


def _put_away(backend: CloudFormationBackend, stack: Stack) -> None:
    for name, export in list(backend.exports.items()):
        if export.exporting_stack_id == stack.stack_id:
            del backend.exports[name]
    backend.deleted_stacks[stack.stack_id] = stack
    backend.stacks.pop(stack.stack_id, None)


def _create_change_set(self: CloudFormationBackend, *, template: str, **request: Any) -> Any:
    kind, name = request["change_set_type"], request["stack_name"]
    current = next((each for each in self.stacks.values() if each.name == name), None)
    if kind == "CREATE" and current is not None:
        if current.status != "REVIEW_IN_PROGRESS":
            raise ValidationError(
                message=f"Stack [{name}] already exists and cannot be created again with the "
                "changeSet"
            )
        del self.stacks[current.stack_id]  # only change sets were ever made for it
    elif current is not None:
        _check_can_update(current)
    with template_errors():
        final = processed(template, request["parameters"], self.region_name)
        change_set_id, stack_id = _moto_create_change_set(self, template=final, **request)
    self.change_sets[change_set_id].original_template = template  # type: ignore[attr-defined]
    return change_set_id, stack_id


def _execute_change_set(
    self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None
) -> None:
    change_set: Any = self.describe_change_set(change_set_name)
    if change_set.execution_status != "AVAILABLE":
        raise ValidationError(
            message=f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current "
            f"status of [{change_set.status}]"
        )
    stack = self.stacks[change_set.stack_id]
    change_set.execution_status = "EXECUTE_COMPLETE"
    templates = (change_set.original_template, change_set.template)
    if change_set.change_set_type == "UPDATE":
        _check_can_update(stack)
        _begin_update(self, stack, templates, change_set.parameters, change_set.tags or None)
        return
    stack.original_template, stack.template = templates  # type: ignore[attr-defined]
    stack._parse_template()
    stack.parameters, stack.tags = change_set.parameters, change_set.tags or {}
    stack.cross_stack_resources = self.exports
    stack.resource_map = stack._create_resource_map()
    stack.output_map = stack._create_output_map()
    _begin_creation(self, stack, "ROLLBACK")


def _get_template(self: CloudFormationBackend, name_or_stack_id: str) -> Any:
    stack: Any = self.get_stack(name_or_stack_id)
    return getattr(stack, "original_template", stack.template)


def _validate_template(self: CloudFormationBackend, template: str) -> list[Any]:
    with template_errors():
        processed(template, {}, self.region_name)
    return []


def _has_parameters(stack: Stack, parameters: dict[str, Any]) -> bool:
    """Whether it has these values already; a parameter's default counts as given."""
    described = stack.template_dict.get("Parameters", {})
    defaults = {key: each["Default"] for key, each in described.items() if "Default" in each}
    now, then = {**defaults, **parameters}, {**defaults, **stack.parameters}
    return {key: str(each) for key, each in now.items()} == {
        key: str(each) for key, each in then.items()
    }


def _stack_attribute(stack: Stack, attribute_name: str) -> Any:
    """`Fn::GetAtt` of a nested stack: Outputs.<name>."""
    for output in answers.true_outputs(stack) or []:
        if attribute_name == f"Outputs.{output['OutputKey']}":
            return output["OutputValue"]
    raise UnformattedGetAttTemplateException


def _is_created(stack: Stack) -> bool:
    if stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise ChangeRefused(
            f"Embedded stack {stack.stack_id} was not successfully created: "
            f"it is in {stack.status} state"
        )
    return True


def _update_nested(
    cls: type[Stack],
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Stack:
    properties = cloudformation_json["Properties"]
    template = template_at(properties["TemplateURL"], account_id, "aws")
    parameters = [
        {"ParameterKey": key, "ParameterValue": value}
        for key, value in properties.get("Parameters", {}).items()
    ]
    backend = models.cloudformation_backends[account_id][region_name]
    try:
        _update_stack(backend, original_resource.name, template, None, parameters, None)
    except ValidationError as refused:
        if "No updates" not in str(refused):
            raise
    _is_created(original_resource)
    return original_resource  # type: ignore[no-any-return]


_moto_create_change_set = CloudFormationBackend.create_change_set
_STACK: dict[str, Any] = {
    "parse_template": staticmethod(read_template),
    "outputs": property(answers.outputs),
    "parameter_list": property(answers.parameters),
    "stack_resources": property(lambda stack: list(deployment.resources_of(stack).values())),
    "get_cfn_attribute": _stack_attribute,
    "has_parameters": _has_parameters,
    "is_created": _is_created,
    "update_from_cloudformation_json": classmethod(_update_nested),
}
_BACKEND: dict[str, Any] = {
    "create_stack": _create_stack,
    "update_stack": _update_stack,
    "delete_stack": _delete_stack,
    "create_change_set": _create_change_set,
    "execute_change_set": _execute_change_set,
    "get_template": _get_template,
    "validate_template": _validate_template,
}
