from __future__ import annotations

import asyncio

from lambent.emulator.unfinished import Unfinished


async def test_all_work_is_waited_for():
    done = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)
        if number < 3:
            unfinished.create_task(work(number + 1), name="more")

    async with Unfinished() as unfinished:
        unfinished.create_task(work(1), name="first")
        assert len(unfinished) == 1
        await unfinished.wait()

    assert done == [1, 2, 3]
    assert len(unfinished) == 0


async def test_what_is_left_at_the_end_is_given_up():
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async with Unfinished() as unfinished:
        unfinished.create_task(work(), name="endless")
        await asyncio.sleep(0)

    assert ended == [True]
