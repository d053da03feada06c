"""PutProvisionedConcurrencyConfig, and reading, listing and deleting what it put.

https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambent.control_plane.concurrency.reserved_concurrency import (
    provisioned_of_function,
    refused_concurrency,
    reserved_of_function,
    unreserved_concurrency,
)
from lambent.control_plane.function_settings.snap_start import no_provisioned_concurrency
from lambent.control_plane.function_settings.tenancy import not_with_tenants
from lambent.control_plane.plane import (
    ControlPlane,
    alias_not_found,
    existing_function,
    existing_version,
    function_in,
    reference_in,
)
from lambent.control_plane.revisions import new_id
from lambent.domain.arn import LATEST, is_alias
from lambent.domain.errors import (
    ServiceError,
    invalid_parameter_value,
    resource_conflict,
    resource_not_found,
)
from lambent.domain.paging import page_of, position_of
from lambent.domain.provisioned_concurrency import ProvisionedConcurrency, wanted_environments
from lambent.domain.quotas import UNRESERVED_CONCURRENCY
from lambent.store.functions import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from lambent.domain.alias import Alias
    from lambent.domain.arn import FunctionReference
    from lambent.domain.caller import Caller
    from lambent.domain.function import FunctionVersion

_UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
_NOT_PUBLISHED = "The function resource provided must be an alias or a published version."


async def put_provisioned_concurrency_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = reference_in(plane, caller, request, "PutProvisionedConcurrencyConfig")
    qualifier = _qualifier(plane, reference, _UNPUBLISHED)
    async with plane.reserved_concurrency.changes:
        for version in _versions(plane, reference, qualifier):
            _check_version(version)
        _check_only_one(plane, reference, qualifier)
        requested = request["ProvisionedConcurrentExecutions"]
        _check_total(plane, reference, _config_of(plane, reference, qualifier), requested)
        config = ProvisionedConcurrency(
            account_id=reference.account_id,
            region=reference.region,
            name=reference.name,
            qualifier=qualifier,
            revision_id=new_id(),
            requested=requested,
            last_modified=_time(plane.clock()),
        )
        try:
            await plane.provisioned_concurrency.records.put(config)
        except NotFound:  # deleted meanwhile
            raise _not_found(reference, qualifier) from None
    return _answer(plane, config)


def _check_version(version: FunctionVersion) -> None:
    """Raise ServiceError unless its environments can be made ready ahead."""
    if version.version == LATEST:
        raise invalid_parameter_value(_UNPUBLISHED)
    if version.starts_from_snapshot:
        raise no_provisioned_concurrency()
    if version.is_tenant_isolated:
        raise not_with_tenants("Provisioned Concurrency")


def check_moved_alias(plane: ControlPlane, reference: FunctionReference, alias: Alias) -> None:
    """Raise ServiceError when provisioned concurrency of an alias cannot follow it there.

    `alias` is the function's, as it is to be. The caller holds `plane.reserved_concurrency.changes`.
    """
    if _config_of(plane, reference, alias.alias) is None:
        return
    for number in filter(None, (alias.version, alias.second_version)):
        _check_version(existing_version(plane, replace(reference, qualifier=number)))
    _check_unprovisioned(plane, reference, alias)


def _check_only_one(plane: ControlPlane, reference: FunctionReference, qualifier: str) -> None:
    """Raise ServiceError when a version would have one of its own and one of an alias."""
    alias = _alias(plane, reference, qualifier)
    if alias is not None:
        _check_unprovisioned(plane, reference, alias)
        return
    function = (reference.account_id, reference.region, reference.name)
    pointing = plane.aliases.pointing_to(*function, qualifier)
    if any(_config_of(plane, reference, each.alias) for each in pointing):
        raise resource_conflict("Version is pointed by a Provisioned Concurrency alias")


def _check_unprovisioned(plane: ControlPlane, reference: FunctionReference, alias: Alias) -> None:
    """Raise ServiceError when a version the alias points to has a configuration of its own."""
    versions = filter(None, (alias.version, alias.second_version))
    if any(_config_of(plane, reference, version) for version in versions):
        raise resource_conflict(
            "Alias can't be used for Provisioned Concurrency configuration on an already "
            "Provisioned version"
        )


def _check_total(
    plane: ControlPlane,
    reference: FunctionReference,
    before: ProvisionedConcurrency | None,
    requested: int,
) -> None:
    """Raise ServiceError when the function, or its account, has not as much to spare."""
    others = provisioned_of_function(plane, reference) - (before.requested if before else 0)
    reserved = reserved_of_function(plane, reference)
    if reserved is None:
        account = unreserved_concurrency(plane, reference, but=reference.name)
        _check_unreserved(account - others, requested)
    elif others + requested > reserved.executions:
        raise invalid_parameter_value(
            "Requested Provisioned Concurrency should not be greater than the "
            "reservedConcurrentExecution for function"
        )


def _check_unreserved(unreserved: int, requested: int) -> None:
    """Raise ServiceError when too little is left to functions without a share of their own."""
    if requested > unreserved:
        raise refused_concurrency(
            "Specified ConcurrentExecutions for function is greater than account's unreserved "
            f"concurrency [{unreserved}]."
        )
    if unreserved - requested < UNRESERVED_CONCURRENCY:
        raise refused_concurrency(
            "Specified ConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of "
            f"[{UNRESERVED_CONCURRENCY}]."
        )


async def get_provisioned_concurrency_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = reference_in(plane, caller, request, "GetProvisionedConcurrencyConfig")
    config = _config_of(plane, reference, _qualifier(plane, reference, _NOT_PUBLISHED))
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
    reference = reference_in(plane, caller, request, "DeleteProvisionedConcurrencyConfig")
    qualifier = _qualifier(plane, reference, _NOT_PUBLISHED)
    async with plane.reserved_concurrency.changes:
        config = _config_of(plane, reference, qualifier)
        if config is not None:
            with contextlib.suppress(NotFound):  # gone with its version or alias meanwhile
                await plane.provisioned_concurrency.records.delete(config)
    return {}


async def list_provisioned_concurrency_configs(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = function_in(plane, caller, request, "ListProvisionedConcurrencyConfigs")
    existing_function(plane, reference)
    listing = f"provisioned-concurrency/{reference.arn}"
    configs = plane.provisioned_concurrency.records.of_function(
        reference.account_id, reference.region, reference.name
    )
    configs.sort(key=lambda config: _order(config.qualifier))
    if request.get("Marker"):
        last = position_of(request["Marker"], listing, _order)
        configs = [config for config in configs if _order(config.qualifier) > last]
    page, marker = page_of(
        configs, lambda config: config.qualifier, listing, request.get("MaxItems")
    )
    return {
        "ProvisionedConcurrencyConfigs": [
            {"FunctionArn": config.arn, **_answer(plane, config)} for config in page
        ],
        "NextMarker": marker,
    }


def _order(qualifier: str) -> tuple[int, str]:
    """Versions by number, then aliases by name."""
    return (0, f"{int(qualifier):020}") if qualifier.isdigit() else (1, qualifier)


def _qualifier(plane: ControlPlane, reference: FunctionReference, if_latest: str) -> str:
    """The version or alias that is meant; raises ServiceError for what cannot be."""
    qualifier = reference.qualifier or LATEST
    if qualifier == LATEST:
        raise invalid_parameter_value(if_latest)
    _versions(plane, reference, qualifier)
    return qualifier


def _versions(
    plane: ControlPlane, reference: FunctionReference, qualifier: str
) -> list[FunctionVersion]:
    """The one, or those the alias points to. Raises ServiceError when there is no such thing."""
    alias = _alias(plane, reference, qualifier)
    if alias is None and is_alias(qualifier):
        raise alias_not_found(reference)
    numbers = [qualifier] if alias is None else [alias.version, alias.second_version]
    return [
        existing_version(plane, replace(reference, qualifier=number))
        for number in numbers
        if number
    ]


def _alias(plane: ControlPlane, reference: FunctionReference, qualifier: str) -> Alias | None:
    return plane.aliases.get(reference.account_id, reference.region, reference.name, qualifier)


def _not_found(reference: FunctionReference, qualifier: str) -> ServiceError:
    if is_alias(qualifier):
        return alias_not_found(reference)
    return resource_not_found(f"Function not found: {reference.qualified_arn}")


def _config_of(
    plane: ControlPlane, reference: FunctionReference, qualifier: str
) -> ProvisionedConcurrency | None:
    return plane.provisioned_concurrency.records.get(
        reference.account_id, reference.region, reference.name, qualifier
    )


def _answer(plane: ControlPlane, config: ProvisionedConcurrency) -> dict[str, Any]:
    alias = plane.aliases.get(config.account_id, config.region, config.name, config.qualifier)
    allocation = plane.provisioned_concurrency.allocation(
        config, wanted_environments(config, alias)
    )
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
