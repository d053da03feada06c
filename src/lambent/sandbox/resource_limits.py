"""Per-process limits, set from outside on a process that has not begun its work."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.sandbox.sandbox import Limits


def apply(pid: int, limits: Limits) -> None:
    """Limit a process and what it will start. Raises OSError when it is gone."""
    _set(pid, resource.RLIMIT_NOFILE, limits.open_files)
    # A core dump would be written, or piped to a program, outside of the sandbox.
    _set(pid, resource.RLIMIT_CORE, 0)


def _set(pid: int, name: int, value: int) -> None:
    _, hard = resource.prlimit(pid, name)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.prlimit(pid, name, (value, value))
