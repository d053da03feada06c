from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.unit.emulator.engines import FakeEngine

from lambent.domain.errors import ServiceError
from lambent.domain.quotas import MIB
from lambent.emulator import emulator
from lambent.emulator.emulator import invoke_options, serve
from lambent.emulator.settings import EmulatorSettings
from lambent.server.listening import AddressInUse

SETTINGS = EmulatorSettings(host="127.0.0.1", port=0, drain_seconds=60)
PATH = "/2015-03-31/functions/function/invocations"


@dataclass
class Statistics:
    instances: int


class Engine(FakeEngine):
    """Drains as the real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False
        self._is_at_work = asyncio.Lock()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exception):
        self.is_closed = True

    async def invoke(self, invocation, *, wants_log_tail=False):
        async with self._is_at_work:
            return await super().invoke(invocation, wants_log_tail=wants_log_tail)

    async def drain(self):
        async with self._is_at_work:
            pass

    def end_invocations(self):
        self.outcomes.append(ServiceError("ServiceException", "stopped"))
        self.may_answer.set()

    def statistics(self):
        return Statistics(len(self.invocations))


class Running:
    """An emulator in this process."""

    def __init__(self, url: str, engine: Engine, serving: asyncio.Task[None]) -> None:
        self.address = url.removeprefix("http://")
        self.engine = engine
        self.serving = serving

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str):
        return await asyncio.to_thread(self._ask, method, path, body, headers)

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]):
        connection = http.client.HTTPConnection(self.address)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class Consumer:
    """Ends when it is cancelled and all it has is answered; or as a test says."""

    def __init__(self) -> None:
        self.is_connected = False
        self.is_told = asyncio.Event()
        self.is_done = asyncio.Event()
        self.failure: Exception | None = None

    async def run(self):
        try:
            await self.is_done.wait()
            if self.failure is not None:
                raise self.failure
        except asyncio.CancelledError:
            self.is_told.set()
            await self.is_done.wait()
            raise


@contextlib.asynccontextmanager
async def running_emulator(monkeypatch, settings):
    engine = Engine()
    monkeypatch.setattr(emulator, "open_engine", lambda settings: engine)
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(serve(settings, url.set_result))
    yield Running(await url, engine, serving)
    if not serving.done():
        engine.may_answer.set()
        os.kill(os.getpid(), signal.SIGTERM)
        await serving


@pytest.fixture
async def running(monkeypatch):
    async with running_emulator(monkeypatch, SETTINGS) as running:
        yield running


@pytest.fixture
def consumer(monkeypatch):
    consumer = Consumer()
    monkeypatch.setattr(emulator, "_consumer", lambda address, settings, engine: consumer)
    return consumer


@pytest.fixture
async def consuming(monkeypatch, consumer):
    """An emulator that has a broker, too."""
    address: Any = "somewhere"
    async with running_emulator(monkeypatch, replace(SETTINGS, amqp=address)) as running:
        yield running
        consumer.is_done.set()


async def test_a_call_is_answered(running):
    assert await running.ask("POST", PATH, b"1") == (200, b"1")


async def test_health_has_the_engines_numbers(running):
    _, body = await running.ask("GET", "/health")

    assert b'"instances": 0' in body


async def test_a_signal_lets_what_is_at_work_end(running):
    running.engine.may_answer.clear()
    call = asyncio.ensure_future(running.ask("POST", PATH, b'"kept"'))
    await running.engine.wait_begun(1)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0)
    assert not running.serving.done()
    running.engine.may_answer.set()

    assert await call == (200, b'"kept"')
    await running.serving
    assert running.engine.is_closed


async def test_a_signal_lets_events_that_were_accepted_be_run(running):
    running.engine.may_answer.clear()
    for body in (b"1", b"2"):
        status, _ = await running.ask("POST", PATH, body, X_Amz_Invocation_Type="Event")
        assert status == 202
    os.kill(os.getpid(), signal.SIGTERM)
    running.engine.may_answer.set()
    await running.serving

    assert [each.payload for each in running.engine.invocations] == [b"1", b"2"]


async def test_a_second_signal_ends_what_is_at_work(running):
    running.engine.may_answer.clear()
    call = asyncio.ensure_future(running.ask("POST", PATH, b"1"))
    await running.engine.wait_begun(1)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)

    status, _ = await call
    assert status == 500
    await running.serving


async def test_an_address_that_is_taken_is_told_with_its_variable(running):
    taken: Any = EmulatorSettings(host="127.0.0.1", port=int(running.address.rpartition(":")[2]))

    with pytest.raises(AddressInUse, match="choose another with PORT"):
        await serve(taken, print)


async def test_without_its_broker_one_is_healthy_and_not_ready(consuming, consumer):
    assert (await consuming.ask("GET", "/ready"))[0] == 503
    consumer.is_connected = True
    assert (await consuming.ask("GET", "/ready"))[0] == 200
    status, body = await consuming.ask("GET", "/health")
    assert status == 200
    assert b'"broker": true' in body


async def test_a_signal_lets_requests_from_the_broker_be_answered(consuming, consumer):
    os.kill(os.getpid(), signal.SIGTERM)
    await consumer.is_told.wait()
    assert not consuming.engine.is_closed
    consumer.is_done.set()

    await consuming.serving
    assert consuming.engine.is_closed


async def test_a_second_signal_waits_for_no_broker(consuming, consumer):
    os.kill(os.getpid(), signal.SIGTERM)
    await consumer.is_told.wait()
    os.kill(os.getpid(), signal.SIGTERM)

    await consuming.serving


async def test_a_broker_that_is_given_up_on_ends_it(consuming, consumer):
    consumer.failure = LookupError("no broker")
    consumer.is_done.set()

    with pytest.raises(ExceptionGroup) as failures:
        await consuming.serving
    assert failures.group_contains(LookupError)
    assert consuming.engine.is_closed


def test_sizes_are_lambdas_unless_they_are_not_limited():
    assert invoke_options(EmulatorSettings()).max_event_bytes == 6 * MIB
    assert invoke_options(EmulatorSettings(limits_sizes=False)).max_event_bytes > 100 * MIB
