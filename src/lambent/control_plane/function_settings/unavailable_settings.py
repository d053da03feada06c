"""Settings this release does not enforce, and so refuses to store.

A setting that is kept but has no effect is worse than an error. The forms that mean "nothing of
the kind" are taken, because Terraform and CloudFormation send them for every function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

from lambent.domain.errors import ServiceError, invalid_parameter_value

_INSTEAD = {
    "CapacityProviderConfig": "functions run on the host of this server only.",
    "AcceleratorConfig": "functions run on processors only.",
    "Code.ImageUri": "functions are made from .zip deployment packages only.",
    "DurableConfig": "durable executions do not exist.",
    "ImageConfig": "functions are made from .zip deployment packages only.",
    "OrganizationId": "no account is known to belong to an organization; name the accounts.",
    "PackageType": "functions are made from .zip deployment packages only.",
    "PublishTo": "Publish makes a numbered version.",
    "S3ObjectStorageMode": "an object in S3 is copied when it is named; the mode is COPY.",
    "SourceKMSKeyArn": "deployment packages are sent unencrypted.",
}


def _has_no_values(value: object) -> bool:
    """Whether nothing is said inside: empty text, lists and structures, at any depth."""
    if isinstance(value, Mapping):
        return all(_has_no_values(inner) for inner in value.values())
    return value in (None, "", False) or value == []


_MEANS_NOTHING: dict[str, Callable[[Any], bool]] = {
    "PackageType": lambda value: value == "Zip",
    "S3ObjectStorageMode": lambda value: value == "COPY",
}


def refuse_unavailable(
    request: Mapping[str, Any], available: Set[str], *, inside: str = ""
) -> None:
    """Raise ServiceError when `request` sets something that is neither available nor nothing.

    `available` are the members the operation acts on; every other one counts, also one that a
    newer service model brings. `inside` is the structure the members are in, such as "Code.".
    """
    for member, value in request.items():
        if member in available or _MEANS_NOTHING.get(member, _has_no_values)(value):
            continue
        raise _not_available(member, inside)


def _not_available(member: str, inside: str) -> ServiceError:
    name = f"{inside}{member}"
    instead = _INSTEAD.get(name) or _INSTEAD.get(member, "nothing here acts on it.")
    return invalid_parameter_value(f"{name} is not available in this release of Lambent: {instead}")
