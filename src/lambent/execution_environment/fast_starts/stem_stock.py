"""The stem cells of one kind: a few ready, and as one is taken the next is being made."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.quotas import (
    FILE_DESCRIPTORS,
    MEMORY_MAXIMUM_MIB,
    MIB,
    PROCESSES_AND_THREADS,
)
from lambent.execution_environment.fast_starts.stem_cell import StemCell, Waiting, accept_connection
from lambent.execution_environment.variables import start_variables
from lambent.sandbox.sandbox import Command, Limits, Mount, SandboxStartFailed

if TYPE_CHECKING:
    from lambent.execution_environment.runtimes.runtime import Runtime
    from lambent.sandbox.fork_server import ForkServer
    from lambent.sandbox.isolation import Isolation
    from lambent.sandbox.sandbox import NetworkSlot, Process, Sandbox

logger = logging.getLogger(__name__)

EPHEMERAL_STORAGE_MIB = 512  # Lambda's default; functions that ask for more have no stem cells

_CELLS = 4
_MAKERS = 6  # in a burst; each mostly waits for the kernel
_REFILL_AFTER_SECONDS = 0.05
# All copies of one zygote have the same layout in memory and the same hash seed, which who knows
# one of them could use against another: not for ever.
_FORKS_OF_ONE_SERVER = 500
# Until a function's own are set; nothing but our own code runs under them. The most memory Lambda
# has: version 1 of control groups takes a lower limit at once, a higher one only in another order.
_LIMITS = Limits(
    memory_bytes=MEMORY_MAXIMUM_MIB * MIB,
    cpus=2.0,
    processes=PROCESSES_AND_THREADS,
    open_files=FILE_DESCRIPTORS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What distinguishes stem cells from one another."""

    runtime: Runtime
    argv: tuple[str, ...]  # what waits inside; empty for nothing

    @property
    def forks(self) -> bool:
        return self.runtime.family == "python"


class StemStock:
    """Its cells are made by `run`, which disposes of those that were never taken."""

    def __init__(self, isolation: Isolation, kind: Kind) -> None:
        self._isolation = isolation
        self._kind = kind
        # None stands for one that could not be made: who takes it builds a sandbox on demand.
        self._cells: asyncio.Queue[StemCell | None] = asyncio.Queue()
        self._has_room = asyncio.Event()
        self._in_making = 0
        self._fork_server: ForkServer | None = None
        self._fork_server_lock = asyncio.Lock()
        self._has_made_one = False
        self._is_closed = False
        self._takers = 0
        self.last_used = time.monotonic()

    @property
    def identifier(self) -> str:
        """The runtime's."""
        return self._kind.runtime.identifier

    @property
    def ready(self) -> int:
        """How many there are."""
        return self._cells.qsize()

    async def take(self) -> StemCell | None:
        """A cell, perhaps after a short wait; None while there are none to be had."""
        self.last_used = time.monotonic()
        if self._is_closed or (self._cells.empty() and not self._has_made_one):
            return None
        self._takers += 1
        self._has_room.set()
        try:
            return await self._cells.get()
        finally:
            self._takers -= 1
            self._has_room.set()

    async def run(self) -> None:
        """Keep the stock full; on cancellation, dispose of it."""
        try:
            async with asyncio.TaskGroup() as makers:
                for number in range(_MAKERS):
                    makers.create_task(self._make_forever(), name=f"stem cells {number}")
        finally:
            self._is_closed = True
            left = [self._cells.get_nowait() for _ in range(self._cells.qsize())]
            for _ in range(self._takers):
                self._cells.put_nowait(None)
            for cell in left:
                await _dispose(cell)
            await self._close_fork_server()

    async def _make_forever(self) -> None:
        while True:
            await self._wait_for_room()
            self._in_making += 1
            try:
                if not self._cells.empty():
                    # Not on the processor that the start is to have which made the room.
                    await asyncio.sleep(_REFILL_AFTER_SECONDS)
                cell = await self._made()
            finally:
                self._in_making -= 1
            self._cells.put_nowait(cell)

    async def _wait_for_room(self) -> None:
        """Until fewer are there, or coming, than are to be ready and wanted at once."""
        while self._cells.qsize() + self._in_making >= _CELLS + self._takers:
            self._has_room.clear()
            await self._has_room.wait()

    async def _made(self) -> StemCell | None:
        name = self._kind.runtime.identifier
        try:
            cell = await self._make()
        except (OSError, SandboxStartFailed) as error:
            logger.warning("cannot make a stem cell for %s: %s", name, error)
        except Exception:  # the boundary of a background task: environments start without it
            logger.exception("cannot make a stem cell for %s", name)
        else:
            self._has_made_one = True
            return cell
        await self._close_fork_server()
        return None

    async def _make(self) -> StemCell:
        isolation = self._isolation
        async with AsyncExitStack() as undo:
            volume = await isolation.volume(EPHEMERAL_STORAGE_MIB * MIB)
            undo.push_async_callback(volume.close)
            slot = await isolation.take_slot()
            undo.push_async_callback(slot.close)
            sandbox = await isolation.build(
                mounts=_mounts(self._kind.runtime),
                limits=_LIMITS,
                volume=volume,
                slot=slot,
                may_have_company=self._kind.forks,
            )
            undo.push_async_callback(sandbox.close)
            waiting = None
            if self._kind.argv:
                process = await self._start(sandbox, slot)
                waiting = Waiting(
                    process=process,
                    connection=await accept_connection(process, slot),
                    may_have_company=self._kind.forks,
                )
            undo.pop_all()
        return StemCell(sandbox, slot, volume, waiting)

    async def _start(self, sandbox: Sandbox, slot: NetworkSlot) -> Process:
        command = Command(
            argv=self._kind.argv,
            environment=start_variables(self._kind.runtime, slot.api_address),
            working_directory="/",
        )
        if not self._kind.forks:
            return await sandbox.run(command)
        return await sandbox.run_copy(await self._current_fork_server(command))

    async def _current_fork_server(self, command: Command) -> ForkServer:
        async with self._fork_server_lock:
            server = self._fork_server
            if server is None or server.forks >= _FORKS_OF_ONE_SERVER:
                mounts = _mounts(self._kind.runtime)
                self._fork_server = await self._isolation.fork_server(command, mounts)
                if server is not None:
                    await asyncio.to_thread(server.close)
            assert self._fork_server is not None
            return self._fork_server

    async def _close_fork_server(self) -> None:
        async with self._fork_server_lock:
            server, self._fork_server = self._fork_server, None
            if server is not None:
                await asyncio.to_thread(server.close)


def _mounts(runtime: Runtime) -> list[Mount]:
    return [Mount(source=source, target=target) for source, target in runtime.mounts()]


async def _dispose(cell: StemCell | None) -> None:
    if cell is not None:
        with contextlib.suppress(OSError):
            await cell.close()
        await cell.volume.close()
