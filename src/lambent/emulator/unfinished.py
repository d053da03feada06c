"""Work that goes on when whoever asked for it has gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Unfinished:
    """The owner of such work. Used as a context, which at its end gives up what still is there."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Unfinished:
        return self

    async def __aexit__(self, *exception: object) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._tasks)

    def create_task(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Have `work` done, which is not to fail: nobody would hear of it."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Until nothing is left."""
        while self._tasks:
            await asyncio.wait(self._tasks)
