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

import os
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.sandbox import bubblewrap, entry_script, resource_limits, system_calls
from lambent.sandbox.pipes import open_pipes, pipe
from lambent.sandbox.sandbox import Command, Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.sandbox.cgroups import ControlGroup

_SETUP_SECONDS = 10.0
_ERROR_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    process: subprocess.Popen[bytes]  # bwrap outside; ends with the command's status
    inner_pid: int  # process 1 of the sandbox
    inner: int  # a descriptor for it; its end is everybody's end
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
        with ExitStack() as kept, ExitStack() as theirs:
            self._pipes = open_pipes(kept, theirs)
            self._info, info_end = pipe(kept, theirs)
            self._arguments = os.memfd_create("arguments", os.MFD_CLOEXEC)
            theirs.callback(os.close, self._arguments)
            self._options = ["--info-fd", str(info_end)]
            passed = [info_end, self._arguments]
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
                self._end()
                raise
            self._kept, self._theirs = kept.pop_all(), theirs.pop_all()

    def launch(
        self, command: Command, arguments: Sequence[str], *, limits: Limits, user_id: int | None
    ) -> Launched:
        """Limit, then run. Raises SandboxStartFailed, OSError; ValueError for the environment.

        Whatever it raises, the launcher is used up and gone.
        """
        try:
            script = entry_script.build(command)
            self._group.limit(limits)
            resource_limits.apply(self._process.pid, limits)
            self._become_bubblewrap(arguments, user_id)
            inner_pid = _read_inner_pid(self._info, self._pipes.output)
            inner = os.pidfd_open(inner_pid)
        except BaseException:
            self.discard()
            raise
        entry_script.send(self._pipes.script, script)
        for descriptor in (self._pipes.output, self._pipes.telemetry):
            self._kept.callback(_keep, descriptor)
        self._kept.close()
        return Launched(
            process=self._process,
            inner_pid=inner_pid,
            inner=inner,
            output=self._pipes.output,
            telemetry=self._pipes.telemetry,
            group=self._group,
        )
