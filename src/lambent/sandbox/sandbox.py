"""What a sandbox is asked to run, and the running sandbox."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

# Inside, always this number; `Command.telemetry_variable` announces it.
TELEMETRY_DESCRIPTOR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    memory_bytes: int
    cpus: float  # a share: 0.5 is half of one processor's time
    processes: int  # threads count too, as the kernel counts them
    open_files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A directory or file of the host's, read-only at an absolute path inside."""

    source: Path
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run. An entry point that cannot be executed ends with code 126, or 127 if absent."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)  # secrets: not in logs
    working_directory: str
    telemetry_variable: str = ""  # the environment variable that holds the descriptor's number


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a command ended: with a code, or by a signal."""

    code: int | None
    signal: int | None
    is_out_of_memory: bool


class SandboxStartFailed(Exception):
    """Raised when the sandbox could not be built; nothing of the command has run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A private, size-limited directory for /tmp, and the user who owns it.

    Sandboxes may use it one after another: the next one finds the files of the one before.
    """

    path: Path
    user_id: int | None  # on the host; None where sandboxes have no users of their own
    accounts: Path  # a directory with the passwd and group files that name this user
    remove: Callable[[], Awaitable[None]] = field(repr=False)

    async def close(self) -> None:
        """Delete it with everything in it. No sandbox may be using it."""
        await self.remove()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSlot:
    """One sandbox's network, with a socket of ours already listening inside."""

    listener: socket.socket
    api_address: str  # where the sandbox finds that socket: host:port
    namespace: int | None  # a descriptor; None where there is no network namespace
    release: Callable[[], None] = field(repr=False)

    async def close(self) -> None:
        """Take it away, with its socket. No sandbox may be using it."""
        await asyncio.to_thread(self.release)


class Body(Protocol):
    """What each kind of isolation knows about a command it has started."""

    output: int
    telemetry: int
    exit_descriptor: int  # readable when the command has ended

    def exit(self) -> Exit: ...  # once it has ended
    def kill(self) -> None: ...
    def limit_cpus(self, cpus: float) -> None: ...
    def memory_peak_bytes(self) -> int: ...
    def remove(self) -> None: ...  # after kill(): waits, and blocks meanwhile


class Sandbox:
    """One running command with everything it starts.

    `output` is the read end of one pipe that carries standard output and error in order;
    `telemetry` that of the pipe behind TELEMETRY_DESCRIPTOR. Both are non-blocking and belong to
    the sandbox: `close()` closes them.
    """

    def __init__(self, body: Body, executor: Executor, forget: Callable[[Sandbox], None]) -> None:
        self._body = body
        self._forget = forget
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._exit: asyncio.Future[Exit] = self._loop.create_future()
        self._closing: asyncio.Task[None] | None = None
        self.output = body.output
        self.telemetry = body.telemetry
        self._loop.add_reader(body.exit_descriptor, self._ended)

    async def wait(self) -> Exit:
        """How the command ended, once it has. What it started may live until `close()`."""
        return await asyncio.shield(self._exit)

    def kill(self) -> None:
        """Send SIGKILL to everything in the sandbox."""
        self._body.kill()

    def limit_cpus(self, cpus: float) -> None:
        """Give it another share of processor time than it was started with. Raises OSError."""
        self._body.limit_cpus(cpus)

    def memory_peak_bytes(self) -> int:
        """The most memory ever in use since the start; 0 when unknown."""
        return self._body.memory_peak_bytes()

    async def close(self) -> None:
        """Kill everything, wait for it, and remove what the kernel still holds for it."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="close sandbox")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._body.kill()
        await self.wait()
        await self._loop.run_in_executor(self._executor, self._body.remove)
        for descriptor in (self.output, self.telemetry):
            os.close(descriptor)
        self._forget(self)

    def _ended(self) -> None:
        self._loop.remove_reader(self._body.exit_descriptor)
        self._exit.set_result(self._body.exit())
