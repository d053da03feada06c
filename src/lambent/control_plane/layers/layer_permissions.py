"""Who may get a layer version: the three operations on its policy.

Only one action exists, lambda:GetLayerVersion, and with it comes the use of the version in
functions: https://docs.aws.amazon.com/lambda/latest/dg/permissions-layer-cross-account.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lambent.control_plane.function_settings.unavailable_settings import refuse_unavailable
from lambent.control_plane.layers.layer_access import check_own, number_in
from lambent.control_plane.policies.policy_statements import (
    account_principal,
    check_size,
    compact,
    policy_missing,
    policy_text,
    statement_exists,
    statement_missing,
    wrong_revision,
)
from lambent.control_plane.revisions import new_id
from lambent.domain.errors import resource_not_found
from lambent.domain.layer import (
    EVERYBODY,
    LayerPermission,
    LayerVersion,
    parse_layer_reference,
)
from lambent.domain.quotas import LAYER_POLICY_BYTES
from lambent.store.layers import NotFound, PolicyChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.caller import Caller

    Change = Callable[[LayerVersion], tuple[LayerPermission, ...]]

_ADD_MEMBERS = frozenset(
    {"LayerName", "VersionNumber", "StatementId", "Action", "Principal", "RevisionId"}
)


class _Call(NamedTuple):
    plane: ControlPlane
    caller: Caller
    request: Mapping[str, Any]
    operation: str


async def add_layer_version_permission(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    refuse_unavailable(request, _ADD_MEMBERS)
    added = LayerPermission(
        statement_id=request["StatementId"], principal=_account_in(request["Principal"])
    )

    def with_it(version: LayerVersion) -> tuple[LayerPermission, ...]:
        if any(each.statement_id == added.statement_id for each in version.permissions):
            raise statement_exists(added.statement_id)
        return (*version.permissions, added)

    called = _Call(plane, caller, request, "AddLayerVersionPermission")
    version = await _change(called, with_it)
    return {
        "Statement": compact(_statement(version, added)),
        "RevisionId": version.policy_revision_id,
    }


async def remove_layer_version_permission(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    statement_id = request["StatementId"]

    def without_it(version: LayerVersion) -> tuple[LayerPermission, ...]:
        kept = tuple(each for each in version.permissions if each.statement_id != statement_id)
        if kept == version.permissions:
            raise statement_missing(statement_id)
        return kept

    await _change(_Call(plane, caller, request, "RemoveLayerVersionPermission"), without_it)
    return {}


async def get_layer_version_policy(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    version = _own_version(_Call(plane, caller, request, "GetLayerVersionPolicy"))
    if not version.permissions:
        raise policy_missing()
    return {"Policy": _policy(version), "RevisionId": version.policy_revision_id}


async def _change(call: _Call, change: Change) -> LayerVersion:
    """The version with its permissions changed. Whoever named no revision changes any."""
    while True:
        version = _own_version(call)
        permissions = change(version)
        _check_revision(version, call.request)
        changed = replace(version, permissions=permissions, policy_revision_id=new_id())
        check_size(_policy(changed), LAYER_POLICY_BYTES)
        try:
            await call.plane.layers.replace_policy(changed, if_revision=version.policy_revision_id)
        except (PolicyChanged, NotFound):
            continue  # another caller was faster: look again what there is to change
        return changed


def _own_version(call: _Call) -> LayerVersion:
    layer = parse_layer_reference(call.request["LayerName"], call.caller)
    number = number_in(call.request)
    arn = layer.version_arn(number)
    check_own(arn, layer, call.caller, call.operation)
    is_here = layer.region == call.caller.region
    version = call.plane.layers.version(layer, number) if is_here else None
    if version is None:
        raise resource_not_found(f"Layer version {arn} does not exist.")
    return version


def _check_revision(version: LayerVersion, request: Mapping[str, Any]) -> None:
    if request.get("RevisionId") not in (None, version.policy_revision_id):
        raise wrong_revision("GetLayerPolicy")


def _account_in(principal: str) -> str:
    """The account of a principal in one of the model's forms, or EVERYBODY."""
    return principal.split(":")[4] if principal.startswith("arn:") else principal


def _policy(version: LayerVersion) -> str:
    return policy_text([_statement(version, each) for each in version.permissions])


def _statement(version: LayerVersion, permission: LayerPermission) -> dict[str, Any]:
    account = permission.principal
    root = account_principal(account, version.layer.region)
    return {
        "Sid": permission.statement_id,
        "Effect": "Allow",
        "Principal": EVERYBODY if account == EVERYBODY else root,
        "Action": "lambda:GetLayerVersion",
        "Resource": version.arn,
    }
