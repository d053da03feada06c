from __future__ import annotations

import asyncio

import pytest
from tests.unit.execution_environment.stem_fakes import (
    CUSTOM,
    NODE,
    PYTHON,
    FakeStemIsolation,
    until,
)

from lambent.execution_environment.fast_starts import stem_stock
from lambent.execution_environment.fast_starts.stem_stock import Kind, StemStock
from lambent.sandbox.sandbox import SandboxStartFailed

FORKED = Kind(runtime=PYTHON, argv=("/var/lang/bin/python3.12", "bootstrap.py"))
RUN = Kind(runtime=NODE, argv=("/var/lang/bin/node", "bootstrap.mjs"))
EMPTY = Kind(runtime=CUSTOM, argv=())


@pytest.fixture
def isolation():
    return FakeStemIsolation()


@pytest.fixture
async def open_stock(isolation):
    """Starts stocks, and sees that nothing is left of them."""
    tasks = []

    def start(kind):
        stock = StemStock(isolation, kind)
        tasks.append(asyncio.create_task(stock.run()))
        return stock

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for sandbox in list(isolation.open_sandboxes):  # the test's own
        await sandbox.close()
    assert all(server.is_closed for server in isolation.fork_servers)


async def dispose(cell):
    await cell.close()
    await cell.volume.close()


async def test_nobody_waits_for_the_first_ones(open_stock):
    assert await open_stock(FORKED).take() is None


async def test_a_few_are_ready_and_those_taken_are_replaced(open_stock, isolation):
    stock = open_stock(FORKED)
    await until(lambda: stock.ready == 4)
    first, second = await stock.take(), await stock.take()
    assert first is not second
    await until(lambda: stock.ready == 4)
    assert len(isolation.built) == 6
    await dispose(first)
    await dispose(second)


async def test_pythons_are_copies_of_one_process(open_stock, isolation):
    stock = open_stock(FORKED)
    await until(lambda: stock.ready == 4)
    assert len(isolation.fork_servers) == 1
    assert {id(each.copied) for each in isolation.built} == {id(isolation.fork_servers[0])}


async def test_a_process_is_not_copied_for_ever(open_stock, isolation, monkeypatch):
    monkeypatch.setattr(stem_stock, "_FORKS_OF_ONE_SERVER", 2)
    stock = open_stock(FORKED)
    await until(lambda: stock.ready == 4)
    assert len(isolation.fork_servers) >= 2
    assert isolation.fork_servers[0].is_closed


async def test_nodes_are_started_with_nothing_of_a_function(open_stock, isolation):
    stock = open_stock(RUN)
    await until(lambda: stock.ready == 4)
    (command,) = isolation.built[0].commands
    assert command.argv == RUN.argv
    assert "_HANDLER" not in command.environment
    assert command.environment["NODE_PATH"].startswith("/opt/nodejs/node22/node_modules:")
    assert isolation.fork_servers == []


async def test_for_custom_runtimes_nothing_runs_yet(open_stock, isolation):
    stock = open_stock(EMPTY)
    await until(lambda: stock.ready == 4)
    assert all(each.process is None for each in isolation.built)


async def test_one_that_cannot_be_made_is_built_on_demand_and_tried_again(open_stock, isolation):
    isolation.error = SandboxStartFailed("no")
    stock = open_stock(EMPTY)
    await until(lambda: stock.ready == 4)
    assert await stock.take() is None
    isolation.error = None
    await until(lambda: isolation.built)
    for _ in range(3):
        assert await stock.take() is None
    cell = await stock.take()
    assert cell is not None
    await dispose(cell)


async def test_of_one_whose_process_ends_nothing_is_left(open_stock, isolation):
    isolation.failure = True
    stock = open_stock(FORKED)
    await until(lambda: stock.ready == 4)
    assert isolation.is_empty
    assert all(server.is_closed for server in isolation.fork_servers)


async def test_a_mistake_of_ours_stops_no_function_from_starting(open_stock, isolation):
    isolation.error = TypeError("a mistake")
    stock = open_stock(EMPTY)
    await until(lambda: stock.ready == 4)
    assert await stock.take() is None


async def test_closed_it_leaves_nothing_and_lets_nobody_wait(isolation):
    stock = StemStock(isolation, FORKED)
    task = asyncio.create_task(stock.run())
    await until(lambda: stock.ready == 4)
    cells = [await stock.take() for _ in range(4)]
    isolation.failure = True
    waiting = asyncio.create_task(stock.take())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await waiting is None
    assert await stock.take() is None
    for cell in cells:
        await dispose(cell)
    assert isolation.is_empty
    assert isolation.fork_servers[0].is_closed
