"""Aliases: CreateAlias, GetAlias, ListAliases, UpdateAlias, DeleteAlias.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambent.control_plane.concurrency.provisioned_concurrency import check_moved_alias
from lambent.control_plane.plane import (
    ControlPlane,
    alias_not_found,
    existing_function,
    existing_version,
    function_in,
)
from lambent.control_plane.revisions import check_revision, new_id
from lambent.domain.alias import Alias
from lambent.domain.arn import LATEST, FunctionReference
from lambent.domain.errors import (
    ServiceError,
    invalid_parameter_value,
    resource_conflict,
    resource_not_found,
)
from lambent.domain.paging import key_of, page_of
from lambent.store.functions import AlreadyExists, NotFound, RevisionMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.caller import Caller


async def create_alias(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = function_in(plane, caller, request, "CreateAlias")
    alias = Alias(
        account_id=reference.account_id,
        region=reference.region,
        name=reference.name,
        alias=request["Name"],
        version=request["FunctionVersion"],
        description=request.get("Description", ""),
        revision_id=new_id(),
    )
    alias = _with_routing(alias, request)
    while True:
        _check_target(plane, alias)
        try:
            await plane.aliases.create(alias)
        except AlreadyExists:
            raise resource_conflict(f"Alias already exists: {alias.arn}") from None
        except NotFound:
            continue  # what it points to was deleted meanwhile: the check says which
        return _answer(alias)


async def get_alias(plane: ControlPlane, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    reference = function_in(plane, caller, request, "GetAlias")
    alias = _found(plane, reference, request["Name"])
    if alias is None:
        raise alias_not_found(replace(reference, qualifier=request["Name"]))
    return _answer(alias)


async def list_aliases(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = function_in(plane, caller, request, "ListAliases")
    existing_function(plane, reference)
    function = (reference.account_id, reference.region, reference.name)
    version = request.get("FunctionVersion")
    # "Only list aliases that invoke that version": also those that give it a share.
    aliases = (
        plane.aliases.pointing_to(*function, version)
        if version
        else plane.aliases.of_function(*function)
    )
    listing = f"aliases/{reference.arn}/{version}"
    if request.get("Marker"):
        last = key_of(request["Marker"], listing)
        aliases = [alias for alias in aliases if alias.alias > last]
    page, marker = page_of(aliases, lambda alias: alias.alias, listing, request.get("MaxItems"))
    return {"Aliases": [_answer(alias) for alias in page], "NextMarker": marker}


async def update_alias(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Every update gives a new revision, as on AWS, also one that changes nothing."""
    reference = function_in(plane, caller, request, "UpdateAlias")
    while True:
        alias = _found(plane, reference, request["Name"])
        if alias is None:
            raise resource_not_found(f"Alias not found: {reference.arn}:{request['Name']}")
        check_revision(alias, request)
        updated = _updated(alias, request)
        _check_target(plane, updated)
        try:
            # Nobody provisions a version meanwhile that the alias brings its own environments to.
            async with plane.reserved_concurrency.changes:
                check_moved_alias(plane, replace(reference, qualifier=None), updated)
                await plane.aliases.replace(updated, if_revision=alias.revision_id)
        except (RevisionMismatch, NotFound):
            continue  # changed meanwhile: look again what there is to do
        return _answer(updated)


def _updated(alias: Alias, request: Mapping[str, Any]) -> Alias:
    """`alias` with what the request has; the rest stays, the routing too."""
    updated = replace(
        alias,
        version=request.get("FunctionVersion", alias.version),
        description=request.get("Description", alias.description),
        revision_id=new_id(),
    )
    return updated if request.get("RoutingConfig") is None else _with_routing(updated, request)


async def delete_alias(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """An alias that does not exist is as deleted as the caller wants it."""
    reference = function_in(plane, caller, request, "DeleteAlias")
    existing_function(plane, reference)
    alias = _found(plane, reference, request["Name"])
    if alias is not None:
        await plane.aliases.delete(alias)
    return {}


def _found(plane: ControlPlane, reference: FunctionReference, name: str) -> Alias | None:
    return plane.aliases.get(reference.account_id, reference.region, reference.name, name)


def _with_routing(alias: Alias, request: Mapping[str, Any]) -> Alias:
    """`alias` with the request's share for a second version, or with none.

    Raises ServiceError for more than one; the model checks versions and weights.
    """
    weights = (request.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    if len(weights) > 1:
        raise invalid_parameter_value(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    for version, weight in weights.items():
        return replace(alias, second_version=version, second_weight=weight)
    return replace(alias, second_version=None, second_weight=0.0)


def _check_target(plane: ControlPlane, alias: Alias) -> None:
    """Raise ServiceError unless an alias may point where this one does."""
    if alias.second_version is not None and alias.version == LATEST:
        raise ServiceError(
            "InvalidParameterValueException",
            "$LATEST is not supported for an alias pointing to more than 1 version",
            Type=None,
        )
    if alias.version == alias.second_version:
        raise invalid_parameter_value(
            f"Invalid function version {alias.version}. Function version {alias.version} is "
            "already included in routing configuration."
        )
    function = FunctionReference(
        account_id=alias.account_id, region=alias.region, name=alias.name, qualifier=None
    )
    first = existing_version(plane, replace(function, qualifier=alias.version))
    if alias.second_version is None:
        return
    second = existing_version(plane, replace(function, qualifier=alias.second_version))
    if first.role != second.role:
        raise invalid_parameter_value(
            "Specified versions must be associated with the same execution role"
        )
    if first.dead_letter_arn != second.dead_letter_arn:
        # AWS documents the rule, and not its words.
        raise invalid_parameter_value(
            "Specified versions must be associated with the same dead-letter queue configuration"
        )


def _answer(alias: Alias) -> dict[str, Any]:
    weights = {alias.second_version: alias.second_weight}
    is_routed = alias.second_version is not None
    return {
        "AliasArn": alias.arn,
        "Name": alias.alias,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RoutingConfig": {"AdditionalVersionWeights": weights} if is_routed else None,
        "RevisionId": alias.revision_id,
    }
