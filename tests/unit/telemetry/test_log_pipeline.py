from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy.exc import OperationalError

from lambent.domain.quotas import LOG_EVENT_BYTES, MIB
from lambent.store.log_records import EventQuery
from lambent.telemetry import log_pipeline
from lambent.telemetry.log_pipeline import LogPipeline

if TYPE_CHECKING:
    from lambent.store.logs import LogStore

ACCOUNT = {"account_id": "000000000000", "region": "us-east-1"}


class RecordingStore:
    """Takes the place of the log store: it can be told to fail, or to wait."""

    def __init__(self):
        self.batches = []
        self.failures = 0
        self.attempts = 0
        self.attempted = asyncio.Event()
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def append(self, batches, *, now_ms, is_creating=True):
        self.attempts += 1
        self.attempted.set()
        await self.is_open.wait()
        if self.failures:
            self.failures -= 1
            raise OperationalError(
                "insert", {"message": "secret"}, Exception("database or disk is full")
            )
        self.batches.append(batches)

    def messages(self, stream):
        return [
            message
            for batches in self.batches
            for batch in batches
            if batch.stream == stream
            for _, message in batch.events
        ]


@pytest.fixture
def store():
    return RecordingStore()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(log_pipeline, "_FLUSH_SECONDS", 0)
    monkeypatch.setattr(log_pipeline, "_RETRY_SECONDS", (0, 0))


def open_stream(pipeline, stream="s"):
    return pipeline.open_stream(**ACCOUNT, group="g", stream=stream)


@contextlib.asynccontextmanager
async def running(pipeline):
    task = asyncio.create_task(pipeline.run())
    await asyncio.sleep(0)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def settled(pipeline):
    while pipeline.waiting_bytes:
        await pipeline.wait_settled()


async def stored(logs, stream):
    group = await logs.group(*ACCOUNT.values(), "g")
    found = await logs.stream(group.id, stream)
    page = await logs.events(EventQuery(group_id=group.id, stream_ids=[found.id]))
    return [event.message for event in page.events]


async def test_events_reach_the_store_and_make_group_and_stream(logs, quick):
    pipeline = LogPipeline(logs)
    writer = open_stream(pipeline, "2026/01/31/[$LATEST]0")
    async with running(pipeline):
        writer.append(5, "START\n")
        writer.append(6, "END\n")
        await settled(pipeline)
        assert await stored(logs, "2026/01/31/[$LATEST]0") == ["START\n", "END\n"]


async def test_closing_writes_what_waits(logs):
    pipeline = LogPipeline(logs)
    writer = open_stream(pipeline)
    async with running(pipeline):
        for number in range(20_000):
            writer.append(number, f"{number}\n")
    assert pipeline.waiting_bytes == 0
    group = await logs.group(*ACCOUNT.values(), "g")
    assert group.stored_bytes == sum(len(f"{number}\n") for number in range(20_000))


async def test_a_batch_in_flight_when_closing_is_written_once(store, quick):
    pipeline = LogPipeline(store)
    store.is_open.clear()
    async with running(pipeline) as task:
        open_stream(pipeline).append(1, "first")
        await store.attempted.wait()
        open_stream(pipeline).append(2, "second")
        task.cancel()
        await asyncio.sleep(0)
        store.is_open.set()
    assert store.messages("s") == ["first", "second"]


async def test_writes_are_bounded_and_streams_take_turns(store, quick):
    pipeline = LogPipeline(store)
    flood, other = open_stream(pipeline, "flood"), open_stream(pipeline, "other")
    for number in range(9):
        flood.append(number, "x" * 200_000)
    other.append(0, "small")
    async with running(pipeline):
        await settled(pipeline)
    first = store.batches[0]
    assert "other" in {batch.stream for batch in first}
    for batches in store.batches:
        assert sum(len(m) for batch in batches for _, m in batch.events) <= MIB
    assert len(store.messages("flood")) == 9
    assert len(store.batches) == 2


async def test_a_full_stream_is_congested_until_it_is_written(store, quick):
    pipeline = LogPipeline(store)
    writer, other = open_stream(pipeline), open_stream(pipeline, "other")
    while not writer.is_congested():
        writer.append(1, "x" * 65_536)
    assert not other.is_congested()
    waiting = asyncio.create_task(writer.wait_writable())
    await asyncio.sleep(0)
    assert not waiting.done()
    async with running(pipeline):
        await waiting
        assert not writer.is_congested()


