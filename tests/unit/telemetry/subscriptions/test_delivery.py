from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest
from tests.unit.telemetry.subscriptions.conftest import (
    ACCOUNT,
    FUNCTION,
    REGION,
    subscription,
    until,
)

from lambent.domain.log_subscription import LogSubscription
from lambent.store.records import AccountRecords
from lambent.telemetry.clock import now_ms
from lambent.telemetry.subscriptions.delivery import LogSubscriptions
from lambent.telemetry.subscriptions.destinations import NotDelivered


@contextlib.asynccontextmanager
async def at_work(subscriptions):
    task = asyncio.create_task(subscriptions.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def settled(subscriptions, event_id):
    """Waits until the only subscription has come as far as that event."""
    records = subscriptions.records
    await until(lambda: [each.done_event_id for each in records.everything()] == [event_id])


async def test_new_events_are_sent(subscriptions, destinations, append):
    group_id = await append("old")
    await subscriptions.put(subscription(group_id=group_id, done_event_id=1))
    async with at_work(subscriptions):
        await append("new")
        assert await destinations.next_messages() == ["new"]
        await append("newer", "newest")
        assert await destinations.next_messages() == ["newer", "newest"]
    assert destinations.sent.empty()


async def test_only_what_matches_is_sent(subscriptions, destinations, append):
    group_id = await append("first")
    await subscriptions.put(subscription(group_id=group_id, pattern="ERROR"))
    async with at_work(subscriptions):
        await append("fine", "ERROR: no", "fine")
        assert await destinations.next_messages() == ["ERROR: no"]


async def test_other_groups_wake_nobody(subscriptions, destinations, append):
    await subscriptions.put(subscription(group_id=await append("first"), done_event_id=1))
    await append("elsewhere", group="other")
    async with at_work(subscriptions):
        await append("mine")
        assert await destinations.next_messages() == ["mine"]


async def test_each_subscription_of_a_group_gets_its_own(subscriptions, destinations, append):
    group_id = await append("old")
    for name, pattern in (("a", "left"), ("b", "right")):
        subscribed = subscription(group_id=group_id, filter_name=name, pattern=pattern)
        await subscriptions.put(subscribed)
    async with at_work(subscriptions):
        await append("left", "right")
        received = [await destinations.next_messages() for _ in range(2)]
    assert sorted(received) == [["left"], ["right"]]


async def test_after_a_restart_it_goes_on_where_it_was(database, logs, destinations, slept, append):
    group_id = await append("one")
    for message in ("two", "three"):
        records = await AccountRecords.open(database, LogSubscription)
        subscriptions = LogSubscriptions(logs, records, destinations, slept)
        if not records.everything():
            await subscriptions.put(subscription(group_id=group_id, done_event_id=1))
        await append(message)
        async with at_work(subscriptions):
            assert await destinations.next_messages() == [message]
            await settled(subscriptions, await logs.last_event_id())


async def test_what_is_not_taken_is_tried_again(
    subscriptions, destinations, slept, append, caplog, logs
):
    group_id = await append("one")
    destinations.failures = [NotDelivered("busy", is_final=False) for _ in range(8)]
    await subscriptions.put(subscription(group_id=group_id))
    async with at_work(subscriptions):
        assert await destinations.next_messages() == ["one"]
        await settled(subscriptions, await logs.last_event_id())
    assert slept.seconds[1:9] == [1, 2, 4, 8, 16, 32, 60, 60]
    [record] = caplog.records
    assert record.getMessage() == (
        f"log events of g are not delivered to {FUNCTION}, and are tried again for a day: busy"
    )


async def test_what_can_never_be_taken_is_left_out(
    subscriptions, destinations, append, caplog, logs
):
    destinations.failures = [NotDelivered("no such function", is_final=True)]
    await subscriptions.put(subscription(group_id=await append("one")))
    async with at_work(subscriptions):
        await settled(subscriptions, await logs.last_event_id())
        await append("two")
        assert await destinations.next_messages() == ["two"]
    assert "are dropped: no such function" in caplog.text


async def test_after_a_day_nothing_is_tried_any_more(subscriptions, destinations, append, logs):
    destinations.failures = [NotDelivered("busy", is_final=False)]
    day_ms = 24 * 60 * 60 * 1000
    group_id = await append("old", at_ms=now_ms() - day_ms)
    await append("young")
    await subscriptions.put(subscription(group_id=group_id))
    async with at_work(subscriptions):
        await settled(subscriptions, await logs.last_event_id())
        await append("new")
        assert await destinations.next_messages() == ["new"]


async def test_a_failing_subscriber_keeps_no_other_waiting(
    subscriptions, destinations, append, monkeypatch
):
    async def send(subscribed, message, traces):
        if subscribed.filter_name == "stuck":
            await asyncio.Event().wait()
        destinations.sent.put_nowait((subscribed.filter_name, {"logEvents": []}))

    monkeypatch.setattr(destinations, "send", send)
    group_id = await append("one")
    for name in ("stuck", "well"):
        await subscriptions.put(subscription(group_id=group_id, filter_name=name))
    async with at_work(subscriptions), asyncio.timeout(10):
        assert (await destinations.sent.get())[0] == "well"


async def test_with_its_group_a_subscription_goes(subscriptions, records, append, logs):
    group_id = await append("one")
    await subscriptions.put(subscription(group_id=group_id, done_event_id=1))
    async with at_work(subscriptions):
        await logs.delete_group(group_id)
        await until(lambda: not records.everything())


async def test_another_destination_gets_what_the_first_would_not_take(
    subscriptions, destinations, append, monkeypatch
):
    subscribed = subscription(group_id=await append("one"))
    await subscriptions.put(subscribed)
    failed = asyncio.Event()
    take = destinations.send

    async def send(now, message, traces):
        if now.destination_arn == FUNCTION:
            failed.set()
            raise NotDelivered("busy", is_final=False)
        await take(now, message, traces)

    monkeypatch.setattr(destinations, "send", send)
    async with at_work(subscriptions), asyncio.timeout(10):
        await failed.wait()
        await subscriptions.put(replace(subscribed, destination_arn=f"{FUNCTION}-2"))
        assert await destinations.next_messages() == ["one"]


async def test_a_deleted_subscription_is_sent_nothing_more(subscriptions, destinations, append):
    subscribed = subscription(group_id=await append("one"), done_event_id=1)
    await subscriptions.put(subscribed)
    assert await subscriptions.delete(subscribed)
    assert not await subscriptions.delete(subscribed)
    async with at_work(subscriptions):
        await append("two")
        await subscriptions.put(replace(subscribed, id="1:g", filter_name="g"))
        assert await destinations.next_messages() == ["two"]
    assert destinations.sent.empty()


async def test_a_surprise_ends_only_one_round(subscriptions, destinations, append, caplog):
    destinations.failures = [ValueError("surprise")]
    await subscriptions.put(subscription(group_id=await append("one")))
    async with at_work(subscriptions):
        await until(lambda: "could not be sent" in caplog.text)
        await append("two")
        assert await destinations.next_messages() == ["one", "two"]


async def test_an_event_too_large_is_told(
    subscriptions, destinations, append, caplog, monkeypatch, logs
):
    monkeypatch.setattr(destinations, "most_bytes", lambda _: 1)
    await subscriptions.put(subscription(group_id=await append("one")))
    async with at_work(subscriptions):
        await settled(subscriptions, await logs.last_event_id())
    assert f"1 log events of g are too large for {FUNCTION}" in caplog.text


@pytest.mark.parametrize("account_id", [ACCOUNT, "000000000000"])
def test_subscriptions_are_listed_by_account(subscriptions, account_id):
    assert subscriptions.of_group(account_id, REGION, 1) == []
