"""The pool of execution environments: the data plane's one door to them.

An invocation gets an environment that is free, waits for one that is about to be, or has one
started. Placement stays behind this door.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError
from lambent.execution_environment import refusals
from lambent.execution_environment.environment import EnvironmentUnavailable
from lambent.execution_environment.host_budget import NoRoom, Room
from lambent.execution_environment.pool.host import Host
from lambent.execution_environment.pool.scaling_rate import ScalingRate

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import Invocation, InvocationResult
    from lambent.execution_environment.environment import Environment
    from lambent.execution_environment.host_budget import HostBudget
    from lambent.execution_environment.pool.fleet import Fleet, FleetKey, Member
    from lambent.execution_environment.pool.host import HoldPlace
    from lambent.execution_environment.runtime_process import Parts

logger = logging.getLogger(__name__)

# A runtime that has answered asks for its next invocation within microseconds. A call that comes
# in between waits this long for it before another environment is started.
_NEXT_GRACE_SECONDS = 0.05
_REAP_EVERY_SECONDS = 1.0


class NotProvisioned(Exception):
    """Raised when an environment could not be made ready ahead; its text says why, to the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    parallel_starts: int  # more at once would only make each of them slower
    scaling_rate: int  # environments one function may have started in ten seconds
    tenant_environments: int  # of one function with tenant isolation, for all its tenants
    idle_seconds: float
    # Who comes when all of them are at work waits. None: the host is the limit.
    environments_of_function: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    environments: int
    idle: int
    waiting: int  # invocations that wait for an environment
    starting: int


