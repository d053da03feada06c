"""AWS::Lambda::Function on the server."""

from __future__ import annotations

import io
import time
import zipfile
from typing import Any

from lambent.companion.cloudformation.api_requests import (
    gone_is_fine,
    request_for,
    retag,
    tags_of,
    without,
)
from lambent.companion.cloudformation.resource_type import (
    ChangeRefused,
    Made,
    Place,
    Properties,
    ResourceType,
    changed,
)
from lambent.companion.cloudformation.response_modules import response_modules

_LONGEST_NAME = 64
# The most that a function may take to become active: pulling an image, a snapshot's creation.
_READY_SECONDS = 600
_POLL_SECONDS = 0.1
_INLINE_SUFFIXES = {"nodejs": ".js", "python": ".py"}
_CODE = frozenset({"Code", "Architectures"})
# What has operations of its own beside CreateFunction and UpdateFunctionConfiguration.
_APART = frozenset(
    {
        "Code", "CodeSigningConfigArn", "RecursiveLoop", "ReservedConcurrentExecutions",
        "RuntimeManagementConfig", "Tags",
    }
)  # fmt: skip
_RENAMED = {"KmsKeyArn": "KMSKeyArn"}
# What a property is when a template no longer names it.
_DEFAULTS: dict[str, Any] = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "FileSystemConfigs": [],
    "ImageConfig": {},
    "KmsKeyArn": "",
    "Layers": [],
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "SnapStart": {"ApplyOn": "None"},
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}


def inline_archive(source: str, runtime: str) -> bytes:
    """The deployment package of code written in a template: a file `index`.

    Where the code uses it, the module it can answer CloudFormation with is beside it.
    """
    suffix = next((s for r, s in _INLINE_SUFFIXES.items() if runtime.startswith(r)), None)
    if suffix is None:
        raise ChangeRefused(
            f"ZipFile can only be used with Node.js and Python runtimes, not with {runtime!r}"
        )
    files = {f"index{suffix}": source, **response_modules(source, suffix)}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for name, text in files.items():
            # The date is always the same, so that the same code has the same hash.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            written.writestr(entry, text)
    return archive.getvalue()


def _code(properties: Properties) -> dict[str, Any]:
    code = dict(properties.get("Code", {}))
    if "ZipFile" in code:
        runtime = str(properties.get("Runtime", ""))
        code["ZipFile"] = inline_archive(str(code["ZipFile"]), runtime)
    return code


def wait_until_ready(place: Place, name: str) -> dict[str, Any]:
    """The function's configuration once it is active and its last update is done.

    Raises ChangeRefused when it fails, with the function's own reason.
    """
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        told: dict[str, Any] = place.api.get_function_configuration(FunctionName=name)
        if told["State"] == "Failed" or told.get("LastUpdateStatus") == "Failed":
            reason = told.get("StateReason") or told.get("LastUpdateStatusReason")
            raise ChangeRefused(f"The function {name} failed: {reason}")
        if told["State"] != "Pending" and told.get("LastUpdateStatus") != "InProgress":
            return told
        if time.monotonic() > deadline:
            raise ChangeRefused(f"The function {name} was not ready after {_READY_SECONDS} s")
        time.sleep(_POLL_SECONDS)


def _configuration(properties: Properties) -> dict[str, Any]:
    plain = without(properties, _APART)
    return {_RENAMED.get(name, name): value for name, value in plain.items()}


def _create(place: Place, properties: Properties) -> Made:
    name = str(properties.get("FunctionName") or place.generated_name(_LONGEST_NAME))
    wanted = request_for(place.api, "create_function", _configuration(properties))
    tags = tags_of(properties, place.stack_tags)
    extra = {key: properties[key] for key in ("CodeSigningConfigArn",) if properties.get(key)}
    code = _code(properties)
    place.api.create_function(
        **{**wanted, **extra, "FunctionName": name, "Code": code, "Tags": tags}
    )
    try:
        wait_until_ready(place, name)
        _apply_apart(place, name, properties, {})
    except BaseException:
        # A resource that failed to come about has no `Made` that a rollback could delete.
        gone_is_fine(place.api.delete_function, FunctionName=name)
        raise
    return _made(place, name)


