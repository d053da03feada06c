"""The start file of a function with an OS-only runtime: `bootstrap`, from its code or a layer."""

from __future__ import annotations

import os
import stat
from pathlib import Path

TASK_ROOT = "/var/task"
LAYERS_ROOT = "/opt"


class InvalidEntrypoint(Exception):
    """Raised when a deployment package has nothing to start; the text is Lambda's own."""


def find_bootstrap(task_root: Path, layers_root: Path | None) -> str:
    """The path inside the sandbox of a custom runtime's start file.

    Looks at the host's copies of /var/task and /opt. Raises InvalidEntrypoint, with the text
    Lambda answers, when there is none, or the kernel will not start it.
    """
    places = [(TASK_ROOT, task_root), (LAYERS_ROOT, layers_root)]
    for inside, root in places:
        if root is None:
            continue
        file = root / "bootstrap"
        if not _is_own_file(file, root):
            continue
        path = f"{inside}/bootstrap"
        if not file.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH):
            raise InvalidEntrypoint(f"fork/exec {path}: permission denied")
        if not _is_program(file):
            raise InvalidEntrypoint(f"fork/exec {path}: exec format error")
        return path
    looked_at = " ".join(f"{inside}/bootstrap" for inside, _ in places)
    raise InvalidEntrypoint(f"Couldn't find valid bootstrap(s): [{looked_at}]")


def _is_own_file(file: Path, root: Path) -> bool:
    """Whether `file` is a regular file, and within `root` even when it is a link."""
    real = Path(os.path.realpath(file))
    return real.is_file() and real.is_relative_to(os.path.realpath(root))


def _is_program(file: Path) -> bool:
    """Whether the kernel starts it: a script that names its interpreter, or a binary."""
    with file.open("rb") as content:
        return content.read(4).startswith((b"#!", b"\x7fELF"))
