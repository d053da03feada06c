"""What the policies of layer versions and of functions have in common: their JSON, their refusals.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lambent.domain.caller import partition_of
from lambent.domain.errors import (
    ServiceError,
    invalid_parameter_value,
    resource_conflict,
    resource_not_found,
)
from lambent.domain.policy_actions import ACTIONS
from lambent.domain.wildcard import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lambent.domain.arn import FunctionReference

# The case of an action means nothing.
_ACTIONS = frozenset(map(str.casefold, ACTIONS))


def compact(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def policy_text(statements: Sequence[Mapping[str, Any]]) -> str:
    """A policy in JSON, as AWS writes one that was made statement by statement."""
    return compact({"Version": "2012-10-17", "Id": "default", "Statement": statements})


def names_identity(statements: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one is about a user or a role, and not about a whole account or everybody."""
    for statement in statements:
        principal = statement["Principal"]
        named = principal.get("AWS", []) if isinstance(principal, dict) else []
        for each in named if isinstance(named, list) else [named]:
            if each.startswith("arn:") and not each.endswith(":root"):
                return True
    return False


def account_principal(account_id: str, region: str) -> dict[str, str]:
    """Who an account is in a statement: its root, which stands for everybody in it."""
    return {"AWS": f"arn:{partition_of(region)}:iam::{account_id}:root"}


def check_action(action: str) -> None:
    """Raise ServiceError for an action, or a pattern of actions, that nobody can do with Lambda."""
    wanted = action.casefold()
    if wanted not in _ACTIONS and not any(matches(wanted, each) for each in _ACTIONS):
        raise invalid_parameter_value(f"The action {action} is none of Lambda's.")


def check_resource(resource: str, reference: FunctionReference) -> None:
    """Raise ServiceError for a resource, or a pattern of some, that is not what a policy is for.

    That is the one at `reference`; the policy of a whole function is for its qualified ARNs too.
    """
    arn = reference.qualified_arn
    if matches(resource, arn) or (reference.qualifier is None and _has_qualified(resource, arn)):
        return
    raise invalid_parameter_value(
        f"The resource {resource} is not what the policy is for, which is {arn}."
    )


def _has_qualified(pattern: str, arn: str) -> bool:
    """Whether a pattern is of the form of `arn` with some qualifier, which has no colon."""
    start = pattern.rfind(":") + 1
    if start < len(pattern) and matches(pattern[:start], f"{arn}:"):
        return True
    wildcard = pattern.find("*", start)
    return wildcard >= 0 and matches(pattern[: wildcard + 1], f"{arn}:")


def check_size(policy: str, limit: int) -> None:
    """Raise ServiceError when `policy` has more bytes than `limit`."""
    size = len(policy.encode())
    if size > limit:
        raise ServiceError(
            "PolicyLengthExceededException",
            f"The final policy size ({size}) is bigger than the limit ({limit}).",
        )


def statement_exists(statement_id: str) -> ServiceError:
    return resource_conflict(
        f"The statement id ({statement_id}) provided already exists. "
        "Please provide a new statement id, or remove the existing statement."
    )


def statement_missing(statement_id: str) -> ServiceError:
    return resource_not_found(f"Statement {statement_id} is not found in resource policy.")


def policy_missing() -> ServiceError:
    return resource_not_found("No policy is associated with the given resource.")


def wrong_revision(operation: str) -> ServiceError:
    """`operation` is the one that answers the policy with its revision."""
    return ServiceError(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        f"Call the {operation} API to retrieve the latest Revision Id",
    )
