"""Limits on memory, processor time and processes, by the kernel's control groups.

Everything is below one directory named `lambent`, inside the group this server itself is in where
possible: limits that were set around the server then hold for its sandboxes too.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lambent.sandbox import servers
from lambent.sandbox.control_groups import freezer, version_1, version_2
from lambent.sandbox.control_groups.files import make_directory, write
from lambent.sandbox.control_groups.mounts import Hierarchies, read_hierarchies
from lambent.sandbox.control_groups.removal import kill_members, remove_tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lambent.sandbox.sandbox import Limits

CONTROLLERS = ("memory", "cpu", "pids")

_SUBTREE = "lambent"
_OWN_PROCESSES = 2  # bwrap's


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroups:
    """One server's subtree: for each controller that can be had, its directory."""

    version: int
    directories: Mapping[str, Path]
    home: version_2.Home | None = None  # where to put this process back to

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name in CONTROLLERS if name not in self.directories)

    @property
    def can_freeze(self) -> bool:
        return freezer.NAME in self.directories

    def create(self, name: str) -> ControlGroup:
        """An empty group without limits yet. Raises OSError."""
        directories = {c: parent / name for c, parent in self.directories.items()}
        for directory in set(directories.values()):
            directory.mkdir()
        return ControlGroup(self.version, directories)

    def close(self) -> None:
        """Remove the subtree; its groups must be gone."""
        if self.home is not None:
            self.home.return_to()
        for directory in set(self.directories.values()):
            remove_tree(directory)
            # Another server of ours may still be in it.
            with contextlib.suppress(OSError):
                directory.parent.rmdir()


class ControlGroup:
    """One sandbox's group. The file with the peak stays open: it is read after each invocation."""

    def __init__(self, version: int, directories: Mapping[str, Path]) -> None:
        self._version = version
        self._directories = directories
        self._memory = directories.get("memory")
        self._mechanism = version_1 if version == 1 else version_2
        self._peak = self._mechanism.open_peak(self._memory) if self._memory else None
        frozen_by = directories.get(freezer.NAME)
        self._freezer = freezer.find_switch(frozen_by) if frozen_by else None
        self._is_frozen = False
        self._limits: Limits | None = None

    def add(self, pid: int) -> None:
        """Move a process in; what it starts from now on is in the group too. Raises OSError."""
        for directory in set(self._directories.values()):
            write(directory / "cgroup.procs", str(pid))

    def has(self, pid: int) -> bool:
        """Whether a process, by its number in our own namespace, is in it."""
        return any(
            str(pid) in (directory / "cgroup.procs").read_text().split()
            for directory in list(self._directories.values())[:1]
        )

    def limit(self, limits: Limits) -> None:
        """Set its limits, where they differ from those it has. Raises OSError."""
        had, directories = self._limits, self._directories
        memory, pids, cpu = (directories.get(name) for name in ("memory", "pids", "cpu"))
        self._limits = None  # until all are written
        if memory and (had is None or had.memory_bytes != limits.memory_bytes):
            self._mechanism.write_memory(memory, limits.memory_bytes)
        if pids and (had is None or had.processes != limits.processes):
            write(pids / "pids.max", str(limits.processes + _OWN_PROCESSES))
        if cpu and had is None:
            self._mechanism.write_period(cpu)
        if cpu and (had is None or had.cpus != limits.cpus):
            self._mechanism.write_cpus(cpu, limits.cpus)
        self._limits = limits

    def limit_cpus(self, cpus: float) -> None:
        """Set another share of processor time; nothing happens where there is no such limit."""
        if cpu := self._directories.get("cpu"):
            self._mechanism.write_cpus(cpu, cpus)
        if self._limits is not None:
            self._limits = replace(self._limits, cpus=cpus)

    def freeze(self) -> bool:
        """Stop all its processes where they are; False where there is no freezer."""
        if self._freezer is not None and not self._is_frozen:
            self._freezer.freeze()
            self._is_frozen = True
        return self._is_frozen

    def thaw(self) -> None:
        if self._freezer is not None and self._is_frozen:
            self._freezer.thaw()
            self._is_frozen = False

    def kill(self) -> None:
        """Kill everything in it at once, and let it die at full speed, even if frozen.

        Dying takes processor time: a fork bomb's thousand processes, left to a small share of it and
        to the end of their process 1, lived on for eight minutes.
        """
        if cpu := self._directories.get("cpu"):
            _unthrottle(self._version, cpu)
        for directory in list(self._directories.values())[:1]:
            kill_members(directory)
        # Only now: nothing in it runs one more line. (Version 1 lets the frozen die when thawed.)
        self.thaw()

    def memory_peak_bytes(self) -> int:
        """The most memory ever in use in it; 0 when unknown."""
        return int(os.pread(self._peak, 32, 0)) if self._peak is not None else 0

    def memory_bytes(self) -> int:
        """The memory in use in it now; 0 when unknown."""
        if self._memory is None:
            return 0
        return int((self._memory / self._mechanism.MEMORY_FILE).read_text())

    def out_of_memory_kills(self) -> int:
        if self._memory is None:
            return 0
        events = (self._memory / self._mechanism.OUT_OF_MEMORY_FILE).read_text().splitlines()
        counts = dict(line.split() for line in events)
        return int(counts.get("oom_kill", 0))

    def remove(self) -> None:
        """Kill what is left in it and remove it; blocks until the kernel lets go."""
        if self._peak is not None:
            os.close(self._peak)
            self._peak = None
        for directory in set(self._directories.values()):
            remove_tree(directory)


