"""The environments of one configuration of a function version, and who waits for one."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from lambent.domain.quotas import MIB
from lambent.execution_environment.host_budget import Room
from lambent.execution_environment.lifecycle import EnvironmentState

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from lambent.domain.errors import ServiceError
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.environment import Environment

# A configuration; with tenant isolation, a configuration and a tenant.
FleetKey: TypeAlias = str | tuple[str, str]

_DEAD = (EnvironmentState.RESETTING, EnvironmentState.RESET, EnvironmentState.SHUTDOWN)


class Member:
    """An environment of a fleet, and what it holds of this host."""

    __slots__ = (
        "environment",
        "fleet",
        "give_place_back",
        "held_bytes",
        "is_broken",
        "is_closing",
        "is_provisioned",
        "is_ready",
        "is_surplus",
    )

    def __init__(self, environment: Environment, fleet: Fleet, is_provisioned: bool) -> None:
        self.environment = environment
        self.fleet = fleet
        # Of the host's memory: all that its function may take, or, while it is frozen, what it has.
        self.held_bytes = fleet.whole.memory_bytes
        self.is_provisioned = is_provisioned
        # For one that is provisioned, and has a place among its function's executions.
        self.give_place_back: Callable[[], None] = lambda: None
        self.is_ready = False  # it has been available to invocations
        self.is_surplus = False  # provisioned, and no longer wanted once it is idle
        self.is_closing = False
        self.is_broken = False  # the platform failed it

    @property
    def is_whole(self) -> bool:
        return self.held_bytes == self.fleet.whole.memory_bytes

    @property
    def is_about_to_be_idle(self) -> bool:
        return self.environment.is_between_answer_and_next

    @property
    def can_soon_be_closed(self) -> bool:
        return self.is_about_to_be_idle and not self.is_provisioned

    @property
    def is_dead(self) -> bool:
        """Its runtime has gone, or never came: the next invocation would wait for a new one."""
        return self.environment.state in _DEAD

    def count(self, used_bytes: int) -> int:
        """Hold only what is used (0: unknown); answers how much less that is."""
        before = self.held_bytes
        # The kernel may count a little over the limit, which is nobody else's loss.
        self.held_bytes = min(used_bytes or before, before)
        return before - self.held_bytes


class Fleet:
    """Those of one configuration, and of one tenant: any can take any invocation of the fleet's.

    An environment never leaves its fleet, so nothing it keeps can reach another tenant.
    """

    def __init__(self, version: FunctionVersion, tenant_id: str | None = None) -> None:
        self.version = version
        self.tenant_id = tenant_id  # None without tenant isolation
        self.whole = Room(version.memory_mib * MIB, 1)  # what one may come to take
        self.members: set[Member] = set()
        self.provisioned_members: set[Member] = set()  # some of these
        self.idle: list[Member] = []  # the last used is the last
        self.idle_provisioned: list[Member] = []
        self.waiters: deque[asyncio.Future[Member]] = deque()
        self.queued_starts = 0
        self.provisioning = 0  # starts of provisioned ones, until they are over
        self.initializing: set[Member] = set()  # not yet available to anyone

    @property
    def key(self) -> FleetKey:
        configuration = self.version.configuration_id
        return configuration if self.tenant_id is None else (configuration, self.tenant_id)

    @property
    def starting(self) -> int:
        """Asked for by invocations and not yet available: each will serve one waiter."""
        return self.queued_starts + len(self.initializing)

    @property
    def is_empty(self) -> bool:
        return not (self.members or self.waiters or self.starting or self.provisioning)

    @property
    def is_about_to_have_one(self) -> bool:
        return any(member.is_about_to_be_idle for member in self.members)

    def provisioned(self) -> Iterator[Member]:
        """Those that are ready, as they are to be, at work or not."""
        for member in self.provisioned_members:
            if member.is_ready and not (member.is_closing or member.is_surplus):
                yield member

    def add(self, member: Member) -> None:
        self.members.add(member)
        (self.provisioned_members if member.is_provisioned else self.initializing).add(member)

    def forget(self, member: Member) -> None:
        self.members.discard(member)
        self.provisioned_members.discard(member)
        self.initializing.discard(member)
        self.drop(member)

    def take_idle(self) -> Member | None:
        """One that can take an invocation at once; what was made ready ahead goes first."""
        if self.idle_provisioned:
            return self.idle_provisioned.pop()
        return self.idle.pop() if self.idle else None

    def put_idle(self, member: Member) -> None:
        (self.idle_provisioned if member.is_provisioned else self.idle).append(member)

    def drop(self, member: Member) -> None:
        """It is not idle any more, if it was."""
        for idle in (self.idle, self.idle_provisioned):
            if member in idle:
                idle.remove(member)

    def serve_waiter(self, member: Member) -> bool:
        """Give it to whoever has waited longest, if anybody waits."""
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():
                waiter.set_result(member)
                return True
        return False

    def give_up(self, waiter: asyncio.Future[Member]) -> None:
        """It has waited for as long as it can."""
        if not waiter.done():
            self.waiters.remove(waiter)
            waiter.set_exception(TimeoutError())

    def fail_oldest(self, error: ServiceError) -> None:
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error)
                return

    def fail_newest(self, error: ServiceError) -> None:
        """What there is, or will be, is for those who came before."""
        while self.waiters:
            waiter = self.waiters.pop()
            if not waiter.done():
                waiter.set_exception(error)
                return
