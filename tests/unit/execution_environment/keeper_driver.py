"""A keeper of provisioned concurrency at work on a pool of fakes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.unit.execution_environment.fakes import settle
from tests.unit.execution_environment.pool_driver import VERSION, open_driver

from lambent.domain.alias import Alias
from lambent.domain.function import Function
from lambent.domain.provisioned_concurrency import (
    Allocation,
    ProvisionedConcurrency,
    wanted_environments,
)
from lambent.execution_environment.pool.provisioned import ProvisionedConcurrencyKeeper
from lambent.store.aliases import AliasStore
from lambent.store.database import Database
from lambent.store.functions import FunctionStore
from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore
from lambent.store.seal import Seal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    import pytest

PUBLISHED = replace(VERSION, version="1", configuration_id="published")
NAME = (VERSION.account_id, VERSION.region, VERSION.name)


def config(requested, moment="2026-01-31T12:00:00+0000", qualifier="1"):
    return ProvisionedConcurrency(
        account_id=VERSION.account_id,
        region=VERSION.region,
        name=VERSION.name,
        qualifier=qualifier,
        revision_id=moment,
        requested=requested,
        last_modified=moment,
    )


def live(version="1", **routing):
    return Alias(
        account_id=VERSION.account_id,
        region=VERSION.region,
        name=VERSION.name,
        alias="live",
        version=version,
        revision_id=version,
        **routing,
    )


def ready(count, **wanted):
    """How it is told when environments of so many versions are all there."""
    return Allocation(wanted=wanted or {"1": count}, available=count, status="READY")


def failed(reason, available=0, requested=1):
    return Allocation(wanted={"1": requested}, available=available, status="FAILED", reason=reason)


class Kept:
    """A keeper at work on a pool of fakes, and what it is told through the store."""

    def __init__(self, driver, store, functions, aliases, keeper):
        self.driver = driver
        self.store = store
        self.functions = functions
        self.aliases = aliases
        self.keeper = keeper
        self._told = asyncio.Event()
        self._allocate = store.allocate
        store.allocate = self._tell

    def _tell(self, allocations):
        self._allocate(allocations)
        self._told.set()

    async def ask(self, requested, moment="2026-01-31T12:00:00+0000", qualifier="1"):
        asked = config(requested, moment, qualifier)
        await self.store.records.put(asked)
        return asked

    def allocation(self, asked):
        alias = self.aliases.get(*NAME, asked.qualifier)
        return self.store.allocation(asked, wanted_environments(asked, alias))

    async def started(self, count):
        return [await self.driver.started() for _ in range(count)]

    async def ready(self, count):
        asked = await self.ask(count)
        environments = await self.started(count)
        for environment in environments:
            environment.ready()
        await self.until(asked, ready(count))
        return asked, environments

    async def until(self, asked, allocation):
        async with asyncio.timeout(10):
            while self.allocation(asked) != allocation:
                self._told.clear()
                await self._told.wait()

    async def failed(self, asked):
        """Why it failed."""
        async with asyncio.timeout(10):
            while self.allocation(asked).status != "FAILED":
                self._told.clear()
                await self._told.wait()
        return self.allocation(asked).reason

    async def look(self):
        """Have it look once more, and wait for what it began."""
        self.keeper._wake.set()
        await settle()

    async def ended(self, environment):
        async with asyncio.timeout(10):
            await environment.ended.wait()


@asynccontextmanager
async def open_keepers(
    monkeypatch: pytest.MonkeyPatch, directory: Path
) -> AsyncIterator[Callable[..., Awaitable[Kept]]]:
    """What makes one, with the limits of a pool."""
    async with AsyncExitStack() as stack:

        async def make(**limits: Any) -> Kept:
            database = await stack.enter_async_context(Database.open(directory / "database"))
            functions = await FunctionStore.open(database, Seal(bytes(32)))
            if functions.function(*NAME) is None:
                await create(functions)
            store = await ProvisionedConcurrencyStore.open(database, functions)
            aliases = await AliasStore.open(database, functions)
            driver = await stack.enter_async_context(open_driver(monkeypatch, **limits))
            keeper = ProvisionedConcurrencyKeeper(driver.pool, store, functions, aliases)
            task = asyncio.create_task(keeper.run(), name="keeper")
            stack.push_async_callback(end, task)
            return Kept(driver, store, functions, aliases, keeper)

        yield make


async def create(functions):
    function = Function(account_id=NAME[0], region=NAME[1], name=NAME[2])
    await functions.create(function, VERSION)
    await functions.publish(PUBLISHED)


async def end(task):
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
