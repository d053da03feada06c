"""One server's files: made when it starts, removed when it stops or by the next one."""

from __future__ import annotations

import contextlib
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lambent.sandbox import servers, system_calls, volumes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def own_directory(state_directory: Path) -> Iterator[Path]:
    """A fresh directory of this server's; what crashed servers left beside it is removed first."""
    servers_directory = state_directory / "servers"
    servers_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for other in servers_directory.iterdir():
        if servers.is_left_behind(other.name):
            _remove(other)
    directory = servers_directory / servers.own_name()
    directory.mkdir(mode=0o700)
    for part in ("volumes", "templates"):
        (directory / part).mkdir()
    try:
        yield directory
    finally:
        _remove(directory)
        with contextlib.suppress(OSError):
            servers_directory.rmdir()


def _remove(directory: Path) -> None:
    # A server that could not have mounts of its own leaves them on the host.
    for mount_point in volumes.mounts_below(directory):
        with contextlib.suppress(OSError):
            system_calls.unmount(mount_point)
    shutil.rmtree(directory, ignore_errors=True)
