from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from tests.support.outcomes import (
    ACCOUNT,
    QUEUE,
    REGION,
    by_state,
    delivery,
    event,
    failure,
    outcome,
)
from tests.support.versions import function_version

from lambent.domain.delivery import Delivery, DeliveryRefused
from lambent.domain.event_invoke_config import EventInvokeConfig
from lambent.invocation.asynchronous.deliveries import Deliveries, deliveries_of
from lambent.server.background import running
from lambent.store.database import Database
from lambent.store.deliveries import DeliveryStore
from lambent.store.selection import Selection

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:failures"
LETTERS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:letters"
ALL = Selection(account_id=ACCOUNT, region=REGION)
CONFIG = EventInvokeConfig(
    account_id=ACCOUNT,
    region=REGION,
    name="greet",
    qualifier="$LATEST",
    revision_id="r",
    maximum_retry_attempts=None,
    maximum_event_age_seconds=None,
    on_success=TOPIC,
    on_failure=QUEUE,
    last_modified=0.0,
)
WITH_LETTERS = function_version(dead_letter_arn=LETTERS)


def kinds(deliveries):
    return [(each.kind, each.target_arn) for each in deliveries]


def test_a_success_goes_to_its_destination_only():
    [only] = deliveries_of(outcome(), CONFIG, WITH_LETTERS)
    assert (only.kind, only.target_arn) == ("destination", TOPIC)
    assert json.loads(only.body)["requestContext"]["condition"] == only.condition == "Success"
    assert only.due_ms == only.created_ms == outcome().ended_ms
    assert only.is_success


def test_a_failure_goes_to_its_destination_and_to_the_dead_letters():
    record, letter = deliveries_of(failure(), CONFIG, WITH_LETTERS)
    assert kinds([record, letter]) == [("destination", QUEUE), ("dead_letter", LETTERS)]
    assert json.loads(record.body)["requestContext"]["condition"] == "RetriesExhausted"
    assert letter.body == event().payload
    assert letter.attributes["ErrorMessage"] == "failure example"
    assert record.attributes == {}


@pytest.mark.parametrize(
    ("config", "version"),
    [
        (None, None),
        (None, function_version()),
        (replace(CONFIG, on_success=None, on_failure=None), function_version()),
    ],
)
def test_nobody_is_told_where_nobody_wants_to_be(config, version):
    assert deliveries_of(failure(), config, version) == []
    assert deliveries_of(outcome(), config, version) == []


class Neighbour:
    """Takes deliveries, unless it has a problem with their target."""

    def __init__(self):
        self.sent: asyncio.Queue[Delivery] = asyncio.Queue()
        self.problems: dict[str, Exception] = {}
        self.hanging: set[str] = set()
        self.attempts = 0
        self.begun = asyncio.Event()

    async def send(self, deliveries):
        self.attempts += 1
        self.begun.set()
        target_arn = deliveries[0].target_arn
        if target_arn in self.hanging:
            await asyncio.Event().wait()
        if problem := self.problems.get(target_arn):
            return [problem] * len(deliveries)
        for each in deliveries:
            self.sent.put_nowait(each)
        return [None] * len(deliveries)


@pytest.fixture
async def database(tmp_path):
    async with Database.open(tmp_path / "lambent.sqlite") as opened:
        yield opened


@pytest.fixture
def store(database):
    return DeliveryStore(database)


@pytest.fixture
def neighbour():
    return Neighbour()


@pytest.fixture
def counted():
    return []


@pytest.fixture
def deliveries(store, counted):
    """With two retries, at once."""
    return Deliveries(
        store,
        lambda metric, delivery: counted.append((metric, delivery.target_arn)),
        retry_seconds=(0, 0),
    )


@pytest.fixture
def add(deliveries, database):
    async def add(*what):
        write = deliveries.adding(what)
        await database.write(write.job, committed=lambda _: write.committed())
        deliveries.wake()

    return add


async def settled(store, **counts):
    """Returns once this is all there is, by state."""
    async with asyncio.timeout(30):
        while True:
            if by_state(await store.counts()) == counts:
                return
            await asyncio.sleep(0.005)


