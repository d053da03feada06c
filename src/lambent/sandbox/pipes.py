"""The pipes between a command and us."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import ExitStack


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipes:
    """`output`, `telemetry` and `script` are our ends, the others the command's."""

    output: int
    telemetry: int
    script: int
    output_end: int
    telemetry_end: int
    script_end: int


def open_pipes(ours: ExitStack, theirs: ExitStack) -> Pipes:
    """Pipes whose ends are closed with these stacks. Ours for reading never block."""
    output, output_end = pipe(ours, theirs)
    telemetry, telemetry_end = pipe(ours, theirs)
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
