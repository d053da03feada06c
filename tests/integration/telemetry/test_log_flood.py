"""A flood of logs against a real database: it harms no other writer, and nothing written is lost."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import textwrap

import pytest

from lambent.store.database import Database
from lambent.store.log_records import EventQuery, GroupQuery, LogGroup
from lambent.store.logs import LogStore
from lambent.telemetry.log_pipeline import LogPipeline

ACCOUNT, REGION = "000000000000", "us-east-1"


@pytest.fixture
async def database(tmp_path):
    async with Database.open(tmp_path / "lambent.sqlite") as opened:
        yield opened


async def group_of(logs, name):
    group = await logs.group(ACCOUNT, REGION, name)
    assert group is not None
    return group


async def flood(pipeline, stream, megabytes):
    writer = pipeline.open_stream(account_id=ACCOUNT, region=REGION, group="flood", stream=stream)
    line = "x" * 1000 + "\n"
    for number in range(megabytes * 1000):
        await writer.wait_writable()
        writer.append(number, line)


async def test_a_flood_is_kept_whole_while_others_write(database):
    logs = LogStore(database)
    pipeline = LogPipeline(logs)
    await logs.create_group(LogGroup(account_id=ACCOUNT, region=REGION, name="other", created_ms=1))
    other = await group_of(logs, "other")
    running = asyncio.create_task(pipeline.run())
    quiet = pipeline.open_stream(account_id=ACCOUNT, region=REGION, group="quiet", stream="s")
    async with asyncio.TaskGroup() as tasks:
        floods = [tasks.create_task(flood(pipeline, f"s{number}", 8)) for number in range(3)]
        written = 0
        while not all(task.done() for task in floods):
            quiet.append(written, f"{written}")
            await logs.create_stream(other.id, f"{written}", 1)
            written += 1
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert pipeline.lost_events == 0
    group = await group_of(logs, "flood")
    assert group.stored_bytes == 3 * 8 * 1000 * 1001
    calm = await group_of(logs, "quiet")
    page = await logs.events(EventQuery(group_id=calm.id))
    expected = [f"{number}" for number in range(written)]
    assert [event.message for event in page.events] == expected[: len(page.events)]
    assert page.is_complete is (len(page.events) == written)


PROGRAM = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from lambent.store.database import Database
    from lambent.store.log_records import StreamBatch
    from lambent.store.logs import LogStore

    async def main():
        async with Database.open(Path(sys.argv[1])) as database:
            logs = LogStore(database)
            for number in range(100_000):
                batch = StreamBatch(
                    account_id="000000000000", region="us-east-1", group="g", stream="s",
                    events=[(number, f"{number} {part}") for part in range(10)],
                )
                await logs.append([batch], now_ms=number)
                print(number, flush=True)

    asyncio.run(main())
""")


async def test_what_was_answered_survives_a_kill(tmp_path):
    path = tmp_path / "lambent.sqlite"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    for _ in range(50):
        await writer.stdout.readline()
    writer.kill()
    answered = 50 + len((await writer.stdout.read()).splitlines())
    await writer.wait()
    async with Database.open(path) as database:
        logs = LogStore(database)
        [group] = await logs.groups(GroupQuery(account_id=ACCOUNT, region=REGION, limit=9))
        page = await logs.events(EventQuery(group_id=group.id))
        stored = [event.message for event in page.events]
        # The last one may have been written and not yet answered; never a part of one.
        assert len(stored) in {10 * answered, 10 * (answered + 1)}
        assert stored == [f"{n} {part}" for n in range(len(stored) // 10) for part in range(10)]
        assert group.stored_bytes == sum(map(len, stored))


async def test_a_full_disk_drops_logs_and_then_takes_them_again(database, monkeypatch):
    monkeypatch.setattr("lambent.telemetry.log_pipeline._RETRY_SECONDS", ())
    logs = LogStore(database)
    pipeline = LogPipeline(logs)
    writer = pipeline.open_stream(account_id=ACCOUNT, region=REGION, group="g", stream="s")

    def limit_pages(pages):
        return lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    running = asyncio.create_task(pipeline.run())
    writer.append(1, "before")
    await pipeline.wait_settled()
    await database.write(lambda connection: limit_pages(1)(connection) and None)
    for number in range(10):
        writer.append(2 + number, "x" * 100_000)
    await pipeline.wait_settled()
    assert pipeline.lost_events == 10
    await database.write(lambda connection: limit_pages(2**30)(connection) and None)
    writer.append(20, "after")
    await pipeline.wait_settled()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    group = await group_of(logs, "g")
    page = await logs.events(EventQuery(group_id=group.id))
    assert [event.message for event in page.events] == [
        "before",
        "after",
        "10 log events were lost here: they could not be stored\n",
    ]
