from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from tests.unit.execution_environment.telemetry_subscriber import Subscriber, open_socket

from lambent.execution_environment.telemetry_api import subscriptions as telemetry_api
from lambent.execution_environment.telemetry_api.subscriptions import (
    LOGS_PATH,
    TELEMETRY_PATH,
    TelemetrySubscriptions,
)
from lambent.telemetry.extension_events import LogsDropped, LogsSubscription, TelemetrySubscription
from lambent.telemetry.platform_events import Start

NOON_MS = 1_769_860_800_123
START = Start(request_id="r-1", version="$LATEST")


class FakeLog:
    """Says to subscribers what it is told to, as the real one does."""

    def __init__(self) -> None:
        self.subscriptions: Any = None
        self.said: list[Any] = []
        self.recorded: list[Any] = []

    def platform(self, event, at_ms=None):
        self.said.append(event)
        self.subscriptions.publish_platform(event, at_ms or NOON_MS)

    def record(self, event, at_ms):
        self.recorded.append(event)


@pytest.fixture
async def log():
    return FakeLog()


@pytest.fixture
async def subscriptions(log):
    log.subscriptions = TelemetrySubscriptions(open_socket, log)
    return log.subscriptions


@asynccontextmanager
async def running(subscriptions):
    task = asyncio.ensure_future(subscriptions.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def request(port, *types, **members):
    return json.dumps(
        {
            "schemaVersion": "2022-12-13",
            "types": types or ["platform", "function", "extension"],
            "destination": {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}/"},
            "buffering": {"timeoutMs": 25, "maxItems": 1000, "maxBytes": 262144},
            **members,
        }
    ).encode()


def logs_request(port):
    return request(port, schemaVersion="2021-03-18")


def types_of(subscriber):
    return [event["type"] for event in subscriber.events]


async def test_a_subscriber_is_told_everything_since_the_start_of_init(subscriptions, log):
    async with Subscriber() as subscriber, running(subscriptions):
        subscriptions.publish_platform(START, NOON_MS)
        subscriptions.publish_line("function", "early", NOON_MS)
        answer = subscriptions.subscribe("mine", TELEMETRY_PATH, request(subscriber.port))
        subscriptions.publish_line("extension", "late", NOON_MS)
        await subscriptions.flush(30)
    assert answer == (200, b'"OK"')
    assert types_of(subscriber) == [
        "platform.start",
        "function",
        "platform.telemetrySubscription",
        "extension",
    ]
    types = ("platform", "function", "extension")
    assert log.said == [TelemetrySubscription(name="mine", types=types)]


async def test_the_logs_api_works_and_has_its_own_events(subscriptions, log):
    async with Subscriber() as subscriber, running(subscriptions):
        body = logs_request(subscriber.port)
        assert subscriptions.subscribe("mine", LOGS_PATH, body) == (200, b'"OK"')
        subscriptions.publish_platform(START, NOON_MS)
        await subscriptions.flush(30)
    assert types_of(subscriber) == ["platform.logsSubscription", "platform.start"]
    assert isinstance(log.said[0], LogsSubscription)


async def test_what_is_wrong_is_answered(subscriptions, log):
    status, body = subscriptions.subscribe("mine", TELEMETRY_PATH, b"{}")
    assert status == 400
    assert json.loads(body)["errorType"] == "ValidationError"
    assert "types should not be empty" in json.loads(body)["errorMessage"]
    assert log.said == []


@pytest.mark.parametrize(("path", "api"), [(TELEMETRY_PATH, "Telemetry"), (LOGS_PATH, "Logs")])
async def test_after_init_nobody_can_subscribe(subscriptions, path, api):
    subscriptions.end_subscribing()
    subscriptions.end_subscribing()
    status, body = subscriptions.subscribe("mine", path, request(8080))
    assert status == 403
    assert json.loads(body) == {
        "errorMessage": f"{api} API subscription is closed already",
        "errorType": f"{api}.SubscriptionClosed",
    }


async def test_without_subscribers_there_is_nothing_to_run(subscriptions):
    subscriptions.publish_line("function", "never heard", NOON_MS)
    subscriptions.end_subscribing()
    async with asyncio.timeout(30):
        await subscriptions.run()
    await subscriptions.flush(30)


async def test_who_has_subscribed_is_still_told_after_init(subscriptions):
    async with Subscriber() as subscriber, running(subscriptions):
        subscriptions.subscribe("mine", TELEMETRY_PATH, request(subscriber.port, "function"))
        subscriptions.end_subscribing()
        subscriptions.publish_line("function", "one", NOON_MS)
        await subscriber.wait_requests(1)
    assert types_of(subscriber) == ["function"]


async def test_a_second_subscription_replaces_the_first(subscriptions):
    async with Subscriber() as old, Subscriber() as new, running(subscriptions):
        subscriptions.publish_line("function", "early", NOON_MS)
        late = {"timeoutMs": 30_000}
        subscriptions.subscribe("mine", TELEMETRY_PATH, request(old.port, buffering=late))
        subscriptions.subscribe("mine", TELEMETRY_PATH, request(new.port, "function"))
        subscriptions.publish_line("function", "late", NOON_MS)
        await subscriptions.flush(30)
    assert old.bodies == []
    assert [event["record"] for event in new.events] == ["early", "late"]


async def test_an_extension_uses_one_of_the_apis(subscriptions):
    assert subscriptions.subscribe("mine", LOGS_PATH, logs_request(8080))[0] == 200
    status, body = subscriptions.subscribe("mine", TELEMETRY_PATH, request(8080))
    assert status == 400
    assert json.loads(body)["errorMessage"] == "extension has already subscribed using the Logs API"
    assert subscriptions.subscribe("other", TELEMETRY_PATH, request(8080))[0] == 200


async def test_a_dead_subscriber_takes_nothing_from_another(subscriptions):
    async with Subscriber("silence") as dead, Subscriber() as alive, running(subscriptions):
        for name, each in (("dead", dead), ("alive", alive)):
            subscriptions.subscribe(name, TELEMETRY_PATH, request(each.port, "function"))
        subscriptions.publish_line("function", "first", NOON_MS)
        await dead.wait_requests(1)
        for number in range(5000):
            subscriptions.publish_line("function", str(number), NOON_MS)
            if number % 500 == 499:
                await subscriptions._deliveries["alive"].flush()
    assert [event["record"] for event in alive.events] == ["first", *map(str, range(5000))]
    assert len(dead.bodies) == 1


async def test_what_was_said_before_anybody_subscribed_is_kept_within_limits(subscriptions, log):
    for _ in range(30):
        subscriptions.publish_line("function", "x" * 100_000, NOON_MS)
    async with Subscriber() as subscriber, running(subscriptions):
        subscriptions.subscribe(
            "mine",
            TELEMETRY_PATH,
            request(subscriber.port, buffering={"timeoutMs": 25, "maxBytes": 1048576}),
        )
        await subscriptions.flush(30)
    told = [event for event in subscriber.events if event["type"] == "platform.logsDropped"]
    assert [each["record"]["droppedRecords"] for each in told] == [20]
    assert types_of(subscriber).count("function") == 10
    # The others, had there been any, would have lost nothing.
    assert [type(event) for event in log.recorded] == [LogsDropped]


async def test_a_flush_ends_in_time(subscriptions):
    async with Subscriber("silence") as subscriber, running(subscriptions):
        subscriptions.subscribe("mine", TELEMETRY_PATH, request(subscriber.port))
        async with asyncio.timeout(30):
            await subscriptions.flush(0.05)


async def test_while_frozen_nobody_is_told(subscriptions):
    async with Subscriber() as subscriber, running(subscriptions):
        subscriptions.subscribe("mine", TELEMETRY_PATH, request(subscriber.port))
        subscriptions.pause()
        await subscriptions.flush(0.05)
        assert subscriber.bodies == []
        subscriptions.resume()
        await subscriber.wait_requests(1)


async def test_objects_are_kept_as_the_text_they_take_and_no_more(subscriptions):
    """256 KiB of `{}` and commas are 6 MiB as objects of Python's."""
    big: dict[str, object] = {"a": [{}] * 80_000}
    for _ in range(64):
        subscriptions.publish_line("function", big, NOON_MS)
    backlog = subscriptions._backlog
    assert len(backlog._offers) == 4
    assert backlog._lost_lines == 60
    async with Subscriber() as subscriber, running(subscriptions):
        subscriptions.subscribe("mine", TELEMETRY_PATH, request(subscriber.port, "function"))
        await subscriptions.flush(30)
    assert subscriber.events[0]["record"] == big


async def test_subscribing_again_and_again_is_refused_in_the_end(subscriptions):
    answers = [subscriptions.subscribe("mine", TELEMETRY_PATH, request(8080))[0] for _ in range(30)]
    assert answers == [200] * 20 + [400] * 10


async def test_a_replaced_subscription_keeps_nothing(subscriptions):
    subscriptions.publish_line("function", "early", NOON_MS)
    subscriptions.subscribe("mine", TELEMETRY_PATH, request(8080))
    replaced = subscriptions._deliveries["mine"]
    subscriptions.subscribe("mine", TELEMETRY_PATH, request(8080))
    subscriptions.publish_line("function", "late", NOON_MS)
    assert not replaced._records


async def test_a_line_is_written_once_for_all_subscribers(subscriptions, monkeypatch):
    """One read can be 16,384 lines, and there may be ten subscribers."""
    for number in range(10):
        assert subscriptions.subscribe(f"e{number}", TELEMETRY_PATH, request(8080))[0] == 200
    subscriptions.end_subscribing()
    written: list[Any] = []

    def encoded(*event):
        written.append(event)
        return b"{}"

    monkeypatch.setattr(telemetry_api, "encoded", encoded)
    subscriptions.publish_line("function", "line", NOON_MS)
    assert written == [("function", "line", NOON_MS)]
    assert all(each._records[-1] == b"{}" for each in subscriptions._deliveries.values())