class Pool:
    """Every execution environment of this server. Open it with `async with`."""

    def __init__(
        self,
        parts: Parts,
        limits: PoolLimits,
        budget: HostBudget,
        is_current: Callable[[FunctionVersion], bool],
    ) -> None:
        self._limits = limits
        self._is_current = is_current
        self._rates = ScalingRate(limits.scaling_rate)
        self._tasks = asyncio.TaskGroup()
        self._is_closing = False
        self._host = Host(
            parts,
            budget,
            limits.parallel_starts,
            self._tasks,
            self._available,
            self._start_for_oldest,
        )

    async def __aenter__(self) -> Pool:
        await self._tasks.__aenter__()
        self._reaper = self._tasks.create_task(self._reap_forever(), name="environment reaper")
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close every environment, and wait until nothing of them is left."""
        self._reaper.cancel()
        self.end_invocations()
        await self._tasks.__aexit__(None, None, None)

    async def drain(self) -> None:
        """Wait for all invocations at work, and what extensions do after their answers.

        Not for longer than `end_invocations` lets them.
        """
        await self._host.wait_at_rest()

    def end_invocations(self) -> None:
        """Answer every invocation at work or waiting that the server stops, and take no more."""
        self._is_closing = True
        for fleet in self._host.fleets.values():
            while fleet.waiters:
                fleet.fail_oldest(refusals.stopping())
        self._host.budget.refuse_all()
        for member in self._host.members.values():
            self._host.close(member)

    def statistics(self) -> PoolStatistics:
        fleets = self._host.fleets.values()
        return PoolStatistics(
            environments=len(self._host.members),
            idle=sum(len(fleet.idle) + len(fleet.idle_provisioned) for fleet in fleets),
            waiting=sum(len(fleet.waiters) for fleet in fleets),
            starting=sum(fleet.starting for fleet in fleets),
        )

    def versions(self) -> list[FunctionVersion]:
        """Those that environments run, or are about to."""
        return [fleet.version for fleet in self._host.fleets.values()]

    def environments(self) -> list[Environment]:
        """All that there are, the oldest first; those on their way out too."""
        return list(self._host.members)

    # Invocations

    async def invoke(
        self,
        version: FunctionVersion,
        invocation: Invocation,
        *,
        wants_log_tail: bool = False,
        on_begin: Callable[[], None] | None = None,
        patience_seconds: float | None = None,
    ) -> InvocationResult:
        """Run one invocation of `version` in an environment of its own for that time.

        `on_begin` is called when it has one.

        Raises ServiceError: TooManyRequestsException when the host has room for no more
        environments or the function grows too fast, InvalidParameterValueException when it is
        larger than the host, ServiceException when no environment could be made. Raises
        TimeoutError when none was free for `patience_seconds`.
        """
        if self._is_closing:
            raise refusals.stopping()
        tenant_id = invocation.tenant_id if version.is_tenant_isolated else None
        fleet = self._fleet(version, tenant_id)
        member = fleet.take_idle() or await self._wait(fleet, patience_seconds)
        if member.held_bytes < fleet.whole.memory_bytes:
            await self._grow(member)
        if on_begin is not None:
            on_begin()
        try:
            return await member.environment.invoke(invocation, wants_log_tail=wants_log_tail)
        except EnvironmentUnavailable:
            raise self._why_gone() from None

    def _fleet(self, version: FunctionVersion, tenant_id: str | None = None) -> Fleet:
        key: FleetKey = version.configuration_id
        if tenant_id is not None:
            key = (version.configuration_id, tenant_id)
        return self._host.fleets.get(key) or self._host.add_fleet(version, tenant_id)

    async def _grow(self, member: Member) -> None:
        """It was frozen; from now on it may take all the memory its function has."""
        whole = member.fleet.whole.memory_bytes
        try:
            await self._host.budget.reserve(Room(whole - member.held_bytes, 0))
        except NoRoom:
            self._offer(member)
            raise refusals.no_room() from None
        except asyncio.CancelledError:
            self._offer(member)
            raise
        member.held_bytes = whole

    def _why_gone(self) -> ServiceError:
        return refusals.stopping() if self._is_closing else refusals.unavailable()

    async def _wait(self, fleet: Fleet, patience_seconds: float | None) -> Member:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Member] = loop.create_future()
        fleet.waiters.append(waiter)
        if self._is_full(fleet):
            pass  # the next that is free, or the next place, is for the oldest waiter
        elif fleet.is_about_to_have_one:
            loop.call_later(_NEXT_GRACE_SECONDS, self._start_for, waiter, fleet)
        else:
            self._start_for(waiter, fleet)
        impatience = None
        if patience_seconds is not None:
            impatience = loop.call_later(patience_seconds, fleet.give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter in fleet.waiters:
                fleet.waiters.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                self._offer(waiter.result())  # it came too late for this caller
            raise
        finally:
            if impatience is not None:
                impatience.cancel()

    def _is_full(self, fleet: Fleet) -> bool:
        most = self._limits.environments_of_function
        return most is not None and len(fleet.members) + fleet.queued_starts >= most

    def _start_for(self, waiter: asyncio.Future[Member], fleet: Fleet) -> None:
        if waiter.done() or self._is_closing or fleet.starting >= len(fleet.waiters):
            return
        if self._is_full(fleet):
            return
        if not self._rates.take(fleet.version.arn, time.monotonic()):
            fleet.fail_newest(refusals.scaled_too_fast())
            return
        fleet.queued_starts += 1
        self._tasks.create_task(self._start(fleet), name=f"start of {fleet.version.name}")

    def _start_for_oldest(self, fleet: Fleet) -> None:
        """A place of the fleet's is free: whoever could have none started before can now."""
        if self._limits.environments_of_function is not None and fleet.waiters:
            self._start_for(fleet.waiters[0], fleet)

    async def _start(self, fleet: Fleet) -> None:
        is_queued = True

        def leave_queue() -> None:
            nonlocal is_queued
            if is_queued:
                is_queued = False
                fleet.queued_starts -= 1

        def is_wanted() -> bool:
            leave_queue()
            if self._has_too_many_tenants(fleet):
                fleet.fail_newest(refusals.too_many_for_tenants())
                return False
            return bool(fleet.waiters) and not self._is_closing

        try:
            member = await self._host.start(fleet, is_wanted)
        except NoRoom:
            fleet.fail_newest(refusals.no_room())
        except ServiceError as error:
            fleet.fail_newest(error)
        except Exception:  # a boundary: the failure of one start is no other's, nor the server's
            logger.exception("no environment of %s could be started", fleet.version.qualified_arn)
            fleet.fail_newest(refusals.unavailable())
        else:
            if member is None:  # what it was wanted for had been served meanwhile
                self._rates.give_back(fleet.version.arn, time.monotonic())
        finally:
            leave_queue()
            self._start_for_oldest(fleet)

    def _has_too_many_tenants(self, fleet: Fleet) -> bool:
        """Whether no tenant of the function may have one more, though others' may be idle."""
        if fleet.tenant_id is None:
            return False
        return self._host.of_tenants[fleet.version.arn] >= self._limits.tenant_environments

    def _available(self, member: Member) -> None:
        """An environment can take an invocation: the oldest waiter's, or some later one."""
        if member.is_provisioned and (member.is_surplus or member.is_dead):
            self._host.close(member)  # a dead one is replaced
            return
        member.is_ready = True
        self._offer(member)

    def _offer(self, member: Member) -> None:
        if member.fleet.serve_waiter(member):
            return
        if self._is_closing:
            self._host.close(member)
            return
        member.fleet.put_idle(member)
        if self._host.budget.is_short:
            self._host.budget.settle()

    async def _reap_forever(self) -> None:
        while True:
            await asyncio.sleep(_REAP_EVERY_SECONDS)
            self.reap(time.monotonic())

    def reap(self, now: float) -> None:
        """Close what has been idle too long at `now` (monotonic seconds) or serves no one any more."""
        for key, fleet in list(self._host.fleets.items()):
            is_current = self._is_current(fleet.version)
            for member in list(fleet.idle):
                is_old = now - member.environment.last_used > self._limits.idle_seconds
                if is_old or not is_current:
                    self._host.close(member)
            for member in list(fleet.idle_provisioned):
                if member.is_dead or not is_current:
                    self._host.close(member)
            if fleet.is_empty:
                del self._host.fleets[key]
        self._host.measure_frozen()
        self._rates.forget_rested(now)

    # Provisioned concurrency

    def on_provisioned_lost(self, tell: Callable[[], None]) -> None:
        """Have `tell` called whenever an environment that was made ready ahead has gone."""
        self._host.tell_provisioned_lost = tell

    def hold_places_with(self, hold_place: HoldPlace) -> None:
        """Have `hold_place` called for every environment that is made ready ahead from now on."""
        self._host.hold_place = hold_place

    async def provision(self, version: FunctionVersion) -> None:
        """Make one more environment of `version` ready ahead.

        Raises NotProvisioned when the host has no room, or when it does not initialise; and
        ServiceError when it never will have room.
        """
        fleet = self._fleet(version)
        fleet.provisioning += 1
        try:
            member = await self._host.start(
                fleet, lambda: not self._is_closing, is_provisioned=True
            )
            if member is not None:
                await member.environment.wait_started()
        except NoRoom:
            raise NotProvisioned("This server has no room for the environments.") from None
        finally:
            fleet.provisioning -= 1
        if member is None or member.is_broken:
            raise NotProvisioned(refusals.unavailable().message)
        if not member.is_ready:
            raise NotProvisioned("FUNCTION_ERROR_INIT_FAILURE")  # AWS's own word

    def provisioned(self, version: FunctionVersion) -> int:
        """How many environments of `version` are ready as provisioned, at work or not."""
        fleet = self._host.fleets.get(version.configuration_id)
        return sum(1 for _ in fleet.provisioned()) if fleet else 0

    def keep_provisioned(self, version: FunctionVersion, most: int) -> None:
        """Close those beyond `most`: the idle ones at once, the others when they are done."""
        fleet = self._host.fleets.get(version.configuration_id)
        members = list(fleet.provisioned()) if fleet else []
        members.sort(key=lambda member: member not in member.fleet.idle_provisioned)
        for member in members[: max(0, len(members) - most)]:
            if member in member.fleet.idle_provisioned:
                self._host.close(member)
            else:
                member.is_surplus = True

    def has_provisioned(self, version: FunctionVersion) -> bool:
        """Whether an invocation now would be served by an environment that was made ready ahead."""
        fleet = self._host.fleets.get(version.configuration_id)
        return fleet is not None and bool(fleet.idle_provisioned)
