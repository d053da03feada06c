"""The sandbox a version initialises in for its snapshot."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from lambent.domain.quotas import INIT_CPUS, MIB
from lambent.execution_environment.prepared_sandbox import limits_of
from lambent.sandbox.template import Template

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from lambent.aws.credentials import Credentials
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.prepared_sandbox import PreparedSandbox, Wanted
    from lambent.sandbox.isolation import Isolation
    from lambent.sandbox.sandbox import Command, NetworkSlot, Process, Sandbox, Volume
    from lambent.sandbox.template import Readiness

_MESSAGE_BYTES = 65536


class TemplateSandboxes:
    """See `prepared_sandbox.Sandboxes`: where the lives of templates take place."""

    def __init__(
        self, isolation: Isolation, on_ready: Callable[[TemplateSandbox, bytes], None]
    ) -> None:
        self._isolation = isolation
        self._on_ready = on_ready

    async def volume(self, version: FunctionVersion) -> Volume:
        return await self._isolation.volume(version.ephemeral_storage_mib * MIB)

    async def take(self, wanted: Wanted) -> PreparedSandbox:
        return await TemplateSandbox.build(self._isolation, wanted, self._on_ready)

    def in_stock(self) -> dict[str, int]:
        return {}


class TemplateSandbox:
    """See `prepared_sandbox.PreparedSandbox`."""

    is_restored = False
    inherited: Sequence[Credentials] = ()

    def __init__(
        self,
        sandbox: Sandbox,
        slot: NetworkSlot,
        volume: Volume,
        listener: socket.socket,
        on_ready: Callable[[TemplateSandbox, bytes], None],
    ) -> None:
        self.sandbox = sandbox
        self.slot = slot
        self._volume = volume
        self._listener = listener
        self._on_ready = on_ready
        self._loop = asyncio.get_running_loop()
        self._connection: socket.socket | None = None
        self._variables: Mapping[str, str] = {}
        self._template: Template | None = None
        self._loop.add_reader(listener, self._accept)

    @classmethod
    async def build(
        cls,
        isolation: Isolation,
        wanted: Wanted,
        on_ready: Callable[[TemplateSandbox, bytes], None],
    ) -> TemplateSandbox:
        """`on_ready` is told what the template says when it is initialised, once.

        Raises SandboxStartFailed, OSError.
        """
        limits = limits_of(wanted.version)
        async with contextlib.AsyncExitStack() as undo:
            slot = await isolation.take_slot()
            undo.push_async_callback(slot.close)
            sandbox = await isolation.build(
                mounts=wanted.mounts(),
                limits=replace(limits, cpus=max(limits.cpus, INIT_CPUS)),
                volume=wanted.volume,
                slot=slot,
                may_be_copied=True,
            )
            undo.push_async_callback(sandbox.close)
            listener = await isolation.listen_for_template(slot)
            undo.pop_all()
        return cls(sandbox, slot, wanted.volume, listener, on_ready)

    async def run(self, command: Command) -> Process:
        """Run the main command, once. Raises SandboxStartFailed, OSError."""
        self._variables = command.process_environment()
        # Beside the sandbox's first process, which then outlives it, and with that the copies.
        return await self.sandbox.run_beside(command)

    async def run_beside(self, command: Command) -> Process:
        """Run one more command. Raises SandboxStartFailed, OSError."""
        return await self.sandbox.run_beside(command)

    def template(self, readiness: Readiness) -> Template:
        """The process that has said it is ready, from now on to be copied."""
        assert self._connection is not None
        self._template = Template(
            self._connection, readiness, self.sandbox, self._volume, self._variables
        )
        return self._template

    async def close(self) -> None:
        self._close_listener()
        if self._template is not None:
            await asyncio.to_thread(self._template.close)
        elif self._connection is not None:
            self._loop.remove_reader(self._connection)
            self._connection.close()
        try:
            await self.sandbox.close()
        finally:
            await self.slot.close()

    def _accept(self) -> None:
        self._connection, _ = self._listener.accept()
        self._connection.setblocking(False)
        self._close_listener()
        self._loop.add_reader(self._connection, self._receive)

    def _close_listener(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()

    def _receive(self) -> None:
        connection = self._connection
        assert connection is not None
        self._loop.remove_reader(connection)
        try:
            message = connection.recv(_MESSAGE_BYTES)
        except OSError:
            message = b""
        self._on_ready(self, message)
