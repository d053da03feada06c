"""A sandbox that was built before there was a function for it, and what waits inside.

In Python's and Node.js's there is the language's process, all its start-up behind it; for other
runtimes nothing runs. Assigned, it gets the function's files and limits; told the command, what waits
becomes it. Good for one function version, once.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lambent.domain.quotas import INIT_CPUS
from lambent.execution_environment.prepared_sandbox import limits_of
from lambent.sandbox.sandbox import SandboxStartFailed

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from lambent.aws.credentials import Credentials
    from lambent.execution_environment.prepared_sandbox import Wanted
    from lambent.sandbox.sandbox import Command, NetworkSlot, Process, Sandbox, Volume

_READY_SECONDS = 10.0
_LAST_WORDS_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A process that waits to be told what to become, and the connection it waits on."""

    process: Process
    connection: socket.socket
    may_have_company: bool  # others may outlive it


class StemCell:
    """See `prepared_sandbox.PreparedSandbox`."""

    is_restored = False
    inherited: Sequence[Credentials] = ()

    def __init__(
        self, sandbox: Sandbox, slot: NetworkSlot, volume: Volume, waiting: Waiting | None
    ) -> None:
        self.sandbox = sandbox
        self.slot = slot
        self.volume = volume
        self._waiting = waiting

    @property
    def may_have_company(self) -> bool:
        return self._waiting is not None and self._waiting.may_have_company

    async def assign(self, wanted: Wanted) -> None:
        """Give it a function version's files and limits. Raises SandboxStartFailed, OSError."""
        limits = limits_of(wanted.version)
        await self.sandbox.mount(wanted.own_mounts())
        self.sandbox.limit(replace(limits, cpus=max(limits.cpus, INIT_CPUS)))

    async def run(self, command: Command) -> Process:
        """Run the main command, once. Raises SandboxStartFailed, OSError, ValueError."""
        if self._waiting is None:
            return await self.sandbox.run(command)
        environment = command.process_environment() | {"PWD": command.working_directory}
        order = {"environment": environment, "directory": command.working_directory}
        waiting, self._waiting = self._waiting, None
        with waiting.connection:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(waiting.connection, json.dumps(order).encode())
        return waiting.process

    async def run_beside(self, command: Command) -> Process:
        """Run one more command. Raises SandboxStartFailed, OSError."""
        return await self.sandbox.run_beside(command)

    async def close(self) -> None:
        """End everything in it. Its volume stays."""
        if self._waiting is not None:
            self._waiting.connection.close()
        try:
            await self.sandbox.close()
        finally:
            await self.slot.close()


async def accept_connection(process: Process, slot: NetworkSlot) -> socket.socket:
    """A process's, which has said so that it waits. Raises SandboxStartFailed."""
    loop = asyncio.get_running_loop()
    connected = asyncio.Event()
    # Not `sock_accept`: cancelled at the wrong moment, that loses the connection.
    loop.add_reader(slot.listener, connected.set)
    connecting = loop.create_task(connected.wait(), name="stem cell connects")
    ending = loop.create_task(process.wait(), name="stem cell ends")
    try:
        await asyncio.wait(
            (connecting, ending), timeout=_READY_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        loop.remove_reader(slot.listener)
        connecting.cancel()
        ending.cancel()
    if not connected.is_set():
        raise SandboxStartFailed(f"a stem cell did not come up: {_last_words(process)}")
    connection, _ = slot.listener.accept()
    connection.setblocking(False)
    return connection


def _last_words(process: Process) -> str:
    try:
        return os.read(process.output, _LAST_WORDS_BYTES).decode(errors="replace").strip()
    except BlockingIOError:
        return "it said nothing"
