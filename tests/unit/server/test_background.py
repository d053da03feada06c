from __future__ import annotations

import asyncio

import pytest

from lambent.server.background import running


async def test_work_is_cancelled_and_has_ended_when_the_context_is_left():
    began, steps = asyncio.Event(), []

    async def work():
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("ended")

    async with running("work", work()):
        await began.wait()
        assert steps == []
    assert steps == ["ended"]


async def test_work_that_fails_ends_the_context_and_tells_why():
    async def work():
        raise LookupError("nothing there")

    with pytest.raises(ExceptionGroup) as failed:
        async with running("work", work()):
            await asyncio.Event().wait()
    [reason] = failed.value.exceptions
    assert isinstance(reason, LookupError)


async def test_what_fails_in_the_context_leaves_it_as_it_is():
    async def work():
        await asyncio.Event().wait()

    async def fail():
        async with running("work", work()), running("more", work()):
            await asyncio.sleep(0)
            raise LookupError("in the context")

    with pytest.raises(LookupError, match="in the context"):
        await fail()


async def test_a_context_that_is_cancelled_ends_its_work_first():
    began, ended = asyncio.Event(), asyncio.Event()

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def context():
        async with running("work", work()):
            await asyncio.sleep(0)
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(context())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
