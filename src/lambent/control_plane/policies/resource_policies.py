"""Policies of functions as whole documents: PutResourcePolicy, GetResourcePolicy and Delete.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from lambent.control_plane.plane import ControlPlane, allowed
from lambent.control_plane.policies.function_policies import (
    check_not_latest,
    check_owner,
    check_revision,
    delete_policy,
    policy_at,
    put_policy,
)
from lambent.control_plane.policies.policy_statements import (
    check_action,
    check_resource,
    compact,
    names_identity,
)
from lambent.control_plane.stored_only import tell_stored_only
from lambent.domain.arn import FunctionReference, parse_function_reference
from lambent.domain.errors import invalid_parameter_value, resource_not_found
from lambent.domain.policy_statement import statements_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.caller import Caller
    from lambent.domain.resource_policy import FunctionPolicy

_READ = "GetResourcePolicy"


async def put_resource_policy(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Replaces the whole policy, also one that AddPermission made."""
    reference = _reference(plane, caller, request, "PutResourcePolicy")
    check_not_latest(reference)
    # Beside the event loop: a policy has room for some thousand patterns, for each action a try.
    document = await asyncio.to_thread(_document, request["Policy"], reference)
    async with plane.policies.changes:
        check_owner(plane, reference)
        check_revision(plane, reference, request, _READ)
        policy = await put_policy(plane, reference, document)
    if names_identity(json.loads(document)["Statement"]):
        tell_stored_only("PutResourcePolicy.Policy", reference.qualified_arn)
    return _answer(policy)


async def get_resource_policy(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    return _answer(_existing(plane, _reference(plane, caller, request, _READ)))


async def delete_resource_policy(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = _reference(plane, caller, request, "DeleteResourcePolicy")
    async with plane.policies.changes:
        policy = _existing(plane, reference)
        check_revision(plane, reference, request, _READ)
        await delete_policy(plane, policy)
    return {}


def _reference(
    plane: ControlPlane, caller: Caller, request: Mapping[str, Any], operation: str
) -> FunctionReference:
    arn: str = request["ResourceArn"]
    if ":function:" not in arn:
        raise invalid_parameter_value(
            "Policies of runtimes are not available in this release of Lambent: "
            "only functions have them."
        )
    return allowed(plane, caller, parse_function_reference(arn, caller), operation)


def _existing(plane: ControlPlane, reference: FunctionReference) -> FunctionPolicy:
    policy = policy_at(plane, reference)
    if policy is None:
        raise resource_not_found("The resource you requested does not exist.")
    return policy


def _document(text: str, reference: FunctionReference) -> str:
    """The policy with its statements as a list, so that AddPermission can add to them.

    Raises ServiceError unless all of it can be evaluated, and be about `reference`.
    """
    for statement in statements_of(text):
        for action in statement.actions:
            check_action(action)
        for resource in statement.resources:
            check_resource(resource, reference)
    policy: dict[str, Any] = json.loads(text)
    statements = policy["Statement"]
    return compact(
        {**policy, "Statement": statements if isinstance(statements, list) else [statements]}
    )


def _answer(policy: FunctionPolicy) -> dict[str, Any]:
    return {"Policy": policy.document, "RevisionId": policy.revision_id}
