"""An AWS service's model as botocore ships it, and the questions the compilers ask of it.

A shape or operation has no class of its own here: every other module turns the model into plain
functions once, when a service is loaded, and then only calls those.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from botocore.loaders import Loader
from botocore.model import ServiceModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.model import Shape, StructureShape

_LABEL_NAME = re.compile(r"\{([^}+]+)\+?\}")


@cache
def load_model(name: str) -> ServiceModel:
    """The model of a service by botocore's name; raises botocore's UnknownServiceError."""
    model = Loader().load_service_model(name, "service-2")
    for shape in model["shapes"].values():
        # botocore's shapes do not show this trait, which says that the service is to blame.
        if shape.get("fault"):
            shape.setdefault("error", {"httpStatusCode": 500})
    return ServiceModel(model, name)


def members(shape: StructureShape | None) -> Mapping[str, Shape]:
    return {} if shape is None else shape.members


def members_at(shape: StructureShape | None, location: str) -> Iterator[tuple[str, Shape]]:
    """Members bound to one place of the HTTP message: `uri`, `querystring`, `header` ..."""
    for name, member in members(shape).items():
        if member.serialization.get("location") == location:
            yield name, member


def payload_member(shape: StructureShape | None) -> str | None:
    """The member that is the whole body, if one is."""
    return None if shape is None else shape.serialization.get("payload")


def body_members(shape: StructureShape | None) -> list[str]:
    """Members found inside a JSON body, as opposed to elsewhere in the message."""
    if payload_member(shape) is not None:
        return []
    return [name for name, m in members(shape).items() if "location" not in m.serialization]


def serialized_name(name: str, member: Shape) -> str:
    wire: str = member.serialization.get("name", name)
    return wire


def timestamp_style(shape: Shape, default: str) -> str:
    style: str = shape.serialization.get("timestampFormat", default)
    return style


def label_names(request_uri: str) -> list[str]:
    """The labels of a URI template, in order."""
    return _LABEL_NAME.findall(request_uri)
