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
    Limits,
    Mount,
    NetworkSlot,
    Sandbox,
    SandboxStartFailed,
    Volume,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from lambent.sandbox.fork_server import ForkServer
    from lambent.sandbox.sandbox import Command
    from lambent.sandbox.template import Template

KindName = Literal["namespaces", "process"]
_T = TypeVar("_T")


class IsolationUnavailable(Exception):
    """Raised when this host cannot isolate as asked; the text says what to do about it."""


class Kind(Protocol):
    """One way to isolate. Only `take_slot` belongs to the event loop; the others block."""

    executor: Executor
    patient: Executor  # for what a function's processes can hold up

    async def take_slot(self) -> NetworkSlot: ...
    def make_volume(self, size_bytes: int, like: Volume | None = None) -> Volume: ...
    def build(
        self,
        mounts: Sequence[Mount],
        limits: Limits,
        volume: Volume,
        slot: NetworkSlot,
        *,
        may_be_copied: bool,
        may_have_company: bool,
    ) -> Body: ...
    def find_snapshot_problem(self) -> str: ...
    def listen_for_template(self, slot: NetworkSlot) -> socket.socket: ...
    def restore(
        self, source: Template, volume: Volume, limits: Limits
    ) -> tuple[Body, NetworkSlot]: ...
    def fork_server(self, command: Command, mounts: Sequence[Mount]) -> ForkServer: ...


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
    async def open(
        cls, *, state_directory: Path, kind: KindName, door_port: int = 0
    ) -> AsyncIterator[Isolation]:
        """Prepare this process; on leaving, everything it made is gone.

        At `door_port` is the door of each network slot that has a loopback of its own; elsewhere,
        and with 0, at any.
        For namespaces `privileges.enter_namespaces()` must have been called when the program
        began. Raises IsolationUnavailable: weaker isolation is never chosen silently.
        """
        if kind == "namespaces":
            await asyncio.to_thread(_require_namespaces)
        async with (
            _opened(state_directory, kind, door_port) as opened,
            cls.by(opened, has_own_root=kind == "namespaces") as isolation,
        ):
            yield isolation

    @classmethod
    @asynccontextmanager
    async def by(cls, kind: Kind, *, has_own_root: bool) -> AsyncIterator[Isolation]:
        """What makes sandboxes of this kind; on leaving, they are gone."""
        isolation = cls(kind, has_own_root=has_own_root)
        try:
            yield isolation
        finally:
            await isolation._close()

    async def volume(self, size_bytes: int, *, like: Volume | None = None) -> Volume:
        """A volume with room for so many bytes: empty, or with the user and the files of another.

        That other one must outlive it. Raises OSError.
        """
        return await self._in_thread(
            lambda: self._kind.make_volume(size_bytes, like),
            lambda volume: volume.close(),
            self._kind.executor if like is None else self._kind.patient,
        )

    async def take_slot(self) -> NetworkSlot:
        """A network slot that nothing has run in. Raises OSError."""
        return await self._kind.take_slot()

    async def build(
        self,
        *,
        mounts: Sequence[Mount],
        limits: Limits,
        volume: Volume,
        slot: NetworkSlot,
        may_be_copied: bool = False,
        may_have_company: bool = False,
    ) -> Sandbox:
        """A sandbox that nothing runs in yet; the last of its mounts may be still to come.

        In one that `may_be_copied` a command may become a template; in one that `may_have_company`
        each command can outlive each other. Raises SandboxStartFailed, OSError, as may the first
        that is asked of it.
        """
        body = await self._in_thread(
            lambda: self._kind.build(
                mounts,
                limits,
                volume,
                slot,
                may_be_copied=may_be_copied,
                may_have_company=may_have_company,
            ),
            self._dispose_of_body,
        )
        return self._sandbox(body, may_have_company=may_have_company or may_be_copied)

    def _sandbox(self, body: Body, *, may_have_company: bool) -> Sandbox:
        kind = self._kind
        sandbox = Sandbox(
            body,
            self._sandboxes.discard,
            executor=kind.executor,
            patient=kind.patient,
            may_have_company=may_have_company,
        )
        self._sandboxes.add(sandbox)
        return sandbox

    async def _dispose_of_body(self, body: Body) -> None:
        await self._sandbox(body, may_have_company=False).close()

    async def find_snapshot_problem(self) -> str:
        """Why nothing can be restored from templates on this host; empty when it can."""
        return await asyncio.to_thread(self._kind.find_snapshot_problem)

    async def listen_for_template(self, slot: NetworkSlot) -> socket.socket:
        """The socket a template connects to when it is ready, in its network. Raises OSError."""

        async def dispose(listener: socket.socket) -> None:
            listener.close()

        return await self._in_thread(lambda: self._kind.listen_for_template(slot), dispose)

    async def restore(
        self, source: Template, volume: Volume, limits: Limits
    ) -> tuple[Sandbox, NetworkSlot]:
        """A sandbox in which a copy of a template waits to be run, and its network.

        `volume` is one like the template's. Raises SandboxStartFailed, OSError.
        """

        async def dispose(restored: tuple[Body, NetworkSlot]) -> None:
            body, slot = restored
            await self._dispose_of_body(body)
            await slot.close()

        body, slot = await self._in_thread(
            lambda: self._kind.restore(source, volume, limits), dispose, self._kind.patient
        )
        return self._sandbox(body, may_have_company=False), slot

    async def fork_server(self, command: Command, mounts: Sequence[Mount]) -> ForkServer:
        """A process that `Sandbox.run_copy` copies; the caller closes it.

        It is trusted and not limited: nothing of a sandbox's may run in it. Raises
        SandboxStartFailed, OSError.
        """

        async def dispose(server: ForkServer) -> None:
            await asyncio.to_thread(server.close)

        return await self._in_thread(lambda: self._kind.fork_server(command, mounts), dispose)

    async def _in_thread(
        self,
        job: Callable[[], _T],
        dispose: Callable[[_T], Awaitable[None]],
        executor: Executor | None = None,
    ) -> _T:
        threads = executor or self._kind.executor
        made = asyncio.get_running_loop().run_in_executor(threads, job)
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


def _opened(
    state_directory: Path, kind: KindName, door_port: int
) -> AbstractAsyncContextManager[Kind]:
    if kind == "process":
        return open_plain_processes(state_directory)
    return open_namespaces(state_directory, door_port)


def _require_namespaces() -> None:
    missing = [found for found in host.probe_essentials() if found.state == "missing"]
    if missing:
        reasons = "\n".join(f"- {found.detail} {found.remedy}".rstrip() for found in missing)
        raise IsolationUnavailable(
            f"this host cannot isolate functions:\n{reasons}\n"
            "(--isolation process runs them without any isolation)"
        )
