"""The environments on this host: made in turn where there is room, closed to make room.

Each is a task of its own from its making until nothing of it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from typing import TYPE_CHECKING

from lambent.execution_environment import refusals
from lambent.execution_environment.environment import Environment
from lambent.execution_environment.host_budget import NOTHING, HostBudget, Room
from lambent.execution_environment.pool.fleet import Fleet, Member
from lambent.execution_environment.pool.start_turns import StartTurns
from lambent.execution_environment.snap_start.restoration import RestoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.pool.fleet import FleetKey
    from lambent.execution_environment.runtime_process import Parts
    from lambent.telemetry.platform_events import InitializationType

    # Takes a place among the executions of a version's function; what it answers gives it back.
    HoldPlace = Callable[[FunctionVersion], Callable[[], None]]

logger = logging.getLogger(__name__)

# A start has a turn of its own for this long at most. One that takes longer mostly waits for
# something, and must not keep others from starting.
_START_TURN_SECONDS = 0.5


def _hold_nothing(version: FunctionVersion) -> Callable[[], None]:
    return lambda: None


class Host:
    """Knows every environment, and the fleet it belongs to."""

    def __init__(
        self,
        parts: Parts,
        budget: HostBudget,
        parallel_starts: int,
        tasks: asyncio.TaskGroup,
        on_available: Callable[[Member], None],
        on_gone: Callable[[Fleet], None],
    ) -> None:
        self.fleets: dict[FleetKey, Fleet] = {}
        self.members: dict[Environment, Member] = {}
        self.of_tenants: Counter[str] = Counter()  # with tenant isolation, by function
        self.budget = budget
        budget.add_holder(self, is_first=True)
        self.tell_provisioned_lost: Callable[[], None] = lambda: None
        self.hold_place: HoldPlace = _hold_nothing
        self._parts = parts
        self._turns = StartTurns(parallel_starts)
        self._tasks = tasks
        self._tell_available = on_available
        self._tell_gone = on_gone
        self._has_changed = asyncio.Event()  # an environment is done with something, or has gone

    def add_fleet(self, version: FunctionVersion, tenant_id: str | None) -> Fleet:
        """A fleet for a new configuration, or a tenant of it that had none.

        Raises ServiceError when none of it would ever fit.
        """
        fleet = Fleet(version, tenant_id)
        if fleet.whole.memory_bytes > self.budget.limit.memory_bytes:
            raise refusals.too_large(fleet.whole.memory_bytes, self.budget.limit.memory_bytes)
        self.fleets[fleet.key] = fleet
        return fleet

    async def start(
        self, fleet: Fleet, is_wanted: Callable[[], bool], *, is_provisioned: bool = False
    ) -> Member | None:
        """Start an environment of the fleet when there is room and it is its turn.

        None when it is no longer wanted by then. Raises NoRoom, and ServiceError when nobody can
        read its variables.
        """
        room = fleet.whole
        version = await self._parts.opened(fleet.version)
        await self.budget.reserve(room)
        member: Member | None = None
        try:
            # What is made ready ahead is in a line of its own: nobody waits for it.
            line = f"{'provisioned ' if is_provisioned else ''}{fleet.version.arn}"
            async with self._turns.turn(line):
                if is_wanted():
                    member = self._open(fleet, version, is_provisioned=is_provisioned)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_START_TURN_SECONDS):
                            await member.environment.wait_started()
        finally:
            if member is None:
                self.budget.release(room)
        return member

    def _open(self, fleet: Fleet, version: FunctionVersion, *, is_provisioned: bool) -> Member:
        kind: InitializationType = "provisioned-concurrency" if is_provisioned else "on-demand"
        if fleet.version.starts_from_snapshot:
            kind = "snap-start"
        environment = Environment(
            version,
            self._parts,
            self._on_available,
            initialization_type=kind,
            tenant_id=fleet.tenant_id,
        )
        member = Member(environment, fleet, is_provisioned)
        if is_provisioned:  # first: what fails has left nothing of it here
            member.give_place_back = self.hold_place(fleet.version)
        self.members[environment] = member
        fleet.add(member)
        if fleet.tenant_id is not None:
            self.of_tenants[fleet.version.arn] += 1
        self._tasks.create_task(self._own(member), name=f"environment {environment.id}")
        return member

    async def _own(self, member: Member) -> None:
        environment = member.environment
        try:
            await environment.run()
        except RestoreFailed as failure:
            member.is_broken = True
            member.fleet.fail_oldest(failure.error)
        except Exception:  # the boundary of an environment: its failure is nobody else's
            logger.exception("environment %s of %s failed", environment.id, environment.version.arn)
            member.is_broken = True
            if not (member.is_ready or member.is_provisioned):
                member.fleet.fail_oldest(refusals.unavailable())
        finally:
            self._forget(member)

    def _forget(self, member: Member) -> None:
        """Nothing of it is left."""
        self._has_changed.set()
        del self.members[member.environment]
        member.fleet.forget(member)
        if member.is_provisioned:
            member.give_place_back()
            self.tell_provisioned_lost()
        if member.fleet.tenant_id is not None:
            self._forget_of_tenants(member.fleet.version.arn)
        self.budget.release(Room(member.held_bytes, 1))
        self._tell_gone(member.fleet)

    def _forget_of_tenants(self, arn: str) -> None:
        self.of_tenants[arn] -= 1
        if not self.of_tenants[arn]:
            del self.of_tenants[arn]  # the function may be gone for good

    def _on_available(self, environment: Environment) -> None:
        member = self.members[environment]
        self._has_changed.set()
        # At once, not when its start has noticed: a call that comes in between has one started.
        member.fleet.initializing.discard(member)
        self._tell_available(member)

    def close(self, member: Member) -> None:
        """It takes no more invocations; its room is free when nothing of it is left."""
        member.is_closing = True
        member.fleet.drop(member)
        member.environment.close()

    async def wait_at_rest(self) -> None:
        """Until no environment is at work, its extensions included."""
        while any(environment.is_at_work for environment in self.members):
            self._has_changed.clear()
            await self._has_changed.wait()

    # Room

    def coming(self) -> Room:
        """See `host_budget.Holder`."""
        going = (m for m in self.members.values() if m.is_closing or m.can_soon_be_closed)
        return sum((Room(member.held_bytes, 1) for member in going), self.measure_frozen())

    def closable(self) -> Room:
        """See `host_budget.Holder`."""
        return sum((Room(member.held_bytes, 1) for member in self._idle()), NOTHING)

    def close_oldest(self, shortage: Room) -> Room:
        """See `host_budget.Holder`."""
        for member in sorted(self._idle(), key=lambda member: member.environment.last_used):
            if shortage.fits(NOTHING):
                break
            shortage -= Room(member.held_bytes, 1)
            self.close(member)
        return shortage

    def _idle(self) -> list[Member]:
        return [member for fleet in self.fleets.values() for member in fleet.idle]

    def measure_frozen(self) -> Room:
        """Count what is idle and frozen with what it has; answers how much less that is.

        What is provisioned is always counted whole: it is to serve whenever it is asked.
        """
        less = 0
        for fleet in self.fleets.values():
            for member in fleet.idle:
                if member.is_whole and member.environment.is_frozen:
                    less += member.count(member.environment.memory_bytes())
        freed = Room(less, 0)
        self.budget.release(freed)
        return freed
