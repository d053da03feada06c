"""Templates as documents: read from YAML or JSON, checked, and put in order.

moto reads templates with PyYAML's full loader, which runs whatever Python a template names. Here
only plain data is read, and each function in its long form is what the rest meets.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
from typing import TYPE_CHECKING, Any

import yaml
from moto.cloudformation.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_LONGEST_BYTES = 1_000_000  # AWS's limit for a template in S3
# Far more than a template of that size has, unless its YAML aliases multiply.
_MOST_NODES = 500_000
_DEEPEST = 100
# The sections that are looked at, and the member that each thing in them has.
_SECTIONS = {
    "Parameters": "Type", "Mappings": None, "Conditions": None, "Resources": "Type",
    "Outputs": "Value",
}  # fmt: skip
_SAM = "AWS::Serverless-2016-10-31"
_REFERENCES = re.compile(r"\$\{([^!${}][^${}]*)\}")
_SHORT_FORMS_THAT_STAY = {"Ref", "Condition"}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """Plain data, and CloudFormation's tags."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in _SHORT_FORMS_THAT_STAY else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = node.value
    return {name: value}


_Loader.add_multi_constructor("!", _tagged)


def read_template(text: str) -> dict[str, Any]:
    """A template's document. Raises ValidationError, in AWS's words, for what is none."""
    if len(text.encode()) > _LONGEST_BYTES:
        raise ValidationError(message=f"Template may not exceed {_LONGEST_BYTES} bytes in size.")
    try:
        document = _plain(_loaded(text), _Budget(), 0)
    except (yaml.YAMLError, RecursionError, ValueError) as failure:
        problem = str(failure).splitlines()[0]
        raise ValidationError(
            message=f"Template format error: YAML not well-formed. ({problem})"
        ) from None
    if not isinstance(document, dict):
        raise ValidationError(message="Template format error: unsupported structure.")
    return document


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return yaml.load(text, Loader=_Loader)


class _Budget:
    """How many nodes a document may still have."""

    def __init__(self) -> None:
        self.left = _MOST_NODES

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ValueError("its aliases make it too large")


