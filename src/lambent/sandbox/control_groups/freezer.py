"""Stopping all processes of a group where they are.

Version 2 is taken wherever it is mounted, be it without any controller beside version 1: it lets
frozen processes die. Those that version 1 has frozen die only when they are thawed.
"""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.sandbox.control_groups import files
from lambent.sandbox.control_groups.removal import kill_members

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lambent.sandbox.control_groups.mounts import Hierarchies

NAME = "freezer"  # among the controllers, though version 2 does not count it as one

_VERSION_1_FILE = "freezer.state"
_WORDS = {"cgroup.freeze": ("1", "0"), _VERSION_1_FILE: ("FROZEN", "THAWED")}
_THAW_AT_OUR_END = (
    f'read -r _; for state in "$0"/*/{_VERSION_1_FILE}; do echo THAWED >"$state"; done'
)


def make_directory(hierarchies: Hierarchies, name: str) -> Path | None:
    """A directory `name`, beside version 1's controllers, whose groups can be frozen."""
    for parent in (hierarchies.v2, hierarchies.v1.get(NAME)):
        if parent is None:
            continue
        directory = parent / name
        with contextlib.suppress(OSError):
            files.make_directory(directory)
            if has_switch(directory):
                return directory
            directory.rmdir()  # version 2 before Linux 5.2
    return None


def has_switch(directory: Path) -> bool:
    """Whether this group, which is not the topmost, can be frozen."""
    return any((directory / name).exists() for name in _WORDS)


def find_switch(directory: Path) -> Switch:
    """What freezes this group. Raises OSError when nothing does, or somebody has removed it."""
    for name, (frozen, thawed) in _WORDS.items():
        if (directory / name).exists():
            return Switch(file=directory / name, frozen=frozen, thawed=thawed)
    raise FileNotFoundError(f"{directory} cannot be frozen")


def kill_left_behind(group: Path) -> None:
    """Kill what a crashed server may have frozen."""
    if has_switch(group):
        kill_members(group)
        with contextlib.suppress(OSError):
            find_switch(group).thaw()


@contextlib.contextmanager
def thawed_after_us(directory: Path | None) -> Iterator[None]:
    """See to it that nothing stays frozen, and so alive, if this process is killed.

    `directory` is the one with our groups. Where they are of version 1, one small shell waits for
    our end.
    """
    if directory is None or not (directory / _VERSION_1_FILE).exists():
        yield
        return
    with subprocess.Popen(
        ["/bin/sh", "-c", _THAW_AT_OUR_END, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # or the terminal's interrupt would end it first
        cwd="/",
        env={},
    ) as watch:
        try:
            yield
        finally:
            watch.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What freezes one group."""

    file: Path
    frozen: str
    thawed: str

    def freeze(self) -> None:
        files.write(self.file, self.frozen)

    def thaw(self) -> None:
        files.write(self.file, self.thawed)
