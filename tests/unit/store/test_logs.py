from __future__ import annotations

import pytest

from lambent.store.log_records import (
    EventQuery,
    GroupQuery,
    LogGroup,
    NoSuchLogError,
    StreamBatch,
    StreamQuery,
)
from lambent.store.logs import LogStore

ACCOUNT, REGION = "000000000000", "us-east-1"


@pytest.fixture
def logs(database):
    return LogStore(database)


def batch(*events, group="g", stream="s", region=REGION):
    return StreamBatch(
        account_id=ACCOUNT, region=region, group=group, stream=stream, events=list(events)
    )


async def group_of(logs, name="g", region=REGION):
    return await logs.group(ACCOUNT, region, name)


async def messages(logs, **query):
    group = await group_of(logs)
    page = await logs.events(EventQuery(group_id=group.id, **query))
    return [event.message for event in page.events]


async def test_many_streams_are_written_in_one_go(logs):
    batches = [
        batch(
            (1, f"{number}a"), (2, f"{number}b"), stream=f"s{number % 50}", group=f"g{number % 7}"
        )
        for number in range(350)
    ]
    await logs.append(batches, now_ms=9)
    groups = await logs.groups(GroupQuery(account_id=ACCOUNT, region=REGION, limit=50))
    assert [group.name for group in groups] == [f"g{number}" for number in range(7)]
    streams = await logs.streams(StreamQuery(group_id=groups[0].id, limit=100))
    assert len(streams) == 50
    assert (streams[0].first_event_ms, streams[0].last_event_ms) == (1, 2)
    assert streams[0].last_ingestion_ms == streams[0].created_ms == 9
    page = await logs.events(EventQuery(group_id=groups[0].id))
    assert len(page.events) == 100


async def test_stored_bytes_count_utf8(logs):
    await logs.append([batch((1, "é")), batch((1, "ab"))], now_ms=1)
    assert (await group_of(logs)).stored_bytes == 4


async def test_regions_are_kept_apart(logs):
    await logs.append([batch((1, "here")), batch((1, "there"), region="eu-west-1")], now_ms=1)
    assert await messages(logs) == ["here"]
    assert (await group_of(logs)).id != (await group_of(logs, region="eu-west-1")).id


async def test_nothing_is_made_for_a_writer_who_may_not(logs):
    with pytest.raises(NoSuchLogError):
        await logs.append([batch((1, "m"))], now_ms=1, is_creating=False)
    assert await group_of(logs) is None


async def test_a_failed_batch_leaves_no_part_of_itself(logs):
    with pytest.raises(OverflowError):
        await logs.append([batch((1, "m")), batch((2**70, "m"), stream="t")], now_ms=1)
    assert await group_of(logs) is None


async def test_identifiers_are_never_used_again(logs):
    await logs.append([batch((1, "m"))], now_ms=1)
    first = await group_of(logs)
    await logs.delete_group(first.id)
    await logs.purge()
    await logs.append([batch((1, "m"))], now_ms=1)
    assert (await group_of(logs)).id > first.id
    page = await logs.events(EventQuery(group_id=(await group_of(logs)).id))
    assert page.last.event_id == 2


async def test_what_is_gone_cannot_be_changed(logs):
    await logs.append([batch((1, "m"))], now_ms=1)
    group = await group_of(logs)
    stream = await logs.stream(group.id, "s")
    await logs.delete_stream(stream)
    await logs.delete_group(group.id)
    for change in (
        logs.delete_stream(stream),
        logs.delete_group(group.id),
        logs.create_stream(group.id, "t", 1),
        logs.set_retention(group.id, 7),
        logs.set_protection(group.id, True),
        logs.change_tags(group.id, {"a": "b"}),
    ):
        with pytest.raises(NoSuchLogError):
            await change


async def test_a_group_is_made_once(logs):
    group = LogGroup(
        account_id=ACCOUNT, region=REGION, name="g", created_ms=7, tags={"a": "b"}, kms_key_id="k"
    )
    assert await logs.create_group(group)
    assert not await logs.create_group(group)
    found = await group_of(logs)
    assert (found.created_ms, found.tags, found.kms_key_id) == (7, {"a": "b"}, "k")
    assert await logs.create_stream(found.id, "s", 8)
    assert not await logs.create_stream(found.id, "s", 9)
    assert (await logs.stream(found.id, "s")).created_ms == 8
