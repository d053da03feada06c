"""PutProvisionedConcurrencyConfig, and reading, listing and deleting what it put.

https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.control_plane.plane import ControlPlane, existing_function, reference_in
from lambent.control_plane.snap_start import no_provisioned_concurrency
from lambent.control_plane.tenancy import not_with_tenants
from lambent.domain.arn import LATEST, is_alias
from lambent.domain.errors import ServiceError, invalid_parameter_value, resource_not_found
from lambent.domain.paging import key_of, page_of
from lambent.domain.provisioned_concurrency import ProvisionedConcurrency
from lambent.domain.quotas import UNRESERVED_CONCURRENCY
from lambent.store.functions import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lambent.domain.caller import Caller
    from lambent.domain.function import FunctionVersion


async def put_provisioned_concurrency_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    version = _published_version(
        plane,
        caller,
        request,
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
    )
    if version.starts_from_snapshot:
        raise no_provisioned_concurrency()
    if version.is_tenant_isolated:
        raise not_with_tenants("Provisioned Concurrency")
    config = ProvisionedConcurrency(
        account_id=version.account_id,
        region=version.region,
        name=version.name,
        version=version.version,
        requested=request["ProvisionedConcurrentExecutions"],
        last_modified=_time(plane.clock()),
    )

    def check_total(others: int) -> None:
        _check_unreserved(plane.concurrency - others, config.requested)

    try:
        await plane.provisioned_concurrency.put(config, check_total)
    except NotFound:  # deleted meanwhile
        raise resource_not_found(f"Function not found: {config.qualified_arn}") from None
    return _answer(plane, config)


def _check_unreserved(unreserved: int, requested: int) -> None:
    """Raise ServiceError when too little is left to functions without a share of their own."""
    if requested > unreserved:
        raise invalid_parameter_value(
            "Specified ConcurrentExecutions for function is greater than account's unreserved "
            f"concurrency [{unreserved}]."
        )
    if unreserved - requested < UNRESERVED_CONCURRENCY:
        raise invalid_parameter_value(
            "Specified ConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of "
            f"[{UNRESERVED_CONCURRENCY}]."
        )


async def get_provisioned_concurrency_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    version = _published_version(plane, caller, request, _NOT_PUBLISHED)
    config = await plane.provisioned_concurrency.get(
        version.account_id, version.region, version.name, version.version
    )
    if config is None:
        raise ServiceError(
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
        )
    return _answer(plane, config)


async def delete_provisioned_concurrency_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """A configuration that does not exist is as deleted as the caller wants it."""
    version = _published_version(plane, caller, request, _NOT_PUBLISHED)
    await plane.provisioned_concurrency.delete(
        version.account_id, version.region, version.name, version.version
    )
    return {}


async def list_provisioned_concurrency_configs(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = reference_in(request, caller)
    existing_function(plane, reference)
    listing = f"provisioned-concurrency/{reference.arn}"
    configs = await plane.provisioned_concurrency.of_function(
        reference.account_id, reference.region, reference.name
    )
    if request.get("Marker"):
        # A marker is checked to be ours, and the keys in ours are numbers.
        last = int(key_of(request["Marker"], listing))
        configs = [config for config in configs if int(config.version) > last]
    page, marker = page_of(configs, lambda config: config.version, listing, request.get("MaxItems"))
    return {
        "ProvisionedConcurrencyConfigs": [
            {"FunctionArn": config.qualified_arn, **_answer(plane, config)} for config in page
        ],
        "NextMarker": marker,
    }


_NOT_PUBLISHED = "The function resource provided must be an alias or a published version."


def _published_version(
    plane: ControlPlane, caller: Caller, request: Mapping[str, Any], if_latest: str
) -> FunctionVersion:
    """The version that is meant; raises ServiceError with AWS's words for each that cannot be."""
    reference = reference_in(request, caller)
    qualifier = reference.qualifier or LATEST
    if qualifier == LATEST:
        raise invalid_parameter_value(if_latest)
    if is_alias(qualifier):
        # There are no aliases yet.
        raise resource_not_found(f"Cannot find alias arn: {reference.qualified_arn}")
    version = plane.functions.version(
        reference.account_id, reference.region, reference.name, qualifier
    )
    if version is None:
        raise resource_not_found(f"Function not found: {reference.qualified_arn}")
    return version


def _answer(plane: ControlPlane, config: ProvisionedConcurrency) -> dict[str, Any]:
    allocation = plane.provisioned_concurrency.allocation(config)
    return {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AvailableProvisionedConcurrentExecutions": allocation.available,
        "AllocatedProvisionedConcurrentExecutions": allocation.available,
        "Status": allocation.status,
        "StatusReason": allocation.reason,
        "LastModified": config.last_modified,
    }


def _time(moment: datetime) -> str:
    """`2026-01-31T12:00:00+0000`, as this API has it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S%z}"
