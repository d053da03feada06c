"""The pool of execution environments: the data plane's one door to them.

An invocation gets an environment that is free, waits for one that is about to be, or has one
started. Placement stays behind this door.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError
from lambent.execution_environment.environment import Environment, EnvironmentUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import Invocation, InvocationResult
    from lambent.execution_environment.runtime_process import Parts

logger = logging.getLogger(__name__)

# A runtime that has answered asks for its next invocation within microseconds. A call that comes
# in between waits this long for it before another environment is started.
_NEXT_GRACE_SECONDS = 0.01
_REAP_EVERY_SECONDS = 1.0
# A start has a turn of its own for this long at most: functions whose init hangs must not keep
# all others from starting.
_START_TURN_SECONDS = 1.0


@dataclass(slots=True)
class Fleet:
    """The environments of one configuration of one function version."""

    environments: set[Environment] = field(default_factory=set)
    idle: list[Environment] = field(default_factory=list)  # the last used is the last
    waiters: deque[asyncio.Future[Environment]] = field(default_factory=deque)
    queued_starts: int = 0
    initializing: set[Environment] = field(default_factory=set)  # not yet available to anyone

    @property
    def starting(self) -> int:
        """Asked for and not yet available: each will serve one waiter."""
        return self.queued_starts + len(self.initializing)

    @property
    def is_empty(self) -> bool:
        return not (self.environments or self.waiters or self.starting)

    @property
    def is_about_to_have_one(self) -> bool:
        return any(each.is_between_answer_and_next for each in self.environments)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    environments: int  # on this host, of all functions
    parallel_starts: int  # more at once would only make each of them slower
    idle_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    environments: int
    idle: int
    waiting: int  # invocations that wait for an environment
    starting: int


class Pool:
    """Every execution environment of this server. Open it with `async with`."""

    def __init__(
        self, parts: Parts, limits: PoolLimits, is_current: Callable[[FunctionVersion], bool]
    ) -> None:
        self._parts = parts
        self._limits = limits
        self._is_current = is_current
        self._fleets: dict[str, Fleet] = {}
        self._starts = asyncio.Semaphore(limits.parallel_starts)
        self._tasks = asyncio.TaskGroup()
        self._is_closing = False

    async def __aenter__(self) -> Pool:
        await self._tasks.__aenter__()
        self._reaper = self._tasks.create_task(self._reap_forever(), name="environment reaper")
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close every environment, and wait until nothing of them is left."""
        self._reaper.cancel()
        self.end_invocations()
        await self._tasks.__aexit__(None, None, None)

    def end_invocations(self) -> None:
        """Answer every invocation at work or waiting that the server stops, and take no more."""
        self._is_closing = True
        for fleet in self._fleets.values():
            while fleet.waiters:
                _fail_waiter(fleet, _stopping())
            for environment in fleet.environments:
                environment.close()

    def statistics(self) -> PoolStatistics:
        fleets = self._fleets.values()
        return PoolStatistics(
            environments=sum(len(fleet.environments) for fleet in fleets),
            idle=sum(len(fleet.idle) for fleet in fleets),
            waiting=sum(len(fleet.waiters) for fleet in fleets),
            starting=sum(fleet.starting for fleet in fleets),
        )

    async def invoke(
        self, version: FunctionVersion, invocation: Invocation, *, wants_log_tail: bool = False
    ) -> InvocationResult:
        """Run one invocation of `version` in an environment of its own for that time.

        Raises ServiceError: TooManyRequestsException when the host has room for no more
        environments, ServiceException when it could not make one.
        """
        if self._is_closing:
            raise _stopping()
        fleet = self._fleets.setdefault(version.configuration_id, Fleet())
        environment = fleet.idle.pop() if fleet.idle else await self._wait(fleet, version)
        try:
            return await environment.invoke(invocation, wants_log_tail=wants_log_tail)
        except EnvironmentUnavailable:
            raise self._why_gone() from None

    def _why_gone(self) -> ServiceError:
        return _stopping() if self._is_closing else _unavailable()

    async def _wait(self, fleet: Fleet, version: FunctionVersion) -> Environment:
        waiter: asyncio.Future[Environment] = asyncio.get_running_loop().create_future()
        fleet.waiters.append(waiter)
        if fleet.is_about_to_have_one:
            asyncio.get_running_loop().call_later(
                _NEXT_GRACE_SECONDS, self._start_for, waiter, fleet, version
            )
        else:
            self._start_for(waiter, fleet, version)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter in fleet.waiters:
                fleet.waiters.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                self._available(waiter.result())  # it came too late for this caller
            raise

    def _start_for(
        self, waiter: asyncio.Future[Environment], fleet: Fleet, version: FunctionVersion
    ) -> None:
        if waiter.done() or self._is_closing or fleet.starting >= len(fleet.waiters):
            return
        fleet.queued_starts += 1
        self._tasks.create_task(self._start(fleet, version), name=f"start of {version.name}")

    async def _start(self, fleet: Fleet, version: FunctionVersion) -> None:
        """Make one environment when it is its turn, and keep the turn while it starts."""
        async with self._starts:
            environment = self._begin(fleet, version)
            if environment is not None:
                # An init that takes longer mostly waits for something: others may start meanwhile.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_START_TURN_SECONDS):
                        await environment.wait_started()

    def _begin(self, fleet: Fleet, version: FunctionVersion) -> Environment | None:
        """One environment, unless what it was wanted for has been served meanwhile."""
        fleet.queued_starts -= 1
        if not fleet.waiters or self._is_closing:
            return None
        if not self._make_room():
            _fail_waiter(fleet, _no_room())
            return None
        environment = Environment(version, self._parts, self._available)
        fleet.environments.add(environment)
        fleet.initializing.add(environment)
        self._tasks.create_task(self._own(fleet, environment), name=f"environment {environment.id}")
        return environment

    async def _own(self, fleet: Fleet, environment: Environment) -> None:
        try:
            await environment.run()
        except Exception:  # the boundary of an environment: its failure is nobody else's
            logger.exception("environment %s of %s failed", environment.id, environment.version.arn)
            if not environment.was_available:
                _fail_waiter(fleet, _unavailable())
        finally:
            fleet.environments.discard(environment)
            fleet.initializing.discard(environment)
            if environment in fleet.idle:
                fleet.idle.remove(environment)

    def _available(self, environment: Environment) -> None:
        """An environment can take an invocation: the oldest waiter's, or some later one."""
        fleet = self._fleets[environment.version.configuration_id]
        # At once, not when its start has noticed: a call that comes in between has one started.
        fleet.initializing.discard(environment)
        while fleet.waiters:
            waiter = fleet.waiters.popleft()
            if not waiter.done():
                waiter.set_result(environment)
                return
        if self._is_closing:
            environment.close()
        else:
            fleet.idle.append(environment)

    def _make_room(self) -> bool:
        """Whether one more environment may be started; the longest unused one goes if it must."""
        if self.statistics().environments < self._limits.environments:
            return True
        idle = [each for fleet in self._fleets.values() for each in fleet.idle]
        if not idle:
            return False
        self._retire(min(idle, key=lambda each: each.last_used))
        return True

    def _retire(self, environment: Environment) -> None:
        self._fleets[environment.version.configuration_id].idle.remove(environment)
        environment.close()

    async def _reap_forever(self) -> None:
        while True:
            await asyncio.sleep(_REAP_EVERY_SECONDS)
            self.reap(time.monotonic())

    def reap(self, now: float) -> None:
        """Close what has been idle too long at `now` (monotonic seconds) or serves no one any more."""
        for configuration_id, fleet in list(self._fleets.items()):
            for environment in list(fleet.idle):
                is_old = now - environment.last_used > self._limits.idle_seconds
                if is_old or not self._is_current(environment.version):
                    self._retire(environment)
            if fleet.is_empty:
                del self._fleets[configuration_id]


def _fail_waiter(fleet: Fleet, error: ServiceError) -> None:
    while fleet.waiters:
        waiter = fleet.waiters.popleft()
        if not waiter.done():
            waiter.set_exception(error)
            return


def _no_room() -> ServiceError:
    return ServiceError(
        "TooManyRequestsException",
        "Rate Exceeded.",
        Reason="ConcurrentInvocationLimitExceeded",
    )


def _stopping() -> ServiceError:
    return ServiceError(
        "ServiceException", "The server was stopped before the function had answered."
    )


def _unavailable() -> ServiceError:
    return ServiceError(
        "ServiceException",
        "Lambent could not make an execution environment for this invocation; "
        "the server's log says why, and `lambent doctor` checks the host.",
    )