async def test_what_is_added_is_sent_and_forgotten(deliveries, neighbour, add, store):
    async with running("deliveries", deliveries.run(neighbour.send)):
        await add(delivery(body=b"first"))
        assert (await neighbour.sent.get()).body == b"first"
        await add(delivery(body=b"second"), delivery(target_arn=TOPIC))
        got = {(await neighbour.sent.get()).target_arn for _ in range(2)}
        assert got == {QUEUE, TOPIC}
        await settled(store)


async def test_what_an_earlier_run_left_is_sent(deliveries, neighbour, add, store):
    await add(delivery(), delivery(target_arn=TOPIC))
    async with running("deliveries", deliveries.run(neighbour.send)):
        await settled(store)
    assert neighbour.sent.qsize() == 2


async def test_many_are_all_sent_once(deliveries, neighbour, add, store):
    async with running("deliveries", deliveries.run(neighbour.send)):
        for number in range(10):
            await add(*(delivery(body=b"%d" % (number * 10 + each)) for each in range(10)))
        await settled(store)
    sent = sorted(int(neighbour.sent.get_nowait().body) for _ in range(neighbour.sent.qsize()))
    assert sent == list(range(100))


async def test_a_target_that_hangs_stops_no_other(deliveries, neighbour, add, store, monkeypatch):
    monkeypatch.setattr("lambent.invocation.asynchronous.deliveries._LEAVE_SECONDS", 0)
    neighbour.hanging.add(QUEUE)
    async with running("deliveries", deliveries.run(neighbour.send)):
        await add(*(delivery() for _ in range(20)))
        await add(*(delivery(target_arn=TOPIC) for _ in range(20)))
        for _ in range(20):
            assert (await neighbour.sent.get()).target_arn == TOPIC
        await settled(store, waiting=20)


async def test_what_fails_is_tried_again(deliveries, neighbour, add, store, counted, caplog):
    problems = iter([ConnectionError("not yet"), ConnectionError("not yet")])

    async def send(deliveries):
        if problem := next(problems, None):
            raise problem
        return await neighbour.send(deliveries)

    async with running("deliveries", deliveries.run(send)):
        await add(delivery())
        assert (await neighbour.sent.get()).attempts == 2
        await settled(store)
    assert counted == []
    assert caplog.records == []


async def test_what_fails_to_the_end_is_kept_told_and_counted(
    deliveries, neighbour, add, store, counted, caplog
):
    neighbour.problems = {QUEUE: ConnectionError("nobody there"), LETTERS: ConnectionError("")}
    async with running("deliveries", deliveries.run(neighbour.send)):
        await add(delivery(), delivery(kind="dead_letter", target_arn=LETTERS))
        await settled(store, failed=2)
    assert neighbour.attempts == 6
    assert sorted(counted) == [
        ("DeadLetterErrors", LETTERS),
        ("DestinationDeliveryFailures", QUEUE),
    ]
    record, letter = await store.page(ALL)
    assert (record.attempts, record.last_error) == (3, "nobody there")
    assert letter.last_error == "ConnectionError"
    said = sorted(each.getMessage() for each in caplog.records)
    assert f"a dead letter of {delivery().function_arn} could not be sent to {LETTERS}" in said[0]
    assert f"could not be sent to {QUEUE}: nobody there" in said[1]


async def test_what_cannot_be_delivered_ever_is_not_tried_again(deliveries, neighbour, add, store):
    neighbour.problems = {QUEUE: DeliveryRefused("it is too large")}
    async with running("deliveries", deliveries.run(neighbour.send)):
        await add(delivery())
        await settled(store, failed=1)
    assert neighbour.attempts == 1


async def test_many_failures_are_few_lines_of_the_log(
    deliveries, neighbour, add, store, counted, caplog
):
    neighbour.problems = {QUEUE: DeliveryRefused("it is too large")}
    async with running("deliveries", deliveries.run(neighbour.send)):
        await add(*(delivery() for _ in range(50)))
        await settled(store, failed=50)
    assert len(counted) == 50
    assert len(caplog.records) == 1


async def told(caplog, lines):
    async with asyncio.timeout(30):
        while True:
            if len(caplog.records) == lines:
                return
            await asyncio.sleep(0.005)


