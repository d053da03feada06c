"""The file names and habits of control groups version 1.

https://docs.kernel.org/admin-guide/cgroup-v1/
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from lambent.sandbox.control_groups.files import write
from lambent.sandbox.control_groups.shares import PERIOD_US, quota_us

if TYPE_CHECKING:
    from pathlib import Path

MEMORY_FILE = "memory.usage_in_bytes"
OUT_OF_MEMORY_FILE = "memory.oom_control"


def write_memory(memory: Path, size_bytes: int) -> None:
    limit, swap = memory / "memory.limit_in_bytes", memory / "memory.memsw.limit_in_bytes"
    try:
        write(limit, str(size_bytes))
    except OSError:
        # It is raised: over the limit on memory and swap together, which has to go first.
        write(swap, str(size_bytes))
        write(limit, str(size_bytes))
    # No swap beside the memory, where the kernel counts swap at all.
    with contextlib.suppress(FileNotFoundError, PermissionError):
        write(swap, str(size_bytes))


def write_period(cpu: Path) -> None:
    write(cpu / "cpu.cfs_period_us", str(PERIOD_US))


def write_cpus(cpu: Path, cpus: float) -> None:
    write(cpu / "cpu.cfs_quota_us", str(quota_us(cpus)))


def open_peak(memory: Path) -> int:
    return os.open(memory / "memory.max_usage_in_bytes", os.O_RDONLY | os.O_CLOEXEC)
