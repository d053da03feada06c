"""The directory that holds everything, used by one server at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK_NAME = "lock"
_PID_CHARACTERS = 20


class DataDirectoryInUse(Exception):
    """Raised when another server has the data directory."""

    def __init__(self, path: Path, pid: int | None) -> None:
        owner = "another server" if pid is None else f"another server (process {pid})"
        super().__init__(
            f"the data directory {path} is in use by {owner}: "
            "stop that one, or start this one with another --data-dir"
        )
        self.path = path
        self.pid = pid


class DataDirectoryUnusable(Exception):
    """Raised when the data directory cannot be made or written."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"the data directory {path} cannot be used: {error.strerror}. "
            "Name another with --data-dir"
        )


def _owner(descriptor: int) -> int | None:
    """Who wrote its number into the lock; unknown in the instant between lock and write."""
    text = os.pread(descriptor, _PID_CHARACTERS, 0).strip()
    return int(text) if text.isdigit() else None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Makes the directory (mode 0700) if need be, and keeps other servers out of it meanwhile.

    The kernel drops the lock when this process ends, however it ends. Raises DataDirectoryInUse
    and DataDirectoryUnusable.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        descriptor = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DataDirectoryUnusable(path, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirectoryInUse(path, _owner(descriptor)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        # The file stays: removing it would let two servers lock two files of the same name.
        os.close(descriptor)
