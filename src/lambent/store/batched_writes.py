"""Many small writes of one kind, gathered: what comes while one batch is committed is the next.

A job of the writer thread's for each of them would cost more than the rows it writes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

_MAX_BATCH = 512  # bounds how long the first of a batch waits for the last one


class BatchedWrites(Generic[T]):
    """Nothing is written before `run` runs, and all that was put is when it has been told to end."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._has_more = asyncio.Event()
        self._is_ending = False

    def put(self, item: T) -> asyncio.Future[None]:
        """The future ends when `item` is durable, or with what kept it from being."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        self._has_more.set()
        return done

    async def run(self) -> None:
        """Write until `end`."""
        while self._waiting or not self._is_ending:
            await self._has_more.wait()
            batch, self._waiting = self._waiting[:_MAX_BATCH], self._waiting[_MAX_BATCH:]
            if not self._waiting and not self._is_ending:
                self._has_more.clear()
            if batch:
                await self._write_batch(batch)

    def end(self) -> None:
        self._is_ending = True
        self._has_more.set()

    async def _write_batch(self, batch: list[tuple[T, asyncio.Future[None]]]) -> None:
        try:
            await self._write([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 (a boundary: what a write raises is for its callers)
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        for _, done in batch:
            if not done.done():  # nobody waits for it any more
                done.set_result(None)