def _plain(value: Any, budget: _Budget, depth: int) -> Any:
    """The value with text for dates and for keys, and `Fn::GetAtt` as a list."""
    budget.take()
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        return {
            str(key): _get_att(each) if key == "Fn::GetAtt" else _plain(each, budget, depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_plain(each, budget, depth + 1) for each in value]
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def _get_att(value: Any) -> Any:
    """[logical id, attribute]; an attribute's own name may have dots in it."""
    parts = value if isinstance(value, list) else str(value).split(".")
    if len(parts) < 2:
        raise ValueError("Fn::GetAtt takes a logical id and an attribute")
    return [parts[0], ".".join(str(each) for each in parts[1:])]


def references(value: Any) -> Iterator[str]:
    """The names that a part of a template refers to, by Ref, Fn::GetAtt and Fn::Sub."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if key == "Ref" and isinstance(each, str):
            yield each
        elif key == "Fn::GetAtt" and isinstance(each[0], str):
            yield each[0]
        elif key == "Fn::Sub":
            yield from _substituted(each)
        else:
            yield from references(each)


def _substituted(value: Any) -> Iterator[str]:
    text, own = (value[0], value[1]) if isinstance(value, list) else (value, {})
    yield from references(own)
    for name in _REFERENCES.findall(str(text)):
        logical_id = name.split(".")[0].strip()
        if logical_id not in own:
            yield logical_id


def needs_sam(document: Mapping[str, Any]) -> bool:
    """Whether the serverless transform is asked for. Raises ValidationError for another one."""
    asked = document.get("Transform", [])
    names = asked if isinstance(asked, list) else [asked]
    unknown = [each for each in names if each != _SAM]
    if unknown:
        raise ValidationError(
            message=f"No transform named {unknown[0]} found. The companion that comes with Lambent "
            f"has {_SAM} alone."
        )
    return bool(names)


@contextlib.contextmanager
def template_errors() -> Iterator[None]:
    """Has whatever moto stumbles over in a template told as the template's error that it is."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as failure:
        raise ValidationError(
            message=f"Template error: {type(failure).__name__}: {failure}"
        ) from failure


def check_template(document: Mapping[str, Any], supported: Callable[[str], bool]) -> None:
    """Raises ValidationError for a template that cannot be worked on, before anything is made.

    `supported(type) -> bool` says which types of resources can be made.
    """
    for section, member in _SECTIONS.items():
        _check_section(section, document.get(section, {}), member)
    if not document.get("Resources"):
        raise ValidationError(
            message="Template format error: At least one Resources member must be defined."
        )
    types = {each["Type"] for each in document["Resources"].values()}
    unknown = sorted(each for each in types if not supported(each))
    if unknown:
        raise ValidationError(
            message=f"Template format error: Unrecognized resource types: [{', '.join(unknown)}] "
            "(the companion that comes with Lambent does not have them)"
        )
    _check_references(document)
    in_order(document)


def _check_section(section: str, described: Any, member: str | None) -> None:
    if not isinstance(described, dict):
        raise ValidationError(message=f"Template format error: [/{section}] must be an object.")
    for name, each in described.items():
        if member and (not isinstance(each, dict) or member not in each):
            raise ValidationError(
                message=f"Template format error: [/{section}/{name}] Every {section} object must "
                f"contain a {member} member."
            )
        if section == "Resources" and not (
            isinstance(each["Type"], str) and isinstance(each.get("Properties", {}), dict)
        ):
            raise ValidationError(
                message=f"Template format error: [/{section}/{name}] Type must be a string, "
                "Properties an object."
            )


def check_parameters(document: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises ValidationError for a parameter's value that the template does not allow."""
    for name, described in document.get("Parameters", {}).items():
        value, allowed = given.get(name, described.get("Default")), described.get("AllowedValues")
        if allowed and value is not None and str(value) not in map(str, allowed):
            raise ValidationError(message=f"Parameter '{name}' must be one of AllowedValues")


def _check_references(document: Mapping[str, Any]) -> None:
    resources = document["Resources"]
    known = resources.keys() | document.get("Parameters", {}).keys()
    for section in ("Resources", "Outputs"):
        named = set(references(document.get(section) or {}))
        missing = sorted(each for each in named - known if not each.startswith("AWS::"))
        if missing:
            raise ValidationError(
                message=f"Template format error: Unresolved resource dependencies "
                f"[{', '.join(missing)}] in the {section} block of the template"
            )

    conditions = document.get("Conditions", {})
    for section in ("Resources", "Outputs"):
        for each in document.get(section, {}).values():
            if "Condition" in each and each["Condition"] not in conditions:
                raise ValidationError(
                    message=f"Template format error: Unresolved condition dependency "
                    f"{each['Condition']} in the {section} block of the template"
                )


def needs(resources: Mapping[str, Any], logical_id: str) -> set[str]:
    """The other resources that one waits for."""
    resource = resources[logical_id]
    depends_on = resource.get("DependsOn", [])
    explicit = {depends_on} if isinstance(depends_on, str) else set(depends_on)
    return ((explicit | set(references(resource.get("Properties", {})))) & resources.keys()) - {
        logical_id
    }


def in_order(document: Mapping[str, Any]) -> list[str]:
    """The logical ids, each after all that it refers to. Raises ValidationError for a circle."""
    resources = document["Resources"]
    waiting = {each: needs(resources, each) for each in resources}
    ordered: list[str] = []
    while waiting:
        ready = [each for each, others in waiting.items() if not others]
        if not ready:
            raise ValidationError(
                message=f"Circular dependency between resources: [{', '.join(sorted(waiting))}]"
            )
        for each in ready:
            del waiting[each]
        for others in waiting.values():
            others.difference_update(ready)
        ordered += ready
    return ordered
