"""The stock of slots; the slots themselves are tested with real namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambent.sandbox.network.listening import listen
from lambent.sandbox.network.slots import SlotPool
from lambent.sandbox.sandbox import NetworkSlot


class Factory:
    def __init__(self):
        self.numbers = itertools.count()
        self.alive = set()
        self.failures = 0
        self.listener = socket.socket()

    def make(self):
        if self.failures:
            self.failures -= 1
            raise OSError("no more")
        number = next(self.numbers)
        self.alive.add(number)
        return NetworkSlot(
            listener=self.listener,
            api_address=str(number),
            door=self.listener,
            door_address="",
            namespace=number,
            release=lambda: self.alive.discard(number),
        )


@pytest.fixture
async def factory():
    factory = Factory()
    yield factory
    factory.listener.close()


@contextlib.asynccontextmanager
async def running(factory, size=2):
    with ThreadPoolExecutor(2) as executor:
        pool = SlotPool(factory.make, executor, size)
        task = asyncio.create_task(pool.run())
        yield pool
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_no_slot_is_given_twice(factory):
    async with running(factory) as pool:
        slots = await asyncio.gather(*(pool.take() for _ in range(30)))
        assert len({slot.api_address for slot in slots}) == 30
        for slot in slots:
            await slot.close()


async def test_the_stock_is_disposed_of_at_the_end(factory):
    async with running(factory) as pool:
        await (await pool.take()).close()
    assert not factory.alive


async def test_a_failure_is_told_to_who_asks_and_then_tried_again(factory):
    factory.failures = 1
    async with running(factory, size=1) as pool:
        answers = await asyncio.gather(*(pool.take() for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(answer, OSError) for answer in answers) == 1
        for answer in answers:
            if isinstance(answer, NetworkSlot):
                await answer.close()


async def test_a_slot_still_being_made_at_the_end_is_disposed_of(factory):
    begun, go_on = threading.Event(), threading.Event()
    make = factory.make

    def slow():
        begun.set()
        go_on.wait(10)
        return make()

    factory.make = slow
    async with running(factory) as _:
        await asyncio.to_thread(begun.wait)
        asyncio.get_running_loop().call_soon(go_on.set)
    assert not factory.alive


def test_a_listener_does_not_block():
    with listen(("127.0.0.1", 0), 5) as listener, pytest.raises(BlockingIOError):
        listener.accept()
