"""Policies of functions as whole documents: PutResourcePolicy, GetResourcePolicy and Delete.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lambent.control_plane.policies.function_policies import (
    check_may_administer,
    check_not_latest,
    check_owner,
    check_revision,
    delete_policy,
    policy_at,
    put_policy,
)
from lambent.control_plane.policies.policy_statements import compact
from lambent.domain.arn import FunctionReference, parse_function_reference
from lambent.domain.errors import invalid_parameter_value, resource_not_found
from lambent.domain.policy_statement import statements_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.caller import Caller
    from lambent.domain.resource_policy import FunctionPolicy

_READ = "GetResourcePolicy"


async def put_resource_policy(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Replaces the whole policy, also one that AddPermission made."""
    reference = _reference(plane, caller, request, "PutResourcePolicy")
    check_not_latest(reference)
    document = _document(request["Policy"])
    async with plane.policies.changes:
        check_owner(plane, reference)
        check_revision(plane, reference, request, _READ)
        return _answer(await put_policy(plane, reference, document))


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
    reference = parse_function_reference(arn, caller)
    check_may_administer(plane, caller, reference, operation)
    return reference


def _existing(plane: ControlPlane, reference: FunctionReference) -> FunctionPolicy:
    policy = policy_at(plane, reference)
    if policy is None:
        raise resource_not_found("The resource you requested does not exist.")
    return policy


def _document(text: str) -> str:
    """The policy with its statements as a list, so that AddPermission can add to them.

    Raises ServiceError unless all of it can be evaluated.
    """
    statements_of(text)
    policy: dict[str, Any] = json.loads(text)
    statements = policy["Statement"]
    return compact(
        {**policy, "Statement": statements if isinstance(statements, list) else [statements]}
    )


def _answer(policy: FunctionPolicy) -> dict[str, Any]:
    return {"Policy": policy.document, "RevisionId": policy.revision_id}
