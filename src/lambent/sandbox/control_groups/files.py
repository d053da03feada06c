"""Making control groups, and writing their files."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ATTEMPTS = 100
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def make_directory(directory: Path, *, exist_ok: bool = False) -> None:
    """With its parents, which a server that ends removes when they are empty. Raises OSError."""
    for _ in range(_ATTEMPTS):
        # A parent may go between its making and the child's.
        with contextlib.suppress(FileNotFoundError):
            return directory.mkdir(parents=True, exist_ok=exist_ok)
    raise FileNotFoundError(f"{directory} cannot be made")


def write(file: Path, text: str) -> None:
    """One system call each, without a file object's three. Raises OSError."""
    descriptor = os.open(file, _FLAGS, 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
