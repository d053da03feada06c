"""Layers: PublishLayerVersion, GetLayerVersion, ListLayers, ListLayerVersions, DeleteLayerVersion.

https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.control_plane.deployment_packages import code_location
from lambent.control_plane.deployment_packages.code_source import SOURCE_MEMBERS, add_package
from lambent.control_plane.function_settings.unavailable_settings import refuse_unavailable
from lambent.control_plane.layers.layer_access import check_own, number_in
from lambent.control_plane.revisions import aws_time
from lambent.domain.errors import (
    ServiceError,
    access_denied,
    invalid_parameter_value,
    resource_not_found,
)
from lambent.domain.layer import (
    LayerReference,
    LayerVersion,
    parse_layer_reference,
    parse_layer_version_arn,
)
from lambent.domain.paging import key_of, page_of, position_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.caller import Caller

_PUBLISH_MEMBERS = frozenset(
    {
        "LayerName",
        "Description",
        "Content",
        "CompatibleRuntimes",
        "CompatibleArchitectures",
        "LicenseInfo",
    }
)


async def publish_layer_version(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    refuse_unavailable(request, _PUBLISH_MEMBERS)
    refuse_unavailable(request["Content"], SOURCE_MEMBERS, inside="Content.")
    layer = parse_layer_reference(request["LayerName"], caller)
    check_own(layer.arn, layer, caller, "PublishLayerVersion")
    if layer.region != caller.region:
        raise invalid_parameter_value(
            f"Layers from '{layer.region}' are not reachable in this region ('{caller.region}')"
        )
    package = await add_package(plane, caller, request["Content"])
    version = LayerVersion(
        layer=layer,
        version=0,  # the store gives it its number
        description=request.get("Description", ""),
        license_info=request.get("LicenseInfo"),
        compatible_runtimes=_names(request, "CompatibleRuntimes"),
        compatible_architectures=_names(request, "CompatibleArchitectures"),
        created=aws_time(plane.clock()),
        code_sha256=package.sha256,
        code_bytes=package.bytes,
    )
    with plane.code_storage.room_for(caller.account_id, caller.region, package.bytes):
        return _with_content(plane, caller, await plane.layers.publish(version))


def _names(request: Mapping[str, Any], member: str) -> tuple[str, ...] | None:
    return tuple(request[member]) if member in request else None


async def get_layer_version(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    layer = parse_layer_reference(request["LayerName"], caller)
    version = _readable_version(plane, caller, layer, number_in(request))
    return _with_content(plane, caller, version)


async def get_layer_version_by_arn(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    found = parse_layer_version_arn(request["Arn"])
    if found is None:
        raise _no_such_resource()
    return _with_content(plane, caller, _readable_version(plane, caller, *found))


def _readable_version(
    plane: ControlPlane, caller: Caller, layer: LayerReference, number: int
) -> LayerVersion:
    is_here = layer.region == caller.region
    version = plane.layers.version(layer, number) if is_here else None
    if version is not None and version.allows(caller.account_id):
        return version
    if layer.account_id != caller.account_id:
        # Whether it exists is nobody's business who may not get it.
        raise access_denied(caller, "GetLayerVersion", layer.version_arn(number))
    raise _no_such_resource()


async def list_layers(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    runtime, architecture = _filters(request)
    listing = f"layers/{caller.account_id}/{caller.region}/{runtime}/{architecture}"
    last = key_of(request["Marker"], listing) if request.get("Marker") else ""

    def newest_matching() -> Iterator[LayerVersion]:
        for layer in plane.layers.layers(caller.account_id, caller.region):
            matching = _matching(plane, layer, request) if layer.name > last else iter(())
            if (version := next(matching, None)) is not None:
                yield version

    page, marker = page_of(
        newest_matching(), lambda version: version.layer.name, listing, request.get("MaxItems")
    )
    layers = [
        {
            "LayerName": version.layer.name,
            "LayerArn": version.layer.arn,
            "LatestMatchingVersion": _listed(version),
        }
        for version in page
    ]
    return {"Layers": layers, "NextMarker": marker}


async def list_layer_versions(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    layer = parse_layer_reference(request["LayerName"], caller)
    check_own(layer.arn, layer, caller, "ListLayerVersions")
    runtime, architecture = _filters(request)
    listing = f"layer-versions/{layer.arn}/{runtime}/{architecture}"
    found = _matching(plane, layer, request) if layer.region == caller.region else iter(())
    if request.get("Marker"):
        last = position_of(request["Marker"], listing, int)
        found = (version for version in found if version.version < last)
    page, marker = page_of(
        found, lambda version: str(version.version), listing, request.get("MaxItems")
    )
    return {"LayerVersions": [_listed(version) for version in page], "NextMarker": marker}


def _filters(request: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return request.get("CompatibleRuntime"), request.get("CompatibleArchitecture")


def _matching(
    plane: ControlPlane, layer: LayerReference, request: Mapping[str, Any]
) -> Iterator[LayerVersion]:
    """The layer's versions the request's filters let through, the newest first."""
    filters = _filters(request)
    return (version for version in plane.layers.versions(layer) if version.suits(*filters))


async def delete_layer_version(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Functions that have the version keep it; a version that is not there is deleted enough."""
    layer = parse_layer_reference(request["LayerName"], caller)
    number = number_in(request)
    check_own(layer.version_arn(number), layer, caller, "DeleteLayerVersion")
    if layer.region == caller.region:
        await plane.layers.delete(layer, number)
    return {}


def _with_content(plane: ControlPlane, caller: Caller, version: LayerVersion) -> dict[str, Any]:
    return {
        **_listed(version),
        "LayerArn": version.layer.arn,
        "Content": {
            "CodeSha256": version.code_sha256,
            "CodeSize": version.code_bytes,
            "Location": code_location.url(plane, caller, version.code_sha256),
        },
    }


def _listed(version: LayerVersion) -> dict[str, Any]:
    """The model's LayerVersionsListItem. Members that are None are left out by the serializer."""
    return {
        "LayerVersionArn": version.arn,
        "Version": version.version,
        "Description": version.description,
        "CreatedDate": version.created,
        "CompatibleRuntimes": version.compatible_runtimes,
        "CompatibleArchitectures": version.compatible_architectures,
        "LicenseInfo": version.license_info,
    }


def _no_such_resource() -> ServiceError:
    return resource_not_found("The resource you requested does not exist.")
