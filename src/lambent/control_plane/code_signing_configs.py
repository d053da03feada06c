"""Code signing configurations, and which functions have them.

Signatures are not checked in this release: a configuration is kept in its final form, and the
server's log says that it does not act yet.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambent.control_plane.plane import ControlPlane, existing_function, function_in
from lambent.control_plane.revisions import aws_time, new_id, time_after
from lambent.control_plane.stored_only import tell_stored_only
from lambent.control_plane.tags import check_tags
from lambent.domain.code_signing_config import AttachedCodeSigningConfig, CodeSigningConfig
from lambent.domain.errors import ServiceError, resource_conflict, resource_not_found
from lambent.domain.identifiers import random_digits
from lambent.domain.paging import key_of, page_of
from lambent.domain.quotas import LISTED_CODE_SIGNING_CONFIGS
from lambent.store.functions import NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from lambent.domain.arn import FunctionReference
    from lambent.domain.caller import Caller
    from lambent.domain.function import Function
    from lambent.store.database import Write

_ID_DIGITS = 17


async def create_code_signing_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    tags = request.get("Tags", {})
    check_tags(tags)
    now = aws_time(plane.clock())
    config = CodeSigningConfig(
        account_id=caller.account_id,
        region=caller.region,
        id=f"csc-{random_digits(_ID_DIGITS)}",
        revision_id=new_id(),
        description=request.get("Description"),
        signing_profile_version_arns=_profiles(request),
        untrusted_artifact_on_deployment=_policy(request) or "Warn",
        created=now,
        last_modified=now,
        tags=dict(tags),
    )
    await plane.code_signing_configs.put(config)
    tell_stored_only("CreateCodeSigningConfig", config.arn)
    return {"CodeSigningConfig": _described(config)}


def _profiles(request: Mapping[str, Any]) -> list[str]:
    return list(request["AllowedPublishers"]["SigningProfileVersionArns"])


def _policy(request: Mapping[str, Any]) -> str | None:
    policy: str | None = request.get("CodeSigningPolicies", {}).get("UntrustedArtifactOnDeployment")
    return policy


def _described(config: CodeSigningConfig) -> dict[str, Any]:
    """The model's CodeSigningConfig."""
    return {
        "CodeSigningConfigId": config.id,
        "CodeSigningConfigArn": config.arn,
        "Description": config.description,
        "AllowedPublishers": {"SigningProfileVersionArns": config.signing_profile_version_arns},
        "CodeSigningPolicies": {
            "UntrustedArtifactOnDeployment": config.untrusted_artifact_on_deployment
        },
        "LastModified": config.last_modified,
    }


async def get_code_signing_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    return {"CodeSigningConfig": _described(_requested(plane, caller, request))}


async def update_code_signing_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    async with plane.code_signing_configs.changes:
        config = _requested(plane, caller, request)
        updated = replace(
            config,
            description=request.get("Description", config.description),
            signing_profile_version_arns=(
                _profiles(request)
                if "AllowedPublishers" in request
                else config.signing_profile_version_arns
            ),
            untrusted_artifact_on_deployment=_policy(request)
            or config.untrusted_artifact_on_deployment,
        )
        if updated != config:
            updated = replace(
                updated,
                revision_id=new_id(),
                last_modified=time_after(config.last_modified, plane.clock()),
            )
            await plane.code_signing_configs.put(updated)
            tell_stored_only("UpdateCodeSigningConfig", updated.arn)
    return {"CodeSigningConfig": _described(updated)}


async def delete_code_signing_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    async with plane.code_signing_configs.changes:
        config = _requested(plane, caller, request)
        if _functions_with(plane, config):
            raise resource_conflict(
                f"The code signing configuration {config.arn} is in use: "
                "ListFunctionsByCodeSigningConfig names the functions that have it."
            )
        await plane.code_signing_configs.delete(config)
    return {}


