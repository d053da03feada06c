"""Functions as a whole: CreateFunction, GetFunction, ListFunctions, DeleteFunction."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lambent.control_plane.answers import configuration, listed_configurations
from lambent.control_plane.code_signing_configs import attaching_code_signing_config
from lambent.control_plane.concurrency.reserved_concurrency import described_concurrency
from lambent.control_plane.deployment import CREATING, CREATING_CODE
from lambent.control_plane.deployment_packages import code_location
from lambent.control_plane.deployment_packages.code_source import SOURCE_MEMBERS, add_package
from lambent.control_plane.function_settings.customer_keys import with_sealed_variables
from lambent.control_plane.function_settings.requested_settings import (
    requested_architecture,
    requested_settings,
    tell_unenforced,
)
from lambent.control_plane.function_settings.setting_combinations import check_combinations
from lambent.control_plane.function_settings.unavailable_settings import refuse_unavailable
from lambent.control_plane.layers.attached_layers import check_unzipped_size, requested_layers
from lambent.control_plane.plane import (
    ControlPlane,
    existing_function,
    reference_in,
    resolved_version,
)
from lambent.control_plane.revisions import aws_time, new_id
from lambent.control_plane.runtimes.runtime_identifiers import check_new_runtime
from lambent.control_plane.tags import check_tags
from lambent.control_plane.versions.versions import deploy, numbered, version_order
from lambent.domain.arn import LATEST, FunctionReference, is_alias, parse_function_reference
from lambent.domain.errors import (
    ServiceError,
    invalid_parameter_value,
    resource_conflict,
    resource_not_found,
)
from lambent.domain.function import Function, FunctionVersion
from lambent.domain.paging import page_of, position_of
from lambent.domain.quotas import (
    EPHEMERAL_STORAGE_DEFAULT_MIB,
    FUNCTION_NAME_CHARACTERS,
    MEMORY_DEFAULT_MIB,
    TIMEOUT_DEFAULT_SECONDS,
)
from lambent.store.functions import AlreadyExists, InUse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lambent.domain.caller import Caller

_CREATE_MEMBERS = frozenset(
    {
        "FunctionName",
        "Code",
        "Publish",
        "Tags",
        "Architectures",
        "CodeSigningConfigArn",
        "Layers",
        "TenancyConfig",
    }
)


async def create_function(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    function = _new_function(caller, request)
    latest = await _new_version(plane, caller, function, request)
    is_published = request.get("Publish", False)
    needed = latest.code_bytes * (2 if is_published else 1)
    arn = request.get("CodeSigningConfigArn")
    async with attaching_code_signing_config(plane, function, arn) as attachment:
        try:
            with plane.code_storage.room_for(caller.account_id, caller.region, needed):
                version = await plane.functions.create(
                    function,
                    latest,
                    publish=partial(numbered, latest) if is_published else None,
                    also=attachment,
                )
        except AlreadyExists:
            raise _already_exists(function) from None
    tell_unenforced(latest)
    deploy(plane, latest, version)
    return await configuration(plane, version or latest, is_qualified=False)


async def _new_version(
    plane: ControlPlane, caller: Caller, function: Function, request: Mapping[str, Any]
) -> FunctionVersion:
    """`$LATEST` as the request wants it, with its code stored."""
    settings = _new_settings(plane, function, request)
    layers = requested_layers(plane, caller, request.get("Layers", ()))
    if plane.functions.function(function.account_id, function.region, function.name) is not None:
        raise _already_exists(function)
    package = await add_package(plane, caller, request["Code"])
    await check_unzipped_size(plane, package.sha256, layers)
    latest = FunctionVersion(
        account_id=function.account_id,
        region=function.region,
        name=function.name,
        code_sha256=package.sha256,
        code_bytes=package.bytes,
        layers=layers,
        revision_id=new_id(),
        configuration_id=new_id(),
        last_modified=aws_time(plane.clock()),
        state="Pending",
        state_reason=CREATING,
        state_reason_code=CREATING_CODE,
        last_update_status=None,
        **settings,
    )
    check_combinations(latest)
    return await with_sealed_variables(plane, latest)


def _new_function(caller: Caller, request: Mapping[str, Any]) -> Function:
    # AWS takes a name with a qualifier here, and the qualifier means nothing.
    reference = parse_function_reference(request["FunctionName"], caller)
    if len(reference.name) > FUNCTION_NAME_CHARACTERS:
        raise invalid_parameter_value(
            f"1 validation error detected: Value '{reference.name}' at 'functionName' failed to "
            "satisfy constraint: Member must have length less than or equal to "
            f"{FUNCTION_NAME_CHARACTERS}"
        )
    if reference.account_id != caller.account_id:
        raise ServiceError(
            "AccessDeniedException", "A function can be created in the caller's own account only."
        )
    tags = request.get("Tags", {})
    check_tags(tags)
    return Function(
        account_id=reference.account_id, region=reference.region, name=reference.name, tags=tags
    )


def _new_settings(
    plane: ControlPlane, function: Function, request: Mapping[str, Any]
) -> dict[str, Any]:
    refuse_unavailable(request["Code"], SOURCE_MEMBERS, inside="Code.")
    settings = requested_settings(
        plane, request, name=function.name, current=None, others=_CREATE_MEMBERS
    )
    if "runtime" not in settings or "handler" not in settings:
        raise invalid_parameter_value(
            "Runtime and Handler are mandatory parameters for functions created with deployment "
            "packages."
        )
    check_new_runtime(plane, settings["runtime"])
    return {
        "is_tenant_isolated": bool(request.get("TenancyConfig")),
        "timeout_seconds": TIMEOUT_DEFAULT_SECONDS,
        "memory_mib": MEMORY_DEFAULT_MIB,
        "ephemeral_storage_mib": EPHEMERAL_STORAGE_DEFAULT_MIB,
        # AWS's default is x86_64 everywhere; a host can only promise its own.
        "architecture": requested_architecture(plane, request, settings["runtime"])
        or plane.architecture,
        **settings,
    }


def _already_exists(function: Function) -> ServiceError:
    return resource_conflict(f"Function already exist: {function.name}")


async def get_function(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = reference_in(plane, caller, request, "GetFunction")
    version = resolved_version(plane, reference)
    tags = existing_function(plane, reference).tags
    return {
        "Configuration": await _described(plane, version, reference),
        "Code": {
            "RepositoryType": "S3",
            "Location": code_location.url(plane, caller, version.code_sha256),
        },
        "Tags": dict(tags) or None,
        "Concurrency": described_concurrency(plane, reference),
    }


async def get_function_configuration(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = reference_in(plane, caller, request, "GetFunctionConfiguration")
    return await _described(plane, resolved_version(plane, reference), reference)


async def _described(
    plane: ControlPlane, version: FunctionVersion, reference: FunctionReference
) -> dict[str, Any]:
    """With the ARN of what was asked for: unqualified, a version's or an alias's."""
    answer = await configuration(plane, version, is_qualified=False)
    return {**answer, "FunctionArn": reference.qualified_arn}


async def list_functions(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    is_all = request.get("FunctionVersion") == "ALL"
    master_region = request.get("MasterRegion", "ALL")
    if "MasterRegion" in request and not is_all:
        raise invalid_parameter_value("MasterRegion requires FunctionVersion to be ALL.")
    listing = f"functions/{caller.account_id}/{caller.region}/{is_all}"
    marker = request.get("Marker")
    after = position_of(marker, listing, _position) if marker else ("", -1)
    # A region's name asks for replicas of functions from there, for CloudFront: there are none.
    found = _listed(plane, caller, after, is_all=is_all) if master_region == "ALL" else iter(())
    page, marker = page_of(found, _listing_key, listing, request.get("MaxItems"))
    return {
        "Functions": await listed_configurations(plane, page, is_qualified=is_all),
        "NextMarker": marker,
    }


def _listing_key(version: FunctionVersion) -> str:
    return f"{version.name}:{version.version}"


def _position(key: str) -> tuple[str, int]:
    """Where the version with that key stands in lists."""
    name, _, version = key.partition(":")
    return name, version_order(version)


def _listed(
    plane: ControlPlane, caller: Caller, after: tuple[str, int], *, is_all: bool
) -> Iterator[FunctionVersion]:
    """By name, then by version, from the item that follows that position."""
    account, region = caller.account_id, caller.region
    last_name, last_version = after
    for function in plane.functions.functions_from(account, region, last_name):
        versions = plane.functions.versions(account, region, function.name)
        for version in versions if is_all else versions[:1]:
            if function.name != last_name or version_order(version.version) > last_version:
                yield version


async def delete_function(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = reference_in(plane, caller, request, "DeleteFunction")
    _check_deletable(reference)
    existing_function(plane, reference)
    name = (reference.account_id, reference.region, reference.name)
    if reference.qualifier is not None:
        # A version that does not exist is as deleted as the caller wants it.
        try:
            await plane.functions.delete_version(*name, reference.qualifier)
        except InUse as error:
            raise resource_conflict(
                "Unable to delete version because the following aliases reference it: "
                f"[{', '.join(error.aliases)}]"
            ) from None
    elif not await plane.functions.delete(*name):
        raise resource_not_found(f"Function not found: {reference.arn}")
    return {"StatusCode": 204}


def _check_deletable(reference: FunctionReference) -> None:
    if reference.qualifier == LATEST:
        raise invalid_parameter_value(
            "$LATEST version cannot be deleted without deleting the function."
        )
    if reference.qualifier is not None and is_alias(reference.qualifier):
        raise invalid_parameter_value("Deletion of aliases is not currently supported.")
