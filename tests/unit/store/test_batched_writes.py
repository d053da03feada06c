from __future__ import annotations

import asyncio

import pytest

from lambent.store.batched_writes import BatchedWrites


class Disk:
    """Takes batches, each once it is let."""

    def __init__(self):
        self.batches = []
        self.has_begun = asyncio.Event()
        self.free = asyncio.Semaphore(0)
        self.error = None

    async def write(self, batch):
        self.batches.append(list(batch))
        self.has_begun.set()
        await self.free.acquire()
        if self.error is not None:
            raise self.error


async def run(writes, work):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writes.run())
        try:
            await work()
        finally:
            writes.end()


async def test_what_comes_during_a_write_is_one_batch():
    disk = Disk()
    writes = BatchedWrites(disk.write)

    async def work():
        first = writes.put(1)
        await disk.has_begun.wait()
        others = [writes.put(n) for n in (2, 3)]
        disk.free.release()
        await first
        assert not any(each.done() for each in others)
        disk.free.release()
        await asyncio.gather(*others)

    await run(writes, work)
    assert disk.batches == [[1], [2, 3]]


async def test_a_batch_that_fails_is_told_to_all_of_it_and_to_nobody_else():
    disk = Disk()
    writes = BatchedWrites(disk.write)

    async def work():
        disk.error = OSError("full")
        lost = [writes.put(n) for n in (1, 2)]
        disk.free.release()
        for each in lost:
            with pytest.raises(OSError, match="full"):
                await each
        disk.error = None
        kept = writes.put(3)
        disk.free.release()
        await kept

    await run(writes, work)


async def test_who_stops_waiting_does_not_stop_the_write():
    disk = Disk()
    writes = BatchedWrites(disk.write)

    async def work():
        writes.put(1).cancel()
        second = writes.put(2)
        disk.free.release()
        await second

    await run(writes, work)
    assert disk.batches == [[1, 2]]


async def test_all_that_was_put_is_written_at_the_end():
    disk = Disk()
    disk.free = asyncio.Semaphore(10)
    writes = BatchedWrites(disk.write)
    waiting = [writes.put(n) for n in range(3)]
    writes.end()
    await writes.run()
    assert all(each.done() for each in waiting)
    assert disk.batches == [[0, 1, 2]]
