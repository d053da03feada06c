from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.unit.execution_environment.environment_driver import Driver
from tests.unit.execution_environment.fakes import (
    STREAM_LIMITS,
    VERSION,
    Clock,
    FakeLogStream,
    make_fakes,
)
from tests.unit.execution_environment.http_client import listening
from tests.unit.execution_environment.runtime_api_driver import (
    Conversation,
    RecordingEnvironment,
    listener_of,
)

from lambent.execution_environment.apis.runtime_api import RuntimeApi


@pytest.fixture
async def log():
    return FakeLogStream({})


@pytest.fixture
async def clock(monkeypatch):
    """The event loop's clock, which the test may move."""
    loop = asyncio.get_running_loop()
    moved = Clock(loop)
    monkeypatch.setattr(loop, "time", moved.time)
    return moved


@pytest.fixture
async def fakes(tmp_path):
    """What environments are made from; afterwards, nothing may be held any more."""
    made = make_fakes(tmp_path)
    yield made
    assert made.isolation.held == set()


@pytest.fixture
async def drive(fakes):
    """Makes environments; they are closed, and leave nothing behind."""
    before = asyncio.all_tasks()
    drivers = []

    def make(*, initialization_type="on-demand", **changes):
        version = replace(VERSION, **changes)
        drivers.append(Driver(fakes, version, initialization_type=initialization_type))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.environment.close()
        for process in fakes.isolation.processes:
            process.kill()  # nobody waits for who plays an extension no more
        await asyncio.wait([driver.living], timeout=30)
        assert driver.living.done()
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}


@pytest.fixture
async def driver(drive):
    return drive()


@pytest.fixture
async def runtime(monkeypatch, request):
    environment = RecordingEnvironment()
    api = RuntimeApi(environment, STREAM_LIMITS, offers_restore=hasattr(request, "param"))
    listener = listener_of(api)
    lost: asyncio.Queue[object] = asyncio.Queue()

    def connect():
        connection = listener.connect()
        known = connection.connection_lost

        def connection_lost(exception):
            known(exception)
            lost.put_nowait(connection)

        monkeypatch.setattr(connection, "connection_lost", connection_lost)
        return connection

    async with listening(connect) as address:
        yield Conversation(api, environment, address, await address.connect(), lost)
        listener.close()
