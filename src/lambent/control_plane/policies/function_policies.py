"""What every change of a function's policy has in common: whose it is, revisions, the record.

A policy has revisions of its own: a function, version or alias keeps its revision when its policy
changes, and the policy keeps its when they do.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lambent.control_plane.plane import alias_not_found
from lambent.control_plane.policies.policy_statements import check_size, wrong_revision
from lambent.control_plane.revisions import new_id
from lambent.domain.arn import LATEST, is_alias
from lambent.domain.errors import invalid_parameter_value, resource_not_found
from lambent.domain.quotas import FUNCTION_POLICY_BYTES
from lambent.domain.resource_policy import FunctionPolicy
from lambent.store.functions import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.alias import Alias
    from lambent.domain.arn import FunctionReference
    from lambent.domain.errors import ServiceError
    from lambent.domain.function import FunctionVersion


def check_not_latest(reference: FunctionReference) -> None:
    """Raise ServiceError for `$LATEST` by that name, which has no policy of its own."""
    if reference.qualifier == LATEST:
        raise invalid_parameter_value("We currently do not support adding policies for $LATEST.")


def policy_at(plane: ControlPlane, reference: FunctionReference) -> FunctionPolicy | None:
    return plane.policies.get(
        reference.account_id, reference.region, reference.name, reference.qualifier or ""
    )


def is_alias_missing(plane: ControlPlane, reference: FunctionReference) -> bool:
    """Whether the qualifier has the form of an alias's name, and the function has none such."""
    qualifier = reference.qualifier
    is_name = qualifier is not None and is_alias(qualifier) and "$" not in qualifier
    return is_name and _owner(plane, reference) is None


def check_owner(plane: ControlPlane, reference: FunctionReference) -> None:
    """Raise ServiceError unless there is what a policy at `reference` would belong to."""
    if _owner(plane, reference) is None:
        raise _owner_missing(plane, reference)


def check_revision(
    plane: ControlPlane, reference: FunctionReference, request: Mapping[str, Any], operation: str
) -> None:
    """Raise ServiceError when the request is meant for another revision.

    Until there is a policy, the revision is that of the function, version or alias.
    """
    stored = policy_at(plane, reference) or _owner(plane, reference)
    latest = stored.revision_id if stored is not None else None
    if request.get("RevisionId") not in (None, latest):
        raise wrong_revision(operation)


async def put_policy(
    plane: ControlPlane, reference: FunctionReference, document: str
) -> FunctionPolicy:
    """Store a policy in JSON in place of any; the caller holds the store's `changes`.

    Raises ServiceError when it is too long, or what it belongs to is deleted meanwhile.
    """
    check_size(document, FUNCTION_POLICY_BYTES)
    policy = FunctionPolicy(
        account_id=reference.account_id,
        region=reference.region,
        name=reference.name,
        qualifier=reference.qualifier or "",
        revision_id=new_id(),
        document=document,
    )
    try:
        await plane.policies.put(policy)
    except NotFound:
        raise _owner_missing(plane, reference) from None
    return policy


async def delete_policy(plane: ControlPlane, policy: FunctionPolicy) -> None:
    """The caller holds the store's `changes`. What is gone with its function is gone."""
    with suppress(NotFound):
        await plane.policies.delete(policy)


def _owner(plane: ControlPlane, reference: FunctionReference) -> FunctionVersion | Alias | None:
    function = (reference.account_id, reference.region, reference.name)
    qualifier = reference.qualifier or LATEST
    if is_alias(qualifier):
        return plane.aliases.get(*function, qualifier)
    return plane.functions.version(*function, qualifier)


def _owner_missing(plane: ControlPlane, reference: FunctionReference) -> ServiceError:
    if is_alias_missing(plane, reference):
        return alias_not_found(reference)
    return resource_not_found(f"Function not found: {reference.qualified_arn}")
