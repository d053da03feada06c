"""Threads for calls that block: of each kind a few, none of which keeps the process alive."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    Calls = SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]

Answer = TypeVar("Answer")


class CallThreads:
    """Makes few calls at once, each in a thread; the others wait for their turns.

    The interpreter waits at its end for the threads of its own executors, however long their
    sockets have nothing to read. It does not wait for these.
    """

    def __init__(self, name: str, at_once: int) -> None:
        self._name = name
        self._turns = asyncio.Semaphore(at_once)
        self._calls: Calls = SimpleQueue()
        self._threads = 0
        self._at_work = 0

    async def run(self, call: Callable[[], Answer]) -> Answer:
        """What `call` answers or raises; RuntimeError too when the system has no more threads.

        A caller that is cancelled leaves at once; its call keeps the turn until it has ended.
        """
        await self._turns.acquire()
        self._at_work += 1
        loop = asyncio.get_running_loop()
        ended: Future[Answer] = Future()
        ended.set_running_or_notify_cancel()

        def tell_loop(_: Future[Answer]) -> None:
            with contextlib.suppress(RuntimeError):  # it has been closed
                loop.call_soon_threadsafe(self._give_turn_back)

        ended.add_done_callback(tell_loop)
        try:
            self._start_missing()
            self._calls.put((call, ended))
        except RuntimeError as error:
            ended.set_exception(error)
        return await asyncio.wrap_future(ended)

    def close(self) -> None:
        """The threads end, those with a call once it has."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _give_turn_back(self) -> None:
        self._at_work -= 1
        self._turns.release()

    def _start_missing(self) -> None:
        """Kept then: the event loop stands still for each until it runs."""
        if self._at_work > self._threads:
            threading.Thread(
                target=_work, args=(self._calls,), name=self._name, daemon=True
            ).start()
            self._threads += 1


def _work(calls: Calls) -> None:
    while _make_next(calls):
        pass


def _make_next(calls: Calls) -> bool:
    """Whether there was one. A function of its own: who waits holds no answer in a variable."""
    next_call = calls.get()
    if next_call is None:
        return False
    call, ended = next_call
    try:
        answer = call()
    except BaseException as error:  # noqa: BLE001  the caller's, who waits for it in another thread
        ended.set_exception(error)
    else:
        ended.set_result(answer)
    return True
