"""The system calls Python does not offer on every version we support.

`ctypes` for all of them, because `os.setns` and `os.unshare` exist only from Python 3.12.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000

MS_NOSUID = 2
MS_NODEV = 4
MS_NOATIME = 1024
MS_BIND = 4096
MS_REC = 16384
MS_SLAVE = 1 << 19
_MNT_DETACH = 2
_PR_SET_CHILD_SUBREAPER = 36
_DEATH_MS = 5_000

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Move the calling thread into fresh namespaces. Raises OSError."""
    _check(_libc.unshare(flags), "unshare")


def enter_network(descriptor: int) -> None:
    """Move the calling thread, and it alone, into a network namespace. Raises OSError."""
    _check(_libc.setns(descriptor, CLONE_NEWNET), "setns")


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent has ended. Raises OSError."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def mount(
    source: Path | str, target: Path, kind: str = "", flags: int = 0, options: str = ""
) -> None:
    """mount(2). Raises OSError with the target in its text."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check(result, f"mount {target}")


def unmount(target: Path) -> None:
    """Take a mount away now; the kernel frees it when its last user is gone. Raises OSError."""
    _check(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"unmount {target}")


def new_network_namespace(return_to: int | None = None) -> int:
    """A descriptor that keeps a fresh network namespace alive.

    The calling thread ends in the namespace `return_to`, or stays in the new one.
    """
    unshare(CLONE_NEWNET)
    try:
        return open_own_network_namespace()
    finally:
        if return_to is not None:
            enter_network(return_to)


def open_own_network_namespace() -> int:
    return os.open(
        f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY | os.O_CLOEXEC
    )


@contextmanager
def inside_network(descriptor: int, *, return_to: int) -> Iterator[None]:
    """Run the block, in this thread, inside a network namespace."""
    enter_network(descriptor)
    try:
        yield
    finally:
        enter_network(return_to)


def wait_for_death(process: int) -> None:
    """Wait until the process behind a pidfd is gone, at most some seconds."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.poll(_DEATH_MS)
    # Nobody else buries an orphan we adopted.
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PIDFD, process, os.WEXITED | os.WNOHANG)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
