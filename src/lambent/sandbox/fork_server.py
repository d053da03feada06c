"""A process that gives copies of itself to sandboxes, and those copies.

The server of forks (a zygote) lives in a mount namespace of its own, with the few capabilities it
takes to enter a sandbox and give them up there: a copy has dropped all of that before it does
anything else. What it runs is ours and is trusted; commands of sandboxes never run in it. What it
is asked, and by whom it is started, is `runtimes/<language>/zygote.*`'s other half.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lambent.sandbox import bubblewrap, entry_shell, system_calls
from lambent.sandbox.sandbox import Exit, SandboxStartFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.sandbox.control_groups.groups import ControlGroup
    from lambent.sandbox.sandbox import Command, Limits, Mount, Original, Volume

CONTROL_VARIABLE = "LAMBENT_CONTROL_DESCRIPTOR"

_ANSWER_BYTES = 65536
_ANSWER_SECONDS = 30.0  # an interpreter's start and imports, on a busy machine
_END_SECONDS = 5.0
# Mount, cgroup, UTS, IPC and network; process ids are entered by forking.
_NAMESPACES = 0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x4000_0000


class ForkServer:
    """Its methods block, and may be called by several threads at once.

    Made in a thread that lives as long as the server of forks, which dies with that thread.
    """

    def __init__(
        self, surroundings: bubblewrap.Surroundings, command: Command, mounts: Sequence[Mount]
    ) -> None:
        """Raises SandboxStartFailed when it does not come up."""
        self._lock = threading.Lock()
        self.forks = 0
        with ExitStack() as undo, ExitStack() as theirs:
            self._control, control_end = socket.socketpair(
                socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC
            )
            undo.callback(self._control.close)
            theirs.callback(control_end.close)
            self._control.settimeout(_ANSWER_SECONDS)
            self._words, words_end = entry_shell.pipe(undo, theirs)
            os.set_blocking(self._words, False)
            self._process = subprocess.Popen(
                bubblewrap.fork_server_line(
                    surroundings, mounts, command, {CONTROL_VARIABLE: str(control_end.fileno())}
                ),
                stdin=subprocess.DEVNULL,
                stdout=words_end,
                stderr=words_end,
                pass_fds=[control_end.fileno()],
                cwd="/",
                env={},
                process_group=0,  # not a terminal's to interrupt: that is for the server
            )
            undo.callback(self._end)
            theirs.close()
            program = surroundings.filter.read_bytes() if surroundings.filter else b""
            self._ask({"filter": program.hex()}, [])
            own = f"/proc/{self._process_in(self._hear())}"
            # What copies have mapped keeps its names for as long as these mounts stay together.
            self._files = os.open(f"{own}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
            undo.callback(os.close, self._files)
            self._undo = undo.pop_all()

    def fork(
        self,
        sandbox: int,
        user_id: int | None,
        open_files: int,
        descriptors: Sequence[int],
    ) -> int:
        """The process id of a copy in the sandbox of the process behind the pidfd `sandbox`.

        Its standard output and error become the first descriptor, its telemetry the second. It is
        a child of ours, and exists at least until we have waited for it. Raises
        SandboxStartFailed.
        """
        kinds = _NAMESPACES | (system_calls.CLONE_NEWUSER if user_id is None else 0)
        with self._lock:
            if self._control.fileno() < 0:  # and its descriptors may be somebody else's by now
                raise SandboxStartFailed("the fork server is closed")
            self.forks += 1
            self._ask(
                {"namespaces": kinds, "user": user_id, "open_files": open_files},
                [sandbox, *descriptors],
            )
            answer = self._hear()
            self._hear()  # that the copy, if there is one, is our child now
        return self._process_in(answer)

    def keep_files(self) -> int:
        """A descriptor that keeps its mounts, and so the names of its files, for a copy."""
        return os.dup(self._files)

    def close(self) -> None:
        """End it; its copies live on."""
        with self._lock:
            self._undo.close()

    def _end(self) -> None:
        self._control.close()  # at which it ends; killed, bwrap would leave it to us to bury
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, request: dict[str, object], descriptors: Sequence[int]) -> None:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        try:
            self._control.sendmsg([json.dumps(request).encode()], [rights] if descriptors else [])
        except OSError as error:
            raise SandboxStartFailed(f"the fork server is gone: {self._last_words()}") from error

    def _hear(self) -> dict[str, object]:
        try:
            answer: dict[str, object] = json.loads(self._control.recv(_ANSWER_BYTES) or b"{}")
        except OSError as error:
            raise SandboxStartFailed(f"the fork server is silent: {self._last_words()}") from error
        return answer

    def _process_in(self, answer: dict[str, object]) -> int:
        process = answer.get("process")
        if not isinstance(process, int):
            raise SandboxStartFailed(str(answer.get("error") or self._last_words()))
        return process

    def _last_words(self) -> str:
        with contextlib.suppress(BlockingIOError):
            return os.read(self._words, _ANSWER_BYTES).decode(errors="replace").strip()
        return "it does not answer"


class ForkedProcess:
    """A copy in a sandbox. See `sandbox.Started`."""

    def __init__(
        self,
        original: Original,
        sandbox: int,
        volume: Volume,
        limits: Limits,
        group: ControlGroup,
    ) -> None:
        """Fork it, limit it, and move it to its group. Raises SandboxStartFailed, OSError."""
        self._group = group
        with ExitStack() as ours, ExitStack() as theirs:
            self.output, output_end = entry_shell.pipe(ours, theirs)
            self.telemetry, telemetry_end = entry_shell.pipe(ours, theirs)
            for descriptor in (self.output, self.telemetry):
                os.set_blocking(descriptor, False)
            if volume.user_id is not None:
                for descriptor in (output_end, telemetry_end):
                    os.fchown(descriptor, volume.user_id, volume.user_id)
            self._files = original.keep_files()
            ours.callback(os.close, self._files)
            ends = (output_end, telemetry_end)
            pid = original.fork(sandbox, volume.user_id, limits.open_files, ends)
            self.exit_descriptor = os.pidfd_open(pid)
            ours.callback(self._end)
            group.add(pid)
            ours.pop_all()

    def exit(self) -> Exit:
        ended = os.waitid(os.P_PIDFD, self.exit_descriptor, os.WEXITED)
        if ended is None:
            raise ChildProcessError("the process has not ended")
        if ended.si_code == os.CLD_EXITED:
            return Exit(code=ended.si_status, signal=None, is_out_of_memory=False)
        is_killed = ended.si_status == signal.SIGKILL
        return Exit(
            code=None,
            signal=ended.si_status,
            is_out_of_memory=is_killed and self._group.out_of_memory_kills() > 0,
        )

    def signal(self, number: int) -> None:
        system_calls.send_signal(self.exit_descriptor, number)

    def remove(self) -> None:
        os.close(self.exit_descriptor)
        os.close(self._files)

    def _end(self) -> None:
        self.signal(signal.SIGKILL)
        system_calls.wait_for_death(self.exit_descriptor)
        os.close(self.exit_descriptor)
