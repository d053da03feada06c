from __future__ import annotations

import pytest
from sqlalchemy import func, select

from lambent.store.log_records import EventQuery, StreamBatch
from lambent.store.logs import LogStore
from lambent.store.schema import log_events

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


async def test_deletion_goes_in_slices_between_other_writes(logs, database, monkeypatch):
    monkeypatch.setattr("lambent.store.log_deletion._SLICE_ROWS", 10)
    await logs.append([batch(*((number, "m") for number in range(95)))], now_ms=1)
    await logs.delete_group((await group_of(logs)).id)
    left = []

    def count(connection):
        return connection.scalar(select(func.count()).select_from(log_events))

    original = database.write

    async def write(job, **options):
        result = await original(job, **options)
        left.append(await database.read(count))
        return result

    monkeypatch.setattr(database, "write", write)
    await logs.purge()
    assert left[:10] == [85, 75, 65, 55, 45, 35, 25, 15, 5, 0]


async def test_a_slice_is_bounded_by_bytes_too(logs, monkeypatch):
    monkeypatch.setattr("lambent.store.log_deletion._SLICE_BYTES", 100)
    await logs.append([batch(*((number, "m" * 60) for number in range(5)))], now_ms=1)
    group = await group_of(logs)
    await logs.set_retention(group.id, 1)
    assert await logs.expire(now_ms=10**12) == 5
    assert (await group_of(logs)).stored_bytes == 0


async def test_only_expired_events_expire(logs):
    day_ms = 24 * 60 * 60 * 1000
    await logs.append([batch((0, "old"), (day_ms, "new"))], now_ms=1)
    await logs.append([batch((0, "kept"), group="h")], now_ms=1)
    await logs.set_retention((await group_of(logs)).id, 1)
    assert await logs.expire(now_ms=2 * day_ms) == 1
    assert await messages(logs) == ["new"]


async def test_deletions_of_an_earlier_run_are_found(logs, database):
    await logs.append([batch((1, "m"))], now_ms=1)
    await logs.purge()
    await logs.delete_group((await group_of(logs)).id)
    later = LogStore(database)
    await later.wait_deleted()
    await later.purge()
    left = await database.read(lambda c: c.scalar(select(func.count()).select_from(log_events)))
    assert left == 0
