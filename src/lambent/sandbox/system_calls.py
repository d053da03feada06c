"""The system calls Python does not offer on every version we support.

`ctypes` for all of them, because `os.setns` and `os.unshare` exist only from Python 3.12.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import struct
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLONE_FS = 0x0000_0200
CLONE_NEWNS = 0x0002_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000

MS_NOSUID = 2
MS_NODEV = 4
MS_NOATIME = 1024
MS_BIND = 4096
MS_REC = 16384
MS_SLAVE = 1 << 19
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2
# <linux/mount.h>; the numbers are the same on every processor.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV = 1, 2, 4
_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37
_DEATH_MS = 5_000
_LOOK_SECONDS = 0.001

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Move the calling thread into fresh namespaces. Raises OSError."""
    _check(_libc.unshare(flags), "unshare")


def enter_network(descriptor: int) -> None:
    """Move the calling thread, and it alone, into a network namespace. Raises OSError."""
    _check(_libc.setns(descriptor, CLONE_NEWNET), "setns")


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """Be the parent of descendants whose own parent has ended. Raises OSError."""
    before = ctypes.c_int()
    _check(_libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0), "prctl")
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
    try:
        yield
    finally:
        # Who no longer buries them must not be given any: they would stay for ever.
        _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, before, 0, 0, 0), "prctl")


def die_with(parent: int) -> None:
    """Be killed when the thread that started this process ends; `parent` is the thread's process.

    Stays over an exec, and is not handed on to children. Raises OSError.
    """
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL.value, 0, 0, 0), "prctl")
    if os.getppid() != parent:  # it ended before
        os.kill(os.getpid(), signal.SIGKILL)


def children() -> list[int]:
    """Of this process, adopted ones too; none where there is no /proc."""
    lists = Path("/proc/self/task").glob("*/children")
    return [int(child) for each in lists for child in _read(str(each)).split()]


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


def copy_mount(path: Path, *, recursive: bool) -> int:
    """A descriptor of a copy of the mount at `path`, mounted nowhere yet. Raises OSError."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    return _call(f"open_tree {path}", _OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags)


def change_mount(copy: int, *, read_only: bool) -> None:
    """Set what a mount that was copied, and those below it, allow. Raises OSError."""
    kept = _MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV
    added, removed = (kept | _MOUNT_ATTR_RDONLY, 0) if read_only else (kept, _MOUNT_ATTR_RDONLY)
    attributes = struct.pack("=4Q", added, removed, _MS_PRIVATE, 0)
    flags = _AT_EMPTY_PATH | _AT_RECURSIVE
    _call("mount_setattr", _MOUNT_SETATTR, copy, b"", flags, attributes, len(attributes))


def attach_mount(copy: int, target: str) -> None:
    """Mount a copied mount in the calling thread's mount namespace. Raises OSError."""
    path = os.fsencode(target)
    what = f"move_mount {target}"
    _call(what, _MOVE_MOUNT, copy, b"", _AT_FDCWD, path, _MOVE_MOUNT_F_EMPTY_PATH)


def enter_files(process: int) -> None:
    """Move the calling thread to the files of the process behind a pidfd. Raises OSError."""
    part_from_other_threads()
    _check(_libc.setns(process, CLONE_NEWNS), "setns")


def part_from_other_threads() -> None:
    """Have a root directory of the calling thread's own, which may be in other mounts."""
    unshare(_CLONE_FS)


def new_mount_namespace() -> int:
    """A descriptor that keeps a copy of our mounts, in which the calling thread stays."""
    unshare(CLONE_NEWNS)
    return open_own_mount_namespace()


def open_own_mount_namespace() -> int:
    return _open_own_namespace("mnt")


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
    return _open_own_namespace("net")


def _open_own_namespace(kind: str) -> int:
    own = f"/proc/self/task/{threading.get_native_id()}/ns/{kind}"
    return os.open(own, os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def inside_mounts(descriptor: int, *, return_to: int) -> Iterator[None]:
    """Run the block inside a mount namespace, in a thread that has parted from the others."""
    _check(_libc.setns(descriptor, CLONE_NEWNS), "setns")
    try:
        yield
    finally:
        _check(_libc.setns(return_to, CLONE_NEWNS), "setns")


@contextmanager
def inside_network(descriptor: int, *, return_to: int) -> Iterator[None]:
    """Run the block, in this thread, inside a network namespace."""
    enter_network(descriptor)
    try:
        yield
    finally:
        enter_network(return_to)


@contextmanager
def inside_network_and_ipc(process: int, *, return_to: int) -> Iterator[None]:
    """Run the block, in this thread, where the process behind a pidfd is; then in our own IPC."""
    own = os.pidfd_open(os.getpid())
    try:
        _check(_libc.setns(process, CLONE_NEWNET | CLONE_NEWIPC), "setns")
        try:
            yield
        finally:
            _check(_libc.setns(own, CLONE_NEWIPC), "setns")
            enter_network(return_to)
    finally:
        os.close(own)


def open_child(pid: int, inner_pid: int) -> int | None:
    """A pidfd of that child of a process which has the id `inner_pid` in its own namespace.

    None when it has ended.
    """
    for child in _read(f"/proc/{pid}/task/{pid}/children").split():
        with contextlib.suppress(ProcessLookupError):
            opened = os.pidfd_open(int(child))
            # Looked at once it is open: the number cannot have become another's before.
            if _innermost_id(child) == inner_pid:
                return opened
            os.close(opened)
    return None


def send_signal(process: int, number: int) -> None:
    """Signal the process behind a pidfd; nothing happens when it has ended."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, number)


def wait_for_death(process: int) -> None:
    """Wait until the process behind a pidfd is gone, at most some seconds."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.poll(_DEATH_MS)
    # Nobody else buries an orphan we adopted.
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PIDFD, process, os.WEXITED | os.WNOHANG)


def _innermost_id(pid: str) -> int | None:
    """A process's id in its own namespace; None when it is gone."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return None


def _read(path: str) -> str:
    """A file of a process; empty when that is gone."""
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def bury_group(leader: int) -> None:
    """Bury what is left of a process group, and has come to us, at most for some seconds.

    Its leader was our child, and must be buried already.
    """
    deadline = time.monotonic() + _DEATH_MS / 1000
    # A number is given again only when no process has it and no group: then ours has nobody left.
    while not Path(f"/proc/{leader}").exists() and time.monotonic() < deadline:
        try:
            if os.waitid(os.P_PGID, leader, os.WEXITED | os.WNOHANG) is None:
                time.sleep(_LOOK_SECONDS)
        except ChildProcessError:
            return


def _call(what: str, number: int, *arguments: int | bytes) -> int:
    """One system call, whose numbers are all as wide as the processor's. Raises OSError."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *words)
    _check(min(result, 0), what)
    return result


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
