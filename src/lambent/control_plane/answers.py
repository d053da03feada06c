"""How a function version looks in answers.

Which members appear in which answer follows answers recorded from AWS: what an operation answers
about one version has its state; what a list says about it has not.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lambent.control_plane.function_settings.customer_keys import described_environment
from lambent.control_plane.function_settings.logging_configuration import described_logging
from lambent.control_plane.function_settings.network_settings import (
    described_file_systems,
    described_vpc,
)
from lambent.control_plane.function_settings.tenancy import PER_TENANT
from lambent.control_plane.runtimes.runtime_versions import version_config

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.function import FunctionVersion


async def configuration(
    plane: ControlPlane, version: FunctionVersion, *, is_qualified: bool
) -> dict[str, Any]:
    """The model's FunctionConfiguration, as operations on one version answer it.

    `is_qualified` says whether FunctionArn names the version. Members that are None are left out
    by the serializer.
    """
    return {
        **await listed_configuration(plane, version, is_qualified=is_qualified),
        "State": version.state,
        "StateReason": version.state_reason,
        "StateReasonCode": version.state_reason_code,
        "LastUpdateStatus": version.last_update_status,
        "LastUpdateStatusReason": version.last_update_status_reason,
        "LastUpdateStatusReasonCode": version.last_update_status_reason_code,
        "RuntimeVersionConfig": version_config(plane, version),
    }


async def listed_configuration(
    plane: ControlPlane, version: FunctionVersion, *, is_qualified: bool
) -> dict[str, Any]:
    """The model's FunctionConfiguration, as lists answer it."""
    return {
        "FunctionName": version.name,
        "FunctionArn": version.qualified_arn if is_qualified else version.arn,
        "Runtime": version.runtime,
        "Role": version.role,
        "Handler": version.handler,
        "CodeSize": version.code_bytes,
        "Description": version.description,
        "Timeout": version.timeout_seconds,
        "MemorySize": version.memory_mib,
        "LastModified": version.last_modified,
        "CodeSha256": version.code_sha256,
        "Version": version.version,
        "VpcConfig": described_vpc(version),
        "DeadLetterConfig": (
            {"TargetArn": version.dead_letter_arn} if version.dead_letter_arn else None
        ),
        "Environment": await described_environment(plane, version),
        "KMSKeyArn": version.kms_key_arn,
        "TracingConfig": {"Mode": "Active" if version.is_traced else "PassThrough"},
        "RevisionId": version.revision_id,
        "PackageType": "Zip",
        "Architectures": [version.architecture],
        "Layers": [{"Arn": layer.arn, "CodeSize": layer.code_bytes} for layer in version.layers]
        or None,
        "FileSystemConfigs": described_file_systems(version),
        "EphemeralStorage": {"Size": version.ephemeral_storage_mib},
        "SnapStart": _snap_start(version),
        "LoggingConfig": described_logging(version),
        "TenancyConfig": PER_TENANT if version.is_tenant_isolated else None,
    }


async def listed_configurations(
    plane: ControlPlane, versions: Iterable[FunctionVersion], *, is_qualified: bool
) -> list[dict[str, Any]]:
    """Of a page. Variables under keys of the customer's are all asked for at once."""
    async with asyncio.TaskGroup() as tasks:
        described = [
            tasks.create_task(
                listed_configuration(plane, each, is_qualified=is_qualified), name=each.name
            )
            for each in versions
        ]
    return [task.result() for task in described]


def _snap_start(version: FunctionVersion) -> dict[str, str]:
    is_on = version.starts_from_snapshot and version.state == "Active"
    return {
        "ApplyOn": "PublishedVersions" if version.is_snap_start else "None",
        "OptimizationStatus": "On" if is_on else "Off",
    }
