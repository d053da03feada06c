"""Policies of functions: who besides its own account may use a function, and who may not at all.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.errors import access_denied
from lambent.domain.policy_statement import Access, statements_of
from lambent.domain.records import FunctionRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambent.domain.arn import FunctionReference
    from lambent.domain.caller import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPolicy(FunctionRecord):
    """The policy of a function (its qualifier is empty), or of one of its versions or aliases."""

    document: str  # JSON, as GetPolicy answers it


# Finds a policy by account, region, function and qualifier.
PolicyOf = Callable[[str, str, str, str], FunctionPolicy | None]


def is_allowed(policies: Iterable[FunctionPolicy], access: Access) -> bool:
    """Whether the policies let through who needs their permission: a statement allows, none denies.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    effects = {
        statement.is_deny
        for policy in policies
        for statement in statements_of(policy.document)
        if statement.covers(access)
    }
    return effects == {False}


def is_denied(policies: Iterable[FunctionPolicy], access: Access) -> bool:
    """Whether a statement denies it, which counts for the function's own account too."""
    return any(
        statement.is_deny and statement.covers(access)
        for policy in policies
        for statement in statements_of(policy.document)
    )


def policies_for(policy_of: PolicyOf, reference: FunctionReference) -> tuple[FunctionPolicy, ...]:
    """Those a use of `reference` falls under: the whole function's, and its qualifier's own.

    Which ARNs a statement is about, its Resource says: what AddPermission makes for a function is
    about the unqualified ARN only.
    """
    account_id, region, name = reference.account_id, reference.region, reference.name
    qualifier = reference.qualifier
    whole = policy_of(account_id, region, name, "")
    own = policy_of(account_id, region, name, qualifier) if qualifier else None
    # Most functions have none, and each invocation asks.
    if whole is None and own is None:
        return ()
    return tuple(policy for policy in (whole, own) if policy is not None)


def check_caller(
    policy_of: PolicyOf, caller: Caller, reference: FunctionReference, operation: str
) -> None:
    """Raise ServiceError unless `caller` may do that to the function.

    `operation` is in IAM's words, such as InvokeFunction. A function's own account may do
    everything that no policy denies.
    """
    is_own = caller.account_id == reference.account_id
    policies = policies_for(policy_of, reference)
    if is_own and not policies:
        return
    access = Access(
        action=f"lambda:{operation}",
        resource=reference.qualified_arn,
        account_id=caller.account_id,
    )
    if is_denied(policies, access):
        raise access_denied(
            caller, operation, access.resource, "with an explicit deny in a resource-based policy"
        )
    if not is_own and not is_allowed(policies, access):
        raise access_denied(caller, operation, access.resource)
