from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from tests.unit.execution_environment.telemetry_subscriber import OK, Subscriber, open_socket

from lambent.execution_environment.telemetry_api import delivery as telemetry_delivery
from lambent.execution_environment.telemetry_api.delivery import TelemetryDelivery
from lambent.execution_environment.telemetry_api.subscription import (
    Destination,
    HttpTarget,
    Subscription,
)
from lambent.telemetry.platform_events import End, Start

if TYPE_CHECKING:
    from lambent.telemetry.extension_events import LogsDropped

NOON_MS = 1_769_860_800_123
START = Start(request_id="r-1", version="$LATEST")
REFUSAL = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
FELL_BEHIND = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
SOON_MS = 25
LATE_MS = 30_000


class Delivering:
    """A delivery to a subscriber, and what it told of lost records."""

    def __init__(self, port, **members):
        target = HttpTarget(method="POST", host="sandbox", path="/")
        self.dropped: list[LogsDropped] = []
        self.delivery = TelemetryDelivery(
            Subscription(
                **{
                    "agent_name": "mine",
                    "api": "Telemetry",
                    "schema": "2022-12-13",
                    "types": ("platform", "function"),
                    "destination": Destination(port=port, http=target),
                    "max_items": 1000,
                    "max_bytes": 262_144,
                    "timeout_ms": SOON_MS,
                    **members,
                }
            ),
            open_socket,
            self.dropped.append,
        )

    def lines(self, *lines):
        for line in lines:
            self.delivery.offer_line("function", line, NOON_MS)


@asynccontextmanager
async def delivering(*replies, **members):
    async with Subscriber(*replies) as subscriber:
        each = Delivering(subscriber.port, **members)
        running = asyncio.ensure_future(each.delivery.run())
        try:
            yield each, subscriber
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch):
    monkeypatch.setattr(telemetry_delivery, "_RETRY_SECONDS", (0.0, 0.0))


def line(text):
    return {"time": "2026-01-31T12:00:00.123Z", "type": "function", "record": text}


async def test_events_are_sent_together_when_the_time_is_over():
    async with delivering() as (each, subscriber):
        each.delivery.offer_platform(START, NOON_MS)
        each.lines("one", {"level": "INFO"})
        await subscriber.wait_requests(1)
    assert subscriber.events == [
        {
            "time": "2026-01-31T12:00:00.123Z",
            "type": "platform.start",
            "record": {"requestId": "r-1", "version": "$LATEST"},
        },
        line("one"),
        line({"level": "INFO"}),
    ]
    assert len(subscriber.bodies) == 1


async def test_only_what_was_subscribed_to_is_sent():
    async with delivering(types=("extension",)) as (each, subscriber):
        each.lines("the function's")
        each.delivery.offer_platform(START, NOON_MS)
        each.delivery.offer_line("extension", "the extension's", NOON_MS)
        await subscriber.wait_requests(1)
    assert [event["record"] for event in subscriber.events] == ["the extension's"]


async def test_events_the_schema_does_not_have_are_not_sent():
    async with delivering() as (each, subscriber):
        each.delivery.offer_platform(End(request_id="r-1"), NOON_MS)
        each.lines("one")
        await subscriber.wait_requests(1)
    assert subscriber.events == [line("one")]


async def test_a_full_buffer_is_sent_before_its_time():
    async with delivering(timeout_ms=LATE_MS) as (each, subscriber):
        each.lines(*map(str, range(1500)))
        await subscriber.wait_requests(1)
        assert subscriber.events == [line(str(number)) for number in range(1000)]
        await each.delivery.flush()
    assert len(subscriber.events) == 1500


