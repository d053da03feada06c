"""Writing the kernel's files: one system call each, without a file object's three."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def write(file: Path, text: str) -> None:
    """Raises OSError."""
    descriptor = os.open(file, _FLAGS, 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
