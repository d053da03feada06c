"""Removing control groups: the kernel keeps one until its last process is truly gone."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_REMOVE_SECONDS = 5.0


def remove_tree(directory: Path) -> None:
    """Kill every process in a group and its subgroups, and remove them. Raises TimeoutError."""
    deadline = time.monotonic() + _REMOVE_SECONDS
    pause = 0.001
    while not _try_to_remove(directory):
        # The kernel tells about an empty group only by polling on v1, and a dying process holds
        # its group a little longer than its parent's wait() takes.
        if time.monotonic() > deadline:
            raise TimeoutError(f"control group {directory} does not become empty")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def _try_to_remove(directory: Path) -> bool:
    # Mostly it has no subgroups; to look for them costs a call for each of the kernel's files.
    with contextlib.suppress(OSError):
        directory.rmdir()
        return True
    try:
        for child in [entry for entry in directory.iterdir() if entry.is_dir()]:
            _try_to_remove(child)
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        kill_members(directory)
        return False
    return True


def kill_members(directory: Path) -> None:
    """Kill every process in a group, but this one; nothing happens when the group is gone."""
    with contextlib.suppress(OSError):
        for pid in (directory / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                if int(pid) != os.getpid():
                    os.kill(int(pid), signal.SIGKILL)
