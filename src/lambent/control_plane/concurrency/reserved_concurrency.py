"""PutFunctionConcurrency, GetFunctionConcurrency and DeleteFunctionConcurrency.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from lambent.control_plane.plane import ControlPlane, existing_function, function_in
from lambent.control_plane.revisions import new_id
from lambent.domain.arn import LATEST
from lambent.domain.errors import ServiceError, invalid_parameter_value, resource_not_found
from lambent.domain.quotas import UNRESERVED_CONCURRENCY
from lambent.domain.reserved_concurrency import ReservedConcurrency
from lambent.store.functions import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.arn import FunctionReference
    from lambent.domain.caller import Caller


async def put_function_concurrency(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = _function(plane, caller, request, "PutFunctionConcurrency")
    executions = request["ReservedConcurrentExecutions"]
    async with plane.reserved_concurrency.changes:
        _check(plane, reference, executions)
        record = ReservedConcurrency(
            account_id=reference.account_id,
            region=reference.region,
            name=reference.name,
            revision_id=new_id(),
            executions=executions,
        )
        try:
            await plane.reserved_concurrency.put(record)
        except NotFound:  # deleted meanwhile
            raise _not_found(reference) from None
    return {"ReservedConcurrentExecutions": executions}


def _check(plane: ControlPlane, reference: FunctionReference, executions: int) -> None:
    """Raise ServiceError when that is too few for the function, or leaves others too few."""
    provisioned = provisioned_of_function(plane, reference)
    if executions < provisioned:
        # The spaces are AWS's.
        raise refused_concurrency(
            f" ReservedConcurrentExecutions  {executions} should not be lower than function's "
            f"total provisioned concurrency [{provisioned}]."
        )
    left = unreserved_concurrency(plane, reference, but=reference.name) - executions
    # None at all takes nothing away from others: so a function can always be stopped.
    if executions and left < UNRESERVED_CONCURRENCY:
        raise refused_concurrency(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of "
            f"[{UNRESERVED_CONCURRENCY}]."
        )


async def get_function_concurrency(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = _unqualified(plane, caller, request, "GetFunctionConcurrency")
    # As recorded: here the function is not found, and not its $LATEST.
    existing_function(plane, reference)
    return described_concurrency(plane, reference) or {}


async def delete_function_concurrency(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """What is not there is as deleted as the caller wants it."""
    reference = _function(plane, caller, request, "DeleteFunctionConcurrency")
    async with plane.reserved_concurrency.changes:
        record = reserved_of_function(plane, reference)
        if record is not None:
            with contextlib.suppress(NotFound):  # gone with its function meanwhile
                await plane.reserved_concurrency.delete(record)
    return {}


def described_concurrency(
    plane: ControlPlane, reference: FunctionReference
) -> dict[str, int] | None:
    """The model's Concurrency, as GetFunction has it too; None without a reservation."""
    record = reserved_of_function(plane, reference)
    return None if record is None else {"ReservedConcurrentExecutions": record.executions}


def reserved_of_function(
    plane: ControlPlane, reference: FunctionReference
) -> ReservedConcurrency | None:
    return plane.reserved_concurrency.get(reference.account_id, reference.region, reference.name)


def provisioned_of_function(plane: ControlPlane, reference: FunctionReference) -> int:
    """How many environments all its versions and aliases ask for together."""
    configs = plane.provisioned_concurrency.records.of_function(
        reference.account_id, reference.region, reference.name
    )
    return sum(config.requested for config in configs)


def unreserved_concurrency(
    plane: ControlPlane, owner: FunctionReference | Caller, *, but: str | None = None
) -> int:
    """What functions with nothing of their own are left of the limit of the owner's account.

    What the function with the name `but` has counts as theirs. Of a function with a reservation
    what is provisioned is a part of that. Two who are to check this and then change it, one after
    the other, hold `plane.reserved_concurrency.changes`.
    """
    account = (owner.account_id, owner.region)
    shares: Counter[str] = Counter()
    for config in plane.provisioned_concurrency.records.of_account(*account):
        shares[config.name] += config.requested
    for record in plane.reserved_concurrency.of_account(*account):
        shares[record.name] = record.executions
    return plane.concurrency - sum(count for name, count in shares.items() if name != but)


def refused_concurrency(message: str) -> ServiceError:
    """As recorded: these few errors do not say who is to blame."""
    return ServiceError("InvalidParameterValueException", message, Type=None)


def _function(
    plane: ControlPlane, caller: Caller, request: Mapping[str, Any], operation: str
) -> FunctionReference:
    """The existing function that is meant; raises ServiceError for a version or an alias of one."""
    reference = _unqualified(plane, caller, request, operation)
    name = (reference.account_id, reference.region, reference.name)
    if plane.functions.function(*name) is None:
        raise _not_found(reference)
    return reference


def _unqualified(
    plane: ControlPlane, caller: Caller, request: Mapping[str, Any], operation: str
) -> FunctionReference:
    """Raises ServiceError for a version or an alias."""
    reference = function_in(plane, caller, request, operation)
    if reference.qualifier is not None:
        raise invalid_parameter_value(
            "This operation is permitted on Lambda functions only. Aliases and versions do not "
            "support this operation. Please specify either a function name or an unqualified "
            "function ARN."
        )
    return reference


def _not_found(reference: FunctionReference) -> ServiceError:
    return resource_not_found(f"Function not found: {reference.arn}:{LATEST}")
