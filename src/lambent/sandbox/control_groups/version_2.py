"""The file names and rules of control groups version 2.

https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.sandbox.control_groups.files import make_directory, write
from lambent.sandbox.control_groups.removal import remove_tree
from lambent.sandbox.control_groups.shares import PERIOD_US, quota_us

if TYPE_CHECKING:
    from pathlib import Path

MEMORY_FILE = "memory.current"
OUT_OF_MEMORY_FILE = "memory.events"

_WANTED = frozenset({"memory", "cpu", "pids"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The group this process was in before it made room for subgroups."""

    group: Path
    subtree: Path
    controllers: frozenset[str]

    def return_to(self) -> None:
        """Undo `_make_room`, from the bottom up: a group with controllers on takes no process."""
        for group in (self.subtree, self.subtree.parent, self.group):
            with contextlib.suppress(OSError):
                _enable(group, self.controllers, sign="-")
        with contextlib.suppress(OSError):
            (self.group / "cgroup.procs").write_text(str(os.getpid()))


def write_memory(memory: Path, size_bytes: int) -> None:
    write(memory / "memory.max", str(size_bytes))
    # A half-killed sandbox is of no use: everything in it goes at once.
    write(memory / "memory.oom.group", "1")
    with contextlib.suppress(FileNotFoundError, PermissionError):
        write(memory / "memory.swap.max", "0")


def write_period(cpu: Path) -> None:
    """It goes with every share."""


def write_cpus(cpu: Path, cpus: float) -> None:
    write(cpu / "cpu.max", f"{quota_us(cpus)} {PERIOD_US}")


def open_peak(memory: Path) -> int:
    """The highest usage; before Linux 5.19 there is only the present one."""
    peak = memory / "memory.peak"
    file = peak if peak.exists() else memory / "memory.current"
    return os.open(file, os.O_RDONLY | os.O_CLOEXEC)


def open_subtree(own: Path, name: str) -> tuple[Path, frozenset[str], Home | None]:
    """A directory `name` whose subgroups have controllers: (directory, controllers, home).

    Looked for in our own group first, then upwards, so that systemd's `Delegate=` and a user's
    own manager both serve. No controller is turned on in a group that is not ours alone.
    """
    for parent in (own, *own.parents):
        if not (parent / "cgroup.subtree_control").exists():
            break
        home = _make_room(parent, name) if parent == own else None
        controllers = _read_words(parent / "cgroup.subtree_control") & _WANTED
        if controllers and _try_subtree(parent, name, controllers):
            return parent / name, controllers, home
    return own, frozenset(), None


def _make_room(own: Path, name: str) -> Home | None:
    """Turn controllers on below our own group, which must not have processes then: us.

    Only where we are its one process: others' processes are not ours to move.
    """
    controllers = _read_words(own / "cgroup.controllers") & _WANTED
    if not os.access(own / "cgroup.subtree_control", os.W_OK) or not controllers:
        return None
    if (own / "cgroup.procs").read_text().split() != [str(os.getpid())]:
        return None
    home = Home(group=own, subtree=own / name, controllers=controllers)
    try:
        seat = home.subtree / "server"
        seat.mkdir(parents=True)
        (seat / "cgroup.procs").write_text(str(os.getpid()))
        _enable(own, controllers)
    except OSError:
        home.return_to()
        return None
    return home


def _try_subtree(parent: Path, name: str, controllers: frozenset[str]) -> bool:
    """Make the directory and really move a process in: permission to write is not enough."""
    directory = parent / name
    trial = directory / "trial"
    try:
        make_directory(directory, exist_ok=True)
        for step in (directory.parent, directory):
            _enable(step, controllers)
        trial.mkdir()
        _move_a_process_in(trial)
        remove_tree(trial)
    except OSError:
        for empty in (trial, directory, directory.parent):
            with contextlib.suppress(OSError):
                empty.rmdir()
        return False
    return True


def _move_a_process_in(group: Path) -> None:
    with subprocess.Popen(
        ["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        (group / "cgroup.procs").write_text(str(process.pid))


def _enable(group: Path, controllers: frozenset[str], sign: str = "+") -> None:
    words = " ".join(f"{sign}{controller}" for controller in sorted(controllers))
    (group / "cgroup.subtree_control").write_text(words)


def _read_words(file: Path) -> frozenset[str]:
    return frozenset(file.read_text().split())
