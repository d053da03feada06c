"""Running a function once, whoever wants it: the part all kinds of invocation have in common."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.arn import LATEST, FunctionReference, is_alias
from lambent.domain.errors import ServiceError, resource_conflict, resource_not_found

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import Invocation, InvocationResult
    from lambent.execution_environment.pool.pool import Pool
    from lambent.invocation.concurrency import Concurrency
    from lambent.store.aliases import AliasStore
    from lambent.store.functions import FunctionStore
    from lambent.telemetry.metrics.recorder import FunctionMetrics, Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What functions are run with."""

    functions: FunctionStore
    aliases: AliasStore
    pool: Pool
    concurrency: Concurrency
    metrics: Metrics
    streams: asyncio.TaskGroup  # the owner of invocations whose readers may go
    # From 0 to below 1, evenly: what an alias splits requests between two versions by.
    chance: Callable[[], float] = random.random


def chosen_version(runs: Runs, reference: FunctionReference) -> FunctionVersion | None:
    """The version that serves this one request, whatever its state; None when there is none.

    Of an alias's two versions its weight decides, each time anew.
    """
    function = reference.function
    qualifier = reference.qualifier or LATEST
    if is_alias(qualifier) and (alias := runs.aliases.get(*function, qualifier)) is not None:
        qualifier = alias.routed_version(runs.chance())
    return runs.functions.version(*function, qualifier)


def runnable_version(runs: Runs, reference: FunctionReference) -> FunctionVersion:
    """The same, if it can run now. Raises ServiceError as AWS does."""
    version = chosen_version(runs, reference)
    if version is None:
        # AWS's Invoke, unlike its GetFunction, also names the $LATEST that nobody asked for.
        missing = f"{reference.arn}:{reference.qualifier or LATEST}"
        raise resource_not_found(f"Function not found: {missing}")
    if version.state != "Active":
        raise resource_conflict(
            "The operation cannot be performed at this time. "
            f"The function is currently in the following state: {version.state}"
        )
    return version


def admit(
    runs: Runs, version: FunctionVersion, qualifier: str | None, *, is_waited_for: bool = True
) -> AbstractContextManager[None]:
    """A place for one invocation, to be entered at once and held until it is over.

    `qualifier` is as the caller gave it; nobody waits for the answer to an event. Raises
    TooManyRequestsException when there is none.
    """
    metrics = _metrics(runs, version, qualifier)
    is_provisioned = runs.pool.has_provisioned(version)
    try:
        place = runs.concurrency.admit(
            version, is_provisioned=is_provisioned, is_waited_for=is_waited_for
        )
    except ServiceError:
        metrics.throttled()
        raise
    provisioned = runs.pool.provisioned(version)
    if provisioned and not is_provisioned:
        metrics.add("ProvisionedConcurrencySpilloverInvocations")
    return metrics.at_work(
        place,
        is_reserved=runs.concurrency.is_reserved(version),
        provisioned=provisioned if is_provisioned else 0,
    )


async def run(
    runs: Runs,
    version: FunctionVersion,
    invocation: Invocation,
    *,
    wants_log_tail: bool = False,
    on_begin: Callable[[], None] | None = None,
) -> InvocationResult:
    """What came of it, in a place that `admit` gave. Raises ServiceError as `Pool.invoke` does.

    `on_begin` is called when it has an environment, which may be after a cold start.
    """
    try:
        result = await runs.pool.invoke(
            version, invocation, wants_log_tail=wants_log_tail, on_begin=on_begin
        )
    except ServiceError as error:
        if error.code == "TooManyRequestsException":
            _metrics(runs, version, _qualifier(invocation.invoked_arn)).throttled()
        raise
    _metrics(runs, version, _qualifier(invocation.invoked_arn)).invoked(
        result.duration_ms, is_error=result.is_function_error
    )
    return result


def _metrics(runs: Runs, version: FunctionVersion, qualifier: str | None) -> FunctionMetrics:
    return runs.metrics.of(
        version.account_id, version.region, version.name, qualifier, version.version
    )


def _qualifier(invoked_arn: str) -> str | None:
    parts = invoked_arn.split(":", 7)  # a function's own ARN has no eighth
    return parts[7] if len(parts) == 8 else None