def _made(place: Place, name: str) -> Made:
    told = wait_until_ready(place, name)
    snap_start = told.get("SnapStart", {})
    return Made(
        physical_id=name,
        attributes={
            "Arn": told["FunctionArn"],
            "SnapStartResponse": snap_start,
            "SnapStartResponse.ApplyOn": snap_start.get("ApplyOn"),
            "SnapStartResponse.OptimizationStatus": snap_start.get("OptimizationStatus"),
        },
    )


def _update(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    name, differing = made.physical_id, changed(new, old)
    # The configuration first: code for a new runtime or handler never runs under the old one.
    _update_configuration(place, name, new, differing)
    if differing & _CODE or (differing & {"Runtime"} and "ZipFile" in new.get("Code", {})):
        code = {**_code(new), "Architectures": new.get("Architectures", ["x86_64"])}
        place.api.update_function_code(
            FunctionName=name,
            **request_for(place.api, "update_function_code", code),
        )
        wait_until_ready(place, name)
    _apply_apart(place, name, new, old)
    arn = made.attributes["Arn"]
    retag(place.api, arn, tags_of(new, place.stack_tags), tags_of(old, place.stack_tags))
    return _made(place, name)


def _update_configuration(
    place: Place, name: str, new: Properties, differing: frozenset[str]
) -> None:
    wanted = {
        _RENAMED.get(each, each): new.get(each, _DEFAULTS.get(each))
        for each in differing - _APART - {"FunctionName", "PackageType", "Architectures"}
        if each in new or each in _DEFAULTS
    }
    if wanted:
        request = request_for(place.api, "update_function_configuration", wanted)
        place.api.update_function_configuration(**{**request, "FunctionName": name})
        wait_until_ready(place, name)


def _apply_apart(place: Place, name: str, new: Properties, old: Properties) -> None:
    """What has operations of its own."""
    api, differing = place.api, changed(new, old)
    if "ReservedConcurrentExecutions" in differing:
        reserved = new.get("ReservedConcurrentExecutions")
        if reserved is None:
            api.delete_function_concurrency(FunctionName=name)
        else:
            api.put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=int(reserved)
            )
    if "RecursiveLoop" in differing:
        wanted = new.get("RecursiveLoop", "Terminate")
        api.put_function_recursion_config(FunctionName=name, RecursiveLoop=wanted)
    if "RuntimeManagementConfig" in differing:
        managed = new.get("RuntimeManagementConfig", {"UpdateRuntimeOn": "Auto"})
        api.put_runtime_management_config(
            FunctionName=name, **request_for(api, "put_runtime_management_config", managed)
        )
    if "CodeSigningConfigArn" in differing and old:
        _sign_with(api, name, new.get("CodeSigningConfigArn"))


def _sign_with(api: Any, name: str, config_arn: str | None) -> None:
    if config_arn:
        api.put_function_code_signing_config(FunctionName=name, CodeSigningConfigArn=config_arn)
    else:
        api.delete_function_code_signing_config(FunctionName=name)


def _delete(place: Place, made: Made, properties: Properties) -> None:
    gone_is_fine(place.api.delete_function, FunctionName=made.physical_id)


FUNCTION = ResourceType(
    name="AWS::Lambda::Function",
    name_property="FunctionName",
    properties=_APART
    | _DEFAULTS.keys()
    | {"Architectures", "FunctionName", "Handler", "PackageType", "Role", "Runtime"}
    | {"TenancyConfig"},
    attributes=frozenset(
        {
            "Arn",
            "SnapStartResponse",
            "SnapStartResponse.ApplyOn",
            "SnapStartResponse.OptimizationStatus",
        }
    ),
    replaced_by=frozenset({"FunctionName", "PackageType", "TenancyConfig"}),
    create=_create,
    update=_update,
    delete=_delete,
)
