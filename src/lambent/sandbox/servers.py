"""One server's name and files, and how the next one tells that a server has crashed.

A server's files and control groups carry its name, so that the next server can remove what a
crashed one left behind and never touches what belongs to a living one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.sandbox import system_calls, volumes

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"(?P<pid_namespace>\d+)-(?P<pid>\d+)-(?P<started>\d+)(-probe)?")


def own_name() -> str:
    """This process's name: process ids are reused, so its start time is part of it."""
    pid = os.getpid()
    return f"{_own_pid_namespace()}-{pid}-{_start_time(pid)}"


def is_left_behind(name: str) -> bool:
    """Whether `name` is that of a server that certainly lives no more.

    One from another process id namespace (another container) cannot be judged from here.
    """
    match = _NAME.fullmatch(name)
    if match is None or int(match["pid_namespace"]) != _own_pid_namespace():
        return False
    return _start_time(int(match["pid"])) != int(match["started"])


@contextmanager
def own_directory(state_directory: Path) -> Iterator[Path]:
    """A fresh directory of this server's; what crashed servers left beside it is removed first."""
    servers_directory = state_directory / "servers"
    servers_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for other in servers_directory.iterdir():
        if is_left_behind(other.name):
            _remove(other)
    directory = servers_directory / own_name()
    directory.mkdir(mode=0o700)
    for part in ("volumes", "templates"):
        (directory / part).mkdir()
    try:
        yield directory
    finally:
        _remove(directory)
        with contextlib.suppress(OSError):
            servers_directory.rmdir()


def _own_pid_namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino


def _start_time(pid: int) -> int | None:
    """In clock ticks after boot; None when there is no such process."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field, the program's name, may itself contain spaces and brackets.
    fields = status.rpartition(")")[2].split()
    is_zombie = fields[0] == "Z"
    return None if is_zombie else int(fields[19])


def _remove(directory: Path) -> None:
    # A server that could not have mounts of its own leaves them on the host.
    for mount_point in volumes.mounts_below(directory):
        with contextlib.suppress(OSError):
            system_calls.unmount(mount_point)
    shutil.rmtree(directory, ignore_errors=True)
