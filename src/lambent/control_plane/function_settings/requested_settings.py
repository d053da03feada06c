"""What a request says about a function's configuration, checked beyond what the model can say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lambent.control_plane.function_settings.dead_letters import requested_dead_letter_arn
from lambent.control_plane.function_settings.logging_configuration import requested_logging
from lambent.control_plane.function_settings.network_settings import (
    requested_file_systems,
    requested_vpc,
)
from lambent.control_plane.function_settings.unavailable_settings import refuse_unavailable
from lambent.control_plane.stored_only import tell_stored_only
from lambent.domain.environment_variables import RESERVED
from lambent.domain.errors import invalid_parameter_value
from lambent.domain.function import DEFAULT_LOGGING, VpcConfiguration
from lambent.domain.quotas import ENVIRONMENT_BYTES
from lambent.domain.runtime_catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.function import FunctionVersion

# Members of a request, and the field of a FunctionVersion each one sets as it is.
_FIELDS = {
    "Runtime": "runtime",
    "Role": "role",
    "Handler": "handler",
    "Description": "description",
    "Timeout": "timeout_seconds",
    "MemorySize": "memory_mib",
}

_SETTINGS = frozenset(_FIELDS) | {
    "DeadLetterConfig",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "KMSKeyArn",
    "LoggingConfig",
    "SnapStart",
    "TracingConfig",
    "VpcConfig",
}

# What nothing acts on yet, and the field that says whether a version has it.
_STORED_ONLY_FIELDS = {
    "FileSystemConfigs": "file_systems",
    "TracingConfig": "is_traced",
    "VpcConfig": "vpc",
}

# What an execution environment is made from: a change of one of these must reach new ones only.
ENVIRONMENT_FIELDS = frozenset(
    {
        "runtime",
        "role",
        "handler",
        "timeout_seconds",
        "memory_mib",
        "ephemeral_storage_mib",
        "architecture",
        "environment",
        "sealed_environment",
        "vpc",
        "file_systems",
        "is_traced",
        "code_sha256",
        "layers",
        "logging",
        "runtime_management",
        "is_snap_start",
    }
)


def requested_settings(
    plane: ControlPlane,
    request: Mapping[str, Any],
    *,
    name: str,
    current: FunctionVersion | None,
    others: frozenset[str],
) -> dict[str, Any]:
    """The fields of a FunctionVersion that `request` sets; what it leaves out is left out.

    `name` is the function's, and `current` what it is so far. `others` are the members of the
    request the operation itself acts on. Raises ServiceError for values AWS refuses, and for
    settings that are not available.
    """
    refuse_unavailable(request, _SETTINGS | others)
    settings = {field: request[member] for member, field in _FIELDS.items() if member in request}
    _check_no_null(request.get("Handler", ""), "Handler")
    if "EphemeralStorage" in request:
        settings["ephemeral_storage_mib"] = request["EphemeralStorage"]["Size"]
    if "SnapStart" in request:
        settings["is_snap_start"] = request["SnapStart"].get("ApplyOn") == "PublishedVersions"
    if request.get("LoggingConfig"):
        logging = current.logging if current is not None else DEFAULT_LOGGING
        settings["logging"] = requested_logging(request["LoggingConfig"], logging, name)
    if "Environment" in request:
        variables = request["Environment"].get("Variables", {})
        check_environment(variables)
        settings["environment"] = variables
        settings["has_environment"] = True
    return settings | _neighbours(plane, request, current)


def _neighbours(
    plane: ControlPlane, request: Mapping[str, Any], current: FunctionVersion | None
) -> dict[str, Any]:
    """The fields that name something outside Lambda: networks, file systems, queues, keys."""
    settings: dict[str, Any] = {}
    if "VpcConfig" in request:
        attached = current.vpc if current is not None else None
        settings["vpc"] = requested_vpc(plane, request["VpcConfig"], attached)
    if "FileSystemConfigs" in request:
        settings["file_systems"] = requested_file_systems(plane, request["FileSystemConfigs"])
    if "DeadLetterConfig" in request:
        settings["dead_letter_arn"] = requested_dead_letter_arn(request["DeadLetterConfig"])
    if request.get("TracingConfig", {}).get("Mode"):
        settings["is_traced"] = request["TracingConfig"]["Mode"] == "Active"
    if "KMSKeyArn" in request:
        settings["kms_key_arn"] = request["KMSKeyArn"] or None
    return settings


def tell_unenforced(version: FunctionVersion, previous: FunctionVersion | None = None) -> None:
    """Say in the server's log which settings `version` has, and `previous` had not, for nothing."""
    for name, field in _STORED_ONLY_FIELDS.items():
        value = getattr(version, field)
        is_set = bool(value) and value != VpcConfiguration()
        if is_set and (previous is None or value != getattr(previous, field)):
            tell_stored_only(name, version.arn)


def requested_architecture(
    plane: ControlPlane, request: Mapping[str, Any], runtime: str
) -> str | None:
    """The architecture `request` names, if any, for a function with `runtime`.

    Raises ServiceError when this host does not run it.
    """
    if not request.get("Architectures"):
        return None
    architecture: str = request["Architectures"][0]
    check_architecture(plane, architecture, runtime)
    return architecture


def check_architecture(plane: ControlPlane, architecture: str, runtime: str) -> None:
    """Raise ServiceError unless functions with `runtime` run here on `architecture`."""
    if architecture == plane.architecture:
        return
    if architecture not in plane.emulated_architectures:
        raise invalid_parameter_value(
            f"Architecture {architecture} is not available: this host runs {plane.architecture}. "
            "Functions with an OS-only runtime can have another where the kernel has an emulator "
            "for it (binfmt_misc)."
        )
    if CATALOGUE[runtime].family != "provided":
        raise invalid_parameter_value(
            f"Architecture {architecture} is available for OS-only runtimes only: the interpreter "
            f"for {runtime} on this host is one for {plane.architecture}."
        )


def check_environment(variables: Mapping[str, str]) -> None:
    """Raise ServiceError for environment variables AWS refuses.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    reserved = sorted(RESERVED & variables.keys())
    if reserved:
        raise invalid_parameter_value(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode(errors="replace")) > ENVIRONMENT_BYTES:
        raise invalid_parameter_value(
            "Lambda was unable to configure your environment variables because the environment "
            f"variables you have provided exceeded the 4KB limit. String measured: {measured}"
        )
    for value in variables.values():
        _check_no_null(value, "Environment variables")


def _check_no_null(value: str, what: str) -> None:
    # No process on Linux can be given one: the system ends the text there.
    if "\0" in value:
        raise invalid_parameter_value(f"{what} must not contain a null character.")
