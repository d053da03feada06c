"""What a sandbox is asked to run, the sandbox, and the processes in it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

_T = TypeVar("_T")

# Inside, always this number; `Command.telemetry_variable` announces it.
TELEMETRY_DESCRIPTOR = 3


def open_tcp_socket() -> socket.socket:
    """A non-blocking, unconnected TCP socket in the calling thread's network."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setblocking(False)
    return opened


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

    def process_environment(self) -> dict[str, str]:
        """What its process is started with, beside PWD.

        Raises ValueError for a variable that cannot be: a NUL in it, or '=' in its name.
        """
        variables = dict(self.environment)
        if self.telemetry_variable:
            variables[self.telemetry_variable] = str(TELEMETRY_DESCRIPTOR)
        for name, value in variables.items():
            if "\0" in name + value or "=" in name or not name:
                raise ValueError(f"not an environment variable: {name!r}")
        return variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a command ended: with a code, or by a signal."""

    code: int | None
    signal: int | None
    is_out_of_memory: bool


class SandboxStartFailed(Exception):
    """Raised when the sandbox could not be built; nothing of the command has run."""


class NotExecutable(Exception):
    """Raised where it shows at once that a command can not be executed; the text says why.

    In the words of AWS's supervisor: `fork/exec ./bootstrap: no such file or directory`. Elsewhere
    such a command ends with code 126, or 127.
    """


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
    """One sandbox's network, with sockets of ours already listening inside."""

    listener: socket.socket
    api_address: str  # where the sandbox finds that socket: host:port
    door: socket.socket | None = None  # another one; None where nothing of ours is behind it
    door_address: str = ""
    namespace: int | None = None  # a descriptor; None where there is no network namespace
    release: Callable[[], None] = field(repr=False)
    connector: Callable[[], socket.socket] = field(default=open_tcp_socket, repr=False)

    def open_socket(self) -> socket.socket:
        """A non-blocking TCP socket that lives in this network, not connected yet.

        Blocks briefly. Close it: an open one keeps the network in the kernel. Raises OSError.
        """
        return self.connector()

    async def close(self) -> None:
        """Take it away, with its sockets. No sandbox may be using it."""
        await asyncio.to_thread(self.release)


class Original(Protocol):
    """A process that can be copied into sandboxes: `fork_server.ForkServer`."""

    def fork(
        self, sandbox: int, user_id: int | None, open_files: int, descriptors: Sequence[int]
    ) -> int: ...
    def keep_files(self) -> int: ...


class Started(Protocol):
    """What each kind of isolation knows about a process it has started."""

    output: int
    exit_descriptor: int  # readable when the process has ended

    @property
    def telemetry(self) -> int | None: ...  # None where it has no such descriptor
    def exit(self) -> Exit: ...  # once it has ended
    def signal(self, number: int) -> None: ...  # nothing happens when it has ended
    def remove(self) -> None: ...  # once it has ended


class Body(Protocol):
    """What each kind of isolation knows about a sandbox it has built."""

    @property
    def first_process(self) -> int | None: ...

    # These block some milliseconds.
    def run(self, command: Command) -> Started: ...
    def run_beside(self, command: Command) -> Started: ...
    def run_copy(self, original: Original) -> Started: ...
    def wait_until_built(self) -> None: ...
    def mount(self, mounts: Sequence[Mount]) -> None: ...
    def has(self, pid: int) -> bool: ...
    def remove(self) -> None: ...  # after kill(), when all it has started has ended

    def kill(self) -> None: ...
    def freeze(self) -> bool: ...
    def thaw(self) -> None: ...
    def limit(self, limits: Limits) -> None: ...
    def limit_cpus(self, cpus: float) -> None: ...
    def memory_peak_bytes(self) -> int: ...
    def memory_bytes(self) -> int: ...


