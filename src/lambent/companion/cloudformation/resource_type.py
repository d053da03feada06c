"""What a kind of resource of a template is, and how moto's CloudFormation comes to use it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.common_models import CloudFormationModel

Properties = Mapping[str, Any]
_SUFFIX_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class ReplacementNeeded(Exception):
    """A change that only a new resource in the old one's place can have."""


class ChangeRefused(Exception):
    """A change or a value that CloudFormation does not make; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a resource belongs, and how the server's APIs are reached from there."""

    account_id: str
    region: str
    stack_id: str
    stack_name: str
    logical_id: str
    resource_type: str
    client: Callable[[str], Any]  # service -> boto3 client, in this account and region
    stack_tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def api(self) -> Any:
        return self.client("lambda")

    def generated_name(self, longest: int) -> str:
        """A name for a resource whose template gives none: stack, logical id, twelve random."""
        suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(12))
        return f"{self.stack_name}-{self.logical_id}"[: longest - 13] + f"-{suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A resource that exists: what `Ref` and `Fn::GetAtt` give of it."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    failure: str | None = None  # why it is not as it should be, and yet there is to be deleted
    is_hidden: bool = False  # its attributes' values are not for whoever looks at the stack


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """One type of resources, by what creates, changes and deletes one.

    `update` gets the wanted properties and the former ones; when it makes something with another
    physical id, the former is deleted once the stack's update is done. `delete` of what is gone
    already is no error (`NOT_THERE`).
    """

    name: str
    properties: frozenset[str] | None  # None: any
    attributes: frozenset[str] | None  # None: any
    create: Callable[[Place, Properties], Made]
    delete: Callable[[Place, Made, Properties], None]
    update: Callable[[Place, Made, Properties, Properties], Made] | None = None  # None: replaced
    # A change of one of these needs a new resource.
    replaced_by: frozenset[str] = frozenset()
    name_property: str = ""


def changed(new: Properties, old: Properties) -> frozenset[str]:
    """The names of the properties that differ."""
    return frozenset(name for name in {*new, *old} if new.get(name) != old.get(name))


def check_names(kind: ResourceType, properties: Properties) -> None:
    """Raises ChangeRefused for a property that resources of this type do not have."""
    unknown = sorted(properties.keys() - kind.properties) if kind.properties is not None else []
    if unknown:
        raise ChangeRefused(f"Encountered unsupported property {unknown[0]}")


class ServerResource:
    """A resource that the server has, made by a `ResourceType`, as moto's CloudFormation sees it."""

    kind: ResourceType

    def __init__(self, place: Place, made: Made, properties: Properties) -> None:
        self.place, self.made, self.properties = place, made, properties

    def changed_to(self, new: Properties) -> Made:
        """Changes it in place. Raises `ReplacementNeeded` where only a new one will do."""
        check_names(self.kind, new)
        old = self.properties
        if self.kind.update is None or changed(new, old) & self.kind.replaced_by:
            raise ReplacementNeeded
        # What a change that stops half-way has done is unknown: the next one, which undoes it, is
        # told that all of this one may be in place.
        self.properties = new
        made = self.kind.update(self.place, self.made, new, old)
        if made.physical_id != self.made.physical_id:
            self.properties = old  # it is there as it was, until it is deleted
        return made

    def is_created(self) -> bool:
        """Raises ChangeRefused where it is only there to be deleted."""
        if self.made.failure is not None:
            raise ChangeRefused(self.made.failure)
        return True

    def delete(self, account_id: str, region_name: str) -> None:
        self.kind.delete(self.place, self.made, self.properties)


def model_of(kind: ResourceType, place_of: Callable[[str, str, str, str, str], Place]) -> type[Any]:
    """moto's form of a resource type: a class that registers itself by being a subclass.

    `place_of` takes the account, the region, the stack's id, the logical id and the type.
    """

    class Model(ServerResource, CloudFormationModel):
        @property
        def physical_resource_id(self) -> str:
            return self.made.physical_id

        @staticmethod
        def cloudformation_name_type() -> str:
            return kind.name_property

        @staticmethod
        def cloudformation_type() -> str:
            return kind.name

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return kind.attributes is None or attr in kind.attributes

        def get_cfn_attribute(self, attribute_name: str) -> Any:
            if attribute_name not in self.made.attributes:
                raise UnformattedGetAttTemplateException
            return self.made.attributes[attribute_name]

        @classmethod
        def create_from_cloudformation_json(
            cls,
            resource_name: str,
            cloudformation_json: dict[str, Any],
            account_id: str,
            region_name: str,
            **kwargs: Any,
        ) -> Any:
            properties = cloudformation_json["Properties"]
            check_names(kind, properties)
            place = place_of(
                account_id,
                region_name,
                kwargs["StackId"],
                kwargs["LogicalId"],
                kwargs["ResourceType"],
            )
            return cls(place, kind.create(place, properties), properties)

        @classmethod
        def update_from_cloudformation_json(
            cls,
            original_resource: Any,
            new_resource_name: str,
            cloudformation_json: dict[str, Any],
            account_id: str,
            region_name: str,
        ) -> Any:
            new = cloudformation_json["Properties"]
            return cls(original_resource.place, original_resource.changed_to(new), new)

    Model.kind = kind
    Model.__name__ = Model.__qualname__ = kind.name.replace("::", "")
    return Model
