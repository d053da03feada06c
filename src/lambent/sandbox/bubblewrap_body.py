"""A sandbox made by bubblewrap, and the processes in it."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.sandbox import bubblewrap, entry_shell, late_mounts, system_calls
from lambent.sandbox.fork_server import ForkedProcess
from lambent.sandbox.launcher import Launcher
from lambent.sandbox.sandbox import Exit, SandboxStartFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.sandbox.control_groups.groups import ControlGroup
    from lambent.sandbox.launcher import Launched
    from lambent.sandbox.sandbox import Command, Limits, Mount, Original, Volume

_LAST_SIGNAL = 64
_FIRST_COMMAND = 2  # its process id inside: process 1 is bwrap


@dataclass(slots=True, kw_only=True)
class Design:
    """What a sandbox is made from, which those who join it are made from again."""

    surroundings: bubblewrap.Surroundings
    group: ControlGroup
    mounts: tuple[Mount, ...]
    limits: Limits
    volume: Volume
    may_have_company: bool

    @property
    def kinds_to_join(self) -> tuple[str, ...]:
        """Of namespaces, beside those a launcher is started in."""
        return ("pid", "user") if self.volume.user_id is None else ("pid",)


class BubblewrapBody:
    """See `sandbox.Body`.

    bwrap ends with the command it was started for, and process 1 of the sandbox, and so everybody,
    with bwrap. So a main command that is alone is that command; where others may outlive it, that
    is a holder, and the main command is run beside it like them.
    """

    def __init__(self, design: Design, launched: Launched) -> None:
        self.first_process = launched.child
        self._design = design
        self._launched = launched
        self._lock = threading.Lock()
        self._is_built = False
        self._has_run = False
        self._company: list[Launched] = []
        self._process_groups: list[int] = []  # of the launchers of company

    def wait_until_built(self) -> None:
        with self._lock:
            if not self._is_built:
                entry_shell.wait_until_begun(self._launched.pipes)
                self._add_volume(self.first_process)
                self._is_built = True

    def run(self, command: Command) -> BubblewrapProcess:
        if self._design.may_have_company:
            return self.run_beside(command)
        self.wait_until_built()
        entry_shell.send(self._launched.pipes.script, entry_shell.build_script(command))
        self._has_run = True
        os.close(self._launched.pipes.script)
        return BubblewrapProcess(self._launched, self._design.group, is_first=True)

    def run_beside(self, command: Command) -> BubblewrapProcess:
        script = entry_shell.build_script(command)
        try:
            launched = self._launch_beside()
        except (OSError, SandboxStartFailed):
            self.wait_until_built()  # if it is not, that says why
            raise
        try:
            self.wait_until_built()
            # It is still there: so its number was not another's when it was joined.
            signal.pidfd_send_signal(self.first_process, 0)
            entry_shell.send(launched.pipes.script, script)
            process = BubblewrapProcess(launched, self._design.group, is_first=False)
        except BaseException:
            launched.close()
            raise
        os.close(launched.pipes.script)
        self._company.append(launched)
        return process

    def _launch_beside(self) -> Launched:
        design = self._design
        home = design.surroundings.home_network
        place = system_calls.inside_network_and_ipc(self.first_process, return_to=home)
        namespaces = f"/proc/{self._launched.child_pid}/ns"
        joined = [f"{namespaces}/{kind}" for kind in design.kinds_to_join]
        launcher = Launcher(design.surroundings, design.group, place, joined)
        self._process_groups.append(launcher.process_group)
        arguments = bubblewrap.company_arguments(design.surroundings, design.mounts, design.volume)
        entry = bubblewrap.shell_entry(design.surroundings.programs, design.volume.user_id)
        launched = launcher.launch(arguments, design.limits, entry)
        try:
            entry_shell.wait_until_begun(launched.pipes)
            self._add_volume(launched.child)
        except BaseException:
            launched.close()
            raise
        return launched

    def _add_volume(self, process: int) -> None:
        design = self._design
        if design.surroundings.mounts is not None:
            late_mounts.cover(process, design.volume.path, "/tmp")

    def run_copy(self, original: Original) -> ForkedProcess:
        self.wait_until_built()
        design = self._design
        return ForkedProcess(
            original, self.first_process, design.volume, design.limits, design.group
        )

    def has(self, pid: int) -> bool:
        return self._design.group.has(pid)

    def mount(self, mounts: Sequence[Mount]) -> None:
        self.wait_until_built()
        late_mounts.add(self.first_process, mounts)
        self._design.mounts += tuple(mounts)

    def kill(self) -> None:
        system_calls.send_signal(self.first_process, signal.SIGKILL)
        self._design.group.kill()

    def freeze(self) -> bool:
        return self._design.group.freeze()

    def thaw(self) -> None:
        self._design.group.thaw()

    def limit(self, limits: Limits) -> None:
        self._design.limits = limits
        self._design.group.limit(limits)

    def limit_cpus(self, cpus: float) -> None:
        self._design.group.limit_cpus(cpus)

    def memory_peak_bytes(self) -> int:
        return self._design.group.memory_peak_bytes()

    def memory_bytes(self) -> int:
        return self._design.group.memory_bytes()

    def remove(self) -> None:
        # Killed together with their bwrap, they come to us, and process 1 waits for their burial.
        for launched in self._company:
            system_calls.wait_for_death(launched.child)
        for group in self._process_groups:
            system_calls.bury_group(group)
        # bwrap ends with the command; process 1 only when the last of the others is gone.
        system_calls.wait_for_death(self.first_process)
        if self._has_run:
            os.close(self.first_process)
        else:
            self._launched.close()
        self._design.group.remove()


class BubblewrapProcess:
    """See `sandbox.Started`."""

    def __init__(self, launched: Launched, group: ControlGroup, *, is_first: bool) -> None:
        self._launched = launched
        self._group = group
        self._is_first = is_first
        self.output = launched.pipes.output
        self.telemetry = launched.pipes.telemetry
        self.exit_descriptor = os.pidfd_open(launched.process.pid)

    def exit(self) -> Exit:
        code, signal_number = _status(self._launched.process.wait())
        is_killed = signal_number == signal.SIGKILL
        return Exit(
            code=code,
            signal=signal_number,
            is_out_of_memory=is_killed and self._group.out_of_memory_kills() > 0,
        )

    def signal(self, number: int) -> None:
        if not self._is_first:
            system_calls.send_signal(self._launched.child, number)
            return
        command = system_calls.open_child(self._launched.child_pid, _FIRST_COMMAND)
        if command is not None:
            system_calls.send_signal(command, number)
            os.close(command)

    def remove(self) -> None:
        os.close(self.exit_descriptor)
        if not self._is_first:
            os.close(self._launched.child)


def _status(returned: int) -> tuple[int | None, int | None]:
    """(code, signal). bwrap passes its command's death by a signal on as 128 and its number."""
    if returned < 0:
        return None, -returned
    if 128 < returned <= 128 + _LAST_SIGNAL:
        return None, returned - 128
    return returned, None
