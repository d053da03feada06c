"""What the policies of layer versions and of functions have in common: their JSON, their refusals.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lambent.domain.caller import partition_of
from lambent.domain.errors import ServiceError, resource_conflict, resource_not_found

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def compact(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def policy_text(statements: Sequence[Mapping[str, Any]]) -> str:
    """A policy in JSON, as AWS writes one that was made statement by statement."""
    return compact({"Version": "2012-10-17", "Id": "default", "Statement": statements})


def account_principal(account_id: str, region: str) -> dict[str, str]:
    """Who an account is in a statement: its root, which stands for everybody in it."""
    return {"AWS": f"arn:{partition_of(region)}:iam::{account_id}:root"}


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
