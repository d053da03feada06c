"""A pool of fake environments, and calls to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.versions import function_version
from tests.unit.execution_environment.fake_environments import FakeEnvironment, World

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import Invocation
from lambent.domain.quotas import MIB
from lambent.execution_environment.host_budget import HostBudget, Room
from lambent.execution_environment.pool import host
from lambent.execution_environment.pool.pool import Pool, PoolLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lambent.domain.function import FunctionVersion

VERSION = function_version(runtime="provided.al2023")


def other(name: str, **changes: Any) -> FunctionVersion:
    """Another function."""
    return replace(VERSION, name=name, configuration_id=f"configuration of {name}", **changes)


class Driver:
    def __init__(self, pool: Pool, world: World) -> None:
        self.pool = pool
        self.world = world

    def call(
        self,
        request_id: str = "1",
        version: FunctionVersion = VERSION,
        tenant_id: str | None = None,
        **options: Any,
    ) -> asyncio.Task[Any]:
        invocation = Invocation(
            request_id=request_id,
            invoked_arn=version.arn,
            payload=b"{}",
            trace_header="Root=1",
            tenant_id=tenant_id,
        )
        if tenant_id is not None:
            version = replace(version, is_tenant_isolated=True)
        return asyncio.create_task(self.pool.invoke(version, invocation, **options))

    async def started(self) -> FakeEnvironment:
        """The next environment that is made."""
        async with asyncio.timeout(10):
            return await self.world.started.get()

    async def at_work(
        self, version: FunctionVersion = VERSION, tenant_id: str | None = None
    ) -> tuple[asyncio.Task[Any], FakeEnvironment]:
        """A call, and the environment made for it."""
        call = self.call(version=version, tenant_id=tenant_id)
        environment = await self.started()
        environment.ready()
        await self.until(lambda: environment.request_id is not None)
        return call, environment

    async def idle(
        self,
        version: FunctionVersion = VERSION,
        frozen_mib: int | None = None,
        tenant_id: str | None = None,
    ) -> FakeEnvironment:
        """An environment that has served a call; frozen with so much memory, or not at all."""
        call, environment = await self.at_work(version, tenant_id)
        environment.finish()
        await call
        if frozen_mib is not None:
            environment.freeze(frozen_mib * MIB)
        return environment

    async def until(self, condition: Any) -> None:
        for _ in range(200):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError(self.pool.statistics())

    @property
    def held_mib(self) -> int:
        return self.pool._host.budget.held.memory_bytes // MIB

    @property
    def held_environments(self) -> int:
        return self.pool._host.budget.held.environments


@asynccontextmanager
async def open_driver(
    monkeypatch: pytest.MonkeyPatch, is_current: Any = lambda version: True, **limits: Any
) -> AsyncIterator[Driver]:
    """A pool of fakes; when it is closed, nothing may be left of it."""
    monkeypatch.setattr(host, "Environment", FakeEnvironment)
    whole = Room(limits.pop("memory_mib", 1_000_000) * MIB, limits.pop("environments", 10))
    chosen = PoolLimits(
        **{
            "parallel_starts": 4,
            "scaling_rate": 1000,
            "tenant_environments": 2500,
            "idle_seconds": 600.0,
            **limits,
        }
    )
    world: Any = World()
    before = asyncio.all_tasks()
    pool = Pool(world, chosen, HostBudget(whole), is_current)
    driver = Driver(pool, world)
    async with pool:
        yield driver
        for each in world.made:
            each.may_end.set()
    assert (driver.held_mib, driver.held_environments) == (0, 0)
    assert pool.environments() == []
    left = asyncio.all_tasks() - before
    assert {task for task in left if not task.done()} <= {asyncio.current_task()}


async def refused(call: asyncio.Task[Any]) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value
