from __future__ import annotations

import pytest

from lambent.store import log_search
from lambent.store.log_records import EventQuery, Position, StreamBatch
from lambent.store.logs import LogStore

ACCOUNT, REGION = "000000000000", "us-east-1"


@pytest.fixture
def logs(database):
    return LogStore(database)


def batch(*events, group="g", stream="s"):
    return StreamBatch(
        account_id=ACCOUNT, region=REGION, group=group, stream=stream, events=list(events)
    )


async def group_of(logs):
    return await logs.group(ACCOUNT, REGION, "g")


async def messages(logs, **query):
    group = await group_of(logs)
    page = await logs.events(EventQuery(group_id=group.id, **query))
    return [event.message for event in page.events]


async def test_events_are_ordered_by_time_then_arrival(logs):
    await logs.append([batch((5, "late"), (5, "later"))], now_ms=1)
    await logs.append([batch((3, "early"), (5, "latest"))], now_ms=2)
    assert await messages(logs) == ["early", "late", "later", "latest"]
    assert await messages(logs, is_backward=True) == ["latest", "later", "late", "early"]
    assert await messages(logs, start_ms=4, end_ms=5, limit=1) == ["late"]


async def test_a_page_continues_after_or_before_a_position(logs):
    await logs.append([batch(*((5, letter) for letter in "abcd"))], now_ms=1)
    group = await group_of(logs)
    page = await logs.events(EventQuery(group_id=group.id, limit=2))
    assert not page.is_complete
    assert await messages(logs, after=page.last) == ["c", "d"]
    assert await messages(logs, after=page.last, is_backward=True) == ["a"]
    assert await messages(logs, after=Position(4, 10**9)) == list("abcd")
    rest = await logs.events(EventQuery(group_id=group.id, limit=2, after=page.last))
    assert rest.is_complete


async def test_chosen_streams_are_merged_by_time_in_both_directions(logs):
    for stream, times in {"a": (1, 4, 7), "b": (2, 5, 8), "c": (3, 6, 9)}.items():
        await logs.append([batch(*((t, f"{t}") for t in times), stream=stream)], now_ms=1)
    group = await group_of(logs)
    chosen = [(await logs.stream(group.id, name)).id for name in "ca"]
    assert await messages(logs, stream_ids=chosen) == list("134679")
    assert await messages(logs, stream_ids=chosen, is_backward=True, limit=3) == list("976")
    assert await messages(logs, stream_ids=[]) == []
    assert await messages(logs, stream_prefix="b") == list("258")


async def test_a_search_that_finds_nothing_stops_where_it_may_go_on(logs, monkeypatch):
    monkeypatch.setattr(log_search, "_SCAN_BYTES", 300)
    await logs.append([batch(*((t, "chaff") for t in range(9)))], now_ms=1)
    group = await group_of(logs)
    page = await logs.events(EventQuery(group_id=group.id, matches=lambda message: False))
    assert (page.events, page.is_complete) == ([], False)
    assert 0 < page.last.timestamp_ms < 8


async def test_a_page_holds_at_least_one_event_of_any_size(logs):
    await logs.append([batch((1, "x" * 1_100_000), (2, "y"))], now_ms=1)
    assert [len(message) for message in await messages(logs)] == [1_100_000]
