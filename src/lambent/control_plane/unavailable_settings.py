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
    "Code.ImageUri": "send the deployment package as Code.ZipFile.",
    "Code.S3Bucket": "send the deployment package as Code.ZipFile.",
    "CodeSigningConfigArn": "signatures of deployment packages are not checked.",
    "Content.S3Bucket": "send the layer as Content.ZipFile.",
    "DeadLetterConfig": "events are not sent to dead-letter queues.",
    "DurableConfig": "durable executions do not exist.",
    "FileSystemConfigs": "functions have no file systems but /tmp.",
    "ImageConfig": "functions are made from .zip deployment packages only.",
    "KMSKeyArn": "environment variables are encrypted with the server's own key.",
    "OrganizationId": "no account is known to belong to an organization; name the accounts.",
    "PackageType": "functions are made from .zip deployment packages only.",
    "PublishTo": "Publish makes a numbered version.",
    "S3Bucket": "send the deployment package as ZipFile.",
    "SourceKMSKeyArn": "deployment packages are sent unencrypted.",
    "TracingConfig": "only the mode PassThrough is.",
    "VpcConfig": "functions use the network of this host.",
}


def _has_no_values(value: object) -> bool:
    """Whether nothing is said inside: empty text, lists and structures, at any depth."""
    if isinstance(value, Mapping):
        return all(_has_no_values(inner) for inner in value.values())
    return value in (None, "", False) or value == []


_MEANS_NOTHING: dict[str, Callable[[Any], bool]] = {
    "PackageType": lambda value: value == "Zip",
    "TracingConfig": lambda value: value.get("Mode", "PassThrough") == "PassThrough",
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
        raise _not_available(f"{inside}{member}")


def _not_available(member: str) -> ServiceError:
    instead = _INSTEAD.get(member, "nothing here acts on it.")
    return invalid_parameter_value(
        f"{member} is not available in this release of Lambent: {instead}"
    )