async def list_code_signing_configs(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    listing = f"code-signing-configs/{caller.account_id}/{caller.region}"
    last = key_of(request["Marker"], listing) if request.get("Marker") else ""
    configs = plane.code_signing_configs.of_account(caller.account_id, caller.region)
    page, marker = page_of(
        (config for config in sorted(configs, key=_age_key) if _age_key(config) > last),
        _age_key,
        listing,
        request.get("MaxItems"),
        LISTED_CODE_SIGNING_CONFIGS,
    )
    return {"CodeSigningConfigs": [_described(config) for config in page], "NextMarker": marker}


def _age_key(config: CodeSigningConfig) -> str:
    return f"{config.created} {config.id}"


async def list_functions_by_code_signing_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    config = _requested(plane, caller, request)
    listing = f"functions-by-code-signing-config/{config.arn}"
    last = key_of(request["Marker"], listing) if request.get("Marker") else ""
    page, marker = page_of(
        (record for record in _functions_with(plane, config) if record.name > last),
        lambda record: record.name,
        listing,
        request.get("MaxItems"),
        LISTED_CODE_SIGNING_CONFIGS,
    )
    return {"FunctionArns": [record.arn for record in page], "NextMarker": marker}


def _functions_with(
    plane: ControlPlane, config: CodeSigningConfig
) -> list[AttachedCodeSigningConfig]:
    attached = plane.attached_code_signing_configs.of_account(config.account_id, config.region)
    return [record for record in attached if record.code_signing_config_id == config.id]


def _existing(
    plane: ControlPlane, owner: Caller | Function | FunctionReference, arn: str
) -> CodeSigningConfig | None:
    """The one with this ARN, if it is of the owner's account and region, and there."""
    config = plane.code_signing_configs.get(owner.account_id, owner.region, arn.rpartition(":")[2])
    return config if config is not None and config.arn == arn else None


def _requested(
    plane: ControlPlane, caller: Caller, request: Mapping[str, Any]
) -> CodeSigningConfig:
    arn = request["CodeSigningConfigArn"]
    config = _existing(plane, caller, arn)
    if config is None:
        # AWS answers this one without the Type its other errors have.
        raise ServiceError(
            "ResourceNotFoundException",
            f"The Lambda code signing configuration {arn} can not be found.",
            Type=None,
        )
    return config


# Of functions


def check_code_signing_config(
    plane: ControlPlane, function: Function | FunctionReference, arn: str
) -> CodeSigningConfig:
    """The one `function` is to have. Raises ServiceError when its account has none there."""
    config = _existing(plane, function, arn)
    if config is None:
        raise ServiceError(
            "CodeSigningConfigNotFoundException",
            "The code signing configuration cannot be found. Check that the provided "
            f"configuration is not deleted: {arn}.",
        )
    return config


@contextlib.asynccontextmanager
async def attaching_code_signing_config(
    plane: ControlPlane, function: Function | FunctionReference, arn: str | None
) -> AsyncIterator[Sequence[Write]]:
    """What the block is to write to give `function` the configuration `arn`; nothing without one.

    The configuration is not deleted meanwhile. Raises ServiceError when there is none.
    """
    if not arn:
        yield ()
        return
    async with plane.code_signing_configs.changes:
        config = check_code_signing_config(plane, function, arn)
        record = AttachedCodeSigningConfig(
            account_id=function.account_id,
            region=function.region,
            name=function.name,
            revision_id=new_id(),
            code_signing_config_id=config.id,
        )
        yield (plane.attached_code_signing_configs.putting(record),)
    tell_stored_only("PutFunctionCodeSigningConfig", function.arn)


async def put_function_code_signing_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = function_in(plane, caller, request, "PutFunctionCodeSigningConfig")
    arn = request["CodeSigningConfigArn"]
    # AWS looks for the configuration first.
    async with attaching_code_signing_config(plane, reference, arn) as attachment:
        function = existing_function(plane, reference)
        try:
            await plane.attached_code_signing_configs.write(attachment)
        except NotFound:  # deleted meanwhile
            raise resource_not_found(f"Function not found: {function.arn}") from None
    return {"CodeSigningConfigArn": arn, "FunctionName": function.name}


async def get_function_code_signing_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Empty for a function without one; Terraform asks it of every function."""
    function = existing_function(
        plane, function_in(plane, caller, request, "GetFunctionCodeSigningConfig")
    )
    record = _attached(plane, function)
    if record is None:
        return {}
    config = plane.code_signing_configs.get(
        function.account_id, function.region, record.code_signing_config_id
    )
    return {"CodeSigningConfigArn": config.arn, "FunctionName": function.name} if config else {}


async def delete_function_code_signing_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    async with plane.code_signing_configs.changes:
        function = existing_function(
            plane, function_in(plane, caller, request, "DeleteFunctionCodeSigningConfig")
        )
        record = _attached(plane, function)
        if record is not None:
            # With the function, if that is deleted at the same time.
            with contextlib.suppress(NotFound):
                await plane.attached_code_signing_configs.delete(record)
    return {}


def _attached(plane: ControlPlane, function: Function) -> AttachedCodeSigningConfig | None:
    return plane.attached_code_signing_configs.get(
        function.account_id, function.region, function.name
    )
