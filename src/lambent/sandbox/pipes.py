"""The pipes between a command and us."""

from __future__ import annotations

import os
import select
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.sandbox.sandbox import SandboxStartFailed

if TYPE_CHECKING:
    from contextlib import ExitStack

_SETUP_MS = 10_000
_ERROR_BYTES = 4096


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


def wait_for_shell(pipes: Pipes) -> None:
    """Until the entry script begins: it says so with one byte of telemetry.

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
