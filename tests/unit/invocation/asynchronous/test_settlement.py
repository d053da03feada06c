from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support.outcomes import event, failure, outcome
from tests.support.versions import function_version

from lambent.domain.asynchronous_event import Condition, FailedEvent
from lambent.invocation.asynchronous import settlement as settlement_module
from lambent.invocation.asynchronous.settlement import Settlement
from lambent.telemetry.metrics.recorder import Metrics

DEAD = "arn:aws:sqs:us-east-1:123456789012:dead"


class Store:
    """Remembers what it is to write; its errors come first."""

    def __init__(self):
        self.settled = []
        self.errors = []

    async def settle(self, settled):
        if self.errors:
            raise self.errors.pop(0)
        self.settled += settled


class Deliveries:
    def __init__(self):
        self.added: list[Any] = []
        self.woken = 0

    def adding(self, deliveries):
        self.added += deliveries
        return "a write"

    def wake(self):
        self.woken += 1


class Fates:
    def config(self, event):
        return None


class Written:
    def __init__(self):
        self.is_done = asyncio.Event()
        self.times = 0

    def __call__(self):
        self.times += 1
        self.is_done.set()


class Desk:
    def __init__(self):
        self.store: Any = Store()
        self.deliveries: Any = Deliveries()
        self.metrics = Metrics()
        self.settlement = self._settlement(Fates())

    def _settlement(self, fates: Any):
        return Settlement(self.store, fates, self.deliveries, self.metrics)

    def counted(self, metric):
        return sum(
            minute.aggregate.total
            for minute in self.metrics.now(0)
            if minute.metric == metric and minute.series.name
        )


@pytest.fixture
async def desk():
    made = Desk()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(made.settlement.writes.run())
        yield made
        made.settlement.writes.end()


@pytest.fixture
def written():
    return Written()


async def test_a_retry_is_written_before_anybody_is_told(desk, written):
    again = event(attempts=1, due_ms=99)
    desk.settlement.try_again(again, written)
    assert written.times == 0
    await written.is_done.wait()
    [settled] = desk.store.settled
    assert (settled.event, settled.next, settled.deliveries) == (again, again, None)


async def test_a_success_without_a_destination_is_forgotten(desk, written):
    desk.settlement.end(outcome(), function_version(), written)
    await written.is_done.wait()
    [settled] = desk.store.settled
    assert (settled.next, settled.deliveries) == (None, None)
    assert desk.counted("AsyncEventsDropped") == 0


async def test_a_failure_with_nowhere_to_go_is_kept_with_what_was_said(desk, written):
    desk.settlement.end(failure(response_payload=b"x" * 10_000), function_version(), written)
    await written.is_done.wait()
    [settled] = desk.store.settled
    assert isinstance(settled.next, FailedEvent)
    assert settled.next.condition == "RetriesExhausted"
    assert settled.next.error == "x" * 4096
    assert desk.counted("AsyncEventsDropped") == 1


async def test_a_failure_that_is_told_somebody_is_not_kept(desk, written):
    desk.settlement.end(failure(), function_version(dead_letter_arn=DEAD), written)
    await written.is_done.wait()
    [settled] = desk.store.settled
    assert (settled.next, settled.deliveries) == (None, "a write")
    assert [each.target_arn for each in desk.deliveries.added] == [DEAD]
    assert desk.deliveries.woken == 1


async def test_a_loop_is_counted_as_one(desk, written):
    stopped = outcome(
        condition=Condition.RECURSIVE_INVOCATION, executed_version=None, response_payload=None
    )
    desk.settlement.end(stopped, None, written)
    await written.is_done.wait()
    assert desk.counted("RecursiveInvocationsDropped") == desk.counted("AsyncEventsDropped") == 1


async def test_what_cannot_be_written_is_written_later_and_told_once(
    desk, written, monkeypatch, caplog
):
    monkeypatch.setattr(settlement_module, "_WRITE_AGAIN_SECONDS", 0.001)
    desk.store.errors = [OSError("full"), OSError("full")]
    desk.settlement.end(outcome(), None, written)
    await written.is_done.wait()
    assert (len(desk.store.settled), written.times) == (1, 1)
    assert caplog.text.count("cannot be written down") == 1