def open_control_groups(server: str, hierarchies: Hierarchies | None = None) -> ControlGroups:
    """This server's subtree with as many controllers as this host gives us."""
    found = hierarchies or read_hierarchies()
    if any(name in found.v1 for name in CONTROLLERS):
        parents = {c: found.v1[c] for c in CONTROLLERS if c in found.v1}
        usable = {c: p / _SUBTREE / server for c, p in parents.items() if _make(p, server)}
        if switches := freezer.make_directory(found, f"{_SUBTREE}/{server}"):
            usable[freezer.NAME] = switches
        return ControlGroups(version=1, directories=usable)
    if found.v2 is None:
        return ControlGroups(version=2, directories={})
    directory, controllers, home = version_2.open_subtree(found.v2, f"{_SUBTREE}/{server}")
    directories = dict.fromkeys(controllers, directory)
    if controllers and freezer.has_switch(directory):
        directories[freezer.NAME] = directory
    return ControlGroups(version=2, directories=directories, home=home)


def remove_left_behind(groups: ControlGroups) -> None:
    """Remove the subtrees of crashed servers, and kill whatever still runs in them."""
    left = [
        other
        for parent in {directory.parent for directory in groups.directories.values()}
        for other in parent.iterdir()
        if other.is_dir() and servers.is_left_behind(other.name)
    ]
    cpu = groups.directories.get("cpu")
    for other in left:
        groups_within = _list(other)
        for group in groups_within:
            freezer.kill_left_behind(group)
        if cpu is not None and other.parent == cpu.parent:
            for group in groups_within:
                _unthrottle(groups.version, group)
    for other in left:
        remove_tree(other)


def _list(directory: Path) -> list[Path]:
    """What is in it; nothing when another server that starts now was faster to remove it."""
    try:
        return list(directory.iterdir())
    except FileNotFoundError:
        return []


def _unthrottle(version: int, group: Path) -> None:
    """Let what is to die in it do so at full speed, if it still is there."""
    mechanism = version_1 if version == 1 else version_2
    with contextlib.suppress(OSError):
        mechanism.write_cpus(group, float(os.cpu_count() or 1))


def _make(parent: Path, server: str) -> bool:
    try:
        make_directory(parent / _SUBTREE / server)
    except OSError:
        return False
    return True
