"""No isolation: commands run as ordinary processes of our own user. Only ever chosen explicitly."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.sandbox import entry_shell, resource_limits, root_files, system_calls
from lambent.sandbox.network.listening import address_of, listen
from lambent.sandbox.sandbox import (
    Body,
    Command,
    Exit,
    Limits,
    Mount,
    NetworkSlot,
    Original,
    Volume,
)
from lambent.sandbox.servers import own_directory

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Sequence
    from concurrent.futures import Executor

    from lambent.sandbox.fork_server import ForkServer
    from lambent.sandbox.template import Template

_log = logging.getLogger(__name__)

_THREADS = 4
_BACKLOG = 128
_ANY_PORT = ("127.0.0.1", 0)
_KIB = 1024
_MEASURED_SECONDS = 0.5


class PlainProcesses:
    """See `isolation.Kind`. Mounts are ignored: commands see the host's own files."""

    def __init__(self, directory: Path, executor: ThreadPoolExecutor) -> None:
        self._directory = directory
        self._numbers = itertools.count()
        self.executor: Executor = executor
        self.patient: Executor = executor

    async def take_slot(self) -> NetworkSlot:
        with ExitStack() as undo:
            listener, door = (undo.enter_context(listen(_ANY_PORT, _BACKLOG)) for _ in range(2))
            release = undo.pop_all()
        return NetworkSlot(
            listener=listener,
            api_address=address_of(listener),
            door=door,
            door_address=address_of(door),
            namespace=None,
            release=release.close,
        )

    def fork_server(self, command: Command, mounts: Sequence[Mount]) -> ForkServer:
        raise ValueError("plain processes are not copied")

    def make_volume(self, size_bytes: int, like: Volume | None = None) -> Volume:
        place = self._directory / "volumes" / str(next(self._numbers))
        files = place / "files"
        files.mkdir(mode=0o700, parents=True)
        root_files.write_accounts(place, os.getuid(), os.getgid())

        async def remove() -> None:
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

        return Volume(path=files, user_id=None, accounts=place, remove=remove)

    def build(
        self,
        mounts: Sequence[Mount],
        limits: Limits,
        volume: Volume,
        slot: NetworkSlot,
        *,
        may_be_copied: bool,
        may_have_company: bool,
    ) -> Body:
        def launch(command: Command) -> PlainProcess:
            variables = {"TMPDIR": str(volume.path), **command.environment}
            return _launch(replace(command, environment=variables), limits)

        return PlainBody(launch)

    def find_snapshot_problem(self) -> str:
        return "plain processes are not copied"

    def listen_for_template(self, slot: NetworkSlot) -> socket.socket:
        raise ValueError("plain processes are not copied")

    def restore(self, source: Template, volume: Volume, limits: Limits) -> tuple[Body, NetworkSlot]:
        raise ValueError("plain processes are not copied")


class PlainBody:
    """See `sandbox.Body`: all commands, each with what stays in its process group."""

    first_process = None

    def __init__(self, launch: Callable[[Command], PlainProcess], *, freezes: bool = True) -> None:
        self._launch = launch
        self._freezes = freezes
        self._processes: list[PlainProcess] = []

    def run(self, command: Command) -> PlainProcess:
        process = self._launch(command)
        self._processes.append(process)
        return process

    run_beside = run

    def run_copy(self, original: Original) -> PlainProcess:
        raise ValueError("plain processes are not copied")

    def wait_until_built(self) -> None:
        """Nothing is built."""

    def has(self, pid: int) -> bool:
        return False

    def mount(self, mounts: Sequence[Mount]) -> None:
        """Commands see the host's own files."""

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def freeze(self) -> bool:
        if self._freezes:
            self._signal(signal.SIGSTOP)
        return self._freezes

    def thaw(self) -> None:
        if self._freezes:
            self._signal(signal.SIGCONT)

    def limit(self, limits: Limits) -> None:
        """Each command has had its limits since it was started."""

    def limit_cpus(self, cpus: float) -> None:
        """Nothing limits a plain process's time."""

    def memory_peak_bytes(self) -> int:
        return sum(process.memory_bytes("VmHWM") for process in self._processes)

    def memory_bytes(self) -> int:
        return sum(process.memory_bytes("VmRSS") for process in self._processes)

    def remove(self) -> None:
        """Nothing is held beside the processes."""

    def _signal(self, number: int) -> None:
        for process in self._processes:
            process.signal_group(number)


class PlainProcess:
    """See `sandbox.Started`. The command and what stays in its process group."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        output: int,
        telemetry: int | None,
        on_removed: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self._process = process
        self._tell_removed = on_removed
        self.output = output
        self.telemetry = telemetry
        self.exit_descriptor = os.pidfd_open(process.pid)
        self._measured: dict[str, int] = {}
        self._measured_until = 0.0

    def exit(self) -> Exit:
        # Not buried yet: until `remove` its number stays taken, and the group is safe to kill.
        ended = os.waitid(os.P_PIDFD, self.exit_descriptor, os.WEXITED | os.WNOWAIT)
        if ended is not None and ended.si_code == os.CLD_EXITED:
            return Exit(code=ended.si_status, signal=None, is_out_of_memory=False)
        number = ended.si_status if ended is not None else None
        return Exit(code=None, signal=number, is_out_of_memory=False)

    def signal(self, number: int) -> None:
        system_calls.send_signal(self.exit_descriptor, number)

    def signal_group(self, number: int) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def memory_bytes(self, field: str) -> int:
        """The command's own, by a field of /proc/*/status; 0 when it has ended.

        Half a second old at most: to read it takes longer than much that is asked of a function.
        """
        now = time.monotonic()
        if now >= self._measured_until:
            self._measured_until = now + _MEASURED_SECONDS
            self._measured = self._measure()
        return self._measured.get(field, 0)

    def _measure(self) -> dict[str, int]:
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        except OSError:
            return {}
        fields = (line.split() for line in lines if line.startswith("Vm"))
        return {field[0].rstrip(":"): int(field[1]) * _KIB for field in fields}

    def remove(self) -> None:
        self._process.wait()
        os.close(self.exit_descriptor)
        self._tell_removed(self._process.pid)


@asynccontextmanager
async def open_plain_processes(state_directory: Path) -> AsyncIterator[PlainProcesses]:
    _log.warning(
        "isolation is off: functions run as this user, see its files, processes and network, and "
        "have no memory, processor, process or /tmp limit"
    )
    with ExitStack() as stack:
        executor = stack.enter_context(ThreadPoolExecutor(_THREADS, "plain process"))
        directory = await asyncio.to_thread(stack.enter_context, own_directory(state_directory))
        yield PlainProcesses(directory, executor)


def _launch(command: Command, limits: Limits) -> PlainProcess:
    script = entry_shell.build_script(command)
    with ExitStack() as results, ExitStack() as rest, ExitStack() as theirs:
        ends = entry_shell.open_pipes(results, rest, theirs)
        process = subprocess.Popen(
            [*_leash(), *entry_shell.SHELL],
            stdin=ends.script_end,
            stdout=ends.telemetry_end,
            stderr=ends.output_end,
            cwd="/",
            env={},
            start_new_session=True,
        )
        theirs.close()
        try:
            resource_limits.apply(process.pid, limits)
            entry_shell.send(ends.script, entry_shell.QUESTION)
            entry_shell.send(ends.script, script)
            entry_shell.wait_until_begun(ends)
        except BaseException:
            process.kill()
            process.wait()
            raise
        results.pop_all()
        return PlainProcess(process, ends.output, ends.telemetry)


def _leash() -> tuple[str, ...]:
    """Die with us, where the program for it is installed."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()
