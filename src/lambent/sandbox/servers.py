"""Which servers on this machine are alive, told from the names of what they made.

A server's files and cgroups carry its name, so that the next server can remove what a crashed one
left behind and never touches what belongs to a living one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

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
