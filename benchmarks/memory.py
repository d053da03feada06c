"""How much memory processes take, as the kernel tells it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROCESSES = Path("/proc")


def proportional_mib(process: int) -> tuple[float, float]:
    """What a process has, and what all that descend from it have, in MiB.

    Of what processes share, such as an interpreter's text, each has its proportion.
    """
    below = sum(_proportional_kib(each) for each in descendants(_parents(), process))
    return _proportional_kib(process) / 1024, below / 1024


def reset_peak(process: int) -> float:
    """Let a process's peak be counted anew; what it has now, in MiB."""
    (_PROCESSES / str(process) / "clear_refs").write_text("5")
    return field_kib(_status(process), "VmRSS") / 1024


def peak_mib(process: int) -> float:
    """The most it has had since `reset_peak`."""
    return field_kib(_status(process), "VmHWM") / 1024


def used_mib() -> float:
    """What the whole machine could not give to others without swapping."""
    text = _read(_PROCESSES / "meminfo")
    return (field_kib(text, "MemTotal") - field_kib(text, "MemAvailable")) / 1024


def descendants(parents: Mapping[int, int], ancestor: int) -> set[int]:
    """Everything below `ancestor`, of processes and the parent of each."""
    found: set[int] = set()
    generation = {ancestor}
    while generation:
        generation = {each for each, parent in parents.items() if parent in generation} - found
        found |= generation
    return found


def field_kib(text: str, name: str) -> int:
    """The value of a line such as `Pss:  1024 kB`; 0 when there is no such line."""
    match = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(match[1]) if match else 0


def _parents() -> dict[int, int]:
    parents = {}
    for entry in os.scandir(_PROCESSES):
        name = entry.name
        if name.isdigit() and (stat := _read(_PROCESSES / name / "stat")):
            # After the name, which may have any character in it.
            parents[int(name)] = int(stat.rpartition(")")[2].split()[1])
    return parents


def _proportional_kib(process: int) -> int:
    return field_kib(_read(_PROCESSES / str(process) / "smaps_rollup"), "Pss")


def _status(process: int) -> str:
    return _read(_PROCESSES / str(process) / "status")


def _read(file: Path) -> str:
    """Its text; nothing when the process is gone."""
    try:
        return file.read_text()
    except OSError:
        return ""
