from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from lambent.domain.errors import ServiceError
from lambent.emulator.amqp import remote_functions
from lambent.emulator.amqp.address import amqp_address
from lambent.emulator.amqp.broker_session import NoQueue, Request, RequestRefused, SessionOver
from lambent.emulator.amqp.connection import BrokerUnreachable
from lambent.emulator.amqp.remote_functions import RemoteFunctions


class Session:
    """A connection that does with requests what a test wants."""

    why_over = "the connection is lost"
    is_blocked = False

    def __init__(self, send=None, *, has_kept_replies=False, queues=()):
        self.has_kept_replies = has_kept_replies
        self.over = asyncio.Event()
        self.connection = self
        self.sent = []
        self.queues = queues
        self.has_left = False
        self._send = send

    async def send(self, request):
        self.sent.append(request.id)
        if self._send is not None:
            await self._send(self, request)

    async def has_queue(self, name):
        return name in self.queues

    async def leave(self):
        self.has_left = True

    async def close(self):
        self.over.set()


@pytest.fixture
def connect(monkeypatch):
    """What comes when a connection is wanted: the sessions put there, one after the other."""
    sessions: asyncio.Queue[Session | Exception] = asyncio.Queue()

    async def connected(address, name, set_up, *, was_connected):
        session = await sessions.get()
        if isinstance(session, Exception):
            raise session
        return session

    monkeypatch.setattr(remote_functions, "connected", connected)
    monkeypatch.setattr(remote_functions, "_PAUSE_SECONDS", 0)
    return sessions.put_nowait


@contextlib.asynccontextmanager
async def functions_behind_a_broker():
    address = amqp_address({"AMQP_URI": "amqp://localhost"})
    assert address is not None
    functions = RemoteFunctions(address, "test")
    running = asyncio.create_task(functions.run())
    try:
        yield functions
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def request(number="1", body=b"{}"):
    return Request(
        function="f", id=number, body=body, headers={}, expects_answer=True, is_persistent=False
    )


def answer(functions, number, body=b"answer"):
    properties = SimpleNamespace(correlation_id=number)
    functions._receive(SimpleNamespace(header=SimpleNamespace(properties=properties), body=body))


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # it may be anything
            await asyncio.sleep(0)


async def test_an_answer_may_be_here_before_the_broker_says_it_has_the_request(connect):
    async def answer_first(session, request):
        answer(functions, request.id)

    connect(Session(answer_first))
    async with functions_behind_a_broker() as functions:
        message = await functions.call(request(), 10)

    assert message.body == b"answer"
    assert functions.owed == 0


async def test_a_call_waits_for_the_first_connection_and_is_sent_once(connect):
    async with functions_behind_a_broker() as functions:
        call = asyncio.create_task(functions.call(request(), 10))
        await asyncio.sleep(0)
        session = Session()
        connect(session)
        await until(lambda: session.sent)
        answer(functions, "1")

        assert (await call).body == b"answer"
        assert session.sent == ["1"]


@pytest.mark.parametrize(("has_kept", "again"), [(False, ["1"]), (True, [])])
async def test_what_the_broker_had_is_sent_again_when_it_has_forgotten(connect, has_kept, again):
    first, second = Session(), Session(has_kept_replies=has_kept)
    connect(first)
    async with functions_behind_a_broker() as functions:
        call = asyncio.create_task(functions.call(request(), 10))
        await until(lambda: first.sent)
        await asyncio.sleep(0)
        first.over.set()
        connect(second)
        await until(lambda: functions.is_connected and second.sent == again)
        answer(functions, "1")

        assert (await call).body == b"answer"
        assert second.sent == again


async def test_what_was_being_sent_when_the_connection_broke_is_sent_by_the_next(connect):
    async def break_down(session, request):
        session.over.set()
        raise SessionOver("gone")

    second = Session()
    connect(Session(break_down))
    connect(second)
    async with functions_behind_a_broker() as functions:
        await functions.send(request())

    assert second.sent == ["1"]


async def test_what_is_abandoned_while_it_is_sent_ends_too(connect):
    async def hang(session, request):
        await asyncio.Event().wait()

    session = Session(hang)
    connect(session)
    async with functions_behind_a_broker() as functions:
        calls = [asyncio.create_task(functions.call(request(), 10))]
        calls += [asyncio.create_task(functions.send(request("2")))]
        await until(lambda: len(session.sent) == 2)
        functions.abandon()
        for each in [*calls, functions.send(request("3"))]:
            with pytest.raises(ServiceError, match="stopped before the answer"):
                await each


async def test_a_broker_that_hangs_does_not_keep_the_gateway(connect, monkeypatch):
    monkeypatch.setattr(remote_functions, "_LEAVE_SECONDS", 0.01)

    class Hanging(Session):
        async def leave(self):
            await asyncio.Event().wait()

    session = Hanging()
    connect(session)
    async with functions_behind_a_broker() as functions:
        await until(lambda: functions.is_connected)

    assert session.over.is_set()


async def test_what_is_lost_again_and_again_is_refused(connect):
    sessions = [Session() for _ in range(6)]
    async with functions_behind_a_broker() as functions:
        call = asyncio.create_task(functions.call(request(), 10))
        for session in sessions:
            connect(session)
            await until(lambda sent=session.sent: sent)
            await asyncio.sleep(0)
            session.over.set()
        connect(Session())
        with pytest.raises(ServiceError, match="sent 6 times, and lost each time"):
            await call


