"""Policies of functions, statement by statement: AddPermission, RemovePermission, GetPolicy.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lambent.control_plane.plane import ControlPlane, alias_not_found, reference_in
from lambent.control_plane.policies.function_policies import (
    check_not_latest,
    check_owner,
    check_revision,
    delete_policy,
    is_alias_missing,
    policy_at,
    put_policy,
)
from lambent.control_plane.policies.policy_statements import (
    account_principal,
    check_action,
    compact,
    names_identity,
    policy_missing,
    policy_text,
    statement_exists,
    statement_missing,
)
from lambent.control_plane.stored_only import tell_stored_only
from lambent.domain.errors import invalid_parameter_value, resource_not_found
from lambent.domain.policy_statement import EVERYBODY, check_principal, is_service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.arn import FunctionReference
    from lambent.domain.caller import Caller
    from lambent.domain.resource_policy import FunctionPolicy

# The members of AddPermission that make conditions, in AWS's order: operator, key.
_CONDITIONS = {
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
}
# Those that a single action has a use for.
_ACTIONS = {
    "FunctionUrlAuthType": "lambda:InvokeFunctionUrl",
    "InvokedViaFunctionUrl": "lambda:InvokeFunction",
}


async def add_permission(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = reference_in(plane, caller, request, "AddPermission")
    check_not_latest(reference)
    _check_members(request)
    async with plane.policies.changes:
        check_owner(plane, reference)
        policy = policy_at(plane, reference)
        document = _document(policy)
        if any(each.get("Sid") == request["StatementId"] for each in document["Statement"]):
            raise statement_exists(request["StatementId"])
        check_revision(plane, reference, request, "GetPolicy")
        statement = _statement(reference, request)
        document["Statement"].append(statement)
        await put_policy(plane, reference, compact(document))
    if names_identity([statement]):
        tell_stored_only("AddPermission.Principal", reference.qualified_arn)
    return {"Statement": compact(statement)}


async def remove_permission(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = reference_in(plane, caller, request, "RemovePermission")
    async with plane.policies.changes:
        policy = _removable_policy(plane, reference)
        document = _document(policy)
        kept = [each for each in document["Statement"] if each.get("Sid") != request["StatementId"]]
        if len(kept) == len(document["Statement"]):
            raise statement_missing(request["StatementId"])
        check_revision(plane, reference, request, "GetPolicy")
        if kept:
            await put_policy(plane, reference, compact({**document, "Statement": kept}))
        else:
            await delete_policy(plane, policy)
    return {}


async def get_policy(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = reference_in(plane, caller, request, "GetPolicy")
    policy = policy_at(plane, reference)
    if policy is None:
        raise resource_not_found("The resource you requested does not exist.")
    return {"Policy": policy.document, "RevisionId": policy.revision_id}


def _removable_policy(plane: ControlPlane, reference: FunctionReference) -> FunctionPolicy:
    policy = policy_at(plane, reference)
    if policy is not None:
        return policy
    if plane.functions.version(reference.account_id, reference.region, reference.name) is None:
        raise resource_not_found(f"No policy found for: {reference.qualified_arn}")
    if is_alias_missing(plane, reference):
        raise alias_not_found(reference)
    raise policy_missing()


def _check_members(request: Mapping[str, Any]) -> None:
    """What the model cannot say of AddPermission's members."""
    check_principal(request["Principal"])
    check_action(request["Action"])
    for member, action in _ACTIONS.items():
        if member in request and request["Action"] != action:
            raise invalid_parameter_value(f"{member} is only supported for {action} action")
    if "EventSourceToken" in request and request.keys() & {"SourceArn", "SourceAccount"}:
        raise invalid_parameter_value(
            "EventSourceToken cannot be used together with SourceArn or SourceAccount."
        )


def _document(policy: FunctionPolicy | None) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(policy.document if policy else policy_text([]))
    return document


def _statement(reference: FunctionReference, request: Mapping[str, Any]) -> dict[str, Any]:
    statement = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(request["Principal"], reference.region),
        "Action": request["Action"],
        "Resource": reference.qualified_arn,
    }
    condition = _condition(request)
    return {**statement, "Condition": condition} if condition else statement


def _principal(principal: str, region: str) -> str | dict[str, str]:
    if principal == EVERYBODY:
        return EVERYBODY
    if is_service(principal):
        return {"Service": principal}
    return account_principal(principal, region) if principal.isdigit() else {"AWS": principal}


def _condition(request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    condition: dict[str, dict[str, str]] = {}
    for member, (operator, key) in _CONDITIONS.items():
        if (value := request.get(member)) is not None:
            text = str(value).lower() if isinstance(value, bool) else value
            condition.setdefault(operator, {})[key] = text
    return condition
