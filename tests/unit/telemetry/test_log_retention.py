from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from lambent.store.log_records import StreamBatch
from lambent.store.logs import LogStore
from lambent.store.schema import deleted_logs, log_events, log_streams
from lambent.telemetry import log_retention
from lambent.telemetry.log_retention import run_retention

DAY_MS = 24 * 60 * 60 * 1000


class ObservedStore(LogStore):
    """Tells when a round of retention has ended."""

    def __init__(self, database):
        super().__init__(database)
        self.rounds: asyncio.Queue[int] = asyncio.Queue()

    async def expire(self, now_ms):
        self.rounds.put_nowait(await super().expire(now_ms))


@pytest.fixture
def logs(database):
    return ObservedStore(database)


async def counted(database, table):
    return await database.read(
        lambda connection: connection.scalar(select(func.count()).select_from(table))
    )


@contextlib.asynccontextmanager
async def running(logs):
    task = asyncio.create_task(run_retention(logs))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def append(logs, group, *timestamps):
    events = [(timestamp, "message") for timestamp in timestamps]
    batch = StreamBatch(
        account_id="000000000000", region="us-east-1", group=group, stream="s", events=events
    )
    await logs.append([batch], now_ms=1)


async def test_deleted_groups_and_streams_leave_nothing_behind(client, logs, database):
    for group in ("g", "h", "kept"):
        await append(logs, group, *range(10))
    await client("DeleteLogGroup", logGroupName="g")
    await client("DeleteLogStream", logGroupName="h", logStreamName="s")
    async with running(logs):
        await logs.rounds.get()
        assert await counted(database, deleted_logs) == 0
        assert await counted(database, log_events) == 10
        assert await counted(database, log_streams) == 1
        # And again, for a deletion while it runs.
        await client("DeleteLogGroup", logGroupName="kept")
        await logs.rounds.get()
        assert await counted(database, deleted_logs) == 0
        assert await counted(database, log_events) == 0
    groups = (await client("DescribeLogGroups"))["logGroups"]
    assert [(group["logGroupName"], group["storedBytes"]) for group in groups] == [("h", 0)]


async def test_expired_events_go_and_others_stay(client, logs, database):
    now = int(time.time() * 1000)
    await append(logs, "g", now - 8 * DAY_MS, now - 6 * DAY_MS)
    await append(logs, "for ever", now - 4000 * DAY_MS)
    await client("PutRetentionPolicy", logGroupName="g", retentionInDays=7)
    async with running(logs):
        await logs.rounds.get()
    events = (await client("FilterLogEvents", logGroupName="g"))["events"]
    assert [event["timestamp"] for event in events] == [now - 6 * DAY_MS]


async def test_a_database_that_fails_does_not_end_it(logs, database, monkeypatch, caplog):
    monkeypatch.setattr(log_retention, "_EXPIRY_SECONDS", 0.001)
    failures = iter([OperationalError("delete", {}, Exception("full"))])
    recovered = asyncio.Event()

    async def purge():
        for failure in failures:
            raise failure
        recovered.set()

    monkeypatch.setattr(logs, "purge", purge)
    async with running(logs) as task:
        await recovered.wait()
        assert not task.done()
    assert "could not be removed" in caplog.text
