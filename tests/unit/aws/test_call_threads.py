from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref

import pytest

from lambent.aws.call_threads import CallThreads


async def test_a_call_answers_or_raises_in_a_thread_of_its_own():
    threads = CallThreads("calls", 1)
    assert await threads.run(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ValueError, match="gone"):
        await threads.run(lambda: int("gone"))


async def test_so_many_calls_are_made_at_once_and_the_others_in_turn():
    threads = CallThreads("calls", 2)
    both = threading.Barrier(2)
    at_work = []

    def call():
        at_work.append(threading.current_thread())
        both.wait()
        most = len(at_work)
        both.wait()
        at_work.remove(threading.current_thread())
        both.wait()
        return most

    assert await asyncio.gather(*(threads.run(call) for _ in range(6))) == [2] * 6


async def test_a_caller_may_leave_and_its_call_keeps_the_turn_until_it_has_ended():
    threads = CallThreads("calls", 1)
    has_begun, may_end = threading.Event(), threading.Event()

    def call():
        has_begun.set()
        may_end.wait()

    calling = asyncio.create_task(threads.run(call))
    await asyncio.to_thread(has_begun.wait)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    following = asyncio.create_task(threads.run(may_end.is_set))
    may_end.set()
    assert await following


async def test_a_thread_serves_one_call_after_another_until_it_is_closed():
    threads = CallThreads("calls", 2)
    first, second = [await threads.run(threading.current_thread) for _ in range(2)]
    assert first is second
    threads.close()
    await asyncio.to_thread(first.join)


async def test_a_thread_keeps_no_answer():
    class Answer:
        pass

    threads = CallThreads("calls", 1)
    answer = weakref.ref(await threads.run(Answer))
    assert await threads.run(int) == 0
    gc.collect()
    assert answer() is None


async def test_without_a_thread_the_turn_is_given_back(monkeypatch):
    threads = CallThreads("calls", 1)

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            await threads.run(int)
    assert await threads.run(int) == 0


def test_a_call_that_never_ends_does_not_keep_the_process():
    program = """
import asyncio, threading
from lambent.aws.call_threads import CallThreads

async def main():
    has_begun = threading.Event()
    def call():
        has_begun.set()
        threading.Event().wait()
    calling = asyncio.create_task(CallThreads("calls", 1).run(call))
    await asyncio.to_thread(has_begun.wait)
    calling.cancel()

asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