async def test_all_streams_together_are_bounded(store):
    pipeline = LogPipeline(store)
    writers = [open_stream(pipeline, f"{number}") for number in range(100)]
    for writer in writers:
        for _ in range(9):
            writer.append(1, "x" * 100_000)
    assert all(writer.is_congested() for writer in writers)
    assert pipeline.waiting_bytes <= 65 * MIB
    assert pipeline.lost_events > 0


async def test_one_stream_is_bounded_even_if_its_writer_never_waits(store):
    pipeline = LogPipeline(store)
    writer = open_stream(pipeline)
    for _ in range(65_536):  # what one read from a pipe can hold
        writer.append(1, "\n")
    assert pipeline.lost_events == 0
    for _ in range(65_536):
        writer.append(1, "\n")
    assert pipeline.lost_events > 0
    assert pipeline.waiting_bytes <= 17 * MIB


async def test_a_long_message_is_split_between_characters(store, quick):
    pipeline = LogPipeline(store)
    message = "é≠🙀" * 150_000
    async with running(pipeline):
        open_stream(pipeline).append(1, message)
        await settled(pipeline)
    pieces = store.messages("s")
    assert len(pieces) == 2
    assert "".join(pieces) == message
    assert all(len(piece.encode()) + 26 <= LOG_EVENT_BYTES for piece in pieces)


@pytest.mark.parametrize(("timestamp", "message"), [(-5, "\ud800"), (2**80, "\0"), (0, "")])
async def test_append_never_raises(logs, quick, timestamp, message):
    pipeline = LogPipeline(logs)
    async with running(pipeline):
        writer = open_stream(pipeline)
        writer.append(timestamp, message)
        writer.append(1, "after")
        await settled(pipeline)
        assert "after" in await stored(logs, "s")


async def test_a_refused_batch_is_tried_again(store, quick, caplog):
    pipeline = LogPipeline(store)
    store.failures = 2
    async with running(pipeline):
        open_stream(pipeline).append(1, "m")
        await settled(pipeline)
    assert store.messages("s") == ["m"]
    assert pipeline.lost_events == 0
    assert caplog.records == []


async def test_what_stays_refused_is_dropped_and_told_once_in_each_log(store, quick, caplog):
    caplog.set_level(logging.INFO)
    pipeline = LogPipeline(store)
    store.failures = 1000
    writer = open_stream(pipeline)
    async with running(pipeline):
        for number in range(5):
            writer.append(number, f"lost {number}")
            await settled(pipeline)
        assert store.attempts == 3 + 4  # only the first batch was worth tries
        assert pipeline.lost_events == 5
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "disk is full" in caplog.text
        assert "secret" not in caplog.text
        store.failures = 0
        writer.append(6, "kept")
        await settled(pipeline)
        await settled(pipeline)
    marker = "5 log events were lost here: they could not be stored\n"
    assert store.messages("s") == ["kept", marker]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_idle_means_no_work_at_all(store, monkeypatch):
    timers = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_at", lambda *timer, **_: timers.append(timer))
    pipeline = LogPipeline(store)
    async with running(pipeline):
        for _ in range(5):
            await asyncio.sleep(0)
    assert timers == []
    assert store.attempts == 0


WRITES = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([1, 50, 30_000, 300_000])), max_size=40
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(writes=WRITES, failures=st.integers(0, 2))
async def test_a_stream_s_events_keep_their_order(quick, writes, failures):
    store = RecordingStore()
    store.failures = failures
    pipeline = LogPipeline(cast("LogStore", store))
    writers = [open_stream(pipeline, f"{number}") for number in range(4)]
    expected: dict[str, list[str]] = {f"{number}": [] for number in range(4)}
    async with running(pipeline):
        for index, (number, size) in enumerate(writes):
            await writers[number].wait_writable()
            message = f"{index} ".ljust(size, ".")
            writers[number].append(index, message)
            expected[f"{number}"].append(message)
            if size == 50:
                await asyncio.sleep(0)
        await settled(pipeline)
    for stream, messages in expected.items():
        assert store.messages(stream) == messages
