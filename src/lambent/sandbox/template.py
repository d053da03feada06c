"""A process that has initialised in a sandbox, and makes copies of itself: SnapStart's snapshots.

Unlike the server of forks (`fork_server.py`) it runs a function's code and is trusted with nothing.
It has no powers to enter another sandbox; each copy leaves the namespaces it began in by
unshare(2), which needs none, and this server furnishes the new ones from outside. What a copy says
is only believed where the kernel says the same. The other half is `runtimes/python/snapshot.py`.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import signal
import socket
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.sandbox.sandbox import SandboxStartFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambent.sandbox.sandbox import Sandbox, Volume

# Abstract: it lives in the sandbox's network namespace, and nobody else can reach it.
ADDRESS = b"\0lambent-snapshot"

_MESSAGE_BYTES = 65536
_ANSWER_SECONDS = 5.0
_CREDENTIALS = struct.Struct("iII")
# A copy has its own of each of these.
_NAMESPACES = ("ipc", "mnt", "net", "user", "uts")


def listen() -> socket.socket:
    """Where a template connects to say that it is ready; in the calling thread's network."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(ADDRESS)
    listener.listen(1)
    listener.setblocking(False)
    return listener


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What a template says of itself when it is initialised."""

    threads: int
    processes: int  # others that its initialisation started, and that still run
    sockets: int  # which all copies will share

    @property
    def problem(self) -> str:
        """Why it can not be copied; empty when it can."""
        if self.threads > 1:
            return f"after its initialisation {self.threads} threads were running"
        if self.processes > 0:
            return "processes that its initialisation started were still running"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy that has left its template's namespaces and waits to be told who it is.

    Its template can kill and bury it at any time, and then its number may become anybody's. The
    descriptors stay its own.
    """

    process: int  # a pidfd
    entry: int  # of its directory in /proc, which is empty once it is buried
    pid: int
    inner_pid: int  # in the template's process id namespace
    connection: socket.socket

    def check_number(self) -> None:
        """Make sure that what was done by its number was done to it. Raises SandboxStartFailed."""
        if not _is_there(self.process):
            raise SandboxStartFailed("a copy ended at once")

    def close(self) -> None:
        self.connection.close()
        os.close(self.entry)
        os.close(self.process)


class Template:
    """Its methods block, and may be called by several threads at once."""

    def __init__(
        self,
        connection: socket.socket,
        readiness: Readiness,
        sandbox: Sandbox,
        volume: Volume,
        variables: Mapping[str, str],
    ) -> None:
        """`sandbox` is the one it is in, with this volume; it was started with these variables."""
        self.readiness = readiness
        self.volume = volume
        self.variables = variables
        self._sandbox = sandbox
        self._connection = connection
        self._connection.settimeout(_ANSWER_SECONDS)
        self._lock = threading.Lock()

    def copy(self, output: int, telemetry: int) -> Copy:
        """Make a copy that will write to these descriptors. Raises SandboxStartFailed, OSError."""
        connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                # The kernel vouches for the number of the process that answers.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                connection.settimeout(_ANSWER_SECONDS)
                self._ask({"copy": True}, (output, telemetry, theirs.fileno()))
            return self._opened(connection)
        except BaseException:
            connection.close()
            raise

    def memory_bytes(self) -> int:
        """What it uses; 0 when unknown."""
        return self._sandbox.memory_bytes()

    def bury(self, copy: Copy) -> None:
        """Let go of a copy that has ended; until now the kernel kept its exit status."""
        with contextlib.suppress(SandboxStartFailed):
            self._ask({"bury": copy.inner_pid})

    def close(self) -> None:
        """It ends, if it still waits; its copies live on."""
        with self._lock:
            self._connection.close()

    def _ask(self, request: dict[str, object], descriptors: Sequence[int] = ()) -> None:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        try:
            with self._lock:
                self._connection.sendmsg(
                    [json.dumps(request).encode()], [rights] if descriptors else []
                )
        except OSError as error:
            raise SandboxStartFailed(f"the template is gone: {error}") from error

    def _opened(self, connection: socket.socket) -> Copy:
        said, pid = _hear(connection)
        if said != b"ready" or pid <= 0:
            raise SandboxStartFailed(f"the template made no copy: {said[:200]!r}")
        with contextlib.ExitStack() as undo:
            process = os.pidfd_open(pid)
            undo.callback(os.close, process)
            entry = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            undo.callback(os.close, entry)
            is_home = not (self._sandbox.has(pid) and _has_left_home(entry))
            inner_pid = _status(entry, "NSpid")
            # Its number is still its own, so it was while all of this was found out.
            if is_home or inner_pid is None or not _is_there(process):
                raise SandboxStartFailed("a copy did not leave its template's namespaces")
            undo.pop_all()
        return Copy(
            process=process, entry=entry, pid=pid, inner_pid=inner_pid, connection=connection
        )


def read_readiness(message: bytes) -> Readiness | None:
    """From what the template has sent, which may be anything."""
    try:
        said = json.loads(message)
        counts = [said[name] for name in ("threads", "processes", "sockets")]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not all(isinstance(count, int) for count in counts):
        return None
    threads, processes, sockets = counts
    return Readiness(threads=threads, processes=processes, sockets=sockets)


def exit_status(entry: int) -> int | None:
    """The wait status of a process that has ended and is not buried; None when nobody knows.

    `entry` is a descriptor of its directory in /proc.
    """
    try:
        fields = _read(entry, "stat").rpartition(")")[2].split()
    except OSError:
        return None
    # Field 3 is the state, field 52 the status: proc(5).
    return int(fields[49]) if fields[0] in "ZX" else None


def wait_until_ended(process: int) -> None:
    """Of a copy that was killed; it is not our child."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.poll(int(_ANSWER_SECONDS * 1000))


def _hear(connection: socket.socket) -> tuple[bytes, int]:
    """(what was said, the process id of who said it)."""
    space = socket.CMSG_SPACE(_CREDENTIALS.size)
    try:
        said, ancillary, _, _ = connection.recvmsg(_MESSAGE_BYTES, space)
    except OSError as error:
        raise SandboxStartFailed(f"the template does not answer: {error}") from error
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return said, _CREDENTIALS.unpack(content)[0]
    return said, 0


def _is_there(process: int) -> bool:
    """Whether the process behind a pidfd is not buried yet: until then its number is its own."""
    try:
        signal.pidfd_send_signal(process, 0)
    except ProcessLookupError:
        return False
    return True


def _has_left_home(entry: int) -> bool:
    """Whether it is in no namespace of its parent's that it should not be in."""
    parent = _status(entry, "PPid")
    has_left = parent is not None and all(
        os.readlink(f"ns/{kind}", dir_fd=entry) != str(Path(f"/proc/{parent}/ns/{kind}").readlink())
        for kind in _NAMESPACES
    )
    # Were its parent gone, it would have another by now.
    return has_left and _status(entry, "PPid") == parent


def _status(entry: int, name: str) -> int | None:
    """The last number in a line of a process's `status`; None when the process is gone."""
    with contextlib.suppress(OSError):
        for line in _read(entry, "status").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[-1])
    return None


def _read(entry: int, name: str) -> str:
    """A file of a process, by a descriptor of its directory in /proc. Raises OSError."""
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=entry)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        return file.read()