async def test_a_function_whose_queue_is_gone_with_a_request_may_take_its_time_to_return(
    connect, monkeypatch
):
    """That somebody else finds no queue is known before it is looked for."""
    attempts = []

    async def find_it_later(session, request):
        attempts.append(request.id)
        if len(attempts) in (2, 3):
            raise NoQueue("f")

    session = Session(find_it_later)
    connect(session)
    async with functions_behind_a_broker() as functions:
        call = asyncio.create_task(functions.call(request(), 10))
        await until(lambda: functions._owed and functions._owed["1"].is_sent)
        await functions.send(request("2"))
        answer(functions, "1")
        await call

    assert attempts == ["1", "2", "2", "2"]


async def test_a_function_that_does_not_return_is_not_found_in_the_end(connect, monkeypatch):
    monkeypatch.setattr(remote_functions, "_LOOK_SECONDS", 0)
    monkeypatch.setattr(remote_functions, "_RETURN_SECONDS", 0.1)

    async def find_it_once(session, request):
        if len(session.sent) > 1:
            raise NoQueue("f")

    session = Session(find_it_once)
    connect(session)
    async with functions_behind_a_broker() as functions:
        with pytest.raises(ServiceError, match="Function not found: f"):
            await functions.call(request(), 10)

    assert len(session.sent) > 2


async def test_an_answer_ends_the_wait_for_a_queue(connect):
    async def find_none(session, request):
        raise NoQueue("f")

    first, second = Session(), Session(find_none)
    connect(first)
    async with functions_behind_a_broker() as functions:
        call = asyncio.create_task(functions.call(request(), 10))
        await until(lambda: first.sent)
        await asyncio.sleep(0)
        first.over.set()
        connect(second)
        await until(lambda: len(second.sent) > 2)
        answer(functions, "1")
        assert (await call).body == b"answer"


@pytest.mark.parametrize("queues", [(), ("f",)])
async def test_what_is_lost_with_its_queue_is_sent_again(connect, monkeypatch, queues):
    monkeypatch.setattr(remote_functions, "_LOOK_SECONDS", 0)
    looked = []

    class Watched(Session):
        async def has_queue(self, name):
            looked.append(name)
            return await super().has_queue(name)

    session = Watched(queues=queues)
    connect(session)
    async with functions_behind_a_broker() as functions:
        call = asyncio.create_task(functions.call(request(), 10))
        await until(lambda: len(looked) > 2)
        answer(functions, "1")
        await call

    assert (len(session.sent) > 1) is not bool(queues)


async def test_a_function_without_a_queue_is_not_found_at_once(connect):
    async def find_none(session, request):
        raise NoQueue("f")

    connect(Session(find_none))
    async with functions_behind_a_broker() as functions:
        with pytest.raises(ServiceError, match="Function not found: f") as caught:
            await functions.call(request(), 10)
        with pytest.raises(ServiceError, match="Function not found: other"):
            await functions.check("other")

    assert caught.value.code == "ResourceNotFoundException"


async def test_a_function_may_take_its_time_to_return_after_an_outage(connect):
    attempts = []

    async def find_it_later(session, request):
        attempts.append(request.id)
        if len(attempts) < 4:
            raise NoQueue("f")

    first = Session()
    connect(first)
    async with functions_behind_a_broker() as functions:
        await until(lambda: functions.is_connected)
        first.over.set()
        connect(Session(find_it_later))
        await functions.send(request())

    assert len(attempts) == 4


async def test_a_request_that_closes_the_channel_takes_no_other_with_it(connect):
    """The broker tells all that are being sent that one is too large, and not which."""

    async def close_channel(session, request):
        session.over.set()
        raise SessionOver("too large", is_refusal=True)

    second = Session()
    connect(Session(close_channel))
    connect(Session(close_channel))
    connect(second)
    async with functions_behind_a_broker() as functions:
        with pytest.raises(ServiceError, match="did not take this request"):
            await functions.send(request("large", b"x" * 100_000))
        await functions.send(request("small"))

    assert second.sent == ["small"]


async def test_a_request_into_a_full_queue_is_refused(connect):
    async def refuse(session, request):
        raise RequestRefused("f")

    connect(Session(refuse))
    async with functions_behind_a_broker() as functions:
        with pytest.raises(ServiceError, match="full"):
            await functions.send(request())


async def test_without_a_broker_calls_end_with_a_reason(connect, monkeypatch):
    monkeypatch.setattr(remote_functions, "_BROKER_SECONDS", 0.01)
    async with functions_behind_a_broker() as functions:
        assert not functions.is_connected
        with pytest.raises(ServiceError, match="AMQP_URI"):
            await functions.call(request(), 10)


async def test_no_answer_in_time_is_a_time_out(connect):
    connect(Session())
    async with functions_behind_a_broker() as functions:
        with pytest.raises(TimeoutError):
            await functions.call(request(), 0.01)

    assert functions.owed == 0


async def test_what_is_abandoned_ends_and_the_queue_goes_with_the_gateway(connect):
    session = Session()
    connect(session)
    async with functions_behind_a_broker() as functions:
        call = asyncio.create_task(functions.call(request(), 10))
        await until(lambda: session.sent)
        functions.abandon()
        with pytest.raises(ServiceError, match="stopped before the answer"):
            await call

    assert session.has_left


async def test_it_ends_when_no_connection_is_to_be_had(connect):
    connect(BrokerUnreachable("nobody there"))
    address = amqp_address({"AMQP_URI": "amqp://localhost"})
    assert address is not None
    with pytest.raises(BrokerUnreachable):
        await RemoteFunctions(address, "test").run()
