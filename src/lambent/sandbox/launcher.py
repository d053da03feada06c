"""Starting a command in a sandbox, in three steps.

Moving a process into a control group can take the kernel 10 ms (it waits for all processors), so a
launcher is prepared before it is needed: a shell that is in its group and its network already and
waits for what to become. Where we are root, it then becomes, one after the other:

    bwrap (root, builds everything)
      setpriv (drops to the sandbox's own user, for good)
        sh (waits for its script; sets the environment, arranges descriptors)
          the command

or, in a sandbox that is to outlive its commands, the holder, which is process 1 there.

The sandbox is built when that last shell waits, which nobody needs to wait for. The environment comes last because whoever wrote it
must not steer what still runs as root: LD_PRELOAD would. Should this server die at any step, the
next one reads the end of its script and ends: the command never runs without its limits.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from lambent.sandbox import entry_shell, resource_limits, system_calls
from lambent.sandbox.sandbox import SandboxStartFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from lambent.sandbox.bubblewrap import Entry, Programs, Surroundings
    from lambent.sandbox.control_groups.groups import ControlGroup
    from lambent.sandbox.sandbox import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """bwrap at its work, at the end of which a shell waits for its script."""

    process: subprocess.Popen[bytes]  # bwrap outside; ends with the command's status
    child: int  # a pidfd of what bwrap started: process 1 of a new sandbox, or the coming shell
    child_pid: int
    pipes: entry_shell.Pipes  # of its descriptors only `output`, `telemetry` and `script` are open

    def close(self) -> None:
        """End it."""
        system_calls.send_signal(self.child, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        system_calls.wait_for_death(self.child)
        pipes = self.pipes
        for descriptor in (self.child, pipes.script, pipes.output, pipes.telemetry):
            os.close(descriptor)


class Launcher:
    """A waiting shell. Good for one launch.

    Made and used in threads that live as long as the sandbox, because a sandbox dies with the
    thread that made its launcher.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        group: ControlGroup,
        place: AbstractContextManager[None],
        joined: Sequence[str] = (),
    ) -> None:
        """`place` has the calling thread in the namespaces that the shell is to be in.

        `joined` are the files of namespaces that bwrap is to join, of which kind says their name.
        """
        self.group = group
        self._bubblewrap = _bubblewrap_line(surroundings.programs, is_joining=bool(joined))
        with ExitStack() as results, ExitStack() as ours, ExitStack() as theirs:
            self._pipes = entry_shell.open_pipes(results, results, theirs)
            self._info, info_end = entry_shell.pipe(ours, theirs)
            self._arguments = os.memfd_create("arguments", os.MFD_CLOEXEC)
            theirs.callback(os.close, self._arguments)
            self._joined = joined
            options = {"--info-fd": info_end}
            if surroundings.filter is not None:
                # Opened for each: bwrap reads from where the descriptor's last reader stopped.
                options["--seccomp"] = os.open(surroundings.filter, os.O_RDONLY | os.O_CLOEXEC)
                theirs.callback(os.close, options["--seccomp"])
            self._options = [word for name, fd in options.items() for word in (name, str(fd))]
            with place, _without_volumes(surroundings):
                self._process = _start_shell(self._pipes, [self._arguments, *options.values()])
            try:
                group.add(self._process.pid)
            except BaseException:
                self._process.kill()
                self._process.wait()
                raise
            self._results, self._ours = results.pop_all(), ours.pop_all()
            self._theirs = theirs.pop_all()

    @property
    def process_group(self) -> int:
        """That of its process, and of what bwrap starts until that has its own."""
        return self._process.pid

    def launch(self, arguments: Sequence[str], limits: Limits, entry: Entry) -> Launched:
        """Become bwrap, and wait until that has made its namespaces. Blocks some milliseconds.

        Raises SandboxStartFailed, OSError. Whatever happens, the launcher is used up.
        """
        try:
            resource_limits.apply(self._process.pid, limits)
            self._become_bubblewrap(arguments, entry)
            child_pid = self._read_child_pid()
            child = self._open_process(child_pid)
            # Only now: before, the shell that became bwrap might have read it.
            entry_shell.send(self._pipes.script, entry.question)
        except BaseException:
            self.discard()
            raise
        self._ours.close()
        self._results.pop_all()
        return Launched(process=self._process, child=child, child_pid=child_pid, pipes=self._pipes)

    def discard(self) -> None:
        """End it. Its group stays."""
        for stack in (self._theirs, self._ours, self._results):
            stack.close()
        self._process.kill()
        self._process.wait()
        system_calls.bury_group(self._process.pid)

    def _read_child_pid(self) -> int:
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

    def _become_bubblewrap(self, arguments: Sequence[str], entry: Entry) -> None:
        # Through a file: command lines are public on the host.
        joined = dict(zip(entry_shell.SPARE_DESCRIPTORS, self._joined, strict=False))
        options = [word for number, file in joined.items() for word in _joining(number, file)]
        words = "".join(f"{word}\0" for word in [*arguments, *self._options, *options])
        os.write(self._arguments, words.encode())
        os.lseek(self._arguments, 0, os.SEEK_SET)
        if entry.user_id is not None:
            for end in (self._pipes.output_end, self._pipes.telemetry_end):
                # Programs open /dev/stderr by name, which asks for the pipe's owner.
                os.fchown(end, entry.user_id, entry.user_id)
        line = [*self._bubblewrap, "--args", str(self._arguments), "--", *entry.argv]
        self._theirs.close()
        opened = "".join(f" {number}<{shlex.quote(file)}" for number, file in joined.items())
        entry_shell.send(self._pipes.script, f"exec {shlex.join(line)}{opened}\n".encode())


def _bubblewrap_line(programs: Programs, *, is_joining: bool) -> tuple[str, ...]:
    """bwrap, which is to die with this server and to take what it started with it.

    Its own way to that, `--die-with-parent`, is not for company: it is asked for in the name of a
    process in between, which bwrap forks to join the process ids, and which on a busy machine may
    be about to end only then. What company has started dies with process 1.
    """
    if is_joining:
        return programs.setpriv, "--pdeathsig", "KILL", programs.bubblewrap
    return (programs.bubblewrap,)


def _without_volumes(surroundings: Surroundings) -> AbstractContextManager[None]:
    if surroundings.mounts is None:
        return nullcontext()
    ours, others = surroundings.mounts
    return system_calls.inside_mounts(others, return_to=ours)


def _joining(number: int, file: str) -> tuple[str, str]:
    """bwrap's words for a namespace it is to join."""
    return {"pid": "--pidns", "user": "--userns"}[PurePath(file).name], str(number)


def _start_shell(ends: entry_shell.Pipes, passed: Sequence[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        entry_shell.SHELL,
        stdin=ends.script_end,
        stdout=ends.telemetry_end,
        stderr=ends.output_end,
        pass_fds=passed,
        cwd="/",
        env={},
        process_group=0,
    )
