"""How much memory this server may have: the machine's, or less where its control group says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lambent.sandbox.control_groups.mounts import Hierarchies, read_hierarchies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def host_memory_bytes(hierarchies: Hierarchies | None = None) -> int:
    """The least of all that limits this process."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        found = hierarchies or read_hierarchies()
    except OSError:  # there is no such file system here
        return machine
    return min(machine, *_limits(found))


def _limits(hierarchies: Hierarchies) -> Iterator[int]:
    # Ends with one that limits nothing, so that there is always one.
    if (memory := hierarchies.v1.get("memory")) is not None:
        yield from _statistics(memory / "memory.stat", "hierarchical_memory_limit")
    if hierarchies.v2 is not None:
        # A group's own limit says nothing of those around it.
        for group in (hierarchies.v2, *hierarchies.v2.parents):
            yield from _number(group / "memory.max")
    yield 1 << 62


def _statistics(file: Path, name: str) -> Iterator[int]:
    for line in _read(file).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            yield int(value)


def _number(file: Path) -> Iterator[int]:
    text = _read(file).strip()
    if text.isdigit():  # else it is "max"
        yield int(text)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
