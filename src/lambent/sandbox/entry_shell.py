"""The shell that becomes the command: the pipes it is started with, and the script it waits for.

The script is sent through its pipe only when every limit is in place. Should this server die before, the
shell reads an empty script and ends: whatever happens, the command never runs unlimited. Sending
it also keeps the environment off command lines, which are public on the host.
"""

from __future__ import annotations

import os
import re
import select
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.sandbox.sandbox import TELEMETRY_DESCRIPTOR, Command, SandboxStartFailed

if TYPE_CHECKING:
    from contextlib import ExitStack

# Started as: standard input = the script's pipe, output = telemetry, error = the command's output.
SHELL = ("/bin/sh", "-s")

# What bwrap is given at one of these it leaves open, and the shell closes. No shell takes higher ones.
SPARE_DESCRIPTORS = (8, 9)
# To be sent before the script.
QUESTION = "exec {}\necho\n".format(" ".join(f"{n}<&-" for n in SPARE_DESCRIPTORS)).encode()

_SETUP_MS = 10_000
_ERROR_BYTES = 4096
_CANNOT_EXECUTE = 126
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Names some shell treats as its own: read-only, or changed on export.
_SHELL_NAME = re.compile(
    r"U?E?UID|PPID|GROUPS|OPT(IND|ARG|ERR)|LINENO|RANDOM|SRANDOM|SECONDS|EPOCH\w+|DIRSTACK|FUNCNAME"
    r"|PIPESTATUS|HISTCMD|SHELLOPTS|BASH\w*|SHLVL|IFS|PWD|OLDPWD|_"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipes:
    """`output`, `telemetry` and `script` are our ends, the others the command's."""

    output: int
    telemetry: int
    script: int
    output_end: int
    telemetry_end: int
    script_end: int


def open_pipes(results: ExitStack, ours: ExitStack, theirs: ExitStack) -> Pipes:
    """Pipes whose ends are closed with these stacks: what we read, what we write, the rest."""
    output, output_end = pipe(results, theirs)
    telemetry, telemetry_end = pipe(results, theirs)
    script_end, script = pipe(theirs, ours)
    os.set_blocking(output, False)
    os.set_blocking(telemetry, False)
    return Pipes(
        output=output,
        telemetry=telemetry,
        script=script,
        output_end=output_end,
        telemetry_end=telemetry_end,
        script_end=script_end,
    )


def pipe(read_side: ExitStack, write_side: ExitStack) -> tuple[int, int]:
    """(reader, writer), each closed with its stack."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    read_side.callback(os.close, reader)
    write_side.callback(os.close, writer)
    return reader, writer


def build_script(command: Command) -> bytes:
    """The script that becomes the command, with exactly its environment (and PWD).

    Raises ValueError for a variable that cannot be: a NUL in it, or '=' in its name.
    """
    lines: list[str] = []
    unusual: list[str] = []
    for name, value in command.process_environment().items():
        if _NAME.fullmatch(name) and not _SHELL_NAME.fullmatch(name):
            lines.append(f"export {name}={shlex.quote(value)}")
        else:
            unusual.append(shlex.quote(f"{name}={value}"))
    through = f"/usr/bin/env {' '.join(unusual)} " if unusual else ""
    # Telemetry came in as standard output, so that it needs no number that might be taken.
    directory = shlex.quote(command.working_directory)
    descriptors = f"{TELEMETRY_DESCRIPTOR}>&1 1>&2 </dev/null"
    # By now as the sandbox's own user, who may enter its /tmp as bwrap may not.
    lines.append(f"cd -- {directory} || exit {_CANNOT_EXECUTE}")
    lines.append("export PWD; unset OLDPWD")
    return "\n".join(
        [*lines, f"exec {through}{shlex.join(command.argv)} {descriptors}", ""]
    ).encode()


def send(pipe: int, script: bytes) -> None:
    """Let the command run. Blocks until the shell has read nearly all of it."""
    try:
        while script:
            script = script[os.write(pipe, script) :]
    except BrokenPipeError:
        # The shell is gone already; the exit status tells why.
        return


def wait_until_begun(pipes: Pipes) -> None:
    """Until the shell reads its script: asked, it says so with one byte of telemetry.

    Raises SandboxStartFailed with what was said about it.
    """
    if not read_in_time(pipes.telemetry, 1):
        raise SandboxStartFailed(read_error(pipes))


def read_in_time(descriptor: int, count: int) -> bytes:
    """What is to be read; nothing when the last writer is gone, or takes too long."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return os.read(descriptor, count) if poll.poll(_SETUP_MS) else b""


def read_error(pipes: Pipes) -> str:
    """What a failed start has printed."""
    try:
        text = os.read(pipes.output, _ERROR_BYTES).decode(errors="replace").strip()
    except BlockingIOError:
        text = ""
    return text or "the sandbox ended before its command began"
