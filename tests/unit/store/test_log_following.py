from __future__ import annotations

import pytest
from sqlalchemy import text

from lambent.store import log_following
from lambent.store.log_records import StreamBatch
from lambent.store.logs import LogStore


@pytest.fixture
def logs(database):
    return LogStore(database)


async def append(logs, group, stream, *messages):
    batch = StreamBatch(
        account_id="1",
        region="r",
        group=group,
        stream=stream,
        events=[(1000, message) for message in messages],
    )
    await logs.append([batch], now_ms=2000)


async def group_id(logs, name):
    return (await logs.group("1", "r", name)).id


async def messages_after(logs, name, after):
    page = await logs.follow(await group_id(logs, name), after)
    return [(event.stream, event.message) for event in page.events]


async def test_a_group_s_events_come_in_order_of_arrival(logs):
    await append(logs, "g", "s1", "a", "b")
    await append(logs, "other", "s", "not mine")
    await append(logs, "g", "s2", "c")
    assert await messages_after(logs, "g", 0) == [("s1", "a"), ("s1", "b"), ("s2", "c")]
    assert await messages_after(logs, "g", 2) == [("s2", "c")]


async def test_the_newest_event_is_of_any_group(logs):
    assert await logs.last_event_id() == 0
    await append(logs, "g", "s", "a")
    await append(logs, "other", "s", "b")
    assert await logs.last_event_id() == 2


async def test_nothing_new_moves_nothing(logs):
    await append(logs, "g", "s", "a")
    page = await logs.follow(await group_id(logs, "g"), 7)
    assert (page.events, page.last_event_id, page.is_complete) == ([], 7, True)


@pytest.mark.parametrize(("limit", "value"), [("_READ_EVENTS", 2), ("_READ_BYTES", 15)])
async def test_pages_lead_through_a_long_log(logs, monkeypatch, limit, value):
    monkeypatch.setattr(log_following, limit, value)
    await append(logs, "other", "s", "x" * 7)
    await append(logs, "g", "s", *(f"event {number}" for number in range(5)))
    group = await group_id(logs, "g")
    pages = [await logs.follow(group, 0)]
    while not pages[-1].is_complete:
        pages.append(await logs.follow(group, pages[-1].last_event_id))
    messages = [event.message for page in pages for event in page.events]
    assert messages == [f"event {number}" for number in range(5)]
    assert len(pages) > 1


async def test_one_large_event_is_a_page_of_its_own(logs, monkeypatch):
    monkeypatch.setattr(log_following, "_READ_BYTES", 1)
    await append(logs, "g", "s", "large", "next")
    page = await logs.follow(await group_id(logs, "g"), 0)
    assert [event.message for event in page.events] == ["large"]
    assert (page.last_event_id, page.is_complete) == (1, False)


async def test_a_group_that_is_gone_has_no_page(logs):
    await append(logs, "g", "s", "a")
    group = await group_id(logs, "g")
    await logs.delete_group(group)
    assert await logs.follow(group, 0) is None


async def test_events_of_a_deleted_stream_are_not_answered(logs):
    await append(logs, "g", "s1", "a")
    await append(logs, "g", "s2", "b")
    await logs.delete_stream(await logs.stream(await group_id(logs, "g"), "s1"))
    assert await messages_after(logs, "g", 0) == [("s2", "b")]


async def test_only_the_events_since_are_read(logs, database):
    plan = await database.read(
        lambda connection: connection.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT * FROM log_events JOIN log_streams "
                "ON log_streams.id = log_events.stream_id "
                "WHERE log_events.group_id + 0 = 1 AND log_events.id > 5 AND log_events.id <= 9 "
                "ORDER BY log_events.id"
            )
        ).all()
    )
    assert any("log_events USING INTEGER PRIMARY KEY" in row[-1] for row in plan)
