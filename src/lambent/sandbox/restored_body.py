"""A sandbox around a copy of a template: namespaces the copy has made, furnished from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lambent.sandbox import entry_shell, late_mounts, seccomp, system_calls, template
from lambent.sandbox.sandbox import Exit, SandboxStartFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.sandbox.control_groups.groups import ControlGroup
    from lambent.sandbox.sandbox import Command, Limits, Mount, Original, Volume
    from lambent.sandbox.template import Copy, Template

_TEMPORARY_FILES = "/tmp"


class RestoredBody:
    """See `sandbox.Body`. One command runs in it, which is what the copy goes on with."""

    def __init__(
        self, source: Template, volume: Volume, limits: Limits, group: ControlGroup
    ) -> None:
        """Copy the template into a sandbox of its own. Raises SandboxStartFailed, OSError."""
        self._source = source
        self._group = group
        self._has_run = False
        with ExitStack() as undo:
            group.limit(limits)
            with ExitStack() as theirs:
                self._output, output_end = entry_shell.pipe(undo, theirs)
                self._telemetry, telemetry_end = entry_shell.pipe(undo, theirs)
                for descriptor in (self._output, self._telemetry):
                    os.set_blocking(descriptor, False)
                if volume.user_id is not None:
                    for end in (output_end, telemetry_end):
                        # Programs open /dev/stderr by name, which asks for the pipe's owner.
                        os.fchown(end, volume.user_id, volume.user_id)
                self._copy = source.copy(output_end, telemetry_end)
            undo.callback(self._discard)
            # What it shares with its template counts as the template's, until it writes there.
            self._shared_bytes = source.memory_bytes()
            self._copy.check_number()
            group.add(self._copy.pid)  # which the kernel takes by its number only
            self._copy.check_number()
            late_mounts.cover(self._copy.process, volume.path, _TEMPORARY_FILES)
            undo.pop_all()
        self.first_process = self._copy.process

    def open_network(self) -> int:
        """A descriptor of the copy's network namespace, in which nothing is yet."""
        return os.open("ns/net", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._copy.entry)

    def run(self, command: Command) -> RestoredProcess:
        """Let the copy go on, with the environment variables the template did not have."""
        wanted, had = command.process_environment(), self._source.variables
        order = {
            "environment": {name: wanted[name] for name in wanted if wanted[name] != had.get(name)},
            "filter": seccomp.build_seal().hex(),
        }
        with contextlib.suppress(BrokenPipeError, ConnectionError):  # its end tells why
            self._copy.connection.send(json.dumps(order).encode())
        self._has_run = True
        return RestoredProcess(self._source, self._copy, self._group, self._output, self._telemetry)

    def run_beside(self, command: Command) -> RestoredProcess:
        raise SandboxStartFailed("nothing is run beside what was restored from a snapshot")

    def run_copy(self, original: Original) -> RestoredProcess:
        raise SandboxStartFailed("nothing is run beside what was restored from a snapshot")

    def wait_until_built(self) -> None:
        """It is, from the beginning."""

    def has(self, pid: int) -> bool:
        return self._group.has(pid)

    def mount(self, mounts: Sequence[Mount]) -> None:
        raise SandboxStartFailed("what was restored from a snapshot has its files")

    def kill(self) -> None:
        self._group.kill()
        system_calls.send_signal(self.first_process, signal.SIGKILL)

    def freeze(self) -> bool:
        return self._group.freeze()

    def thaw(self) -> None:
        self._group.thaw()

    def limit(self, limits: Limits) -> None:
        self._group.limit(limits)

    def limit_cpus(self, cpus: float) -> None:
        self._group.limit_cpus(cpus)

    def memory_peak_bytes(self) -> int:
        peak = self._group.memory_peak_bytes()
        return peak + self._shared_bytes if peak else 0

    def memory_bytes(self) -> int:
        return self._group.memory_bytes()

    def remove(self) -> None:
        self._end()
        if not self._has_run:
            os.close(self._output)
            os.close(self._telemetry)
        self._group.remove()

    def _discard(self) -> None:
        """Of one that could not be made; its group is its maker's."""
        system_calls.send_signal(self._copy.process, signal.SIGKILL)
        self._end()

    def _end(self) -> None:
        template.wait_until_ended(self._copy.process)
        self._source.bury(self._copy)
        self._copy.close()


class RestoredProcess:
    """See `sandbox.Started`. It is its template's child, so that has to bury it."""

    def __init__(
        self,
        source: Template,
        copy: Copy,
        group: ControlGroup,
        output: int,
        telemetry: int,
    ) -> None:
        self._source = source
        self._copy = copy
        self._group = group
        self.output = output
        self.telemetry = telemetry
        self.exit_descriptor = copy.process

    def exit(self) -> Exit:
        status = template.exit_status(self._copy.entry)
        if status is None:  # somebody in the sandbox was faster
            return Exit(code=None, signal=None, is_out_of_memory=False)
        if os.WIFEXITED(status):
            return Exit(code=os.WEXITSTATUS(status), signal=None, is_out_of_memory=False)
        number = os.WTERMSIG(status)
        return Exit(
            code=None,
            signal=number,
            is_out_of_memory=number == signal.SIGKILL and self._group.out_of_memory_kills() > 0,
        )

    def signal(self, number: int) -> None:
        system_calls.send_signal(self._copy.process, number)

    def remove(self) -> None:
        """What is its sandbox's, that has closed."""
