"""The file names and habits of control groups version 1.

https://docs.kernel.org/admin-guide/cgroup-v1/
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from lambent.sandbox.control_groups.shares import PERIOD_US, quota_us

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lambent.sandbox.sandbox import Limits

MEMORY_FILE = "memory.usage_in_bytes"
OUT_OF_MEMORY_FILE = "memory.oom_control"


def write_limits(directories: Mapping[str, Path], limits: Limits) -> None:
    if memory := directories.get("memory"):
        (memory / "memory.limit_in_bytes").write_text(str(limits.memory_bytes))
        # No swap beside the memory, where the kernel counts swap at all.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            (memory / "memory.memsw.limit_in_bytes").write_text(str(limits.memory_bytes))
    if cpu := directories.get("cpu"):
        (cpu / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        write_cpus(cpu, limits.cpus)
    if pids := directories.get("pids"):
        (pids / "pids.max").write_text(str(limits.processes))


def write_cpus(cpu: Path, cpus: float) -> None:
    (cpu / "cpu.cfs_quota_us").write_text(str(quota_us(cpus)))


def open_peak(memory: Path) -> int:
    return os.open(memory / "memory.max_usage_in_bytes", os.O_RDONLY | os.O_CLOEXEC)