async def test_batches_hold_no_more_bytes_than_was_asked_for():
    async with delivering(timeout_ms=LATE_MS) as (each, subscriber):
        each.lines(*["x" * 100_000] * 4)
        await each.delivery.flush()
    assert [len(body) // 100_000 for body in subscriber.bodies] == [2, 2]


async def test_after_a_flush_nothing_waits():
    async with delivering(timeout_ms=LATE_MS) as (each, subscriber):
        each.lines("one")
        await each.delivery.flush()
        assert subscriber.events == [line("one")]
        each.lines("two")
        await subscriber.wait_requests(2)


async def test_a_flush_of_nothing_is_over_at_once():
    async with delivering() as (each, _):
        await each.delivery.flush()


async def test_a_refused_batch_is_sent_again():
    async with delivering(REFUSAL, None, OK) as (each, subscriber):
        each.lines("one")
        await subscriber.wait_requests(3)
    assert subscriber.events == [line("one")] * 3
    assert each.dropped == []


async def test_a_batch_refused_again_and_again_is_lost_and_the_next_one_tells_it():
    async with delivering(REFUSAL, REFUSAL, REFUSAL, OK) as (each, subscriber):
        each.lines("one", "two")
        await subscriber.wait_requests(3)
        await each.delivery.flush()
        each.lines("three")
        await subscriber.wait_requests(4)
        told, event = subscriber.events[-2:]
    assert event == line("three")
    assert told["type"] == "platform.logsDropped"
    [dropped] = each.dropped
    assert told["record"] == dropped.record()
    assert dropped.dropped_records == 2
    assert dropped.dropped_bytes == sum(map(len, subscriber.bodies[:1])) - len("[,]")
    assert dropped.reason == "Could not send events: the subscriber answered 500"


async def test_a_subscriber_that_does_not_answer_is_given_up(monkeypatch):
    # On a busy machine a try that is over sooner has sent nothing yet.
    monkeypatch.setattr(telemetry_delivery, "_TRY_SECONDS", 0.25)
    async with delivering("silence") as (each, subscriber):
        each.lines("one")
        await subscriber.wait_requests(3)
        await each.delivery.flush()
        each.lines("two")
        await subscriber.wait_requests(4)
    assert [each.reason for each in each.dropped] == ["Could not send events: no reply in time"]


async def test_who_falls_behind_loses_records_and_is_told(monkeypatch):
    monkeypatch.setattr(telemetry_delivery, "_TRY_SECONDS", 60)
    async with delivering("silence") as (each, subscriber):
        each.lines("on its way")
        await subscriber.wait_requests(1)
        each.lines(*map(str, range(2500)))
    # Two buffers full are kept, and the memory for them is all that a subscriber can take.
    each.delivery.note_dropped(0, 0)
    assert len(each.delivery._records) == 2000
    news = each.delivery._take_batch()
    assert b'"droppedRecords":500' in news[0]
    assert [each.reason for each in each.dropped] == [FELL_BEHIND]
    assert len(news) == 1001


async def test_a_record_larger_than_two_buffers_is_lost():
    async with delivering() as (each, subscriber):
        each.lines("x" * (2 * 262_144), "small")
        await subscriber.wait_requests(1)
    told, event = subscriber.events
    assert event == line("small")
    assert told["record"]["droppedRecords"] == 1


async def test_who_did_not_subscribe_to_platform_events_gets_none_of_lost_ones():
    async with delivering(types=("function",)) as (each, subscriber):
        each.delivery.note_dropped(3, 99)
        each.lines("one")
        await subscriber.wait_requests(1)
    assert subscriber.events == [line("one")]
    assert [each.dropped_records for each in each.dropped] == [3]


async def test_while_frozen_nothing_is_sent():
    async with delivering() as (each, subscriber):
        each.delivery.pause()
        each.lines("one")
        flushing = asyncio.ensure_future(each.delivery.flush())
        for _ in range(99):
            await asyncio.sleep(0)
        assert subscriber.bodies == []
        each.delivery.resume()
        await flushing
    assert subscriber.events == [line("one")]


async def test_the_time_a_subscriber_is_frozen_does_not_count(monkeypatch):
    monkeypatch.setattr(telemetry_delivery, "_TRY_SECONDS", 0.2)
    async with delivering("silence", OK) as (each, subscriber):
        each.lines("one")
        await subscriber.wait_requests(1)
        each.delivery.pause()
        assert each.delivery._try_limit is not None
        assert each.delivery._try_limit.when() is None
        each.delivery.resume()
        assert each.delivery._try_limit.when() is not None
        await subscriber.wait_requests(2)
    assert each.dropped == []


async def test_a_replaced_delivery_ends_by_itself():
    async with Subscriber() as subscriber:
        each = Delivering(subscriber.port, timeout_ms=LATE_MS)
        running = asyncio.ensure_future(each.delivery.run())
        each.lines("never sent")
        each.delivery.stop()
        async with asyncio.timeout(30):
            await running
    assert subscriber.bodies == []