async def test_those_that_the_log_was_spared_are_told_later(
    deliveries, neighbour, add, store, caplog, monkeypatch
):
    neighbour.problems = {QUEUE: DeliveryRefused("it is too large")}
    monkeypatch.setattr("lambent.invocation.asynchronous.deliveries._TOLD_EACH_MS", 300)
    async with running("deliveries", deliveries.run(neighbour.send)):
        await add(*(delivery() for _ in range(10)))
        await told(caplog, 2)
    first, second = (each.getMessage() for each in caplog.records)
    assert "such failures" not in first
    assert ", the last of 9 such failures: it is too large" in second


async def test_failed_ones_are_sent_when_they_are_redriven(deliveries, neighbour, add, store):
    neighbour.problems = {QUEUE: DeliveryRefused("it is too large")}
    async with running("deliveries", deliveries.run(neighbour.send)):
        await add(delivery(), delivery(name="other"))
        await settled(store, failed=2)
        neighbour.problems = {}
        assert await deliveries.redrive(replace(ALL, name="greet")) == 1
        assert (await neighbour.sent.get()).name == "greet"
        await settled(store, failed=1)


async def test_nothing_is_sent_again_while_it_cannot_be_written_down(
    deliveries, neighbour, add, store, monkeypatch, caplog
):
    monkeypatch.setattr("lambent.invocation.asynchronous.deliveries._STORE_RETRY_SECONDS", 0)
    settle, failures = store.settle, iter(range(3))

    async def fail_first(done, failed):
        if next(failures, None) is not None:
            raise OSError("no space left")
        await settle(done, failed)

    monkeypatch.setattr(store, "settle", fail_first)
    async with running("deliveries", deliveries.run(neighbour.send)):
        await add(delivery())
        await settled(store)
    assert neighbour.attempts == 1
    assert (
        caplog.messages
        == ["deliveries cannot be stored now, and wait: OSError('no space left')"] * 3
    )


async def test_waits_end_when_what_they_are_for_is_due(store, neighbour, database):
    clock = iter(range(10**9, 10**9 + 10**6, 10))
    deliveries = Deliveries(store, lambda *_: None, clock=lambda: next(clock), retry_seconds=())
    write = deliveries.adding([delivery(due_ms=10**9 + 200)])
    await database.write(write.job, committed=lambda _: write.committed())
    async with running("deliveries", deliveries.run(neighbour.send)):
        await neighbour.sent.get()


async def test_what_is_being_sent_when_the_server_stops_is_not_sent_again(
    deliveries, neighbour, add, store
):
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def send(deliveries):
        begun.set()
        await may_end.wait()
        return [None] * len(deliveries)

    await add(delivery())
    run = asyncio.create_task(deliveries.run(send))
    await begun.wait()
    run.cancel()
    asyncio.get_running_loop().call_soon(may_end.set)
    with pytest.raises(asyncio.CancelledError):
        await run
    assert by_state(await store.counts()) == {}


async def test_what_hangs_does_not_keep_the_server_from_stopping(
    deliveries, neighbour, add, store, monkeypatch
):
    monkeypatch.setattr("lambent.invocation.asynchronous.deliveries._LEAVE_SECONDS", 0)
    neighbour.hanging.add(QUEUE)
    async with running("deliveries", deliveries.run(neighbour.send)):
        await add(delivery())
        await neighbour.begun.wait()
    assert by_state(await store.counts()) == {"waiting": 1}


async def test_an_error_is_one_line_and_not_long(deliveries, neighbour, add, store):
    neighbour.problems = {QUEUE: DeliveryRefused("first\n  second\r" + "x" * 5000)}
    async with running("deliveries", deliveries.run(neighbour.send)):
        await add(delivery())
        await settled(store, failed=1)
    [kept] = await store.page(ALL)
    assert kept.last_error == "first second " + "x" * 987


async def test_of_what_is_sent_together_only_what_failed_is_sent_again(
    deliveries, neighbour, add, store
):
    async def send(together):
        odd = [each for each in together if each.attempts or each.body != b"odd"]
        await neighbour.send(odd)
        return [None if each in odd else ConnectionError("it is odd") for each in together]

    await add(*(delivery(body=body) for body in (b"first", b"odd", b"last")))
    async with running("deliveries", deliveries.run(send)):
        await settled(store)
    sent = [neighbour.sent.get_nowait() for _ in range(neighbour.sent.qsize())]
    assert [each.body for each in sent] == [b"first", b"last", b"odd"]
    assert sent[2].attempts == 1