class Process:
    """A command that runs, or has run, in a sandbox.

    `output` is the read end of one pipe that carries its standard output and error in order;
    `telemetry` that of the pipe behind TELEMETRY_DESCRIPTOR, where there is one. Both are non-blocking, belong to the
    process, and are closed with its sandbox.
    """

    def __init__(self, started: Started) -> None:
        self._started = started
        self._loop = asyncio.get_running_loop()
        self._exit: asyncio.Future[Exit] = self._loop.create_future()
        self.output = started.output
        self.telemetry = started.telemetry
        self._loop.add_reader(started.exit_descriptor, self._ended)

    async def wait(self) -> Exit:
        """How the command ended, once it has. What it started itself may live on."""
        return await asyncio.shield(self._exit)

    def terminate(self) -> None:
        """Send SIGTERM to it alone; nothing happens when it has ended."""
        self._started.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to it alone; nothing happens when it has ended."""
        self._started.signal(signal.SIGKILL)

    def _ended(self) -> None:
        self._loop.remove_reader(self._started.exit_descriptor)
        self._exit.set_result(self._started.exit())

    def _remove(self) -> None:
        self._started.remove()
        for descriptor in (self.output, self.telemetry):
            if descriptor is not None:
                os.close(descriptor)


class Sandbox:
    """Namespaces, a network and limits, and whatever is run in them."""

    def __init__(
        self,
        body: Body,
        forget: Callable[[Sandbox], None],
        *,
        executor: Executor,
        patient: Executor,
        may_have_company: bool,
    ) -> None:
        """What a function's processes can hold up takes place in the threads of `patient`."""
        self._body = body
        self._forget = forget
        self._executor = executor
        self._patient = patient
        self._first = patient if may_have_company else executor  # nobody runs before it if alone
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[Process]] = set()
        self._processes: list[Process] = []
        self._is_killed = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def first_process(self) -> int | None:
        """A pidfd of the sandbox's process 1, for setns(2); None where there are no namespaces.

        It belongs to the sandbox. Who enters must drop privileges and install the system call
        filter on their own.
        """
        return self._body.first_process

    async def wait_until_built(self) -> None:
        """Until all its files are in place, as whatever else is asked of it waits by itself.

        Raises SandboxStartFailed, OSError.
        """
        await self._loop.run_in_executor(self._executor, self._body.wait_until_built)

    async def run(self, command: Command) -> Process:
        """Run the main command; once.

        Raises SandboxStartFailed, OSError, NotExecutable; ValueError for a bad environment.
        """
        return await self._start(self._body.run, command, self._first)

    async def run_beside(self, command: Command) -> Process:
        """Run one more command: same files, users, network, process ids and limits.

        It goes on when the main command ends where that `may_have_company`, and ends with it
        elsewhere. Never into a frozen sandbox: it would wait for the thaw. Raises as `run` does.
        """
        return await self._start(self._body.run_beside, command, self._patient)

    async def run_copy(self, original: Original) -> Process:
        """Run a copy of a process instead of a command, where that `may_have_company`.

        Raises SandboxStartFailed, OSError.
        """
        return await self._start(self._body.run_copy, original, self._executor)

    async def mount(self, mounts: Sequence[Mount]) -> None:
        """Add read-only mounts, in a millisecond; before anything runs that should see them.

        Raises SandboxStartFailed, OSError. Nothing happens where commands see the host's own files.
        """
        await self._loop.run_in_executor(self._executor, self._body.mount, mounts)

    def has(self, pid: int) -> bool:
        """Whether a process, by its number outside, is in it; False where nobody can tell."""
        return self._body.has(pid)

    def kill(self) -> None:
        """Send SIGKILL to everything in the sandbox, frozen or not."""
        self._is_killed = True
        self._body.kill()

    def freeze(self) -> bool:
        """Stop everything in it where it is, as if time stood still; whether that can be done.

        Takes effect some microseconds later. Nothing happens where the host has no freezer.
        """
        # What is dying must not be stopped on its way.
        return not self._is_killed and self._body.freeze()

    def thaw(self) -> None:
        """Let everything go on."""
        self._body.thaw()

    def limit(self, limits: Limits) -> None:
        """Give it other limits than it was built with, before anything runs in it that matters.

        Processes that run already keep their number of open files. Raises OSError.
        """
        self._body.limit(limits)

    def limit_cpus(self, cpus: float) -> None:
        """Give it another share of processor time than it was built with. Raises OSError."""
        self._body.limit_cpus(cpus)

    def memory_peak_bytes(self) -> int:
        """The most memory ever in use since it was built; 0 when unknown."""
        return self._body.memory_peak_bytes()

    def memory_bytes(self) -> int:
        """The memory in use now, with what the kernel caches for it; 0 when unknown."""
        return self._body.memory_bytes()

    async def close(self) -> None:
        """Kill everything, wait for it, and remove what the kernel still holds for it."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="close sandbox")
        await asyncio.shield(self._closing)

    async def _start(self, start: Callable[[_T], Started], what: _T, executor: Executor) -> Process:
        if self._closing is not None:
            raise SandboxStartFailed("the sandbox is closed")
        # In a task of its own: the thread goes on when the caller gives up, and `close` must know.
        starting = asyncio.create_task(
            self._started(start, what, executor), name="start in sandbox"
        )
        self._starting.add(starting)
        starting.add_done_callback(self._end_of_start)
        return await asyncio.shield(starting)

    async def _started(
        self, start: Callable[[_T], Started], what: _T, executor: Executor
    ) -> Process:
        process = Process(await self._loop.run_in_executor(executor, start, what))
        self._processes.append(process)
        return process

    def _end_of_start(self, starting: asyncio.Task[Process]) -> None:
        self._starting.discard(starting)
        if not starting.cancelled():
            starting.exception()  # whoever asked for it has it, unless they gave up

    async def _close(self) -> None:
        self.kill()
        await asyncio.gather(*self._starting, return_exceptions=True)
        self.kill()  # what was just being started, too
        for process in self._processes:
            await process.wait()
        await self._loop.run_in_executor(self._patient, self._body.remove)
        for process in self._processes:
            process._remove()
        self._forget(self)
