"""Commands run as they are, where all of us are in a sandbox already: a container, made for them.

Needs no privileges, no other program, and no disk.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.sandbox import entry_shell, system_calls
from lambent.sandbox.plain_process import PlainBody, PlainProcess
from lambent.sandbox.sandbox import Body, Command, Limits, Mount, NetworkSlot, NotExecutable, Volume

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from lambent.sandbox.fork_server import ForkServer
    from lambent.sandbox.orphans import Children
    from lambent.sandbox.template import Template

_log = logging.getLogger(__name__)

# RLIMIT_NOFILE of commands, soft and hard.
OpenFiles = tuple[int, int]

_TEMPORARY = Path("/tmp")  # everybody's, and only as writable as the container makes it
_NO_COPIES = "processes are not copied here"
# What says that it is the command, and not this host, that cannot be started.
_BAD_COMMAND = frozenset(
    {
        errno.ENOENT,
        errno.EACCES,
        errno.ENOEXEC,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
    }
)


class DirectProcesses:
    """See `isolation.Kind`. Mounts and limits are ignored: the container has them."""

    def __init__(
        self,
        take_slot: Callable[[], NetworkSlot],
        children: Children,
        executor: ThreadPoolExecutor,
        open_files: OpenFiles,
    ) -> None:
        """`take_slot` may raise OSError."""
        self._take_slot = take_slot
        self._children = children
        self._open_files = open_files
        self.executor: Executor = executor
        self.patient: Executor = executor

    async def take_slot(self) -> NetworkSlot:
        return self._take_slot()

    def make_volume(self, size_bytes: int, like: Volume | None = None) -> Volume:
        async def remove() -> None:
            """What a container's /tmp holds is the container's."""

        return Volume(path=_TEMPORARY, user_id=None, accounts=_TEMPORARY, remove=remove)

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
        # Nothing is stopped while it waits: its health checks and its own timers may have to go on.
        return DirectBody(
            lambda command: launch(command, self._children, self._open_files),
            self._children,
            slot.api_address,
        )

    def find_snapshot_problem(self) -> str:
        return _NO_COPIES

    def fork_server(self, command: Command, mounts: Sequence[Mount]) -> ForkServer:
        raise ValueError(_NO_COPIES)

    def listen_for_template(self, slot: NetworkSlot) -> socket.socket:
        raise ValueError(_NO_COPIES)

    def restore(self, source: Template, volume: Volume, limits: Limits) -> tuple[Body, NetworkSlot]:
        raise ValueError(_NO_COPIES)


class DirectBody(PlainBody):
    """Ends with what its commands have left behind, too."""

    def __init__(
        self, launch: Callable[[Command], PlainProcess], children: Children, api_address: str
    ) -> None:
        super().__init__(launch, freezes=False)
        self._children = children
        self._api_address = api_address

    def remove(self) -> None:
        self._children.end_left_behind(self._api_address)


@contextmanager
def open_direct_processes(
    take_slot: Callable[[], NetworkSlot],
    children: Children,
    *,
    threads: int,
    open_files: OpenFiles,
) -> Iterator[DirectProcesses]:
    """So many commands can be started at one time; with this they end, however we do."""
    # Commands die with the thread that started them, and an executor's live as long as it.
    with ThreadPoolExecutor(threads, "process start") as executor:
        yield DirectProcesses(take_slot, children, executor, open_files)


def launch(command: Command, children: Children, open_files: OpenFiles) -> PlainProcess:
    """Start a command in a session of its own; blocks for a millisecond or two.

    Raises NotExecutable, OSError; ValueError for a bad environment.
    """
    with ExitStack() as results, ExitStack() as theirs:
        output, output_end = entry_shell.pipe(results, theirs)
        os.set_blocking(output, False)
        with children.starting() as started:
            process = _popen(command, output_end, open_files)
            started(process.pid)
        results.pop_all()
        return PlainProcess(process, output, None, on_removed=children.buried)


def _popen(command: Command, output_end: int, open_files: OpenFiles) -> subprocess.Popen[bytes]:
    variables = {**command.process_environment(), "PWD": command.working_directory}
    parent = os.getpid()

    def prepare() -> None:
        system_calls.die_with(parent)
        resource.setrlimit(resource.RLIMIT_NOFILE, open_files)

    try:
        return subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=output_end,
            stderr=output_end,
            cwd=command.working_directory,
            env=variables,
            start_new_session=True,
            # Only the new process itself can ask to die with us. That it is a copy of us until it
            # is the command costs a few milliseconds; a program in between, images need not have.
            preexec_fn=prepare,
        )
    except OSError as error:
        if error.errno not in _BAD_COMMAND:
            raise
        why = _why(command, error)
        _log.error("a command cannot be started: %s", why)
        raise NotExecutable(why) from error


def _why(command: Command, error: OSError) -> str:
    reason = os.strerror(error.errno or 0).lower()
    if not Path(command.working_directory).is_dir():
        return f"chdir {command.working_directory}: {reason}"
    return f"fork/exec {command.argv[0]}: {reason}"
