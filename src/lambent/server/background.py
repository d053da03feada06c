"""Work that goes on behind something else."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine


@contextlib.asynccontextmanager
async def running(name: str, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs `work` meanwhile, and cancels it and waits for its end on leaving.

    Should it fail, the context is cancelled, and an exception group tells why.
    """
    tasks = asyncio.TaskGroup()
    await tasks.__aenter__()
    task = tasks.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        # It is not told what ends the context: that leaves as it is, and not in a group of its own,
        # in which nobody would know it for one of the failures that have a message for people.
        await tasks.__aexit__(None, None, None)
