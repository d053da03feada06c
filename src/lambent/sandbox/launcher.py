"""Starting a command in a sandbox, in two steps.

Moving a process into a control group takes the kernel 10 ms (it waits for all processors), so a
launcher is prepared before it is needed: a shell that is in its group and its network already and
waits for what to become. Where we are root, it then becomes, one after the other:

    bwrap (root, builds everything)
      setpriv (drops to the sandbox's own user, for good)
        sh (waits for its script; sets the environment, arranges descriptors)
          the command

The environment comes last because whoever wrote it must not steer what still runs as root:
LD_PRELOAD would. Should this server die at any step, the next one reads the end of its script and
ends: the command never runs without its limits.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.sandbox import bubblewrap, entry_shell, resource_limits, system_calls
from lambent.sandbox.sandbox import SandboxStartFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.sandbox.control_groups.groups import ControlGroup
    from lambent.sandbox.sandbox import Command, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    process: subprocess.Popen[bytes]  # bwrap outside; ends with the command's status
    inner: int  # a descriptor for process 1 of the sandbox; its end is everybody's end
    output: int
    telemetry: int
    group: ControlGroup


class Launcher:
    """A waiting shell. Good for one launch.

    Made and used in threads that live as long as the sandbox, because a sandbox dies with the
    thread that made its launcher.
    """

    def __init__(
        self, surroundings: bubblewrap.Surroundings, group: ControlGroup, network: int
    ) -> None:
        self._programs = surroundings.programs
        self._group = group
        with ExitStack() as results, ExitStack() as ours, ExitStack() as theirs:
            self._pipes = entry_shell.open_pipes(results, ours, theirs)
            self._info, info_end = entry_shell.pipe(ours, theirs)
            self._arguments = os.memfd_create("arguments", os.MFD_CLOEXEC)
            theirs.callback(os.close, self._arguments)
            passed = [info_end, self._arguments]
            self._options = ["--info-fd", str(info_end)]
            if surroundings.filter is not None:
                # Opened for each: bwrap reads from where the descriptor's last reader stopped.
                passed.append(os.open(surroundings.filter, os.O_RDONLY | os.O_CLOEXEC))
                theirs.callback(os.close, passed[-1])
                self._options += ["--seccomp", str(passed[-1])]
            with system_calls.inside_network(network, return_to=surroundings.home_network):
                self._process = _start_shell(self._pipes, passed)
            try:
                group.add(self._process.pid)
            except BaseException:
                self._process.kill()
                self._process.wait()
                raise
            self._results, self._ours = results.pop_all(), ours.pop_all()
            self._theirs = theirs.pop_all()

    def launch(
        self, command: Command, arguments: Sequence[str], *, limits: Limits, user_id: int | None
    ) -> Launched:
        """Limit, then run. Blocks some milliseconds.

        Raises SandboxStartFailed, OSError, and ValueError for a bad environment. Whatever
        happens, the launcher is used up.
        """
        try:
            script = entry_shell.build_script(command)
            self._group.limit(limits)
            resource_limits.apply(self._process.pid, limits)
            self._become_bubblewrap(arguments, user_id)
            inner = self._open_process(self._read_inner_pid())
            self._results.callback(os.close, inner)
            entry_shell.send(self._pipes.script, script)
            entry_shell.wait_until_begun(self._pipes)
        except BaseException:
            self.discard()
            raise
        self._ours.close()
        self._results.pop_all()
        return Launched(
            process=self._process,
            inner=inner,
            output=self._pipes.output,
            telemetry=self._pipes.telemetry,
            group=self._group,
        )

    def discard(self) -> None:
        """End it and remove its group."""
        for stack in (self._theirs, self._ours, self._results):
            stack.close()
        self._process.kill()
        self._process.wait()
        self._group.remove()

    def _read_inner_pid(self) -> int:
        """The process id bwrap reports of its child. Raises SandboxStartFailed."""
        text = b""
        while b"}" not in text:
            part = entry_shell.read_in_time(self._info, 4096)
            if not part:
                raise SandboxStartFailed(entry_shell.read_error(self._pipes))
            text += part
        document: dict[str, int] = json.loads(text)
        return document["child-pid"]

    def _open_process(self, pid: int) -> int:
        try:
            return os.pidfd_open(pid)
        except ProcessLookupError as error:
            self._process.wait()  # then all its words are there
            raise SandboxStartFailed(entry_shell.read_error(self._pipes)) from error

    def _become_bubblewrap(self, arguments: Sequence[str], user_id: int | None) -> None:
        # Through a file: command lines are public on the host.
        words = "".join(f"{word}\0" for word in [*arguments, *self._options])
        os.write(self._arguments, words.encode())
        os.lseek(self._arguments, 0, os.SEEK_SET)
        if user_id is not None:
            for end in (self._pipes.output_end, self._pipes.telemetry_end):
                # Programs open /dev/stderr by name, which asks for the pipe's owner.
                os.fchown(end, user_id, user_id)
        line = bubblewrap.command_line(self._programs, self._arguments, user_id)
        self._theirs.close()
        entry_shell.send(self._pipes.script, f"exec {shlex.join(line)}\n".encode())


def _start_shell(ends: entry_shell.Pipes, passed: Sequence[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        entry_shell.SHELL,
        stdin=ends.script_end,
        stdout=ends.telemetry_end,
        stderr=ends.output_end,
        pass_fds=passed,
        cwd="/",
        env={},
    )
