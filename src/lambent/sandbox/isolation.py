"""The door: from here everybody outside gets volumes, network slots and sandboxes."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from lambent.sandbox import host
from lambent.sandbox.namespaces import open_namespaces
from lambent.sandbox.plain_process import open_plain_processes
from lambent.sandbox.sandbox import (
    Body,
    Command,
    Limits,
    Mount,
    NetworkSlot,
    Sandbox,
    SandboxStartFailed,
    Volume,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

KindName = Literal["namespaces", "process"]
_T = TypeVar("_T")


class IsolationUnavailable(Exception):
    """Raised when this host cannot isolate as asked; the text says what to do about it."""


class Kind(Protocol):
    """One way to isolate. Only `take_slot` belongs to the event loop; the others block."""

    executor: Executor

    async def take_slot(self) -> NetworkSlot: ...
    def make_volume(self, size_bytes: int) -> Volume: ...
    def start(
        self,
        command: Command,
        mounts: Sequence[Mount],
        limits: Limits,
        volume: Volume,
        slot: NetworkSlot,
    ) -> Body: ...


class Isolation:
    """Makes sandboxes of one kind.

    `has_own_root` is False where commands see the host's own files: mounts are then ignored.
    """

    def __init__(self, kind: Kind, *, has_own_root: bool) -> None:
        self._kind = kind
        self._sandboxes: set[Sandbox] = set()
        self._late: set[asyncio.Task[None]] = set()
        self.has_own_root = has_own_root

    @classmethod
    @asynccontextmanager
    async def open(cls, *, state_directory: Path, kind: KindName) -> AsyncIterator[Isolation]:
        """Prepare this process; on leaving, everything it made is gone.

        For namespaces `privileges.enter_namespaces()` must have been called when the program
        began. Raises IsolationUnavailable: weaker isolation is never chosen silently.
        """
        if kind == "namespaces":
            await asyncio.to_thread(_require_namespaces)
        async with _opened(state_directory, kind) as opened:
            isolation = cls(opened, has_own_root=kind == "namespaces")
            try:
                yield isolation
            finally:
                await isolation._close()

    async def volume(self, size_bytes: int) -> Volume:
        """An empty volume with room for so many bytes. Raises OSError."""
        return await self._in_thread(
            lambda: self._kind.make_volume(size_bytes), lambda volume: volume.close()
        )

    async def take_slot(self) -> NetworkSlot:
        """A network slot that nothing has run in. Raises OSError."""
        return await self._kind.take_slot()

    async def start(
        self,
        command: Command,
        *,
        mounts: Sequence[Mount],
        limits: Limits,
        volume: Volume,
        slot: NetworkSlot,
    ) -> Sandbox:
        """Run a command. Raises SandboxStartFailed, OSError; ValueError for a bad environment."""

        async def dispose(body: Body) -> None:
            await Sandbox(body, self._kind.executor, lambda _: None).close()

        body = await self._in_thread(
            lambda: self._kind.start(command, mounts, limits, volume, slot), dispose
        )
        sandbox = Sandbox(body, self._kind.executor, self._sandboxes.discard)
        self._sandboxes.add(sandbox)
        return sandbox

    async def _in_thread(
        self, job: Callable[[], _T], dispose: Callable[[_T], Awaitable[None]]
    ) -> _T:
        made = asyncio.get_running_loop().run_in_executor(self._kind.executor, job)
        try:
            return await asyncio.shield(made)
        except asyncio.CancelledError:
            # The thread goes on regardless, and what it makes must not be lost.
            late = asyncio.create_task(_dispose_of(made, dispose), name="dispose of late sandbox")
            self._late.add(late)
            late.add_done_callback(self._late.discard)
            raise

    async def _close(self) -> None:
        closing = [sandbox.close() for sandbox in self._sandboxes]
        await asyncio.gather(*self._late, *closing)


async def _dispose_of(made: asyncio.Future[_T], dispose: Callable[[_T], Awaitable[None]]) -> None:
    with contextlib.suppress(OSError, SandboxStartFailed):
        await dispose(await made)


def _opened(state_directory: Path, kind: KindName) -> AbstractAsyncContextManager[Kind]:
    if kind == "process":
        return open_plain_processes(state_directory)
    return open_namespaces(state_directory)


def _require_namespaces() -> None:
    missing = [found for found in host.probe_essentials() if found.state == "missing"]
    if missing:
        reasons = "\n".join(f"- {found.detail} {found.remedy}".rstrip() for found in missing)
        raise IsolationUnavailable(
            f"this host cannot isolate functions:\n{reasons}\n"
            "(--isolation process runs them without any isolation)"
        )
